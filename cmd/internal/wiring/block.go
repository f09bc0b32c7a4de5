package wiring

import "strings"

// A block is what setup adds to a configuration file that supports comments: lines
// between two markers, so that --remove removes exactly these lines and nothing that a
// person wrote.

// marks returns the marker lines around a block.
func marks(id string) (begin, end string) {
	return "# >>> credhelper setup " + id + "\n", "# <<< credhelper setup " + id + "\n"
}

// placement inserts a block into a file. It returns the complete new text, or an error
// if the file already has a conflicting setting.
type placement func(text, block string) (string, error)

// atEnd inserts a block at the end.
func atEnd(text, block string) (string, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + block, nil
}

// atTop inserts a block at the beginning: a key of TOML's root table must precede the
// first table.
func atTop(text, block string) (string, error) { return block + text, nil }

// blockEdit returns the edit that adds lines as a block.
func blockEdit(path, id, lines string, place placement) fileEdit {
	begin, end := marks(id)
	block := begin + lines + end
	return fileEdit{
		path: path,
		show: lines,
		add:  func(text string) (string, error) { return place(text, block) },
		drop: func(text string) (string, error) { return cutBlock(text, begin, end), nil },
	}
}

// cutBlock removes the lines from begin to end, whatever their indentation. If a person
// has removed the end marker, the lines stay.
func cutBlock(text, begin, end string) string {
	begin, end = strings.TrimSpace(begin), strings.TrimSpace(end)
	at, start := 0, -1
	for line := range strings.Lines(text) {
		switch mark := strings.TrimSpace(line); {
		case mark == begin:
			start = at
		case mark == end && start >= 0:
			return text[:start] + text[at+len(line):]
		}
		at += len(line)
	}
	return text
}

// lineIndex returns the position of a line in text; -1 if it is missing. line includes
// its line break.
func lineIndex(text, line string) int {
	if strings.HasPrefix(text, line) {
		return 0
	}
	if at := strings.Index(text, "\n"+line); at >= 0 {
		return at + 1
	}
	return -1
}

// underHeader inserts a block below the line [name] of a file with sections. If there
// is none, it appends the line and the block. It fails if the section already has the
// key: most parsers refuse a repeated key, so the person has to decide.
func underHeader(name, key, id, lines string) placement {
	header := "[" + name + "]"
	return func(text, block string) (string, error) {
		at := headerEnd(text, header)
		if at < 0 {
			begin, end := marks(id)
			return atEnd(text, begin+header+"\n"+lines+end)
		}
		if sectionHas(text[at:], key) {
			return "", conflict(header + " already sets " + key)
		}
		if !strings.HasSuffix(text[:at], "\n") {
			block = "\n" + block
		}
		return text[:at] + block + text[at:], nil
	}
}

// headerEnd returns the position after the line of the header; -1 if it is missing.
func headerEnd(text, header string) int {
	for at := 0; at < len(text); {
		end := len(text)
		if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		line, _, _ := strings.Cut(text[at:end], "#")
		if strings.TrimSpace(line) == header {
			return end
		}
		at = end
	}
	return -1
}

// sectionHas reports whether a key is set before the next section.
func sectionHas(text, key string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			return false
		}
		if setsKey(line, key) {
			return true
		}
	}
	return false
}

// setsKey reports whether a line is "key = value" or "key: value".
func setsKey(line, key string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), key)
	rest = strings.TrimLeft(rest, " \t")
	return ok && (strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, ":"))
}

// onlyOnce refuses a file that already has a setting of which only one is allowed.
func onlyOnce(place placement, what string, has func(line string) bool) placement {
	return func(text, block string) (string, error) {
		for line := range strings.Lines(text) {
			if has(strings.TrimSpace(line)) {
				return "", conflict("it already has " + what)
			}
		}
		return place(text, block)
	}
}

// underUsers inserts a list item below the key users of a kubeconfig. kubectl writes
// that key at the left margin, with its items below it.
func underUsers(item string) placement {
	return func(text, block string) (string, error) {
		if strings.TrimSpace(text) == "" {
			return "apiVersion: v1\nkind: Config\nusers:\n" + block, nil
		}
		for _, empty := range [...]string{"users: []\n", "users: null\n"} {
			if at := lineIndex(text, empty); at >= 0 {
				return text[:at] + "users:\n" + block + text[at+len(empty):], nil
			}
		}
		at := lineIndex(text, "users:\n")
		if at < 0 {
			if strings.Contains(text, "users:") || strings.HasPrefix(strings.TrimSpace(text), "{") {
				return "", conflict("its users are not a plain list")
			}
			return atEnd(text, "users:\n"+block)
		}
		at += len("users:\n")
		rest := strings.TrimLeft(text[at:], " ")
		if strings.HasPrefix(rest, "- ") {
			block = indent(block, len(text[at:])-len(rest))
		}
		if strings.Contains(text, "name: "+item+"\n") {
			return "", conflict("it already has a user " + item)
		}
		return text[:at] + block + text[at:], nil
	}
}

// cutUser removes a user from a kubeconfig that kubectl has rewritten, which drops
// comments: the item of that name, if it runs credhelper.
func cutUser(text, name string) string {
	at, start, depth := 0, -1, 0
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if start >= 0 && len(line)-len(trimmed) <= depth {
			break
		}
		if start < 0 && strings.TrimSpace(trimmed) == "- name: "+name {
			start, depth = at, len(line)-len(trimmed)
		}
		at += len(line)
	}
	if start < 0 || !strings.Contains(text[start:at], "kubectl") || !strings.Contains(text[start:at], "--profile") {
		return text
	}
	return text[:start] + text[at:]
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}
