package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// doctorCommand checks this machine and this home for everything that could be wrong.
func (s *session) doctorCommand() *cobra.Command {
	var bundle string
	var online bool
	c := &cobra.Command{
		Use:     "doctor [NAME...] [--online] [--json] [--bundle FILE]",
		Example: "  credhelper doctor\n  credhelper doctor jama\n  credhelper doctor --bundle report.tar.gz",
		Short:   "check the installation, the keyring, the cache and every profile",
		Long: "Checks, one line each, the cause before the symptom, and each failure with the\n" +
			"command that mends it. Without a name it asks no server and runs no command; with\n" +
			"names, or --online, it asks each host of their token endpoints once, without\n" +
			"credentials, for at most 8 seconds in all.\n\n" +
			"--bundle writes the same, and the profiles, as an archive\n" +
			"for a ticket: no secret, no token, no user name is in it.",
		GroupID:     groupKeep,
		Args:        between(0, 100),
		Annotations: patient,
		RunE: func(c *cobra.Command, names []string) error {
			return s.doctor(c.Context(), &examination{names: names, online: online || len(names) > 0}, bundle)
		},
	}
	c.Flags().BoolVar(&online, "online", false, "contact each token endpoint's host, and run the commands that print secrets")
	c.Flags().StringVar(&bundle, "bundle", "", "write a redacted archive (.tar.gz) to `FILE`")
	return c
}

// The results of a check.
const (
	good = "ok"
	note = "note"
	warn = "warn"
	bad  = "FAIL"
)

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, note, warn, FAIL
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"` // what to type
}

// examination is one run of doctor.
type examination struct {
	*session
	ctx      context.Context
	dirs     cache.Dirs
	helper   *helper.Helper
	names    []string // of the profiles to check; nil for all
	online   bool     // contact servers, and run programs that print a secret
	findings []finding
}

func (x *examination) add(check, result, text, mend string) {
	x.findings = append(x.findings, finding{check, result, printable.Line(text), printable.Line(mend)})
}

// fail records an error and its hint.
func (x *examination) fail(check string, err error) {
	mend := ""
	var e *protocol.Error
	if errors.As(err, &e) {
		mend = e.Hint
	}
	x.add(check, bad, err.Error(), mend)
}

// checks lists all checks, causes before their symptoms.
var checks = [...]func(*examination){
	(*examination).executables,
	(*examination).plugin,
	(*examination).places,
	(*examination).settings,
	(*examination).sealing,
	(*examination).secrets,
	(*examination).profiles,
	(*examination).guests,
	(*examination).tools,
	(*examination).leftovers,
}

func (s *session) doctor(ctx context.Context, x *examination, bundle string) error {
	if err := s.examine(ctx, x); err != nil {
		return err
	}
	if bundle != "" {
		if err := x.writeBundle(bundle); err != nil {
			return err
		}
	}
	var err error
	if s.flags.json {
		err = s.printJSON(x.findings)
	} else {
		err = s.print(x.text(s.screen()))
	}
	if err != nil {
		return err
	}
	if bundle != "" {
		s.say("Wrote " + bundle + ". Look through it before you send it.")
	}
	if n := x.count(bad); n > 0 {
		return protocol.Policy(fmt.Sprintf("%d of %d checks failed", n, len(x.findings)))
	}
	return nil
}

// examine runs all checks. It fails at once if a name is not that of a profile.
func (s *session) examine(ctx context.Context, x *examination) (err error) {
	x.session, x.ctx = s, ctx
	if x.helper, err = s.open(); err != nil {
		return err
	}
	if x.dirs, err = s.dirs(); err != nil {
		return err
	}
	for _, name := range x.names {
		if _, err := x.helper.Profile(name); errors.Is(err, protocol.ErrUnknown) {
			return err
		}
	}
	for _, check := range checks {
		check(x)
	}
	x.helper.Refresh(ctx)
	return nil
}

