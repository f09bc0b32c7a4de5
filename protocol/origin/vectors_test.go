package origin

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// vector is one line of a file in testdata.
type vector struct {
	at     string // file:line
	fields []string
}

func (v vector) expected() string { return v.fields[len(v.fields)-1] }
func (v vector) negative() bool {
	e := v.expected()
	return len(e) >= 2 && e[0] == 'O' && e[1] >= '0' && e[1] <= '9'
}

// vectors loads one file and fails when it finds nothing, so that a moved file
// cannot make a test blind.
func vectors(t testing.TB, file string, fields int) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		v := vector{at: file + ":" + strconv.Itoa(i+1), fields: strings.Split(line, "\t")}
		if len(v.fields) != fields {
			t.Fatalf("%s: %d fields, want %d", v.at, len(v.fields), fields)
		}
		for j, f := range v.fields {
			v.fields[j] = unescape(t, v.at, f)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

// unescape reads the escapes that hostile.txt documents.
func unescape(t testing.TB, at, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		switch rest := s[i+1:]; {
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			i++
		case strings.HasPrefix(rest, "x") && len(rest) >= 3:
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			b.WriteByte(byte(n))
			i += 3
		case strings.HasPrefix(rest, "{"):
			body, _, _ := strings.Cut(rest[1:], "}")
			text, count, _ := strings.Cut(body, "*")
			n, err := strconv.Atoi(count)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			b.WriteString(strings.Repeat(text, n))
			i += len(body) + 2
		default:
			t.Fatalf("%s: unknown escape", at)
		}
	}
	return b.String()
}

// ruleOf returns the id of the rule in docs/security.md that a reason belongs to; "" for
// Release.
func ruleOf(r Reason) string {
	for _, rule := range []struct {
		id   string
		last Reason
	}{
		{"", Release}, {"O1", NoOrigins}, {"O2", Scheme}, {"O3", Query}, {"O4", AuthoritySpace}, {"O5", Host}, {"O6", MappedIPv4},
		{"O7", Port}, {"O8", WildcardDepth}, {"O9", EmptySegment}, {"O10", EncodedControl}, {"O11", Field},
	} {
		if r <= rule.last {
			return rule.id
		}
	}
	return "O15"
}

func verdict(r Reason) string {
	if r == Release {
		return "release"
	}
	return ruleOf(r)
}

func mustParse(t testing.TB, at, s string) Origin {
	t.Helper()
	o, err := Parse(s)
	if err != nil {
		t.Fatalf("%s: Parse(%q): %v", at, s, err)
	}
	return o
}

func decide(o Origin, url string) Reason {
	u, r := ParseURL(url)
	if r != Release {
		return r
	}
	return o.Match(u)
}

// seen collects the reasons that the vectors have produced.
type seen map[Reason]bool

// TestURLs (T3, O2 to O10, O15) runs each URL against its origin.
func TestURLs(t *testing.T) {
	for _, file := range []string{"hostile.txt", "urls.txt"} {
		for _, v := range vectors(t, file, 3) {
			o := mustParse(t, v.at, v.fields[0])
			if r := decide(o, v.fields[1]); verdict(r) != v.expected() {
				t.Errorf("%s: %.80q for %s: %s (%s), want %s", v.at, v.fields[1], o, verdict(r), r, v.expected())
			}
		}
	}
}

// TestFields (O11) runs each set of fields against its origin.
func TestFields(t *testing.T) {
	for _, v := range vectors(t, "fields.txt", 5) {
		o := mustParse(t, v.at, v.fields[0])
		u, r := FromFields(v.fields[1], v.fields[2], v.fields[3])
		if r == Release {
			if (u.Path() != "") != (v.fields[3] != "") {
				t.Errorf("%s: the path is %q", v.at, u.Path())
			}
			r = o.Match(u)
		} else if u != (URL{}) {
			t.Errorf("%s: a refused URL is not empty", v.at)
		}
		if verdict(r) != v.expected() {
			t.Errorf("%s: %.60q: %s (%s), want %s", v.at, v.fields[1:4], verdict(r), r, v.expected())
		}
	}
}

// TestOrigins (O2, O8) reads each entry of a profile.
func TestOrigins(t *testing.T) {
	for _, v := range vectors(t, "origins.txt", 2) {
		o, err := Parse(v.fields[0])
		got := o.String()
		if err != nil {
			got = ruleOf(err.(*Error).Reason)
			if o != (Origin{}) || err.Error() == "" {
				t.Errorf("%s: a refused origin is not empty, or its error is", v.at)
			}
		}
		if got != v.expected() {
			t.Errorf("%s: Parse(%.60q) = %s (%v), want %s", v.at, v.fields[0], got, err, v.expected())
		}
		if err == nil && mustParse(t, v.at, got) != o {
			t.Errorf("%s: %s does not read back", v.at, got)
		}
	}
}

// TestBest (O12) picks among several origins, in both orders.
func TestBest(t *testing.T) {
	for _, v := range vectors(t, "best.txt", 3) {
		var origins []Origin
		for _, s := range strings.Fields(v.fields[0]) {
			origins = append(origins, mustParse(t, v.at, s))
		}
		u, r := ParseURL(v.fields[1])
		if r != Release {
			t.Fatalf("%s: %s", v.at, r)
		}
		i, r := Best(origins, u)
		got := strconv.Itoa(i)
		if i < 0 {
			got = ruleOf(r)
		}
		if got != v.expected() || (i >= 0) != (r == Release) {
			t.Errorf("%s: %s (%s), want %s", v.at, got, r, v.expected())
		}
	}
}

// TestVectorCounts: there are at least 300 vectors, four of five of them refusals, and
// each reason has a text and is produced by some vector.
func TestVectorCounts(t *testing.T) {
	total, negative := 0, 0
	reached := seen{}
	count := func(vs []vector) []vector {
		for _, v := range vs {
			total++
			if v.negative() {
				negative++
			}
		}
		return vs
	}
	for _, v := range append(count(vectors(t, "hostile.txt", 3)), count(vectors(t, "urls.txt", 3))...) {
		reached[decide(mustParse(t, v.at, v.fields[0]), v.fields[1])] = true
	}
	for _, v := range count(vectors(t, "fields.txt", 5)) {
		u, r := FromFields(v.fields[1], v.fields[2], v.fields[3])
		if r == Release {
			r = mustParse(t, v.at, v.fields[0]).Match(u)
		}
		reached[r] = true
	}
	for _, v := range count(vectors(t, "origins.txt", 2)) {
		_, r := parse(v.fields[0])
		reached[r] = true
	}
	count(vectors(t, "best.txt", 3))
	_, r := Best(nil, URL{})
	reached[r] = true
	t.Logf("%d vectors, %d of them refusals", total, negative)
	if total < 300 || negative*100 < total*80 {
		t.Errorf("%d vectors, %d refusals: too few", total, negative)
	}
	for r := Release; r < reasonCount; r++ {
		if !reached[r] || r.String() == "" {
			t.Errorf("reason %d (%s %s): not reached by a vector, or without text", r, ruleOf(r), r)
		}
	}
}
