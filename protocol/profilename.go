package protocol

// ValidProfile reports whether name is a valid profile name: 1 to 64 lower-case
// letters, digits, '-', '_' and '.', first a letter or digit, no "..". It becomes a
// file name and part of executable names, so nothing else is accepted (T18).
func ValidProfile(name string) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		case i > 0 && c == '.' && name[i-1] != '.':
		default:
			return false
		}
	}
	return true
}
