package trust

import (
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows has access control lists instead of modes. The others are the groups that each
// user of the machine, of its domain or of its network is in. What a list permits to a
// single user or to another group, somebody has decided.

var others = map[string]string{
	"S-1-1-0": "Everyone", "S-1-2-0": "LOCAL", "S-1-2-1": "CONSOLE LOGON",
	"S-1-5-2": "NETWORK", "S-1-5-3": "BATCH", "S-1-5-4": "INTERACTIVE", "S-1-5-6": "SERVICE", "S-1-5-7": "ANONYMOUS LOGON",
	"S-1-5-11": "Authenticated Users", "S-1-5-13": "TERMINAL SERVER USER", "S-1-5-14": "REMOTE INTERACTIVE LOGON",
	"S-1-5-15": "This Organization", "S-1-5-113": "Local account",
	"S-1-5-32-545": "Users", "S-1-5-32-546": "Guests",
}

// otherGroup returns the name of such a group; "" for any other.
func otherGroup(sid string) string {
	if strings.HasPrefix(sid, "S-1-5-21-") {
		switch {
		case strings.HasSuffix(sid, "-513"):
			return "Domain Users"
		case strings.HasSuffix(sid, "-514"):
			return "Domain Guests"
		}
	}
	return others[sid]
}

// Rights on a file or a directory.
const (
	toRead   = windows.FILE_READ_DATA | windows.GENERIC_READ | windows.GENERIC_ALL
	toSeize  = windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL
	toMove   = toSeize | windows.DELETE | fileDeleteChild // also what is in a directory
	toChange = toMove | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.GENERIC_WRITE

	fileDeleteChild = 0x40
)

// ForeignOwner returns whose an open file or directory is if it is neither ours nor the
// system's; else "".
func ForeignOwner(f windows.Handle) string { return examine(descriptor(f), 0, "") }

// ForeignWriter returns why others could change an open file or directory; "" if none
// could.
func ForeignWriter(f windows.Handle) string { return examine(descriptor(f), toChange, "change it") }

// ForeignReader returns why others could read or change an open file or directory; "" if
// none could.
func ForeignReader(f windows.Handle) string {
	return examine(descriptor(f), toRead|toChange, "read or change it")
}

// allowedIf is ACCESS_ALLOWED_CALLBACK_ACE_TYPE, an entry with a condition, which begins as
// one without. Nobody knows here whether the condition holds for others.
const allowedIf = 9

const ownerAndList = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION

// descriptor is nil if the system does not say.
func descriptor(f windows.Handle) *windows.SECURITY_DESCRIPTOR {
	sd, _ := windows.GetSecurityInfo(f, windows.SE_FILE_OBJECT, ownerAndList)
	return sd
}

// foreignAt is for a path, which may be missing or not be ours to look at.
func foreignAt(path string, rights windows.ACCESS_MASK, what string) string {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, ownerAndList)
	if err != nil {
		return ""
	}
	return examine(sd, rights, what)
}

func examine(sd *windows.SECURITY_DESCRIPTOR, rights windows.ACCESS_MASK, what string) string {
	if sd == nil {
		return "has no readable access control list"
	}
	owner, _, err := sd.Owner()
	if err != nil || owner == nil || !trusted(owner) {
		return "belongs to " + owner.String() + ", neither an administrator nor you"
	}
	if rights == 0 {
		return ""
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil { // no list permits everything
		return "has no access control list: everyone can " + what
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, i, &entry) != nil {
			return "has a damaged access control list"
		}
		allows := entry.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE || entry.Header.AceType == allowedIf
		if !allows || entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&rights == 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		if group := otherGroup(sid.String()); group != "" {
			return "is open to others: " + group + " can " + what
		}
	}
	return ""
}

// trusted reports whether an owner is this user, the system or an administrator.
func trusted(owner *windows.SID) bool {
	return owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		owner.String() == trustedInstaller || owner.String() == User()
}

// trustedInstaller owns the files of Windows.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// User returns the security identifier of this process's user.
var User = sync.OnceValue(func() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
})
