package guest

import (
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// methods are those of HTTP (IANA's registry) and of Varnish and Squid. A file may name
// others, which some API has made up; typed, they are mistakes.
const methods = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL " +
	"MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH TRACE UNBIND " +
	"UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL"

// CheckMethod fails if a method is not one of HTTP's.
func CheckMethod(name string) error {
	names := map[string]bool{}
	for _, m := range strings.Fields(methods) {
		names[m] = true
	}
	if names[name] {
		return nil
	}
	e := &protocol.Error{Kind: protocol.ErrMalformed, Text: "HTTP has no method " + printable.Value(name), Hint: "methods are written in capitals, such as GET"}
	near := strings.ToUpper(name)
	if !names[near] {
		near = configfile.Nearest(name, names)
	}
	if near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}
