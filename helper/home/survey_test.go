package home

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/origin"
)

// surveyHome is a home with some profiles, p0, p1 ..., each with a host of its own,
// whose files are old enough for their stamps.
func surveyHome(t *testing.T, n int) *Home {
	t.Helper()
	dirs, err := cache.FindDirs(func(name string) string {
		return map[string]string{"CREDHELPER_HOME": t.TempDir(), "CREDHELPER_ETC": "none"}[name]
	}, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	h := &Home{Dirs: dirs, Now: func() time.Time { return time.Now().Add(time.Second) }}
	for _, dir := range []string{dirs.Profiles(), dirs.Presets()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		write(t, h, "p"+strconv.Itoa(i), "")
	}
	return h
}

// write writes a profile's file in place.
func write(t *testing.T, h *Home, name, more string) {
	t.Helper()
	text := "origins = [\"https://" + name + ".example.com\"]\ntoken_url = \"https://login.example.com/token\"\nclient_id = \"" + name + "\"\n" + more
	writeFile(t, filepath.Join(h.Dirs.Profiles(), name+".toml"), text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func look(t *testing.T, h *Home, was *cache.Origins) *Claims {
	t.Helper()
	c, err := h.Claims(context.Background(), was)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// toldOf are the user names of a survey: those that were marked show what was not read.
func toldOf(c *Claims) (names []string) {
	for _, f := range c.Origins.Files {
		names = append(names, f.Profile+f.Username)
	}
	return names
}

// TestSurveyReadsWhatChanged: of files that did not change what is known counts, and
// they are not read again; whatever changed is, however it did.
func TestSurveyReadsWhatChanged(t *testing.T) {
	ca := "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
	for what, c := range map[string]struct {
		change func(t *testing.T, h *Home)
		want   string // what is known of all after it; * marks those that were not read
	}{
		"nothing":          {func(*testing.T, *Home) {}, "p0* p1* p2*"},
		"edited in place":  {func(t *testing.T, h *Home) { write(t, h, "p1", "\n") }, "p0* p1 p2*"},
		"touched":          {func(t *testing.T, h *Home) { write(t, h, "p1", "") }, "p0* p1 p2*"},
		"replaced":         {func(t *testing.T, h *Home) { replace(t, h, "p1", "p1") }, "p0* p1 p2*"},
		"renamed":          {func(t *testing.T, h *Home) { replace(t, h, "p1", "p3") }, "p0* p2* p3"},
		"removed":          {func(t *testing.T, h *Home) { remove(t, h, "p1") }, "p0* p2*"},
		"dropped in":       {func(t *testing.T, h *Home) { write(t, h, "p11", "") }, "p0* p1* p11 p2*"},
		"the settings":     {func(t *testing.T, h *Home) { writeFile(t, h.Dirs.Settings(), "") }, "p0 p1 p2"},
		"a preset":         {func(t *testing.T, h *Home) { writeFile(t, h.Dirs.Presets()+"/mine.toml", "") }, "p0 p1 p2"},
		"a preset's text":  {func(t *testing.T, h *Home) { writeFile(t, h.Dirs.Presets()+"/old.toml", "# another") }, "p0 p1 p2"},
		"broken":           {func(t *testing.T, h *Home) { write(t, h, "p1", "frobnicate = 1\n") }, "p0* p1 p2*"},
		"its certificates": {func(t *testing.T, h *Home) { writeFile(t, h.Dirs.Config+"/ca.pem", ca+"\n") }, "p0* p1* p2"},
	} {
		t.Run(what, func(t *testing.T) {
			h := surveyHome(t, 2)
			writeFile(t, h.Dirs.Presets()+"/old.toml", "")
			writeFile(t, h.Dirs.Config+"/ca.pem", ca)
			write(t, h, "p2", "ca_file = \""+filepath.ToSlash(h.Dirs.Config)+"/ca.pem\"\n")
			was := look(t, h, nil).Origins
			for i := range was.Files {
				was.Files[i].Username = "*"
			}
			time.Sleep(50 * time.Millisecond) // so that a change has another time
			c.change(t, h)
			claims := look(t, h, was)
			if got := strings.Join(toldOf(claims), " "); got != c.want {
				t.Errorf("known: %s, want %s", got, c.want)
			}
			if claims.Changed != (what != "nothing") {
				t.Errorf("changed: %v", claims.Changed)
			}
		})
	}
}

// replace renames another file to a profile's, which takes the place of the old one.
func replace(t *testing.T, h *Home, old, name string) {
	t.Helper()
	write(t, h, name+"-new", "")
	at := func(name string) string { return filepath.Join(h.Dirs.Profiles(), name+".toml") }
	text, _ := os.ReadFile(at(old))
	writeFile(t, at(name+"-new"), string(text))
	if err := os.Rename(at(name+"-new"), at(name)); err != nil {
		t.Fatal(err)
	}
	if name != old {
		remove(t, h, old)
	}
}

func remove(t *testing.T, h *Home, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(h.Dirs.Profiles(), name+".toml")); err != nil {
		t.Fatal(err)
	}
}

// TestSurveyDoubtsNewFiles: of a file that was written a moment ago a second change
// would not show, so it is read again until one would.
func TestSurveyDoubtsNewFiles(t *testing.T) {
	h := surveyHome(t, 2)
	time.Sleep(50 * time.Millisecond)
	now := time.Now()
	h.Now = func() time.Time { return now }
	write(t, h, "p1", "")
	was := look(t, h, nil).Origins
	for i := range was.Files {
		was.Files[i].Username = "*"
	}
	if got := strings.Join(toldOf(look(t, h, was)), " "); got != "p0* p1" {
		t.Errorf("believed: %s", got)
	}
}

// TestSurveyOfAnotherRelease: what was read with other presets is read again.
func TestSurveyOfAnotherRelease(t *testing.T) {
	h := surveyHome(t, 1)
	was := look(t, h, nil).Origins
	was.Files[0].Username, was.Basis = "*", [16]byte{1}
	if got := strings.Join(toldOf(look(t, h, was)), " "); got != "p0" {
		t.Errorf("believed: %s", got)
	}
}

// TestSurveyMendsBrokenFiles: a file that is no profile is read at each look, for what
// it needs may lie anywhere.
func TestSurveyMendsBrokenFiles(t *testing.T) {
	h := surveyHome(t, 1)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	write(t, h, "p1", "ca_file = \""+filepath.ToSlash(bundle)+"\"\n")
	u, _ := origin.ParseURL("https://p1.example.com")
	claims := look(t, h, nil)
	if _, _, err := claims.Owner(u, ""); err == nil || !strings.Contains(err.Error(), "ca.pem") {
		t.Errorf("a broken profile's host: %v", err)
	}
	if keys := claims.HostKeys(); !slices.Contains(keys, "p1.example.com") {
		t.Errorf("its host is not asked about: %q", keys)
	}
	writeFile(t, bundle, "")
	if name, _, err := look(t, h, claims.Origins).Owner(u, ""); name != "p1" {
		t.Errorf("mended: %q, %v", name, err)
	}
}

// TestSurveyKnowsVariables: the variables that profiles take secrets from are known
// without reading the profiles again.
func TestSurveyKnowsVariables(t *testing.T) {
	h := surveyHome(t, 1)
	write(t, h, "p1", "secret = [\"env\", \"P1_SECRET\"]\n")
	was := look(t, h, nil).Origins
	again := &Home{Dirs: h.Dirs, Now: h.Now}
	look(t, again, was)
	if got := strings.Join(again.SourceVariables(), " "); got != "P1_SECRET" {
		t.Errorf("%q", got)
	}
}

// countdown is a context that ends after it was asked so many times.
type countdown struct {
	context.Context
	left chan struct{}
}

func newCountdown(n int) countdown {
	c := countdown{context.Background(), make(chan struct{}, n)}
	for range n {
		c.left <- struct{}{}
	}
	return c
}

// Err is that of the end of time once nothing is left.
func (c countdown) Err() error {
	select {
	case <-c.left:
		return nil
	default:
		return context.DeadlineExceeded
	}
}

// TestSurveyGoesOn: a look that has no time for all profiles keeps what it read, and the
// next one reads the rest.
func TestSurveyGoesOn(t *testing.T) {
	const files, each = 300, 120
	h := surveyHome(t, files)
	var was *cache.Origins
	for call := 1; ; call++ {
		had := 0
		if was != nil {
			had = len(was.Files)
		}
		if had == files { // what is left is to compare those that are known
			if claims := look(t, h, was); claims.Changed || call != 4 {
				t.Errorf("call %d: changed %v", call, claims.Changed)
			}
			break
		}
		claims, err := h.Claims(newCountdown(each), was)
		if n := len(claims.Origins.Files); n < min(had+each-2, files) || n > had+each || call > 3 {
			t.Fatalf("call %d: %d files are known, after %d: %v", call, n, had, err)
		}
		if err == nil || !claims.Changed || !strings.Contains(err.Error(), "of 300 profiles") {
			t.Errorf("call %d: %v", call, err)
		}
		was = claims.Origins
	}
}
