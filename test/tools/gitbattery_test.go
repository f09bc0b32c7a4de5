//go:build tools

package tools

import (
	"os"
	"strings"
	"testing"
)

// TestGitCredentialBattery: what git demands of any external helper, tested through git
// itself (git credential fill, approve, reject) with both gits. git's own test script is
// for helpers that store what they are given. These tests are of the properties that remain
// for a helper that fetches its tokens: it answers only for its hosts, tolerates being told
// to store, forgets on reject only what was refused, and never prevents git's prompt.
func TestGitCredentialBattery(t *testing.T) {
	for _, git := range gits {
		t.Run(git, func(t *testing.T) {
			w := newWorld(t)
			w.useGit(git)
			w.profile("work", "https://git.example.com")
			w.link("git-credential-credhelper")
			w.setenv("GIT_ASKPASS=" + w.write("askpass", "#!/bin/sh\ncase $1 in Username*) echo asked-user ;; *) echo asked-password ;; esac\n"))
			w.ok(nil, "chmod", "700", "askpass")
			w.ok(nil, "git", "config", "--global", "credential.helper", "credhelper")
			known := w.token("work")
			for _, c := range battery {
				t.Run(c.name, func(t *testing.T) { known = c.run(t, w, git == "new", known) })
			}
		})
	}
}

// question is one description that git passes to the helpers, and what git's answer must
// contain or must not.
type question struct {
	name   string
	verb   string // "" is fill
	lines  string
	want   []string // lines of the answer; TOKEN is the current token
	not    []string // parts that it must not contain
	modern bool     // only for a git that knows authtype
	aged   bool     // the token is more than a minute old
}

const host = "protocol=https\nhost=git.example.com\n"

