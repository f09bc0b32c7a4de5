package curl

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// refusedCurlOptions lists all options that must never be passed on, independently of the
// table, so that a changed row of the table fails here.
const refusedCurlOptions = `
config next parallel parallel-immediate parallel-max metalink rate
insecure cacert capath crlfile ciphers tls13-ciphers curves sslv2 sslv3 tlsv1 tlsv1.0 tlsv1.1 tls-max
ssl-allow-beast ssl-no-revoke ssl-revoke-best-effort ssl-auto-client-cert engine egd-file random-file http0.9 false-start
location-trusted connect-to resolve unix-socket abstract-unix-socket request-target haproxy-protocol alt-svc hsts
dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url doh-cert-status doh-insecure
proxy proxy1.0 preproxy noproxy proxytunnel proxy-anyauth proxy-basic proxy-cacert proxy-capath proxy-cert proxy-cert-type
proxy-ciphers proxy-crlfile proxy-digest proxy-header proxy-insecure proxy-key proxy-key-type proxy-negotiate proxy-ntlm
proxy-pass proxy-pinnedpubkey proxy-service-name proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tls13-ciphers
proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-tlsv1 proxy-user
socks4 socks4a socks5 socks5-basic socks5-gssapi socks5-gssapi-nec socks5-gssapi-service socks5-hostname
user oauth2-bearer basic digest ntlm ntlm-wb negotiate anyauth netrc netrc-file netrc-optional aws-sigv4 delegation
service-name sasl-authzid sasl-ir login-options krb tlsauthtype tlspassword tlsuser pass
trace trace-ascii trace-time libcurl stderr
proto proto-default proto-redir ssl ssl-reqd
append ftp-account ftp-alternative-to-user ftp-create-dirs ftp-method ftp-pasv ftp-port ftp-pret ftp-skip-pasv-ip
ftp-ssl-ccc ftp-ssl-ccc-mode ftp-ssl-control disable-eprt disable-epsv quote list-only use-ascii crlf
mail-auth mail-from mail-rcpt mail-rcpt-allowfails telnet-option tftp-blksize tftp-no-options hostpubmd5 hostpubsha256
pubkey compressed-ssh help manual version no-npn
`

// TestCurlRefuses: each refused option, long, short, joined to its value and inside a
// cluster, exits with 2 and a hint, and nothing is passed on.
func TestCurlRefuses(t *testing.T) {
	names := strings.Fields(refusedCurlOptions)
	for _, o := range options {
		if (o.rule == refuse) != slices.Contains(names, o.name) {
			t.Errorf("--%s: the table and the list of refused options disagree", o.name)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			o, known := findOption(name)
			if !known {
				t.Fatal("not in the table")
			}
			calls := [][]string{{"--" + name, "value", "https://example.com/"}}
			if !o.value {
				calls = append(calls, []string{"--no-" + name, "https://example.com/"})
			}
			if o.short != 0 {
				short := string(o.short)
				calls = append(calls, []string{"-" + short, "value", "/x"}, []string{"-s" + short + "value", "/x"}, []string{"/x", "-S" + short})
			}
			for _, args := range calls {
				_, err := Read(args)
				var e *protocol.Error
				if !errors.As(err, &e) || !errors.Is(err, protocol.ErrMalformed) {
					t.Errorf("%q: %v", args, err)
				} else if !strings.Contains(e.Hint, "credhelper header --format curl-config URL") && !strings.Contains(e.Text, "needs a value") {
					t.Errorf("%q: the hint is %q", args, e.Hint)
				}
			}
		})
	}
}

