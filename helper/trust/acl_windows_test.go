package trust

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// TestLists: whose a directory or file is, and what its list permits to others.
func TestLists(t *testing.T) {
	const (
		profile = "(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;FA;;;ME)" // as below a user's folder
		another = "O:S-1-5-21-1-2-3-1001"
	)
	for _, c := range []struct {
		name    string
		sddl    string
		reading string // the finding for a directory of ours; "": none
		writing string // for a file that others may read
	}{
		{"ours alone", "O:MED:P(A;OICI;FA;;;ME)", "", ""},
		{"a user's folder", "O:MED:" + profile, "", ""},
		{"made by an administrator", "O:BAD:" + profile, "", ""},
		{"the system's", "O:SYD:" + profile, "", ""},
		{"TrustedInstaller's", "O:" + trustedInstaller + "D:" + profile, "", ""},
		{"another user's", another + "D:" + profile, "belongs to S-1-5-21-1-2-3-1001", "belongs to S-1-5-21-1-2-3-1001"},
		{"a service may read", "O:MED:" + profile + "(A;;FR;;;S-1-5-19)", "", ""},
		{"as in C:\\Program Files", "O:SYD:" + profile + "(A;ID;0x1200a9;;;BU)", "Users can read", ""},
		{"as in a new directory of C:\\", "O:BAD:" + profile + "(A;OICIID;0x1301bf;;;AU)", "Authenticated Users can read", "Authenticated Users can change"},
		{"everyone", "O:MED:(A;;FA;;;WD)", "Everyone can read", "Everyone can change"},
		{"everyone may add files", "O:MED:" + profile + "(A;;0x2;;;WD)", "Everyone can read", "Everyone can change"},
		{"everyone may take it over", "O:MED:" + profile + "(A;;WO;;;WD)", "Everyone can read", "Everyone can change"},
		{"guests", "O:MED:" + profile + "(A;;FR;;;BG)", "Guests can read", ""},
		{"a domain's users", "O:MED:" + profile + "(A;;FR;;;S-1-5-21-1-2-3-513)", "Domain Users can read", ""},
		{"a domain's guests", "O:MED:" + profile + "(A;;FR;;;S-1-5-21-1-2-3-514)", "Domain Guests can read", ""},
		{"who sits at the machine", "O:MED:" + profile + "(A;;FA;;;S-1-2-1)", "CONSOLE LOGON can read", "CONSOLE LOGON can change"},
		{"only for what will be in it", "O:MED:" + profile + "(A;OICIIO;FA;;;WD)", "", ""},
		{"refused to everyone", "O:MED:(D;;FA;;;WD)" + profile, "", ""},
		{"may only be listed in its parent", "O:MED:" + profile + "(A;;0x100080;;;WD)", "", ""},
		{"an empty list", "O:MED:P", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			sddl := strings.NewReplacer("O:ME", "O:"+User(), ";ME)", ";"+User()+")").Replace(c.sddl)
			sd, err := windows.SecurityDescriptorFromString(sddl)
			if err != nil {
				t.Fatalf("%s: %v", sddl, err)
			}
			for rights, want := range map[windows.ACCESS_MASK]string{toRead | toChange: c.reading, toChange: c.writing} {
				got := examine(sd, rights, map[bool]string{true: "read", false: "change"}[rights&toRead == toRead])
				if (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q", sddl, got, want)
				}
			}
		})
	}
	conditional(t)
	owner, err := windows.StringToSid(User())
	if err != nil {
		t.Fatal(err)
	}
	open, err := windows.NewSecurityDescriptor()
	if err == nil {
		err = errors.Join(open.SetOwner(owner, false), open.SetDACL(nil, true, false))
	}
	if got := examine(open, toChange, "change it"); err != nil || !strings.Contains(got, "everyone can change it") {
		t.Errorf("no list: %q, %v", got, err)
	}
	if User() == "" {
		t.Error("this process has no user")
	}
}

// conditional: what is permitted to everyone on a condition is permitted. Wine reads no such
// entry from text, so it is made of one without.
func conditional(t *testing.T) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString("O:" + User() + "D:(A;;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := sd.DACL()
	var entry *windows.ACCESS_ALLOWED_ACE
	if err == nil {
		err = windows.GetAce(list, 0, &entry)
	}
	if err != nil {
		t.Fatal(err)
	}
	entry.Header.AceType = allowedIf
	if got := examine(sd, toChange, "change it"); !strings.Contains(got, "Everyone can change it") {
		t.Errorf("a conditional entry: %q", got)
	}
}
