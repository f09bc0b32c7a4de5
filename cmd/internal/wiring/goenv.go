package wiring

import "strings"

// The go command keeps its settings in a file of lines KEY=value. GOAUTH is a list of
// commands there, and credhelper becomes one of them.

// goauthEdit returns the edit that puts a command before the others in GOAUTH.
func goauthEdit(file, command string) fileEdit {
	return fileEdit{
		path: file,
		show: "GOAUTH=" + command + "; netrc\n",
		add:  func(text string) (string, error) { return addGoauth(text, command) },
		drop: func(text string) (string, error) { return dropGoauth(text, command), nil },
	}
}

// addGoauth keeps the existing list. If GOAUTH is not set the go command reads netrc,
// and should continue to do so.
func addGoauth(text, command string) (string, error) {
	at, end, value := goauthLine(text)
	switch {
	case at < 0:
		return atEnd(text, "GOAUTH="+command+"; netrc\n")
	case strings.TrimSpace(value) == "off":
		return "", conflict("GOAUTH is off")
	}
	for entry := range strings.SplitSeq(value, ";") {
		if strings.TrimSpace(entry) == command {
			return text, nil
		}
	}
	return text[:at] + "GOAUTH=" + command + "; " + value + text[end:], nil
}

func dropGoauth(text, command string) string {
	at, end, value := goauthLine(text)
	if at < 0 {
		return text
	}
	entries, found := strings.Split(value, ";"), false
	var left []string
	for _, entry := range entries {
		if strings.TrimSpace(entry) == command {
			found = true
			continue
		}
		left = append(left, entry)
	}
	rest := strings.TrimPrefix(strings.Join(left, ";"), " ")
	switch {
	case !found:
		return text
	case strings.TrimSpace(rest) == "" || rest == "netrc": // the default value
		return text[:at] + strings.TrimPrefix(text[end:], "\n")
	}
	return text[:at] + "GOAUTH=" + rest + text[end:]
}

// goauthLine returns the position of the line of GOAUTH, without its line break; at is
// -1 if there is none.
func goauthLine(text string) (at, end int, value string) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "GOAUTH="); ok {
			return at, at + len("GOAUTH=") + len(value), value
		}
		at += len(line)
	}
	return -1, -1, ""
}
