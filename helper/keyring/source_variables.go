package keyring

import "strings"

// neverPassed are variables that make a program run or load something else, or trust
// others. A name that ends in * matches a prefix, one that begins with * a suffix.
// Whoever can set variables for a call of credhelper must not control with them what a
// command does with a secret.
var neverPassed = [...]string{
	"PATH", "LD_*", "DYLD_*", "GCONV_PATH", "GLIBC_TUNABLES", "GODEBUG",
	"BASH_ENV", "BASH_FUNC_*", "ENV", "IFS", "SHELLOPTS",
	"PYTHON*", "PERL5*", "RUBYLIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS",
	"NODE_OPTIONS", "NODE_PATH", "NODE_TLS_REJECT_UNAUTHORIZED", "*_SKIP_VERIFY",
}

// CheckVariable returns ErrInvalid, with the reason, if a variable may not be passed to
// a command that prints a secret.
func CheckVariable(name string) error {
	if !isVariable(name) {
		return problem(ErrInvalid, "%.40q is not the name of a variable", name)
	}
	upper := strings.ToUpper(name)
	for _, pattern := range neverPassed {
		begin, open := strings.CutSuffix(pattern, "*")
		end, cut := strings.CutPrefix(pattern, "*")
		if upper == pattern || open && strings.HasPrefix(upper, begin) || cut && strings.HasSuffix(upper, end) {
			return problem(ErrInvalid, "%.40s changes what a program runs or trusts, and is never passed on", name)
		}
	}
	return nil
}

func isVariable(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	return name != "" && strings.Trim(name, letters+"0123456789") == "" && strings.Contains(letters, name[:1])
}
