package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Cargo's credential provider protocol, version 1 (the Cargo book, "Credential provider
// protocol"; rust-lang/cargo credential/cargo-credential).
//
//	argv    --cargo-plugin; configured arguments come inside the request
//	stdout  {"v":[1]} at once, before anything is read
//	stdin   one request a line, the pipe stays open: waiting for its end is a deadlock
//	        {"v":1,"registry":{"index-url":"sparse+https://.../","name":"mine"},
//	         "kind":"get","operation":"read","args":["--profile","work"]}
//	stdout  one line for each: {"Ok":{...}} or {"Err":{"kind":"..."}}; exit 0 always,
//	        because cargo treats any other code as a failure even after a valid answer
//
// The token is the complete value of Authorization. cargo drops it a minute before
// "expiration", and when its process ends.
//
// After url-not-supported cargo asks its next provider; operation-not-supported and
// other stop the command and are shown. So the owner of the URL is checked before the
// operation: login for a foreign registry must go on to the next provider.
//
// A profile in args only narrows (O14): the profile must own the URL.

// cargoFlag is the argument that cargo adds to each call.
const cargoFlag = "--cargo-plugin"

var cargo = Dialect{
	Name:     "cargo",
	Link:     "cargo-credential-credhelper",
	Title:    "cargo credential provider",
	Stdin:    func([]string) Stdin { return Stdin{OneLine, 1 << 20} },
	Greeting: "{\"v\":[1]}\n",
	Flag:     cargoFlag,
	Decode:   decodeCargo,
	Encode:   encodeCargo,
	Refuse:   refuseCargo,
}

// The shapes of a request, from its kind.
const (
	cargoGet         = "get"
	cargoLogout      = "logout"
	cargoLogin       = "login"
	cargoUnsupported = "unsupported"
)

func decodeCargo(call Call) (Request, error) {
	call.Args = cutPluginFlag(call.Args)
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) > 0 {
		return r, Malformed("cargo is answered on stdin; arguments belong into credential-provider")
	}
	doc, err := strictjson.Parse(call.Stdin)
	if err != nil {
		return r, Malformed("request: " + err.Error())
	}
	if doc.Kind() != strictjson.Object {
		return r, Malformed("request: not a JSON object")
	}
	version, _ := doc.Get("v")
	if n, err := version.Int(); err != nil || n != 1 {
		return r, Malformed("request: not version 1 of the protocol")
	}
	if err := cargoArgs(&r, doc, call.Env); err != nil {
		return r, err
	}
	if err := cargoRegistry(&r, doc); err != nil {
		return r, err
	}
	err = cargoKind(&r, doc)
	return r, err
}

// cutPluginFlag removes the argument that cargo adds to the command line.
func cutPluginFlag(args []string) []string {
	if len(args) > 0 && args[len(args)-1] == cargoFlag {
		return args[:len(args)-1]
	}
	return args
}

// cargoArgs parses the arguments of credential-provider. If that is ["credhelper",
// "cargo", ...] they begin with the dialect's word.
func cargoArgs(r *Request, doc strictjson.Value, env func(string) string) error {
	v, ok := doc.Get("args")
	if !ok {
		return nil
	}
	if v.Kind() != strictjson.Array {
		return Malformed("request: args is not a list")
	}
	var args []string
	for e := range v.Elements() {
		text, err := e.Text()
		if err != nil {
			return Malformed("request: args holds something else than texts")
		}
		args = append(args, text)
	}
	if len(args) > 0 && args[0] == "cargo" {
		args = args[1:]
	}
	inner, rest, err := commonFlags(Call{Profile: r.Profile, Args: args, Env: env})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return Malformed("request: args may only hold flags such as --profile")
	}
	r.Profile, r.MinTTL, r.Refresh = inner.Profile, inner.MinTTL, inner.Refresh
	if inner.Narrowing != (Narrowing{}) {
		r.Narrowing = inner.Narrowing
	}
	return nil
}

// cargoRegistry parses the index URL. "sparse+" is cargo's own prefix, once. URLs that
// no profile can own, such as ssh and file URLs, are left to the next provider.
func cargoRegistry(r *Request, doc strictjson.Value) error {
	registry, _ := doc.Get("registry")
	index := textMember(registry, "index-url")
	if index == "" {
		return Malformed("request: the registry has no index-url")
	}
	address := strings.TrimPrefix(index, "sparse+")
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		return &Error{Kind: ErrNoProfile, Text: "no profile owns such a URL: " + reason.String()}
	}
	r.URL, r.Address, r.Asker = u, address, address
	return nil
}

func cargoKind(r *Request, doc strictjson.Value) error {
	r.Verb, r.Shape = Forget, cargoUnsupported
	switch textMember(doc, "kind") {
	case "":
		return Malformed("request: no kind")
	case "get":
		switch textMember(doc, "operation") {
		case "":
			return Malformed("request: no operation")
		case "read", "publish", "yank", "unyank", "owners":
			r.Verb, r.Shape = Get, cargoGet
			return nil
		}
	case "logout":
		r.Shape = cargoLogout
		return nil
	case "login":
		// cargo suggests this command to people after a 401, so the refused token is
		// dropped.
		r.Shape = cargoLogin
		return nil
	}
	// An operation of a future cargo. The answer depends on whether a profile owns the
	// URL, which only the Answerer knows. Reporting an impossible token as refused asks
	// it that, and drops nothing.
	r.Refused.Token = secret.New(" ")
	return nil
}

func encodeCargo(r Request, c Credential) ([]byte, error) {
	switch r.Shape {
	case cargoLogout:
		return []byte("{\"Ok\":{\"kind\":\"logout\"}}\n"), nil
	case cargoLogin:
		return []byte(`{"Err":{"kind":"other","message":"credhelper: no login is needed, and nothing was saved: tokens come from the profile. ` +
			`The cached one is dropped if it is older than a minute: run the command again, or first credhelper token NAME --refresh"}}` + "\n"), nil
	case cargoUnsupported:
		return []byte("{\"Err\":{\"kind\":\"operation-not-supported\"}}\n"), nil
	}
	if err := authorizationOnly(c, "cargo"); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 160+c.Secret.Len())
	b = strictjson.AppendString(append(b, `{"Ok":{"kind":"get","token":`...), headerValue(c))
	b = append(b, `,"cache":"expires","expiration":`...)
	b = append(b, itoa(c.Expires)...)
	return bounded(append(b, ",\"operation_independent\":true}}\n"...))
}

// refuseCargo puts the complete error into the answer, including the hint: cargo prints
// it to the same terminal as stderr.
func refuseCargo(_ Request, err error) Reply {
	if notOurs(err) {
		return Reply{Stdout: []byte("{\"Err\":{\"kind\":\"url-not-supported\"}}\n"), Quiet: true}
	}
	b := strictjson.AppendString([]byte(`{"Err":{"kind":"other","message":`), "credhelper: "+sentence(err))
	if hint := hintOf(err); hint != "" {
		b = append(strictjson.AppendString(append(b, `,"caused-by":[`...), hint), ']')
	}
	return Reply{Stdout: append(b, "}}\n"...), Quiet: true}
}
