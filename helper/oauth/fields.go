package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// fieldNames are the members that are used; all others are ignored and never shown.
var fieldNames = [...]string{
	"access_token", "token_type", "expires_in", "scope", "refresh_token", "issued_token_type",
	"error", "error_description", "message", "correlation_id", "id_token",
}

// field is one member of a response: a string, a number as written, or another value.
type field struct {
	shape shape
	text  string
	dirty bool // a text with control characters
}

// given reports whether a member has a value; the string "" does not count.
func (f field) given() bool { return f.shape != absent && !(f.shape == text && f.text == "") }

type shape uint8

const (
	absent shape = iota // missing or null
	text
	number
	listed // an array of strings, joined by spaces
	other  // true, false, another array, an object
)

// fields are the known members of a response, and under "" the names of all. A missing
// one is the zero field.
type fields map[string]field

// names returns at most five of the members' names, as far as they can be shown.
func (f fields) names() []string { return strings.Fields(f[""].text) }

// parse parses a response's known members strictly (A14, R4). The flaw is why they
// cannot be parsed; it never quotes the body.
func (c *Client) parse(a answer) (fields, flaw) {
	body := bytes.TrimSpace(afterMark(a.body))
	form := a.media == "application/x-www-form-urlencoded" || a.media == "text/plain" && bytes.HasPrefix(body, []byte("access_token="))
	switch {
	case a.fault != "":
		return nil, flaw{reason: a.fault, cure: cureAddress}
	case len(body) == 0:
		return nil, flawEmpty
	case body[0] == '{': // whatever its content type
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
	for _, name := range fieldNames {
		if member, ok := value.Get(name); ok {
			found[name] = jsonField(member)
		}
	}
	found["meta"] = metaMessage(value)
	return found, noFlaw
}

// metaMessage returns the error in Jama's format: {"meta": {"message": "..."}}.
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
		// Entra's descriptions contain line breaks. Only a message may have such a
		// text, and it is sanitized before it is shown.
		var loose string
		if json.Unmarshal([]byte(v.Raw()), &loose) != nil {
			return field{shape: other}
		}
		return field{shape: text, text: loose, dirty: true}
	}
	return field{shape: other}
}

// textsIn returns the elements of an array of strings; nil for another array.
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

// parseForm parses a form-encoded response, for profiles that permit it.
func parseForm(body string) (fields, flaw) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, flawBadForm
	}
	found := fields{}
	for _, name := range fieldNames {
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
