package helper_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// TestEveryMemberIsTagged finds the member that somebody adds without deciding
// whether it reads something of the machine.
func TestEveryMemberIsTagged(t *testing.T) {
	seen := 0
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, prefix string) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			member := typ.Field(i)
			key, _, _ := strings.Cut(member.Tag.Get("toml"), ",")
			switch reads := member.Tag.Get("reads"); reads {
			case "secret":
				if member.Type.Kind() != reflect.Interface {
					t.Errorf("%s%s: a source of a secret is a list, or a text: any", prefix, key)
				}
			case "file", "pool":
				if member.Type.Kind() != reflect.String {
					t.Errorf("%s%s: a path is a string", prefix, key)
				}
			case "environment":
				if member.Type != reflect.TypeFor[[]string]() {
					t.Errorf("%s%s: names are a list of texts", prefix, key)
				}
			case "-":
			default:
				t.Errorf("%s%s: reads:%q says neither secret nor file nor environment nor pool nor -", prefix, key, reads)
			}
			seen++
			walk(member.Type, prefix+key+".")
		}
	}
	walk(reflect.TypeFor[config.File](), "")
	if seen < 50 {
		t.Fatalf("only %d members: the test is blind", seen)
	}
}

// elsewhere has every member that reads something of the machine, with the word
// that a document would write.
var elsewhere = []struct{ key, value string }{
	{"secret", `["command", "/bin/sh", "-c", "touch /tmp/ran"]`},
	{"secret", `["file", "/home/me/.netrc"]`},
	{"secret", `["env", "AWS_SECRET_ACCESS_KEY"]`},
	{"secret", `["credential", "db"]`},
	{"secret", `7`},
	{"secret_environment", `["AWS_SECRET_ACCESS_KEY"]`},
	{"subject_token", `["env", "AWS_SECRET_ACCESS_KEY"]`},
	{"subject_token", `["file", "/home/me/.vault-token"]`},
	{"secret", `["vault", "https://bao.example:8200", "kv/data/jama#client_secret"]`},
	{"token", `["file", "/home/me/.config/gh/hosts.yml"]`},
	{"token", `["vault", "https://bao.example:8200", "kv/data/jama#token"]`},
	{"assertion.from", `["github", "https://evil.example"]`},
	{"client_cert", `["file", "/home/me/.ssh/client.pem"]`},
	{"ca_file", `"/home/me/ca.pem"`},
	{"pool", `"ci"`},
	{"assertion.from", `["command", "/bin/sh", "-c", "touch /tmp/ran"]`},
	{"assertion.from", `"keyrings"`},
	{"assertion.key", `["file", "/home/me/.ssh/id_rsa"]`},
	{"assertion.cert", `"/home/me/cert.pem"`},
}

// TestElsewhereIsComplete: the list above has every tagged member.
func TestElsewhereIsComplete(t *testing.T) {
	var tagged []string
	for _, typ := range []reflect.Type{reflect.TypeFor[config.File](), reflect.TypeOf(config.File{}.Assertion).Elem()} {
		for i := range typ.NumField() {
			if reads := typ.Field(i).Tag.Get("reads"); reads != "-" {
				key, _, _ := strings.Cut(typ.Field(i).Tag.Get("toml"), ",")
				tagged = append(tagged, key)
			}
		}
	}
	for _, key := range tagged {
		if !slices.ContainsFunc(elsewhere, func(e struct{ key, value string }) bool { return strings.TrimPrefix(e.key, "assertion.") == key }) {
			t.Errorf("no case for %s", key)
		}
	}
	if len(tagged) < 6 {
		t.Fatalf("only %v: the test is blind", tagged)
	}
}

const stranger = "credhelper = 1\n[profiles.good]\nclient_id = \"x\"\ntoken_url = \"https://login.example/token\"\n[profiles.\"bad.one\"]\nclient_id = \"x\"\n"

// TestImportReadsNothingHere: whatever a document names on this machine is refused
// by member and line, before anything of it is read, run or added.
func TestImportReadsNothingHere(t *testing.T) {
	for _, e := range elsewhere {
		for _, table := range []string{"", "[profiles.\"bad.one\".assertion]\n", "inline"} {
			name, inAssertion := strings.CutPrefix(e.key, "assertion.")
			line := stranger + name + " = " + e.value + "\n"
			where := "import:7: profiles.bad.one." + e.key + ": "
			switch {
			case table == "" && inAssertion:
				line = stranger + e.key + " = " + e.value + "\n"
			case table == "inline" && inAssertion:
				line = stranger + "assertion = { alg = \"RS256\", " + name + " = " + e.value + " }\n"
			case inAssertion:
				line = stranger + table + name + " = " + e.value + "\n"
				where = strings.Replace(where, ":7:", ":8:", 1)
			case table != "":
				continue
			}
			t.Run(e.key+" "+e.value, func(t *testing.T) {
				h := newHome(t, oauthtest.Options{})
				_, err := h.helper().Import([]byte(line), nil)
				wantError(t, err, protocol.ErrPolicy, where, "nothing was added")
				if names, _ := h.helper().ProfileNames(); len(names) > 0 {
					t.Errorf("added %v", names)
				}
			})
		}
	}
}

