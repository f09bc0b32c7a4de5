package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// known are the members that anything depends on; all others are ignored and
// never shown (4.5 row 38).
var known = [...]string{
	"access_token", "token_type", "expires_in", "scope", "refresh_token", "issued_token_type",
	"error", "error_description", "message", "correlation_id", "id_token",
}

// field is one member of an answer: a text, a number's own spelling, or
// something of no use.
type field struct {
	shape shape
	text  string
	dirty bool // a text with control characters
}

// given reports whether a member says anything: a text "" does not.
func (f field) given() bool { return f.shape != absent && !(f.shape == text && f.text == "") }

type shape uint8

const (
	absent shape = iota // missing or null
	text
	number
	listed // an array of texts, joined by blanks
	other  // true, false, another array, an object
)

// fields are the known members of an answer, and under "" the names of all. A
// missing one is the zero field.
type fields map[string]field

// names are the members' names, as far as they can be shown: at most five.
func (f fields) names() []string { return strings.Fields(f[""].text) }

// parse reads an answer's known members, strictly (A14, R4). The flaw is why they
// cannot be read; the body is never repeated in it.
func (c *Client) parse(a answer) (fields, flaw) {
	body := bytes.TrimSpace(afterMark(a.body))
	form := a.media == "application/x-www-form-urlencoded" || a.media == "text/plain" && bytes.HasPrefix(body, []byte("access_token="))
	switch {
	case a.fault != "":
		return nil, flaw{reason: a.fault, cure: cureAddress}
	case len(body) == 0:
		return nil, flawEmpty
	case body[0] == '{': // whatever its label says
	case form && c.AllowForm:
		return parseForm(string(body))
	case form:
		return nil, flawForm
	case a.looksHTML():
		return nil, flawPage
	}
	return parseJSON(afterMark(a.body))
}

func parseJSON(body []byte) (fields, flaw) {
	value, err := strictjson.Parse(body)
	if err != nil {
		why := "it cannot be read"
		if e := new(strictjson.Error); errors.As(err, &e) {
			why = e.Text
		}
		return nil, flawJSON(why)
	}
	if value.Kind() != strictjson.Object {
		return nil, flawNoObject
	}
	found, names := fields{}, []string(nil)
	for name := range value.Members() {
		if word(name, 32) && len(names) < 5 {
			names = append(names, name)
		}
	}
	found[""] = field{shape: text, text: strings.Join(names, " ")}
	for _, name := range known {
		if member, ok := value.Get(name); ok {
			found[name] = jsonField(member)
		}
	}
	found["meta"] = metaMessage(value)
	return found, noFlaw
}

// metaMessage is how Jama's API says what is wrong: {"meta": {"message": "..."}}.
func metaMessage(v strictjson.Value) field {
	meta, found := v.Get("meta")
	if !found || meta.Kind() != strictjson.Object {
		return field{}
	}
	message, found := meta.Get("message")
	if !found {
		return field{}
	}
	return jsonField(message)
}

func jsonField(v strictjson.Value) field {
	switch v.Kind() {
	case strictjson.Null:
		return field{}
	case strictjson.Number:
		return field{shape: number, text: string(v.Raw())}
	case strictjson.Array: // of texts, as Twitch writes scope
		if list := textsIn(v); list != nil {
			return field{shape: listed, text: strings.Join(list, " ")}
		}
	case strictjson.String:
		if clean, err := v.Text(); err == nil {
			return field{shape: text, text: clean}
		}
		// Entra's descriptions have line ends in them; only a message may keep such
		// a text, and it is sanitised before it is shown.
		var loose string
		if json.Unmarshal([]byte(v.Raw()), &loose) != nil {
			return field{shape: other}
		}
		return field{shape: text, text: loose, dirty: true}
	}
	return field{shape: other}
}

// textsIn are the elements of an array of texts; nil if it is another.
func textsIn(v strictjson.Value) []string {
	list := []string{}
	for e := range v.Elements() {
		s, err := e.Text()
		if err != nil {
			return nil
		}
		list = append(list, s)
	}
	return list
}

// parseForm reads the answer of servers that never learned JSON, for profiles
// that say so.
func parseForm(body string) (fields, flaw) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, flawBadForm
	}
	found := fields{}
	for _, name := range known {
		switch all := values[name]; len(all) {
		case 0:
		case 1:
			dirty := strings.ContainsFunc(all[0], func(r rune) bool { return r < 0x20 || r == 0x7f })
			found[name] = field{shape: text, text: all[0], dirty: dirty}
		default:
			return nil, flawTwice(name)
		}
	}
	return found, noFlaw
}
