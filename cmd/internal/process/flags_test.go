package process

import (
	"slices"
	"strings"
	"testing"
)

// TestEngineFlags: the engine removes exactly the flags that the front adds.
func TestEngineFlags(t *testing.T) {
	for _, c := range []struct{ args, kept, set string }{
		{"jama", "jama", ""},
		{"jama --refresh --min-ttl 5", "jama --refresh --min-ttl 5", ""},
		{"jama --no-store --secret-stdin", "jama", "--no-store= --secret-stdin="},
		{"--key-file F jama --secret-file=G", "jama", "--key-file=F --secret-file=G"},
		{"jama -h", "jama", "-h="},
		{"jama -- --no-store", "jama -- --no-store", ""},
		{"jama --no-stor", "jama --no-stor", ""},
	} {
		args := strings.Fields(c.args)
		var set []string
		kept, err := CutEngineFlags(args, func(name, value string) error { set = append(set, name+"="+value); return nil })
		if err != nil || strings.Join(kept, " ") != c.kept || strings.Join(set, " ") != c.set {
			t.Errorf("%s: %q, %q, %v", c.args, kept, set, err)
		}
		if seen := slices.ContainsFunc(args, EngineFlag); !seen && c.set != "" {
			t.Errorf("%s: the front does not see what the engine takes", c.args)
		}
	}
	for _, f := range engineFlags {
		if !EngineFlag(f.name) || !EngineFlag(f.name+"=x") {
			t.Errorf("the front answers %s itself", f.name)
		}
		if _, err := CutEngineFlags([]string{f.name}, func(string, string) error { return nil }); (err != nil) != f.value {
			t.Errorf("%s without a value: %v", f.name, err)
		}
	}
}