// TestImportNamesTheFirst: of many such members the first line is named, and how
// many more there are.
func TestImportNamesTheFirst(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	_, err := h.helper().Import([]byte(stranger+"ca_file = \"/a\"\nsubject_token = [\"env\", \"A\"]\nsecret = [\"env\", \"B\"]\n"), nil)
	wantError(t, err, protocol.ErrPolicy, "import:7: profiles.bad.one.ca_file: ", "(and 2 more such members)")
}

// TestImportAgreed: who is asked sees every such member and nothing else, before
// anything is read; one no adds nothing.
func TestImportAgreed(t *testing.T) {
	const text = stranger + `token_url = "https://other.example/token"
grant = "token_exchange"
subject_token = ["env", "JOB_TOKEN"]
secret = "keyring"
`
	h := newHome(t, oauthtest.Options{})
	var asked []string
	agree := func(profile string, s config.Source) error {
		asked = append(asked, profile+": "+s.String())
		return nil
	}
	refuse := func(profile string, s config.Source) error { return os.ErrPermission }
	if _, err := h.helper().Import([]byte(text), refuse); err == nil {
		t.Error("added against a no")
	}
	if names, _ := h.helper().ProfileNames(); len(names) > 0 {
		t.Errorf("added %v", names)
	}
	names, err := h.helper().Import([]byte(text), agree)
	if err != nil || strings.Join(names, " ") != "bad.one good" {
		t.Errorf("%v: %v", names, err)
	}
	if want := `bad.one: subject_token = ["env" "JOB_TOKEN"]`; len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// TestPresetReadsNothingHere: a preset may be somebody else's, too. What it names
// as the source of a secret is refused, as secret is, before add does anything.
func TestPresetReadsNothingHere(t *testing.T) {
	const head = "title = \"Ours\"\nsource = [\"https://wiki.example.com/oauth\"]\ndate = \"2026-01-01\"\n[profile]\ntoken_url = \"{url}/oauth/token\"\n"
	for _, e := range elsewhere {
		if e.key == "ca_file" || e.key == "assertion.cert" {
			continue // public, and kept here: nothing is sent
		}
		t.Run(e.key+" "+e.value, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			h.write(h.dirs.Presets()+"/ours.toml", head+e.key+" = "+e.value+"\n")
			_, err := h.helper().Draft("demo", config.File{Preset: "ours", URL: "https://api.example.com", ClientID: "x"})
			wantError(t, err, protocol.ErrPolicy, "ours.toml:6: profile."+e.key+": a preset does not say where secrets are")
		})
	}
}

// TestSources: a resolved profile has the sources of its file, its preset and the
// defaults.
func TestSources(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.write(h.dirs.Config+"/ca.pem", "# none\n")
	h.write(h.dirs.Settings(), "[defaults]\nca_file = \""+h.dirs.Config+"/ca.pem\"\n")
	h.profile("demo", "client_id = \"x\"\ntoken_url = \"https://login.example/token\"\nclient_auth = \"private_key_jwt\"\n"+
		"assertion = { key = [\"file\", \"/k.pem\"], cert = \"/c.pem\" }\n")
	p, err := h.helper().Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Sources {
		got = append(got, s.String())
	}
	want := `secret = ["keyring"]; ca_file = ["file" "` + h.dirs.Config + `/ca.pem"]; assertion.key = ["file" "/k.pem"]; assertion.cert = ["file" "/c.pem"]`
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

// TestSourceVariables: every variable that a profile names as a source is known
// once the profile was looked at, even if it cannot be used; PATH is never one.
func TestSourceVariables(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", "client_id = \"x\"\ntoken_url = \"https://login.example/token\"\nclient_auth = \"federation\"\nsecret = [\"env\", \"A\"]\n"+
		"subject_token = [\"env\", \"B\"]\nassertion = { from = [\"env\", \"C\"], key = [\"env\", \"D\"] }\n")
	h.profile("broken", "client_auth = \"frobnicate\"\nsecret = [\"env\", \"PATH\"]\nsubject_token = [\"env\", \"E\"]\n")
	h.profile("misspelt", "client_ids = \"x\"\nsecret = [\"env\", \"F\"]\n")
	a := h.helper()
	if _, err := a.Profile("demo"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.SourceVariables(), " "); got != "A B C D" {
		t.Errorf("%s", got)
	}
	for _, name := range []string{"broken", "misspelt"} {
		if _, err := a.Profile(name); err == nil {
			t.Errorf("%s can be used", name)
		}
	}
	if got := strings.Join(a.SourceVariables(), " "); got != "A B C D E F" {
		t.Errorf("%s", got)
	}
}
