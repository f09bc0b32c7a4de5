package home

import (
	"os"
	"testing"
	"time"
)

// TestSettingsAreReadOnce: the settings are parsed once, and again after each change,
// however quickly it follows and whatever it leaves alike.
func TestSettingsAreReadOnce(t *testing.T) {
	h := surveyHome(t, 0)
	path := h.Dirs.Settings()
	for i, audit := range []string{"all", "required", "all"} {
		if i == 2 { // a change within a tick of the clock
			now := time.Now()
			h.Now = func() time.Time { return now }
		}
		writeFile(t, path, "audit = \""+audit+"\"\n")
		for range 2 {
			if s, err := h.Settings(); err != nil || s.Audit != audit {
				t.Fatalf("%s: %+v, %v", audit, s, err)
			}
		}
		if known := h.settings.last.Audit == audit; known != (i < 2) {
			t.Errorf("%s: kept %v", audit, known)
		}
	}
	h.Now = func() time.Time { return time.Now().Add(time.Second) }
	if _, err := h.Settings(); err != nil {
		t.Fatal(err)
	}
	h.settings.last.Audit = "kept"
	if s, err := h.Settings(); err != nil || s.Audit != "kept" {
		t.Errorf("read again: %+v, %v", s, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Settings(); err == nil {
		t.Error("others can write the settings now, and they count")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Settings(); err != nil || s.Audit != "" {
		t.Errorf("removed: %+v, %v", s, err)
	}
}