var battery = []question{
	{name: "answers for its host", lines: host,
		want: []string{"protocol=https", "host=git.example.com", "username=oauth2", "password=TOKEN"}},
	{name: "answers again the same", lines: host, want: []string{"password=TOKEN"}},
	{name: "host in capitals is the same host", lines: "protocol=https\nhost=GIT.example.COM\n", want: []string{"password=TOKEN"}},
	{name: "with the usual port said", lines: "protocol=https\nhost=git.example.com:443\n", want: []string{"password=TOKEN"}},
	{name: "with a path", lines: host + "path=team/app.git\n", want: []string{"password=TOKEN"}},
	{name: "with a user name that is another", lines: host + "username=alice\n", want: []string{"password=TOKEN"}},
	{name: "unknown attributes do no harm", lines: host + "flavour=vanilla\nflavours[]=a\nflavours[]=b\n", want: []string{"password=TOKEN"}},
	{name: "from a url attribute", lines: "url=https://git.example.com/team/app.git\n", want: []string{"password=TOKEN"}},

	{name: "another host is git's to ask for", lines: "protocol=https\nhost=other.example.com\n",
		want: []string{"username=asked-user", "password=asked-password"}},
	{name: "a host that ends in ours", lines: "protocol=https\nhost=evilgit.example.com\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},
	{name: "ours as a mere beginning", lines: "protocol=https\nhost=git.example.com.evil.test\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},
	{name: "another port", lines: "protocol=https\nhost=git.example.com:8443\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},
	{name: "without TLS", lines: "protocol=http\nhost=git.example.com\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},
	{name: "mail is another protocol", lines: "protocol=smtp\nhost=git.example.com\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},
	{name: "a client certificate's password", lines: "protocol=cert\npath=/home/me/client.pem\nhost=\nusername=\n", want: []string{"password=asked-password"}, not: []string{"TOKEN"}},

	{name: "approve of our own answer", verb: "approve", lines: host + "username=oauth2\npassword=TOKEN\n"},
	{name: "approve of somebody else's", verb: "approve", lines: "protocol=https\nhost=other.example.com\nusername=u\npassword=p\n"},
	{name: "nothing was stored", lines: "protocol=https\nhost=other.example.com\n", want: []string{"password=asked-password"}},

	{name: "reject of another secret", verb: "reject", lines: host + "username=oauth2\npassword=somethingelse\n"},
	{name: "keeps ours", lines: host, want: []string{"password=TOKEN"}},
	{name: "reject for another host", verb: "reject", lines: "protocol=https\nhost=other.example.com\nusername=oauth2\npassword=TOKEN\n"},
	{name: "keeps ours then too", lines: host, want: []string{"password=TOKEN"}},
	{name: "reject without a secret", verb: "reject", lines: host},
	{name: "keeps ours even then", lines: host, want: []string{"password=TOKEN"}},
	{name: "reject of ours", verb: "reject", aged: true, lines: host + "username=oauth2\npassword=TOKEN\n"},
	{name: "makes a new one", lines: host, want: []string{"password=NEXT"}},

	{name: "tells when it ends", lines: host, want: []string{"password_expiry_utc="}, modern: true},
	{name: "a header for who asks for one", lines: host + "capability[]=authtype\n", modern: true,
		want: []string{"capability[]=authtype", "authtype=Bearer", "credential=TOKEN", "ephemeral=1"}, not: []string{"password=TOKEN"}},
	{name: "no header where Basic alone is offered", lines: host + "capability[]=authtype\nwwwauth[]=Basic realm=\"x\"\n", modern: true,
		want: []string{"username=oauth2", "password=TOKEN"}, not: []string{"authtype="}},
	{name: "says that it can be asked again", lines: host + "capability[]=authtype\ncapability[]=state\n", modern: true,
		want: []string{"credential=TOKEN", "state[]=credhelper:", "continue=1"}},
	{name: "and is not, once it was", lines: host + "capability[]=authtype\ncapability[]=state\nstate[]=credhelper:1\n", modern: true, aged: true,
		want: []string{"credential=NEXT"}, not: []string{"continue=1"}},
	{name: "reject of a header", verb: "reject", aged: true, lines: host + "capability[]=authtype\nauthtype=Bearer\ncredential=TOKEN\n", modern: true},
	{name: "makes a new one then too", lines: host + "capability[]=authtype\n", want: []string{"credential=NEXT"}, modern: true},
}

// run asks, and returns the token that is known afterwards. known is the one before.
func (c question) run(t *testing.T, w *world, modern bool, known string) string {
	if c.modern && !modern {
		return known // the older git drops this attribute itself
	}
	if c.aged {
		w.outlived("work")
	}
	lines := strings.ReplaceAll(c.lines, "TOKEN", known) + "\n"
	if c.verb != "" {
		if answer := w.ok(input(lines), "git", "credential", c.verb); answer != "" {
			t.Errorf("%s answered %q", c.verb, answer)
		}
		return known
	}
	answer := strings.ReplaceAll(w.ok(input(lines), "git", "credential", "fill"), known, "TOKEN")
	now := w.token("work")
	answer = strings.ReplaceAll(answer, now, "NEXT")
	for _, want := range c.want {
		if !strings.Contains("\n"+answer, "\n"+want) {
			t.Errorf("no line %q in\n%s", want, answer)
		}
	}
	for _, not := range c.not {
		if strings.Contains(answer, not) {
			t.Errorf("%q in\n%s", not, answer)
		}
	}
	return now
}

// TestGitOwnScript: git's own test script for external helpers, t0303. Alone, credhelper
// passes all but the four tests that store a password and want it back. In front of a
// helper that stores, it passes all: it is in nobody's way.
func TestGitOwnScript(t *testing.T) {
	script := os.Getenv("TOOL_GIT_SCRIPT")
	if script == "" {
		t.Fatal("TOOL_GIT_SCRIPT is not set: run scripts/test-tools")
	}
	const stores = "t0303.3 t0303.9 t0303.11 t0303.12" // what one password, two users, one of two, an empty name were
	for _, c := range []struct{ name, helper, skip, passed string }{
		{"alone", "credhelper", stores, "ok 1 - helper (credhelper) has no existing data"},
		{"before store", "both", "", "ok 3 - helper (both) can retrieve password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.useGit("old")
			w.profile("work", "https://git.example.com")
			w.token("work")
			w.link("git-credential-credhelper")
			w.write(w.bin+"/git-credential-both", bothHelpers)
			w.ok(nil, "chmod", "755", w.bin+"/git-credential-both")
			w.setenv("GIT_TEST_INSTALLED=/usr/bin", "GIT_TEST_CREDENTIAL_HELPER="+c.helper, "GIT_SKIP_TESTS="+c.skip, "GIT_TEST_CHAIN_LINT=0",
				"TEST_OUTPUT_DIRECTORY="+w.home+"/results")
			out := w.ok(in(script+"/t"), "sh", "./t0303-credential-external.sh", "--root="+w.home+"/trash")
			t.Log(out)
			if !strings.Contains(out, c.passed) || strings.Contains(out, "not ok") || !strings.Contains(out, "# passed all ") {
				t.Error("the script did not pass")
			}
			w.requests(1)
		})
	}
}

// bothHelpers runs credhelper and then git's store, as git itself does, for a script that
// takes one name.
const bothHelpers = `#!/bin/sh
request=$(cat)
answer=$(printf '%s\n' "$request" | git-credential-credhelper "$1")
[ -z "$answer" ] || { printf '%s\n' "$answer"; exit; }
printf '%s\n' "$request" | git credential-store "$1"
`
