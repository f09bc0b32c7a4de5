package main

import "testing"

// TestRedact: of the user's name and home nothing is left for a ticket, on Windows either.
func TestRedact(t *testing.T) {
	for _, c := range []struct {
		environ    []string
		text, want string
	}{
		{[]string{"CREDHELPER_HOME=/srv/home", "HOME=/home/jdoe", "USER=jdoe"}, `/srv/home/run and /home/jdoe/.config, as jdoe`, `$CREDHELPER_HOME/run and $HOME/.config, as $USER`},
		{[]string{`USERPROFILE=C:\Users\J Doe`, "USERNAME=jdoe"}, `{"text": "C:\\Users\\J Doe\\AppData, of jdoe"}`, `{"text": "$USERPROFILE\\AppData, of $USERNAME"}`},
		{[]string{`USERPROFILE=C:\Users\J Doe`}, `# C:\Users\J Doe\AppData`, `# $USERPROFILE\AppData`},
	} {
		x := &examination{session: &session{environ: c.environ}}
		if got := x.redact(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}
