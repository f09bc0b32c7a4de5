package cache

import (
	"errors"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/private"
)

// Dirs holds the directories of a home (docs/architecture.md, "What is on disk"). All
// paths are absolute.
type Dirs struct {
	Config  string // config.toml, profiles/, presets/
	Data    string // keyring/, the encrypted file keyring
	State   string // run/, log, key file
	System  string // the administrator's profiles/ and presets/; "" with CREDHELPER_ETC=none
	Runtime string // a directory that ends with the session or with the machine's uptime; may not exist
	Apart   bool   // below CREDHELPER_HOME: one of maybe several homes of a user
}

// Lookup returns a variable of an environment of entries "NAME=value". Windows writes some
// names in capitals and compares all of them without regard to case.
func Lookup(environ []string, name string) (value string, found bool) {
	for _, entry := range environ {
		if len(entry) <= len(name) || entry[len(name)] != '=' {
			continue
		}
		if entry[:len(name)] == name || runtime.GOOS == "windows" && strings.EqualFold(entry[:len(name)], name) {
			return entry[len(name)+1:], true
		}
	}
	return "", false
}

// Variables returns the lookup in an environment that FindDirs needs.
func Variables(environ []string) func(name string) string {
	return func(name string) string {
		value, _ := Lookup(environ, name)
		return value
	}
}

// ErrNoHome says that the environment names no home directory.
var ErrNoHome = errors.New(noHome())

func noHome() string {
	if runtime.GOOS == "windows" {
		return "AppData and LocalAppData are not set; set CREDHELPER_HOME, or ask with --no-store"
	}
	return "HOME is not set to an absolute path; set HOME or CREDHELPER_HOME, or ask with --no-store"
}

// FindDirs returns the directories for the environment of a process of user uid.
//
// CREDHELPER_HOME, which must be absolute, puts the user's below one directory; else the
// XDG variables are used if they are absolute, as the XDG base directory specification
// requires; else HOME. CREDHELPER_ETC=none omits the administrator's, as for a home that
// must not depend on the machine.
func FindDirs(env func(string) string, uid int) (Dirs, error) {
	d := Dirs{Runtime: env("XDG_RUNTIME_DIR")}
	if runtime.GOOS == "darwin" {
		// What "getconf DARWIN_USER_TEMP_DIR" prints: /var/folders/xx/.../T/.
		d.Runtime = filepath.Clean(env("TMPDIR"))
	}
	if !filepath.IsAbs(d.Runtime) {
		// cron and sudo-to-self have no XDG_RUNTIME_DIR but the same directory, and
		// must find the same key.
		d.Runtime = "/run/user/" + strconv.Itoa(uid)
	}
	switch env("CREDHELPER_ETC") {
	case "":
		d.System = systemDir(env)
	case "none":
	default:
		return Dirs{}, errors.New("CREDHELPER_ETC can only be none")
	}
	if home := env("CREDHELPER_HOME"); home != "" {
		if !filepath.IsAbs(home) {
			return Dirs{}, errors.New("CREDHELPER_HOME is not an absolute path")
		}
		d.Config = home + "/config"
		d.Data = home + "/data"
		d.State = home + "/state"
		d.Apart = true
		return d, nil
	}
	if runtime.GOOS == "windows" {
		return windowsDirs(d, env)
	}
	home := strings.TrimRight(env("HOME"), "/") // "" is the root directory, or no home
	rooted := filepath.IsAbs(env("HOME"))
	place := func(variable, below string) string {
		if dir := env(variable); filepath.IsAbs(dir) {
			return dir + "/credhelper"
		}
		if !rooted {
			return ""
		}
		return home + below + "/credhelper"
	}
	d.Config = place("XDG_CONFIG_HOME", "/.config")
	d.Data = place("XDG_DATA_HOME", "/.local/share")
	d.State = place("XDG_STATE_HOME", "/.local/state")
	if d.Config == "" || d.Data == "" || d.State == "" {
		return Dirs{}, ErrNoHome
	}
	return d, nil
}

// systemDir is the administrator's directory.
func systemDir(env func(string) string) string {
	if runtime.GOOS != "windows" {
		return "/etc/credhelper"
	}
	if data := env("ProgramData"); filepath.IsAbs(data) {
		return filepath.Join(data, "credhelper")
	}
	return ""
}

func windowsDirs(d Dirs, env func(string) string) (Dirs, error) {
	roaming, local := env("AppData"), env("LocalAppData")
	if !filepath.IsAbs(roaming) || !filepath.IsAbs(local) {
		return Dirs{}, ErrNoHome
	}
	d.Config = filepath.Join(roaming, "credhelper")
	d.Data = filepath.Join(local, "credhelper", "data")
	d.State = filepath.Join(local, "credhelper", "state")
	return d, nil
}

// Check returns ErrUnsafe if others could read or change the state or the data of this
// home, or replace a directory above it (T1). Missing directories are safe.
func (d Dirs) Check() error {
	for _, path := range [...]string{d.State, d.Data} {
		dir, err := private.Enter(path)
		switch {
		case err == nil:
			dir.Close()
		case errors.Is(err, ErrUnsafe):
			return err
		}
	}
	return nil
}

// Run returns the directory of sealed tokens, routes and marks.
func (d Dirs) Run() string { return d.State + "/run" }

// Profiles returns the user's directory of profiles, one TOML file each.
func (d Dirs) Profiles() string { return d.Config + "/profiles" }

// Guests returns the user's directory of guests of the door, one TOML file each.
func (d Dirs) Guests() string { return d.Config + "/guests" }

// Presets returns the user's directory of presets, one TOML file each.
func (d Dirs) Presets() string { return d.Config + "/presets" }

// Settings returns the path of the settings.
func (d Dirs) Settings() string { return d.Config + "/config.toml" }

// Configuration lists what every profile depends on: the settings, and the folders of
// profiles and presets, the user's first.
func (d Dirs) Configuration() []string {
	paths := []string{d.Settings(), d.Profiles(), d.Presets()}
	if d.System != "" {
		paths = append(paths, d.System+"/profiles", d.System+"/presets")
	}
	return paths
}

// Keyring returns the directory of the encrypted file keyring.
func (d Dirs) Keyring() string { return d.Data + "/keyring" }

// KeyFile returns the path of the generated key that opens an encrypted file keyring
// without passphrase.
func (d Dirs) KeyFile() string { return d.State + "/keyring.key" }

// Log returns the path of the log of fetches, refusals, failures and sign-ins.
func (d Dirs) Log() string { return d.State + "/log" }
