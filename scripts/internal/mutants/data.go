package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one change of a file, and the test that must detect it.
type mutant struct {
	name    string
	source  string // file and line of the data
	file    string // the file to change, relative to the module
	pkg     string // of the test: "./helper/oauth"
	test    string // "TestVet/too-long": the test that must fail
	old     string // text that occurs once in the file
	changed string // its replacement
}

// touches reports whether the mutant's file or its test is in one of dirs.
func (m mutant) touches(dirs map[string]bool) bool {
	return dirs[filepath.Dir(m.file)] || dirs[strings.TrimPrefix(m.pkg, "./")]
}

// load reads the data, *.txt in dir:
//
//	mutant NAME
//	file helper/oauth/vet.go
//	test ./helper/oauth TestVet/too-long
//	<<<<
//	text as it stands in the file
//	====
//	what it becomes
//	>>>>
//
// Lines between mutants that begin with # are comments.
func load(dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no mutants in %s: the check is blind", dir)
	}
	var all []mutant
	names := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		some, err := parse(file, string(content))
		if err != nil {
			return nil, err
		}
		for _, m := range some {
			if other, found := names[m.name]; found {
				return nil, fmt.Errorf("%s: %q is also the name of %s", m.source, m.name, other)
			}
			names[m.name] = m.source
		}
		all = append(all, some...)
	}
	return all, nil
}

func parse(file, content string) ([]mutant, error) {
	lines := strings.Split(content, "\n")
	var all []mutant
	for i := 0; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" || strings.HasPrefix(lines[i], "#") {
			continue
		}
		m := mutant{source: fmt.Sprintf("%s:%d", file, i+1)}
		var found bool
		if m.name, found = strings.CutPrefix(lines[i], "mutant "); !found {
			return nil, fmt.Errorf("%s: %q is where \"mutant NAME\" is due", m.source, lines[i])
		}
		for i++; i < len(lines) && lines[i] != "<<<<"; i++ {
			word, rest, _ := strings.Cut(lines[i], " ")
			switch word {
			case "file":
				m.file = rest
			case "test":
				m.pkg, m.test, _ = strings.Cut(rest, " ")
			default:
				return nil, fmt.Errorf("%s: %q is neither file nor test", m.source, lines[i])
			}
		}
		var rest int
		m.old, rest = block(lines, i+1, "====")
		m.changed, i = block(lines, rest+1, ">>>>")
		if i >= len(lines) || m.file == "" || m.pkg == "" || m.test == "" || m.old == "" || m.old == m.changed {
			return nil, fmt.Errorf("%s: not a whole mutant", m.source)
		}
		all = append(all, m)
	}
	return all, nil
}

// block returns the lines up to the one that equals end, and that line's index.
func block(lines []string, from int, end string) (text string, at int) {
	for at = from; at < len(lines); at++ {
		if lines[at] == end {
			return strings.Join(lines[from:at], "\n"), at
		}
	}
	return "", at
}
