package wiring

import "strings"

// A block is what setup adds to a configuration file that knows comments: lines
// between two marks, so that --remove takes out exactly these and nothing a
// person wrote.

// marks are the lines around a block.
func marks(comment, id string) (begin, end string) {
	return comment + " >>> credhelper setup " + id + "\n", comment + " <<< credhelper setup " + id + "\n"
}

// placement says where in a file a block goes. It returns the whole new text, or
// an error if the file already says something else on the matter.
type placement func(text, block string) (string, error)

// atEnd puts a block after everything else.
func atEnd(text, block string) (string, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + block, nil
}

// atTop puts a block before everything else: a key of TOML's root table must
// stand before the first table.
func atTop(text, block string) (string, error) { return block + text, nil }

// blockEdit is the edit that adds lines as a block.
func blockEdit(path, comment, id, lines string, place placement) fileEdit {
	begin, end := marks(comment, id)
	block := begin + lines + end
	return fileEdit{
		path: path,
		show: lines,
		add:  func(text string) (string, error) { return place(text, block) },
		drop: func(text string) (string, error) { return cutBlock(text, begin, end), nil },
	}
}

// cutBlock takes the lines from begin to end out of text, however far they are
// indented. A begin without its end was edited by a person, and stays.
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

// lineIndex is where the line stands in text; -1 if it does not. line ends with
// its line end.
func lineIndex(text, line string) int {
	if strings.HasPrefix(text, line) {
		return 0
	}
	if at := strings.Index(text, "\n"+line); at >= 0 {
		return at + 1
	}
	return -1
}

// underHeader puts a block under the line [name] of a file in sections, and at
// the end with the line itself if there is none. A key that the section already
// has would be there twice, which most readers refuse; the person decides.
func underHeader(name, key, comment, id, lines string) placement {
	header := "[" + name + "]"
	return func(text, block string) (string, error) {
		at := headerEnd(text, header)
		if at < 0 {
			begin, end := marks(comment, id)
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

// headerEnd is the place after the line of the header; -1 if there is none.
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

// sectionHas reports whether a key is set before the next section begins.
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

// onlyOnce refuses a file that already says what of which there may be only one.
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

// underUsers puts a list item under the key users of a kubeconfig. kubectl and
// its kind write that key at the left margin with its items below.
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

// cutUser takes a user out of a kubeconfig that kubectl wrote anew, which drops
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
