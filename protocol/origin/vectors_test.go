package origin

import (
	"strconv"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/vectortest"
)

// expected is what must come of a vector; isRefusal, whether that is a refusal.
func expected(v vectortest.Line) string { return v.Fields[len(v.Fields)-1] }
func isRefusal(v vectortest.Line) bool {
	e := expected(v)
	return len(e) >= 2 && e[0] == 'O' && e[1] >= '0' && e[1] <= '9'
}

// vectors reads a file with the escapes that hostile.txt documents.
func vectors(t testing.TB, file string, fields int) []vectortest.Line {
	t.Helper()
	return vectortest.Lines(t, file, '\\', fields)
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
			o := mustParse(t, v.At, v.Fields[0])
			if r := decide(o, v.Fields[1]); verdict(r) != expected(v) {
				t.Errorf("%s: %.80q for %s: %s (%s), want %s", v.At, v.Fields[1], o, verdict(r), r, expected(v))
			}
		}
	}
}

// TestFields (O11) runs each set of fields against its origin.
func TestFields(t *testing.T) {
	for _, v := range vectors(t, "fields.txt", 5) {
		o := mustParse(t, v.At, v.Fields[0])
		u, r := FromFields(v.Fields[1], v.Fields[2], v.Fields[3])
		if r == Release {
			if (u.Path() != "") != (v.Fields[3] != "") {
				t.Errorf("%s: the path is %q", v.At, u.Path())
			}
			r = o.Match(u)
		} else if u != (URL{}) {
			t.Errorf("%s: a refused URL is not empty", v.At)
		}
		if verdict(r) != expected(v) {
			t.Errorf("%s: %.60q: %s (%s), want %s", v.At, v.Fields[1:4], verdict(r), r, expected(v))
		}
	}
}

// TestOrigins (O2, O8) reads each entry of a profile.
func TestOrigins(t *testing.T) {
	for _, v := range vectors(t, "origins.txt", 2) {
		o, err := Parse(v.Fields[0])
		got := o.String()
		if err != nil {
			got = ruleOf(err.(*Error).Reason)
			if o != (Origin{}) || err.Error() == "" {
				t.Errorf("%s: a refused origin is not empty, or its error is", v.At)
			}
		}
		if got != expected(v) {
			t.Errorf("%s: Parse(%.60q) = %s (%v), want %s", v.At, v.Fields[0], got, err, expected(v))
		}
		if err == nil && mustParse(t, v.At, got) != o {
			t.Errorf("%s: %s does not read back", v.At, got)
		}
	}
}

// TestBest (O12) picks among several origins, in both orders.
func TestBest(t *testing.T) {
	for _, v := range vectors(t, "best.txt", 3) {
		var origins []Origin
		for _, s := range strings.Fields(v.Fields[0]) {
			origins = append(origins, mustParse(t, v.At, s))
		}
		u, r := ParseURL(v.Fields[1])
		if r != Release {
			t.Fatalf("%s: %s", v.At, r)
		}
		i, r := Best(origins, u)
		got := strconv.Itoa(i)
		if i < 0 {
			got = ruleOf(r)
		}
		if got != expected(v) || (i >= 0) != (r == Release) {
			t.Errorf("%s: %s (%s), want %s", v.At, got, r, expected(v))
		}
	}
}

// TestVectorCounts: there are at least 300 vectors, four of five of them refusals, and
// each reason has a text and is produced by some vector.
func TestVectorCounts(t *testing.T) {
	total, negative := 0, 0
	reached := seen{}
	count := func(vs []vectortest.Line) []vectortest.Line {
		for _, v := range vs {
			total++
			if isRefusal(v) {
				negative++
			}
		}
		return vs
	}
	for _, v := range append(count(vectors(t, "hostile.txt", 3)), count(vectors(t, "urls.txt", 3))...) {
		reached[decide(mustParse(t, v.At, v.Fields[0]), v.Fields[1])] = true
	}
	for _, v := range count(vectors(t, "fields.txt", 5)) {
		u, r := FromFields(v.Fields[1], v.Fields[2], v.Fields[3])
		if r == Release {
			r = mustParse(t, v.At, v.Fields[0]).Match(u)
		}
		reached[r] = true
	}
	for _, v := range count(vectors(t, "origins.txt", 2)) {
		_, r := parse(v.Fields[0])
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