func (x *examination) count(result string) (n int) {
	for _, f := range x.findings {
		if f.Result == result {
			n++
		}
	}
	return n
}

func (x *examination) text(c screen) string {
	colours := map[string]string{good: green, note: yellow, warn: yellow, bad: red}
	var b strings.Builder
	for _, f := range x.findings {
		b.WriteString(c.paint(colours[f.Result], fmt.Sprintf("%-4s", f.Result)) + "  " + fmt.Sprintf("%-12s", f.Check) + " " + f.Text + "\n")
		if f.Mend != "" {
			b.WriteString("                   -> " + f.Mend + "\n")
		}
	}
	return b.String()
}

func (x *examination) settings() {
	settings, err := x.helper.Settings()
	switch {
	case err != nil:
		x.fail("settings", err)
	case settings.Keyring == "":
		x.add("settings", note, "no keyring is chosen yet; add chooses one", "credhelper keyring use file")
	default:
		x.add("settings", good, "keyring "+settings.Keyring, "")
	}
}

// sealing reports where the key of cached tokens is.
func (x *examination) sealing() {
	store, err := cache.Open(x.dirs)
	if errors.Is(err, fs.ErrNotExist) {
		x.add("cache", good, "nothing was cached yet", "")
		return
	}
	if err != nil {
		x.fail("cache", protocol.Policy(err.Error()))
		return
	}
	defer store.Close()
	place, err := store.KeyPlace(x.ctx)
	if err != nil {
		mend := "give this user a runtime directory (tmpfs) or a kernel keyring"
		if errors.Is(err, syscall.EROFS) {
			mend = "name a place that can be written: CREDHELPER_HOME"
		} else if windows {
			mend = "run it as a user whose profile is loaded: its keys are there (DPAPI)"
		}
		x.add("cache", bad, "tokens are not cached between calls: "+err.Error(), mend)
		return
	}
	x.add("cache", good, "sealed; key: "+place, "")
}

// secrets reports whether the keyring answers, what opens it, and how long that took.
func (x *examination) secrets() {
	settings, err := x.helper.Settings()
	if err != nil || settings.Keyring == "" {
		if err == nil && desktop.DefaultAnswers(x.ctx) == nil {
			session, _ := keyring.BackendNamed(desktop.Default)
			x.add("keyring", note, "a "+session.Title+" answers", "")
		}
		return
	}
	began := x.now()
	k, err := x.openKeyring(x.ctx, settings)
	if err == nil {
		_, err = k.Names(x.ctx)
	}
	if err == nil && settings.Keyring == fileKeyring {
		_, err = x.fileOpener(x.ctx)
	}
	took := x.now().Sub(began).Milliseconds()
	if err != nil {
		mend := ""
		if settings.Keyring == fileKeyring && errors.Is(err, keyring.ErrLocked) && !errors.Is(err, keyring.ErrKeyGone) {
			mend = "credhelper unlock"
		}
		x.add("keyring", bad, err.Error(), mend)
		return
	}
	x.add("keyring", good, fmt.Sprintf("%s, answered in %d ms", x.describeKeyring(x.ctx, settings.Keyring), took), "")
}

// leftovers reports what killed processes have left behind.
func (x *examination) leftovers() {
	swept := 0
	if store, err := cache.Open(x.dirs); err == nil {
		for _, path := range store.Misplaced() {
			x.add("leftovers", bad, path+" stands where the cache has a file, so nothing is cached there", "once you know why: rm -r "+path)
		}
		swept = store.Sweep(x.now())
		store.Close()
	}
	for _, place := range tokenfile.Places(x.dirs) {
		swept += tokenfile.Sweep(place)
	}
	if swept > 0 {
		x.add("leftovers", note, fmt.Sprintf("removed %d files that killed processes had left", swept), "")
		return
	}
	x.add("leftovers", good, "none", "")
}
