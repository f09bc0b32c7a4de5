package protocol

import (
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Native JSON: credhelper get, a superset of EngFlow's credential-helper specification,
// which Bazel speaks.
//
//	stdin   {"uri": "https://host/path"}  or  {"profile": "name"}
//	        optional: "min_ttl" (seconds), "refused" (the token that was rejected),
//	        "scope" and "audience" (Narrowing)
//	stdout  {"headers":{"Authorization":["Bearer ..."]},"expires":"2030-01-02T03:04:05Z",
//	         "profile":"name","token":"...","token_type":"Bearer","source":"cache"}
//	        and, for few APIs, "refresh_on":[403,404]: statuses that mean, as 401
//	        always does, that the token may be dead
//
// expires has whole seconds and Z: Bazel's parser accepts nothing else. Unknown members
// are ignored, everything else is strict (package strictjson).
//
// If no profile owns the URI: exit 3, stdout empty. With the name or word bazel the
// answer is what Bazel expects: {"headers":{}} and exit 0.

var native = Dialect{
	Name:   "get",
	Title:  "native JSON",
	Front:  true,
	Stdin:  func([]string) Stdin { return Stdin{Guess, 64 << 10} },
	Decode: decodeNative,
	Encode: encodeNative,
	Refuse: ownRefusal,
}

var bazel = Dialect{
	Name:   "bazel",
	Words:  []string{"engflow"},
	Link:   "credhelper-bazel",
	Title:  "EngFlow credential helper: Bazel, reclient",
	Front:  true,
	Stdin:  func([]string) Stdin { return Stdin{EOF, 64 << 10} },
	Decode: decodeBazel,
	Encode: encodeNative,
	Refuse: refuseBazel,
}

func decodeNative(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) > 0 {
		return r, Malformed("get takes its request on stdin")
	}
	if len(call.Stdin) == 0 {
		return r, &Error{Kind: ErrMalformed, Text: "request: stdin is empty", Hint: `it is JSON: echo '{"profile": "NAME"}' | credhelper get`}
	}
	err = readNative(&r, call.Stdin)
	return r, err
}

func decodeBazel(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) != 1 || rest[0] != "get" {
		return r, Malformed("usage: get, with the request on stdin")
	}
	if err := readNative(&r, call.Stdin); err != nil {
		return r, err
	}
	if r.Address == "" {
		return r, Malformed("the request has no uri")
	}
	return r, nil
}

// readNative parses the members of a request that the call does not determine.
func readNative(r *Request, stdin []byte) error {
	doc, err := strictjson.Parse(stdin)
	if err != nil {
		return Malformed("request: " + err.Error())
	}
	return ReadNative(r, doc)
}

// ReadNative parses the members of a native request into r, for a protocol that embeds
// them (package lines). They must not contradict what r already names. The errors wrap
// ErrMalformed or ErrPolicy.
func ReadNative(r *Request, doc strictjson.Value) error {
	if doc.Kind() != strictjson.Object {
		return Malformed("request: not a JSON object")
	}
	var profile, refused, scope, audience string
	for _, member := range [...]struct {
		name string
		into *string
	}{{"uri", &r.Address}, {"profile", &profile}, {"refused", &refused}, {"scope", &scope}, {"audience", &audience}} {
		if v, ok := doc.Get(member.name); ok {
			text, err := v.Text()
			if err != nil || text == "" {
				return Malformed("request: " + member.name + " is not a text")
			}
			*member.into = text
		}
	}
	if v, ok := doc.Get("min_ttl"); ok {
		n, err := v.Int()
		if err != nil || n < 0 || n > 7*24*3600 {
			return Malformed("request: min_ttl is not a number of seconds")
		}
		r.MinTTL = n
	}
	if err := r.narrowBy(scope, audience); err != nil {
		return err
	}
	r.Refused.Token = secret.New(refused)
	if profile != "" && (!ValidProfile(profile) || r.Profile != "" && r.Profile != profile) {
		return Malformed("request: profile is not a profile's name, or not the one in the arguments")
	}
	if profile != "" {
		r.Profile = profile
	}
	if r.Address != "" {
		return setURL(r, r.Address)
	}
	if r.Profile == "" {
		return Malformed("request: neither uri nor profile")
	}
	return nil
}

// narrowBy narrows a request by the members that are not "".
func (r *Request) narrowBy(scope, audience string) (err error) {
	if scope != "" {
		if r.Scope != "" {
			return Malformed("request: scope is given in the arguments, too")
		}
		err = r.AddScope(scope)
	}
	if audience != "" && err == nil {
		err = r.SetAudience(audience)
	}
	return err
}

func encodeNative(r Request, c Credential) ([]byte, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	b, err := appendNative(make([]byte, 0, 512+2*c.Secret.Len()), r, c)
	if err != nil {
		return nil, err
	}
	return bounded(b)
}

func appendNative(b []byte, _ Request, c Credential) ([]byte, error) {
	return append(appendMembers(append(b, '{'), c), "}\n"...), nil
}

// AppendNative appends the members of a native answer, without the braces around them,
// for a protocol that embeds them (package lines). For a credential that no tool may
// get it returns b unchanged and an error (A16).
func AppendNative(b []byte, c Credential) ([]byte, error) {
	if err := check(c); err != nil {
		return b, err
	}
	return appendMembers(b, c), nil
}

func appendMembers(b []byte, c Credential) []byte {
	b = strictjson.AppendString(append(b, `"headers":{`...), headerName(c))
	b = strictjson.AppendString(append(b, `:[`...), headerValue(c))
	b = append(b, `]},"expires":"`...)
	b = appendRFC3339(b, c.Expires)
	b = strictjson.AppendString(append(b, `","profile":`...), c.Profile)
	b = strictjson.AppendString(append(b, `,"token":`...), c.Secret.Reveal())
	b = strictjson.AppendString(append(b, `,"token_type":`...), c.Scheme)
	b = strictjson.AppendString(append(b, `,"source":`...), c.Source)
	return appendRefreshOn(b, c.RefreshOn)
}

// appendRefreshOn appends ,"refresh_on":[403,404], or nothing for most APIs.
func appendRefreshOn(b []byte, statuses []int) []byte {
	if len(statuses) == 0 {
		return b
	}
	b = append(b, `,"refresh_on":[`...)
	for i, status := range statuses {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, itoa(int64(status))...)
	}
	return append(b, ']')
}

// refuseBazel follows EngFlow's specification: a URI that no profile owns needs no
// credential; any other failure is exit 1 with the text on stderr.
func refuseBazel(_ Request, err error) Reply {
	if notOurs(err) {
		return Reply{Stdout: []byte("{\"headers\":{}}\n"), Quiet: true}
	}
	return Reply{Exit: 1}
}
