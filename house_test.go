// Package house holds the rules of the house as tests: who may import whom, what
// the front may link, what a file may know (docs/architecture.md).
package house

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/credhelper/credhelper"

// packageRule is a package of ours and what it may import besides the standard library.
type packageRule struct {
	path  string
	may   []string // import path prefixes; ours are written without the module
	not   []string // packages of the standard library that it must not import
	tests bool     // only tests import it
}

// leaves is level 0, whose packages know no other of ours; levelZeroAny is the
// permission to import each of them.
var leaves = []string{"protocol/secret", "protocol/origin", "protocol/strictjson", "protocol/retryafter", "protocol/printable"}

const levelZeroAny = "level 0"

var (
	levelZero = []string{levelZeroAny}
	sys       = []string{"golang.org/x/sys"}
	pure      = []string{"net/http", "net", "os", "os/exec", "log", "fmt", "encoding/json", "regexp", "reflect"}
)

// packages lists all packages of the module, as docs/architecture.md does.
var packages = []packageRule{
	{path: "protocol/secret", not: pure},
	{path: "protocol/origin", not: pure},
	{path: "protocol/strictjson", not: pure},
	{path: "protocol/printable", not: pure},
	{path: "protocol/retryafter", not: []string{"os", "os/exec", "log"}},
	{path: "protocol", may: levelZero, not: pure},
	{path: "helper/trust", may: sys, not: []string{"net/http", "net", "fmt", "encoding/json", "crypto/rand"}},
	{path: "helper/filelock", may: sys, not: []string{"net/http", "net", "fmt", "encoding/json"}},
	{path: "helper/private", may: join(sys, []string{"helper/trust", "helper/filelock"}), not: []string{"net/http", "net", "fmt", "encoding/json", "crypto/rand"}},
	{path: "helper/logfile", may: join(sys, []string{"helper/filelock", "helper/private", "protocol", "protocol/printable"}), not: []string{"net/http", "net", "fmt", "encoding/json"}},
	{path: "helper/logfile/logread", may: []string{"helper/logfile", "protocol"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "helper/cache", may: join(levelZero, sys, []string{"protocol", "helper/private"}), not: []string{"net/http", "net", "fmt", "encoding/json"}},
	{path: "helper/oauth", may: join(levelZero, []string{"golang.org/x/oauth2",
		"software.sslmate.com/src/go-pkcs12", "github.com/youmark/pkcs8"}), not: []string{"os", "os/exec"}},
	{path: "helper/oauth/oauthtest", may: []string{"github.com/go-jose/go-jose/v4"}, tests: true},
	{path: "helper/oauth/oauthtest/serve", may: []string{"helper/oauth/oauthtest"}, tests: true},
	{path: "helper/keyring", may: join([]string{"protocol/secret", "helper/private", "helper/trust", "filippo.io/age"}, sys), not: []string{"net/http"}},
	{path: "helper/keyring/keyringtest", may: []string{"protocol/secret", "helper/keyring", "filippo.io/age"}, tests: true},
	{path: "helper/keyring/desktop", may: join([]string{"protocol/secret", "protocol/printable", "helper/keyring", "helper/keyring/desktop/busguard",
		"github.com/99designs/keyring", "github.com/danieljoos/wincred", "github.com/godbus/dbus"}, sys), not: []string{"net/http"}},
	{path: "helper/keyring/desktop/busguard"},
	{path: "helper/configfile", may: []string{"protocol", "protocol/printable", "helper/private", "helper/trust", "github.com/pelletier/go-toml/v2"}, not: []string{"net/http", "os/exec"}},
	{path: "helper/config", may: join(levelZero, []string{"protocol", "helper/cache", "helper/oauth", "helper/keyring", "helper/configfile",
		"golang.org/x/net/idna", "golang.org/x/net/publicsuffix"}), not: []string{"net/http", "os/exec"}},
	{path: "helper/config/presets", may: []string{"helper/cache", "helper/config"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "helper/home", may: join(levelZero, []string{"protocol", "helper/trust", "helper/cache", "helper/keyring", "helper/configfile", "helper/config", "helper/config/presets"}), not: []string{"net/http", "os/exec"}},
	{path: "helper/failure", may: join(levelZero, []string{"protocol", "helper/cache", "helper/oauth", "helper/keyring", "helper/config"}), not: []string{"net/http", "os", "os/exec"}},
	{path: "helper/server", may: join(levelZero, []string{"protocol", "helper/cache", "helper/oauth", "helper/keyring", "helper/configfile", "helper/config", "helper/home", "helper/failure", "helper/pool",
		"golang.org/x/net/http/httpproxy"}), not: []string{"os", "os/exec"}},
	{path: "helper/server/sourcetest", tests: true},
	{path: "helper/pool", may: []string{"helper/cache", "protocol/secret", "protocol/retryafter"}, not: []string{"net", "net/http", "os", "os/exec"}},
	{path: "helper/pool/redis", may: []string{"helper/pool", "helper/oauth", "protocol/secret", "protocol/printable"}, not: []string{"os", "os/exec"}},
	{path: "helper/pool/vault", may: []string{"helper/pool", "helper/pool/swap", "helper/oauth", "protocol/printable", "protocol/strictjson"}, not: []string{"os", "os/exec"}},
	{path: "helper/pools", may: []string{"protocol", "protocol/printable", "protocol/secret", "helper/cache", "helper/config", "helper/failure", "helper/oauth", "helper/pool", "helper/server"}, not: []string{"os", "os/exec"}},
	{path: "helper/pool/swap", may: []string{"helper/pool", "protocol/retryafter"}, not: []string{"net", "net/http", "os", "os/exec"}},
	{path: "helper/pool/kubernetes", may: []string{"helper/pool", "helper/pool/swap", "helper/oauth"}, not: []string{"net", "os", "os/exec"}},
	{path: "helper/pool/kubernetes/kubetest", tests: true},
	{path: "helper/pool/pooltest", may: []string{"helper/pool", "helper/pool/swap"}, tests: true},
	{path: "helper/expiry", may: []string{"helper/failure"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "helper/stored", may: []string{"protocol", "protocol/secret", "helper/cache", "helper/keyring", "helper/config"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "helper", may: join(levelZero, []string{"protocol", "helper/cache", "helper/logfile", "helper/logfile/logread", "helper/oauth", "helper/keyring", "helper/config", "helper/home",
		"helper/expiry", "helper/failure", "helper/server", "helper/stored", "helper/pool", "helper/pools"})},
	{path: "helper/guest", may: []string{"protocol", "protocol/origin", "protocol/printable", "protocol/secret", "helper", "helper/trust", "helper/private", "helper/cache", "helper/configfile", "helper/config", "helper/guest/ca"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "helper/guest/ca", may: []string{"protocol/secret", "golang.org/x/net/publicsuffix"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "protocol/door", may: join(levelZero, []string{"protocol", "protocol/bearer"}), not: []string{"os", "os/exec", "log"}},
	{path: "protocol/lines", may: join(levelZero, []string{"protocol"}), not: []string{"net/http", "net", "os", "os/exec", "log"}},
	{path: "protocol/bearer", may: join(levelZero, []string{"protocol", "golang.org/x/oauth2"}), not: []string{"os", "os/exec", "log"}},
	{path: "protocol/connector", may: join(levelZero, []string{"protocol", "protocol/connector/wire", "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "github.com/hashicorp/yamux", "google.golang.org/grpc"})},
	{path: "protocol/connector/contract"},
	{path: "protocol/vectortest", may: []string{"github.com/rogpeppe/go-internal"}, tests: true},
	{path: "protocol/connector/wire", may: []string{"google.golang.org/grpc", "google.golang.org/protobuf"}},
	{path: "examples/sync", may: []string{"protocol", "protocol/bearer", "protocol/connector"}},
	{path: "cmd/internal/process", may: join(sys, []string{"protocol", "protocol/printable"}), not: []string{"net/http", "net", "fmt", "os/exec", "encoding/json"}},
	{path: "cmd/internal/stack"},
	{path: "cmd/internal/entry", not: []string{"os", "syscall"}},
	{path: "cmd/internal/handover", may: join(sys, []string{"protocol", "helper/trust", "cmd/internal/process"}), not: []string{"net/http", "net", "fmt", "encoding/json"}},
	{path: "cmd/internal/inner", may: join(sys, []string{"helper/configfile", "protocol", "protocol/printable", "helper", "helper/config", "helper/cache", "helper/logfile", "helper/keyring", "helper/keyring/desktop", "helper/pool", "helper/pool/kubernetes", "helper/pool/redis", "helper/pool/vault", "helper/server", "protocol/secret", "cmd/internal/process", "cmd/internal/handover"})},
	{path: "cmd/internal/curl", may: []string{"protocol", "protocol/printable", "protocol/secret"}, not: []string{"net/http", "os", "os/exec"}},
	{path: "cmd/internal/terminal", may: join(sys, []string{"protocol", "protocol/printable", "golang.org/x/term"}), not: []string{"net/http", "os/exec"}},
	{path: "cmd/internal/tokenfile", may: []string{"protocol", "protocol/secret", "helper/trust", "helper/private", "helper/cache", "cmd/internal/process", "cmd/internal/inner"}, not: []string{"net/http", "os/exec"}},
	{path: "cmd/internal/wiring", may: []string{"protocol", "protocol/printable", "protocol/origin", "helper/config"}, not: []string{"net/http", "os/exec"}},
	{path: "cmd/credhelper", may: []string{"protocol", "protocol/origin", "helper/cache", "helper/logfile", "cmd/internal/process", "cmd/internal/handover", "cmd/internal/stack", "cmd/internal/entry"}, not: []string{"net/http", "net", "os/user", "encoding/json"}},
	{path: "cmd/credhelper-engine", may: []string{""}},
	{path: "cmd/credhelper-plugin", may: join(sys, []string{"helper/private", "helper/cache", "protocol", "protocol/printable", "protocol/secret", "protocol/connector", "protocol/door", "helper", "helper/guest", "helper/guest/ca", "helper/logfile",
		"cmd/internal/handover", "cmd/internal/inner", "cmd/internal/process", "cmd/internal/tokenfile"})},
	{path: "internal/program", may: []string{"helper/cache"}, tests: true},
	{path: "internal/crowd", may: []string{"helper", "protocol", "protocol/bearer", "protocol/connector"}, tests: true},
	{path: "scripts/internal/mutants", tests: true},
	{path: "scripts/internal/faults", may: []string{"internal/program"}, tests: true},
	{path: "scripts/internal/figures", may: []string{"internal/program"}, tests: true},
	{path: "scripts/internal/release", may: []string{"protocol", "internal/program"}, tests: true},
	{path: "scripts/internal/bench", may: []string{"helper/pool/pooltest", "internal/program", "internal/crowd", "helper", "helper/oauth/oauthtest",
		"protocol", "protocol/bearer", "protocol/connector"}, tests: true},
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Module     *struct{ Path string }
}

func list(t *testing.T, env string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Standard,Imports,Module"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", env)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatalf("go list %v: nothing found, the test is blind", args)
	}
	return all
}

// TestWhoImportsWhom holds every package against the plan, on every system we
// build for.
func TestWhoImportsWhom(t *testing.T) {
	plan := map[string]packageRule{}
	for _, r := range packages {
		plan[r.path] = r
	}
	used := map[string]bool{} // "package may", for each permission that some import needs
	for _, system := range []string{"GOOS=linux", "GOOS=darwin", "GOOS=windows"} {
		seen := map[string]bool{}
		for _, p := range list(t, system, "./...") {
			path := strings.TrimPrefix(p.ImportPath, module+"/")
			if path == module {
				continue
			}
			r, ok := plan[path]
			if !ok {
				t.Errorf("%s is not in the plan of packages: add it, and why, to docs/architecture.md and here", path)
				continue
			}
			seen[path] = true
			for _, imported := range p.Imports {
				may, ok := allowed(r, imported, plan)
				if !ok {
					t.Errorf("%s: %s must not import %s", system, path, imported)
				}
				used[path+" "+may] = true
			}
		}
		for path := range plan {
			if !seen[path] {
				t.Errorf("%s: the plan names %s, which does not exist: the rule is blind", system, path)
			}
		}
	}
	for _, r := range packages {
		for _, may := range r.may {
			if !used[r.path+" "+may] {
				t.Errorf("%s may import %s and does not: take the permission out of the plan", r.path, may)
			}
		}
	}
}

// allowed reports whether a package may import another one, and the
// permission that says so; "" for the standard library.
func allowed(r packageRule, imported string, plan map[string]packageRule) (may string, ok bool) {
	ours, isOurs := strings.CutPrefix(imported, module+"/")
	if !isOurs && !strings.Contains(strings.Split(imported, "/")[0], ".") {
		for _, not := range r.not {
			if imported == not {
				return "", false
			}
		}
		return "", true
	}
	if isOurs && plan[ours].tests && !r.tests {
		return "", false
	}
	for _, may := range r.may {
		if may == levelZeroAny && slices.Contains(leaves, ours) || isOurs && (ours == may || may == "") || !isOurs && (may == "" || imported == may || strings.HasPrefix(imported, may+"/")) {
			return may, true
		}
	}
	return "", false
}

// notInFront names what the front must not link, and why.
var notInFront = []struct{ path, why string }{
	{"net/http", "doubles the start-up of every call"},
	{"net", "the front speaks to nobody"},
	{"os/exec", "the front runs nothing but the engine, in its own place"},
	{"fmt", "start-up, and nothing here needs to print with reflection"},
	{"encoding/json", "not strict, and a tenth of the front's time"},
	{"crypto/tls", "the front speaks to nobody"},
	{"crypto/rand", "the front seals nothing"},
	{"google.golang.org/grpc", "four times the start-up"},
	{"github.com/hashicorp/go-plugin", "links gRPC even when unused"},
	{"github.com/99designs/keyring", "talks to D-Bus before main"},
	{"github.com/godbus/dbus", "see keyring"},
	{"github.com/pelletier/go-toml/v2", "profiles are the engine's"},
	{"github.com/spf13/cobra", "start-up"},
	{"filippo.io/age", "secrets are the engine's"},
	{"golang.org/x/oauth2", "links net/http"},
}

// TestFrontLinks: the executable that every call starts links the standard
// library, x/sys and four packages of ours.
func TestFrontLinks(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range list(t, "GOOS=linux", "-deps", "./cmd/credhelper") {
		linked[p.ImportPath] = true
		if !p.Standard && p.Module != nil && p.Module.Path != module && p.Module.Path != "golang.org/x/sys" {
			t.Errorf("the front links %s", p.ImportPath)
		}
	}
	for _, not := range notInFront {
		if linked[not.path] {
			t.Errorf("the front links %s: %s", not.path, not.why)
		}
		if out, err := exec.Command("go", "list", not.path).CombinedOutput(); err != nil {
			t.Errorf("the rule about %s is blind: %s", not.path, out)
		}
	}
}

// TestEngineLinks: what only connectors need costs nobody else its start.
func TestEngineLinks(t *testing.T) {
	forbidden := []string{"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog"}
	linked := map[string]string{} // package of ours to the first forbidden one that it links
	for _, main := range []string{"./cmd/credhelper-engine", "./cmd/credhelper-plugin"} {
		for _, p := range list(t, "GOOS=linux", "-deps", main) {
			if p.Module != nil && slices.Contains(forbidden, p.Module.Path) && linked[main] == "" {
				linked[main] = p.ImportPath
			}
		}
	}
	if by := linked["./cmd/credhelper-engine"]; by != "" {
		t.Errorf("the engine links %s", by)
	}
	if linked["./cmd/credhelper-plugin"] == "" {
		t.Error("the plugin links none of it: the rule is blind")
	}
}

// TestDesktopFence: what the engine links of desktop keyrings, nobody else does; a
// program that imports helper must not get D-Bus in its init.
func TestDesktopFence(t *testing.T) {
	for _, p := range list(t, "GOOS=linux", "-deps", "./helper", "./helper/home", "./helper/config", "./helper/oauth", "./helper/keyring") {
		if strings.HasPrefix(p.ImportPath, "github.com/99designs/keyring") || strings.HasPrefix(p.ImportPath, "github.com/godbus") {
			t.Errorf("helper links %s", p.ImportPath)
		}
	}
}

// goFile is one parsed file of ours.
type goFile struct {
	path string
	set  *token.FileSet
	ast  *ast.File
	text string
}

func sources(t *testing.T, tests bool) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == "test" && !tests || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		generated := strings.HasSuffix(path, ".pb.go") && filepath.ToSlash(filepath.Dir(path)) == "protocol/connector/wire"
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != tests || generated {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		files = append(files, goFile{filepath.ToSlash(path), set, file, string(text)})
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// TestSizes: a file tells one story in at most 400 lines of code, a function
// fits a screen.
func TestSizes(t *testing.T) {
	const fileLines, funcLines = 400, 60
	for _, f := range sources(t, false) {
		comments := map[int]bool{}
		for _, group := range f.ast.Comments {
			for line := f.set.Position(group.Pos()).Line; line <= f.set.Position(group.End()).Line; line++ {
				comments[line] = true
			}
		}
		code := 0
		for i, line := range strings.Split(f.text, "\n") {
			if strings.TrimSpace(line) != "" && !(comments[i+1] && strings.HasPrefix(strings.TrimSpace(line), "//")) {
				code++
			}
		}
		if code > fileLines {
			t.Errorf("%s has %d lines of code, more than %d", f.path, code, fileLines)
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; n > funcLines {
					t.Errorf("%s: %s has %d lines, more than %d", f.path, fn.Name.Name, n, funcLines)
				}
			}
		}
	}
}

// process is what only main packages may touch.
var process = regexp.MustCompile(`\b(os\.(Args|Stdin|Stdout|Stderr|Exit)|fmt\.Print(f|ln)?|log\.(Print|Fatal|Panic)\w*)\b`)

// TestProcess: only main packages know the process; no package has an init but
// the guard that must run before a library's; everything exported is documented.
func TestProcess(t *testing.T) {
	for _, f := range sources(t, false) {
		main := f.ast.Name.Name == "main" || strings.HasPrefix(f.path, "cmd/internal/")
		for i, line := range strings.Split(f.text, "\n") {
			code, _, _ := strings.Cut(line, "//")
			if !main && process.MatchString(code) {
				t.Errorf("%s:%d knows the process: %s", f.path, i+1, strings.TrimSpace(line))
			}
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.Name == "init" && !strings.Contains(f.path, "busguard") {
				t.Errorf("%s has an init", f.path)
			}
			if ok && !main && exported(fn) && fn.Doc == nil {
				t.Errorf("%s: %s has no doc comment", f.path, fn.Name.Name)
			}
		}
		for _, name := range []string{"util", "utils", "common", "types", "base", "misc"} {
			if f.ast.Name.Name == name {
				t.Errorf("%s: a package called %s tells nothing", f.path, name)
			}
		}
	}
}

func exported(fn *ast.FuncDecl) bool {
	switch fn.Name.Name {
	case "Error", "Unwrap", "String", "Is": // their contract is the interface's
		return false
	}
	if !fn.Name.IsExported() {
		return false
	}
	if fn.Recv == nil {
		return true
	}
	var name string
	switch t := fn.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if id, ok := t.X.(*ast.Ident); ok {
			name = id.Name
		}
	case *ast.Ident:
		name = t.Name
	}
	return ast.IsExported(name)
}

// TestNothingSkipped: a test that cannot run must say so loudly, not skip.
func TestNothingSkipped(t *testing.T) {
	skip := regexp.MustCompile(`\b[tbf]\.Skip(f|Now)?\(`)
	for _, f := range sources(t, true) {
		if f.path != "house_test.go" && skip.MatchString(f.text) {
			t.Errorf("%s skips", f.path)
		}
	}
}

// TestEveryTestIsExplained: a test says what it shows, so that a failure can be read.
func TestEveryTestIsExplained(t *testing.T) {
	test := regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`)
	for _, f := range sources(t, true) {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && test.MatchString(fn.Name.Name) && fn.Name.Name != "TestMain" && !strings.HasPrefix(fn.Doc.Text(), fn.Name.Name) {
				t.Errorf("%s: the comment of %s does not begin with its name", f.path, fn.Name.Name)
			}
		}
	}
}

// TestNothingCompiled: a regular expression or a replacer that is made before main costs
// each call of the engine more than most verbs do (docs/performance.md).
func TestNothingCompiled(t *testing.T) {
	for _, f := range sources(t, false) {
		if !strings.HasPrefix(f.path, "cmd/") && !strings.HasPrefix(f.path, "helper/") && !strings.HasPrefix(f.path, "protocol/") {
			continue
		}
		for _, d := range f.ast.Decls {
			general, ok := d.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			ast.Inspect(general, func(n ast.Node) bool {
				if _, inside := n.(*ast.FuncLit); inside {
					return false
				}
				if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "MustCompile" || s.Sel.Name == "NewReplacer") {
					t.Errorf("%s: %s runs before main", f.path, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// TestNoShell (T5): no code of ours gives a command line to a shell.
func TestNoShell(t *testing.T) {
	shell := regexp.MustCompile(`"(/bin/)?(ba|da|z)?sh",\s*"-c"|"cmd(\.exe)?",\s*"/c"`)
	for _, f := range sources(t, false) {
		if shell.MatchString(f.text) {
			t.Errorf("%s runs a shell", f.path)
		}
	}
}
