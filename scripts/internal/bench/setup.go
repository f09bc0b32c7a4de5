package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// bench is the environment of the measurements.
type bench struct {
	rounds   int
	long     time.Duration // of the soak
	dir      string
	server   *oauthtest.Server
	one      *program.Home         // with one profile
	many     *program.Home         // with 10,000
	audit    *program.Home         // that logs every answer
	cold     *program.Home         // whose token is taken away before each call
	more     map[int]*program.Home // with so many profiles
	launches []*launch
	ends     []func()
}

const (
	profileName = "jama"
	host        = "api.example.com"
	tokenSize   = 1200 // bytes, of the usual signed token
	manyOthers  = 9999
)

// setUp builds everything, starts the authorization server, and creates the homes with
// the real commands; if plain, only those for connectors.
func (b *bench) setUp(plain bool) (err error) {
	if b.dir, err = os.MkdirTemp("", "credhelper-bench-*"); err != nil {
		return err
	}
	b.ends = append(b.ends, func() { os.RemoveAll(b.dir) })
	if err := program.Build(b.dir); err != nil {
		return err
	}
	for _, name := range program.Executables {
		if err := b.install(name); err != nil {
			return err
		}
	}
	b.server, err = oauthtest.New(oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "bench", Secret: "bench-secret"}}, TokenSize: tokenSize, Lifetime: 12 * time.Hour,
	})
	if err != nil {
		return err
	}
	b.ends = append(b.ends, b.server.Close)
	for _, h := range []struct {
		into     **program.Home
		name     string
		others   int
		settings string
	}{{&b.one, "one", 0, ""}, {&b.audit, "audit", 0, "audit = \"all\"\n"}, {&b.many, "many", manyOthers, ""}} {
		if plain && h.others > 0 {
			continue
		}
		if *h.into, err = b.warmHome(h.name, h.others, h.settings); err != nil {
			return err
		}
	}
	if plain {
		return nil
	}
	return b.calls()
}

func (b *bench) close() {
	for i := len(b.ends) - 1; i >= 0; i-- {
		b.ends[i]()
	}
}

// home creates an empty home.
func (b *bench) home(name string) (*program.Home, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	home, err := program.NewHome(dir, b.dir)
	if err == nil {
		b.ends = append(b.ends, home.Close)
	}
	return home, err
}

// warmHome creates a home with the profile, its token, and other profiles.
func (b *bench) warmHome(name string, others int, settings string) (*program.Home, error) {
	home, err := b.home(name)
	if err != nil {
		return nil, err
	}
	if err := b.profiles(home, others); err != nil {
		return nil, err
	}
	if settings != "" {
		text, err := os.ReadFile(home.Dirs.Settings())
		if err == nil {
			err = os.WriteFile(home.Dirs.Settings(), append([]byte(settings), text...), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	// Twice: stamps younger than 10 ms are not trusted, so the front may not be able to
	// repeat the first answer.
	for range 2 {
		time.Sleep(50 * time.Millisecond)
		for _, by := range []string{profileName, "https://" + host + "/rest"} {
			if _, err := home.Run("", "header", by); err != nil {
				return nil, err
			}
		}
	}
	return home, nil
}

// profiles adds the profile that is used, and others on other hosts.
func (b *bench) profiles(home *program.Home, others int) error {
	p := program.Profile{TokenURL: b.server.TokenURL(), ClientID: "bench"}
	for i := range others {
		p.Name, p.Origin = fmt.Sprintf("other-%d", i), fmt.Sprintf("https://host-%d.example.org", i)
		p.Also = []string{fmt.Sprintf("https://*.wild-%d.example.org", i), fmt.Sprintf("https://shared.example.org/%d", i)}
		if err := home.AddProfile(p); err != nil {
			return err
		}
	}
	p.Name, p.Origin, p.Also, p.Secret = profileName, "https://"+host, nil, "bench-secret"
	return home.AddProfile(p)
}

// calls lists what the paired run starts.
func (b *bench) calls() error {
	token, err := b.one.Run("", "token", profileName)
	if err != nil {
		return err
	}
	token = strings.TrimSpace(token)
	stdin := func(name, text string) string {
		path := filepath.Join(b.dir, name+".stdin")
		if e := os.WriteFile(path, []byte(text), 0o600); e != nil {
			err = e
		}
		return path
	}
	git := stdin("git", "protocol=https\nhost="+host+"\n\n")
	call := func(name string, home *program.Home, stdin string, args ...string) {
		cmd := home.Command(args...)
		b.launches = append(b.launches, &launch{name: name, argv: cmd.Args, env: cmd.Env, dir: cmd.Dir, stdin: stdin})
	}
	for _, name := range []string{"empty", "line"} {
		if err := b.buildEmpty(name); err != nil {
			return err
		}
		full := map[string]string{"empty": nameEmpty, "line": nameLine}[name]
		b.launches = append(b.launches, &launch{name: full, argv: []string{filepath.Join(b.dir, name)}, env: b.one.Env, dir: b.dir})
	}
	url := "https://" + host + "/rest/v1/projects?maxResults=1"
	call(nameToken, b.one, "", "token", profileName)
	call(nameHeader, b.one, "", "header", url)
	call(nameGet, b.one, stdin("native", `{"uri":"`+url+`"}`), "get")
	call(nameGit, b.one, git, "git-credential-credhelper", "get")
	call(nameDocker, b.one, stdin("docker", "https://"+host), "docker-credential-credhelper", "get")
	call(nameMany, b.many, "", "token", profileName)
	call(nameManyBy, b.many, "", "header", url)
	call(nameAudit, b.audit, "", "token", profileName)
	for _, l := range b.launches[2:] {
		if l.want = token; !strings.HasPrefix(l.dir, b.one.Dir) {
			l.want = "." // another home's token
		}
	}
	call(nameList, b.one, "", "list")
	list := b.launch(nameList)
	list.want = profileName
	return errors.Join(err, b.daemon(token, git), b.pass(token))
}

// buildEmpty builds one of the programs that show the cost of starting a process.
func (b *bench) buildEmpty(name string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(b.dir, name), "./scripts/internal/bench/testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return b.install(name)
}

// install writes an executable again as an installation does. Go's linker writes it through
// a map of the file, which leaves it in memory page by page, and each start takes a fifth
// longer until the machine is started anew.
func (b *bench) install(name string) error {
	path := filepath.Join(b.dir, name)
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", content, 0o755)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// installAgain installs all executables of the paired run again.
func (b *bench) installAgain() error {
	for _, name := range append([]string{"empty", "line"}, program.Executables[:2]...) {
		if err := b.install(name); err != nil {
			return err
		}
	}
	return nil
}

// launch returns a launch by its name.
func (b *bench) launch(name string) *launch {
	for _, l := range b.launches {
		if l.name == name {
			return l
		}
	}
	panic("no launch " + name)
}
