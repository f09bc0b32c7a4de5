package connector

import (
	"runtime"
	"strings"
)

// variables lists the environment variables of the host that credhelper gets, and why.
// The others are not passed on: a connector may have database passwords and cloud keys
// in its environment (T7). A name that ends in * stands for all that begin with it.
var variables = [...]struct{ names, why string }{
	{"CREDHELPER_HOME CREDHELPER_ETC HOME XDG_*", "where profiles, the keyring and the sealed tokens are"},
	{"APPDATA LOCALAPPDATA PROGRAMDATA USERPROFILE", "the same on Windows"},
	{"TMPDIR TEMP TMP", "where the socket may be"},
	{"CREDENTIALS_DIRECTORY", "secrets that systemd gives to the unit"},
	{"DBUS_SESSION_BUS_ADDRESS", "the Secret Service"},
	{"PASSWORD_STORE_DIR GNUPGHOME SSH_AUTH_SOCK", "pass, and the agents of gpg and ssh that it asks"},
	{"PATH USER LOGNAME SHELL", "gpg, pass, and commands that print a secret"},
	{"HTTPS_PROXY https_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy", "the way to the token endpoint"},
	{"SSL_CERT_FILE SSL_CERT_DIR", "whom the token endpoint's certificate must be from"},
	{"TZ LANG LC_*", "times and letters of what people read"},
	{"SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT", "without which no program of Windows works"},
}

// allowed returns the entries of environ, "NAME=value", that credhelper gets.
func allowed(environ []string) []string {
	var rest []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if runtime.GOOS == "windows" { // PATH may be spelled Path
			name = strings.ToUpper(name)
		}
		if isAllowed(name) {
			rest = append(rest, entry)
		}
	}
	return rest
}

func isAllowed(name string) bool {
	for _, row := range variables {
		for pattern := range strings.FieldsSeq(row.names) {
			if begin, open := strings.CutSuffix(pattern, "*"); open && strings.HasPrefix(name, begin) || name == pattern {
				return true
			}
		}
	}
	return false
}
