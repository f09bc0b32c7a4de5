package wiring

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON files have no comments to mark an addition, so a member is inserted at the
// beginning of its object, and removed by its key and value. The rest of the file keeps
// every byte.

// jsonMember is the position of a member in its document.
type jsonMember struct {
	key                    string
	start, value, valueEnd int // start is right after '{' or ','
}

// jsonObject parses the members of the object that begins at doc[at].
func jsonObject(doc string, at int) (members []jsonMember, end int, err error) {
	dec := json.NewDecoder(strings.NewReader(doc[at:]))
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') {
		return nil, 0, conflict("it is not a JSON object")
	}
	next := at + int(dec.InputOffset())
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, 0, conflict("it is not valid JSON")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, 0, conflict("it is not valid JSON")
		}
		m := jsonMember{key: key.(string), start: next, valueEnd: at + int(dec.InputOffset())}
		m.value = m.valueEnd - len(value)
		members = append(members, m)
		next = m.valueEnd
		if comma := strings.IndexByte(doc[next:], ','); comma >= 0 && strings.TrimSpace(doc[next:next+comma]) == "" {
			next += comma + 1
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, 0, conflict("it is not valid JSON")
	}
	return members, at + int(dec.InputOffset()), nil
}

// jsonSetting is one member to set, with the path of keys that leads to it.
type jsonSetting struct {
	path  []string
	value any
}

// memberEdit returns the edit that sets members. ours reports which values below the
// first setting's parent setup may replace and remove.
func memberEdit(file string, settings []jsonSetting, ours func(path []string, value string) bool) fileEdit {
	show := ""
	for _, m := range settings {
		show += jsonText(nest(m.path, m.value), "") + "\n"
	}
	return fileEdit{
		path: file,
		show: show,
		add: func(text string) (string, error) {
			if strings.TrimSpace(text) == "" {
				text = "{}\n"
			}
			for _, m := range settings {
				var err error
				if text, err = setMember(text, strings.Index(text, "{"), nil, m.path, m.value, ours); err != nil {
					return "", err
				}
			}
			return text, nil
		},
		drop: func(text string) (string, error) {
			if strings.TrimSpace(text) == "" || len(settings) == 0 {
				return text, nil
			}
			parent := settings[0].path
			return dropMembers(text, strings.Index(text, "{"), nil, parent[:len(parent)-1], ours)
		},
	}
}

// nest wraps a value in the objects of its path.
func nest(path []string, value any) any {
	for i := len(path) - 1; i >= 0; i-- {
		value = map[string]any{path[i]: value}
	}
	return value
}

// jsonText formats a value as these tools format their own files.
func jsonText(value any, prefix string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(value); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// setMember sets the member at path below the object at doc[at].
func setMember(doc string, at int, above, path []string, value any, ours func([]string, string) bool) (string, error) {
	if at < 0 {
		return "", conflict("it is not a JSON object")
	}
	members, end, err := jsonObject(doc, at)
	if err != nil {
		return "", err
	}
	here := append(above, path[0])
	for _, m := range members {
		switch old := doc[m.value:m.valueEnd]; {
		case m.key != path[0]:
			continue
		case len(path) > 1:
			return setMember(doc, m.value, here, path[1:], value, ours)
		case old == jsonText(value, memberIndent(doc, m)):
			return doc, nil
		case !ours(here, old):
			return "", conflict("it already sets " + strings.Join(here, "."))
		default:
			return doc[:m.value] + jsonText(value, memberIndent(doc, m)) + doc[m.valueEnd:], nil
		}
	}
	gap := "\n" + lineIndent(doc, at) + "  "
	if len(members) > 0 {
		gap = doc[members[0].start:][:leadingSpace(doc[members[0].start:])]
	}
	entry := gap + jsonText(path[0], "") + ": " + jsonText(nest(path[1:], value), strings.TrimLeft(gap, "\r\n"))
	switch {
	case len(members) > 0:
		entry += ","
	case strings.TrimSpace(doc[at+1:end-1]) == "" && !strings.Contains(doc[at:end], "\n"):
		entry += "\n" + lineIndent(doc, at)
	}
	return doc[:at+1] + entry + doc[at+1:], nil
}

// dropMembers removes our members from the object at path, and any object on the path
// that becomes empty.
func dropMembers(doc string, at int, above, path []string, ours func([]string, string) bool) (string, error) {
	if at < 0 {
		return "", conflict("it is not a JSON object")
	}
	members, end, err := jsonObject(doc, at)
	if err != nil {
		return "", err
	}
	for i := len(members) - 1; i >= 0; i-- {
		m := members[i]
		here := append(append([]string(nil), above...), m.key)
		if len(path) == 0 {
			if ours(here, doc[m.value:m.valueEnd]) {
				doc = cutMember(doc, at, end, members, i)
				return dropMembers(doc, at, above, path, ours)
			}
			continue
		}
		if m.key != path[0] || doc[m.value] != '{' {
			continue
		}
		inner, err := dropMembers(doc, m.value, here, path[1:], ours)
		if err != nil || inner == doc {
			return inner, err
		}
		left, _, err := jsonObject(inner, m.value)
		if err != nil || len(left) > 0 {
			return inner, err
		}
		if members, end, err = jsonObject(inner, at); err != nil {
			return "", err
		}
		return cutMember(inner, at, end, members, i), nil
	}
	return doc, nil
}

// hasMember reports whether a document has the member at path.
func hasMember(doc string, path []string) bool {
	at := strings.Index(doc, "{")
	for _, key := range path {
		if at < 0 {
			return false
		}
		members, _, err := jsonObject(doc, at)
		if err != nil {
			return false
		}
		at = -1
		for _, m := range members {
			if m.key == key {
				at = m.value
			}
		}
	}
	return at >= 0
}

// cutMember removes the i-th member, with the comma that becomes superfluous.
func cutMember(doc string, at, end int, members []jsonMember, i int) string {
	switch {
	case len(members) == 1:
		return doc[:at+1] + doc[end-1:]
	case i < len(members)-1:
		return doc[:members[i].start] + doc[members[i+1].start:]
	default:
		return doc[:members[i-1].valueEnd] + doc[members[i].valueEnd:]
	}
}

// memberIndent returns the white space before a member's key.
func memberIndent(doc string, m jsonMember) string {
	return strings.TrimLeft(doc[m.start:][:leadingSpace(doc[m.start:])], "\r\n")
}

// lineIndent returns the white space at the beginning of the line that contains
// doc[at].
func lineIndent(doc string, at int) string {
	line := doc[strings.LastIndexByte(doc[:at], '\n')+1 : at]
	return line[:leadingSpace(line)]
}

func leadingSpace(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n")) }