// TestCurlArgs: how curl's arguments are parsed.
func TestCurlArgs(t *testing.T) {
	for _, c := range []struct {
		args string // separated by spaces; _ is a space in a value
		want string // what is passed on, then the URL, or the error
	}{
		{"/x", " | /x"},
		{"-sS /x", "--silent --show-error | /x"},
		{"-sSo out /x", "--silent --show-error --output out | /x"},
		{"-oout /x", "--output out | /x"},
		{"-XPOST /x", "--request POST | /x"},
		{"-X POST -d a=b /x", "--request POST --data a=b | /x"},
		{"--url /x", " | /x"},
		{"-- /x", " | /x"},
		{"-d -x /x", "--data -x | /x"},
		{"--data -- /x", "--data -- | /x"},
		{"-q -g /x", " | /x"},
		{"--no-location /x", "--no-location | /x"},
		{"--no-buffer /x", "--no-buffer | /x"},
		{"--no-keepalive /x", "--no-keepalive | /x"},
		{"--no-progress-meter /x", "--no-progress-meter | /x"},
		{"-D heads /x", " | /x"},
		{"-H Accept:text/xml /x", "--header Accept:text/xml | /x"},
		{"-H X-Empty; /x", "--header X-Empty; | /x"},
		{"-T file /x", "--upload-file file | /x"},

		{"", "which URL?"},
		{"-s", "which URL?"},
		{"/x /y", "two URLs"},
		{"--url /x /y", "two URLs"},
		{"-- /x /y", "two URLs"},
		{"-o", "needs a value"},
		{"--output", "needs a value"},
		{"/x -d", "needs a value"},
		{"--head=1 /x", "not in credhelper's table"}, // curl does not accept = either
		{"--silen /x", "not in credhelper's table"},  // curl accepts abbreviations
		{"--SILENT /x", "not in credhelper's table"},
		{"--expand-url /x", "not in credhelper's table"}, // newer than the table
		{"--variable %X /x", "not in credhelper's table"},
		{"-Å /x", "not in credhelper's table"},
		{"--no-silen /x", "not in credhelper's table"},
		{"--no-globoff /x", "refused"},
		{"--no-disable /x", "refused"},
		{"--no-verbose /x", "refused"},
		{"--no-insecure /x", "refused"},
		{"-H Authorization:x /x", "signs the request"},
		{"-H AUTHORIZATION; /x", "signs the request"},
		{"-H _authorization_:x /x", "signs the request"},
		{"-H Host:evil.test /x", "another machine"},
		{"-H hOST; /x", "another machine"},
		{"-H @file /x", "not looked through"},
		{"-H :x /x", "no name"},
		{"-H X:y\r\nAuthorization:z /x", "control characters"},
		{"-A me\nAuthorization:z /x", "control characters"},
		{"-e me\nHost:z /x", "control characters"},
		{"-b a=b\nHost:z /x", "control characters"},
		{"-X GET_/_HTTP/1.1 /x", "not an HTTP method"},
		{"-X POST\r\nHost:evil /x", "not an HTTP method"},
	} {
		var args []string
		for _, a := range strings.Split(c.args, " ") {
			if a != "" {
				args = append(args, strings.ReplaceAll(a, "_", " "))
			}
		}
		read, err := Read(args)
		got := strings.Join(read.Pass, " ") + " | " + read.URL
		if err != nil {
			got = err.Error()
			if strings.Contains(c.want, " | ") || !strings.Contains(got, c.want) {
				t.Errorf("%q: %s, want %s", args, got, c.want)
			}
			if !errors.Is(err, protocol.ErrMalformed) {
				t.Errorf("%q: exit %d", args, protocol.ExitCode(err))
			}
		} else if got != c.want {
			t.Errorf("%q: %s, want %s", args, got, c.want)
		}
	}
}

// TestCurlRepeats: a call that reads something that can be read only once, or that would
// have another effect the second time, is not repeated after a 401.
func TestCurlRepeats(t *testing.T) {
	for _, c := range []struct {
		args   string
		repeat bool
	}{
		{"/x", true},
		{"-d a=b /x", true},
		{"-d @file /x", true},
		{"-F a=@file;type=text/xml /x", true},
		{"-T file /x", true},
		{"-d @- /x", false},
		{"--data-binary @- /x", false},
		{"--data-urlencode name@- /x", false},
		{"--json @- /x", false},
		{"-F a=@- /x", false},
		{"-F a=<- /x", false},
		{"-F a=@-;filename=b /x", false},
		{"-T - /x", false},
		{"-T . /x", false},
		{"-d @/dev/stdin /x", false},
		{"-d @/dev/fd/63 /x", false},
		{"-d @/proc/self/fd/0 /x", false},
		{"-T /dev/stdin /x", false},
		{"-C - -o out /x", false},
		{"-OJ /x", false},
		{"--no-clobber -o out /x", false},
		{"-w @- /x", false},
		{"-b - /x", false},
	} {
		read, err := Read(strings.Fields(c.args))
		if err != nil || read.Repeat != c.repeat {
			t.Errorf("%s: repeat %v, %v", c.args, read.Repeat, err)
		}
	}
}

