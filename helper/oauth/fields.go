package oauth

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// known are the members that anything depends on; all others are ignored and
// never shown (4.5 row 38).
var known = [...]string{
	"access_token", "token_type", "expires_in", "scope", "refresh_token", "issued_token_type",
	"error", "error_description", "message", "correlation_id",
}

// field is one member of an answer: a text, a number's own spelling, or
// something of no use.
type field struct {
	shape shape
	text  string
	dirty bool // a text with control characters
}

type shape uint8

const (
	absent shape = iota // missing or null
	text
	number
	other // true, false, an array, an object
)

// fields are the known members of an answer. A missing one is the zero field.
type fields map[string]field

// parse reads an answer's known members, strictly (A14, R4). The reason is why
// they cannot be read, "" if they can; the octets are never repeated in it.
func (c *Client) parse(a answer) (fields, string) {
	body := bytes.TrimSpace(a.body)
	switch {
	case a.fault != "":
		return nil, a.fault
	case len(body) == 0:
		return nil, "an empty body"
	case a.media == "application/x-www-form-urlencoded" && c.AllowForm:
		return parseForm(string(body))
	case a.looksHTML():
		return nil, "an HTML page where JSON is due"
	}
	return parseJSON(a.body)
}

func parseJSON(body []byte) (fields, string) {
	value, err := strictjson.Parse(body)
	if err != nil {
		return nil, "a body that is not acceptable JSON"
	}
	if value.Kind() != strictjson.Object {
		return nil, "a body that is not a JSON object"
	}
	found := fields{}
	for _, name := range known {
		if member, ok := value.Get(name); ok {
			found[name] = jsonField(member)
		}
	}
	return found, ""
}

func jsonField(v strictjson.Value) field {
	switch v.Kind() {
	case strictjson.Null:
		return field{}
	case strictjson.Number:
		return field{shape: number, text: string(v.Raw())}
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

// parseForm reads the answer of servers that never learned JSON, for profiles
// that say so.
func parseForm(body string) (fields, string) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, "a body that is not an acceptable form"
	}
	found := fields{}
	for _, name := range known {
		switch all := values[name]; len(all) {
		case 0:
		case 1:
			dirty := strings.ContainsFunc(all[0], func(r rune) bool { return r < 0x20 || r == 0x7f })
			found[name] = field{shape: text, text: all[0], dirty: dirty}
		default:
			return nil, "a form with " + name + " more than once"
		}
	}
	return found, ""
}
