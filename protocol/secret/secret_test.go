package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/secret"
)

const canary = "c4n4ry-s3cr3t-0123456789"

// holder has the secret where fmt may not call methods.
type holder struct {
	hidden secret.Text
	Shown  secret.Text
	list   []secret.Text
}

// TestNeverPrinted (T8) walks every verb and flag of fmt and every marshaller
// over a secret and over structs, slices and maps that hold one.
func TestNeverPrinted(t *testing.T) {
	s := secret.New(canary)
	values := []any{s, &s, holder{s, s, []secret.Text{s}}, &holder{s, s, []secret.Text{s}},
		[]secret.Text{s}, map[string]secret.Text{"k": s}, []any{s}, struct{ any }{s}}
	var out strings.Builder
	for _, v := range values {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "40", ".3"} {
				fmt.Fprintf(&out, "%"+flags+string(verb)+"\n", v)
			}
		}
		fmt.Fprintln(&out, v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		var g bytes.Buffer
		_ = gob.NewEncoder(&g).Encode(v)
		out.Write(g.Bytes())
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		fmt.Fprintln(&out, fmt.Errorf("wrapped: %v", v))
	}
	printed := strings.ToLower(out.String())
	if !strings.Contains(printed, strings.ToLower(secret.Redacted)) {
		t.Fatal("nothing was printed at all: the test is blind")
	}
	for name, form := range map[string]string{
		"plain":  canary,
		"hex":    hex.EncodeToString([]byte(canary)),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(canary)),
		"prefix": canary[:8],
	} {
		if strings.Contains(printed, strings.ToLower(form)) {
			t.Errorf("the secret was printed (%s form)", name)
		}
	}
}

// TestEqual: no two empty secrets are equal.
func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "", false}, {"", "a", false}} {
		if got := secret.New(c.a).Equal(secret.New(c.b)); got != c.want {
			t.Errorf("Equal(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