// TestCurlStdin: what curl reads from its stdin, where on Windows the token is.
func TestCurlStdin(t *testing.T) {
	for args, stdin := range map[string]bool{
		"/x": false, "-d a=b /x": false, "-d @file /x": false, "-T file /x": false, "-C - -o out /x": false, "-o - /x": false, "-D - /x": false,
		"-d @- /x": true, "--data-binary @- /x": true, "--json @- /x": true, "-F a=@- /x": true, "-F a=<- /x": true, "-T - /x": true,
		"-T . /x": true, "-w @- /x": true, "-b - /x": true,
	} {
		read, err := Read(strings.Fields(args))
		if err != nil || read.Stdin != stdin {
			t.Errorf("%s: %v, %v", args, read.Stdin, err)
		}
	}
}

// TestCurlTable compares the table with the installed curl: an option that both know takes a
// value in both or in neither, and has the same letter.
func TestCurlTable(t *testing.T) {
	out, err := exec.Command("curl", "--disable", "--help", "all").Output()
	if err != nil {
		t.Fatalf("curl must be installed: %v", err)
	}
	agreed := 0
	for _, line := range strings.Split(string(out), "\n") {
		short, rest, found := strings.Cut(line, "--")
		if !found || !strings.HasPrefix(line, " ") {
			continue
		}
		name, about, _ := strings.Cut(rest, " ")
		o, known := findOption(name)
		if !known {
			continue
		}
		agreed++
		if takes := strings.HasPrefix(about, "<") || strings.HasPrefix(about, "["); takes != o.value {
			t.Errorf("--%s: curl takes a value: %v", name, takes)
		}
		if letter := strings.Trim(short, " -,"); letter != strings.Trim(string(o.short), "\x00") {
			t.Errorf("--%s: curl's letter is %q, ours %q", name, letter, o.short)
		}
	}
	if agreed < 200 {
		t.Fatalf("only %d options of curl's help were understood: the test is blind", agreed)
	}
	seen := map[string]bool{}
	for _, o := range options {
		if seen[o.name] || o.short != 0 && seen["-"+string(o.short)] {
			t.Errorf("--%s: twice in the table", o.name)
		}
		seen[o.name], seen["-"+string(o.short)] = true, o.short != 0
		if (o.rule == refuse) != (o.why != "") {
			t.Errorf("--%s: refused without a reason, or a reason without refusal", o.name)
		}
	}
}

// FuzzCurlArgs: whatever the arguments, what is passed on is in the table and allowed, and
// contains no URL.
func FuzzCurlArgs(f *testing.F) {
	f.Add("-sS\x00-XPOST\x00--data\x00-k\x00https://example.com/")
	f.Add("-sk\x00/x")
	f.Add("--\x00/x")
	f.Fuzz(func(t *testing.T, joined string) {
		read, err := Read(strings.Split(joined, "\x00"))
		if err != nil {
			return
		}
		for rest := read.Pass; len(rest) > 0; rest = rest[1:] {
			name, isOption := strings.CutPrefix(rest[0], "--")
			o, known := findOption(name)
			if !known {
				o, known = findOption(strings.TrimPrefix(name, "no-"))
			}
			if !isOption || !known || o.rule == refuse || o.rule == given || o.rule == target {
				t.Fatalf("%q is passed on from %q", rest[0], joined)
			}
			if o.value {
				rest = rest[1:]
			}
		}
	})
}
