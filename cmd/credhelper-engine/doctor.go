package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
)

// doctorCommand looks at everything that could be wrong on this machine.
func (s *session) doctorCommand() *cobra.Command {
	var bundle string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "check the installation, the keyring, the cache and every profile",
		Long: "Checks, one line each, the cause before the symptom, and each failure with the\n" +
			"command that mends it. --bundle writes the same, and the profiles, as an archive\n" +
			"for a ticket: no secret, no token, no user name is in it.",
		GroupID:     groupKeep,
		Args:        between(0, 0, "doctor [--json] [--bundle FILE]"),
		Annotations: patient,
		RunE:        func(c *cobra.Command, _ []string) error { return s.doctor(c.Context(), bundle) },
	}
	c.Flags().StringVar(&bundle, "bundle", "", "write a redacted archive (.tar.gz) to `FILE`")
	return c
}

// The outcomes of a check.
const (
	good = "ok"
	note = "note"
	warn = "warn"
	bad  = "FAIL"
)

// finding is one check.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, note, warn, FAIL
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"` // what to type
}

// examination is a doctor's round.
type examination struct {
	*session
	ctx      context.Context
	dirs     cache.Dirs
	helper   *helper.Helper
	findings []finding
}

func (x *examination) add(check, result, text, mend string) {
	x.findings = append(x.findings, finding{check, result, oneLine(text), oneLine(mend)})
}

// fail adds what an error says, with its hint.
func (x *examination) fail(check string, err error) {
	mend := ""
	var e *protocol.Error
	if errors.As(err, &e) {
		mend = e.Hint
	}
	x.add(check, bad, err.Error(), mend)
}

// checks is every check, the cause before the symptom.
var checks = [...]func(*examination){
	(*examination).executables,
	(*examination).plugin,
	(*examination).places,
	(*examination).settings,
	(*examination).sealing,
	(*examination).secrets,
	(*examination).profiles,
	(*examination).tools,
	(*examination).leftovers,
}

func (s *session) doctor(ctx context.Context, bundle string) error {
	x, err := s.examine(ctx)
	if err != nil {
		return err
	}
	if bundle != "" {
		if err := x.writeBundle(bundle); err != nil {
			return err
		}
	}
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
		return policy(fmt.Sprintf("%d of %d checks failed", n, len(x.findings)))
	}
	return nil
}

func (s *session) examine(ctx context.Context) (*examination, error) {
	h, err := s.open()
	if err != nil {
		return nil, err
	}
	dirs, err := s.dirs()
	if err != nil {
		return nil, err
	}
	x := &examination{session: s, ctx: ctx, dirs: dirs, helper: h}
	for _, check := range checks {
		check(x)
	}
	return x, nil
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

// executables: where they are and whether others could have changed them.
func (x *examination) executables() {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		x.fail("engine", err)
		return
	}
	x.add("engine", good, release()+" in "+self, "")
	front := filepath.Join(filepath.Dir(self), "credhelper")
	if filepath.Base(filepath.Dir(self)) == "libexec" && !exists(front) {
		front = filepath.Join(filepath.Dir(filepath.Dir(self)), "bin", "credhelper")
	}
	found, err := x.findProgram("credhelper")
	switch {
	case err != nil:
		x.add("front", note, "credhelper is not in PATH; tools find it by its full path only", "add "+filepath.Dir(front)+" to PATH")
	default:
		if real, err := filepath.EvalSymlinks(found); err == nil && real != front && exists(front) {
			x.add("front", note, "PATH finds "+found+", this one is "+front, "")
			return
		}
		x.sameRelease("front", found)
	}
}

// plugin: whether connectors of go-plugin would find theirs. Nobody else needs it.
func (x *examination) plugin() {
	path, err := handover.Find(handover.Plugin)
	if err != nil {
		x.add("plugin", note, err.Error()+"; only connectors that use go-plugin need it", "")
		return
	}
	x.sameRelease("plugin", path)
}

// sameRelease compares the release of another executable with this one's.
func (x *examination) sameRelease(check, path string) {
	info, err := buildinfo.ReadFile(path)
	switch {
	case err != nil:
		x.add(check, note, path+": "+err.Error(), "")
	case info.Main.Version != release():
		x.add(check, note, info.Main.Version+" in "+path+", another release than the engine", "install all three files of one release")
	default:
		x.add(check, good, info.Main.Version+" in "+path, "")
	}
}

// places: where everything is, whose it is, and who can reach it (T1).
func (x *examination) places() {
	for _, place := range [...]struct {
		check, path string
		private     bool
	}{
		{"config", x.dirs.Config, false},
		{"data", x.dirs.Data, true},
		{"state", x.dirs.State, true},
		{"run", x.dirs.Run(), true},
	} {
		info, err := os.Lstat(place.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			x.add(place.check, good, place.path+" (not there yet)", "")
		case err != nil:
			x.fail(place.check, err)
		case info.Mode()&fs.ModeSymlink != 0 && place.private:
			x.add(place.check, bad, place.path+" is a link", "put a directory in its place")
		default:
			x.mode(place.check, place.path, place.private)
		}
	}
}

func (x *examination) mode(check, path string, private bool) {
	info, err := os.Stat(path)
	if err != nil {
		x.fail(check, err)
		return
	}
	mode, forbidden := info.Mode().Perm(), fs.FileMode(0o022)
	if private {
		forbidden = 0o077
	}
	switch {
	case !info.IsDir():
		x.add(check, bad, path+" is not a directory", "")
	case windows || mode&forbidden == 0 && ownedByUs(info):
		x.add(check, good, fmt.Sprintf("%s (%04o)", path, mode), "")
	case !ownedByUs(info):
		x.add(check, bad, path+" belongs to another user", "")
	default:
		x.add(check, bad, fmt.Sprintf("%s has mode %04o: others can reach it", path, mode), "once you know why: chmod go-rwx "+path)
	}
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

// sealing: where the key of cached tokens is.
func (x *examination) sealing() {
	store, err := cache.Open(x.dirs)
	if errors.Is(err, fs.ErrNotExist) {
		x.add("cache", good, "nothing was cached yet", "")
		return
	}
	if err != nil {
		x.fail("cache", policy(err.Error()))
		return
	}
	defer store.Close()
	place, err := store.KeyPlace(x.ctx)
	if err != nil {
		x.add("cache", bad, "tokens are not cached between calls: "+err.Error(), "give this user a runtime directory (tmpfs) or a kernel keyring")
		return
	}
	x.add("cache", good, "sealed; key: "+place, "")
}

// secrets: whether the keyring answers, what opens it, and how long it took.
func (x *examination) secrets() {
	settings, err := x.helper.Settings()
	if err != nil || settings.Keyring == "" {
		if err == nil && desktop.SecretServiceAnswers(x.ctx) == nil {
			x.add("keyring", note, "a desktop keyring (Secret Service) answers", "")
		}
		return
	}
	began := x.now()
	k, err := x.openKeyring(x.ctx, settings)
	if err == nil {
		_, err = k.Names(x.ctx)
	}
	took := x.now().Sub(began).Round(time.Millisecond)
	if err != nil {
		mend := ""
		if errors.Is(err, keyring.ErrLocked) {
			mend = "credhelper unlock"
		}
		x.add("keyring", bad, err.Error(), mend)
		return
	}
	x.add("keyring", good, fmt.Sprintf("%s, answered in %v", x.describeKeyring(x.ctx, settings.Keyring), took), "")
}

// profiles: each with what is wrong with it or its secret.
func (x *examination) profiles() {
	all, problems := x.helper.Profiles()
	for _, problem := range problems {
		x.fail("profile", problem)
	}
	if len(all) == 0 {
		if len(problems) == 0 {
			x.add("profile", note, "there are none yet", "credhelper add NAME --preset PRESET ...")
		}
		return
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	list, err := x.helper.Status(x.ctx, names...)
	if err != nil {
		x.fail("profile", err)
		return
	}
	for i := range list {
		x.profile(all[i], list[i])
	}
	for _, problem := range helper.Ambiguous(all) {
		x.fail("origins", problem)
	}
}

func (x *examination) profile(p *helper.Profile, st helper.Status) {
	for _, w := range p.Warnings() {
		x.add("profile", note, p.Name+": "+w, "")
	}
	now, end := x.now(), st.Ending()
	urgency := end.Urgency(now)
	switch {
	case st.Err != nil: // changed since it was read
		x.fail("profile", st.Err)
	case st.SecretErr != nil:
		x.fail("profile", st.SecretErr)
	case len(st.Changes) > 0:
		x.add("profile", bad, p.Name+": its secret was stored for other "+st.Changes[0].Name, "credhelper rebind "+p.Name)
	case urgency == helper.Over:
		x.add("profile", bad, p.Name+": its "+end.Words(now), renewalOf(st, end))
	case st.Token.Wait > 0:
		x.add("profile", bad, p.Name+": not asked again for "+span(st.Token.Wait)+": "+st.Token.Reason, "credhelper test "+p.Name)
	case urgency > helper.Calm:
		result := note
		if urgency == helper.Pressing {
			result = warn
		}
		x.add("profile", result, p.Name+": its "+end.Words(now), renewalOf(st, end))
	default:
		x.add("profile", good, p.Name+": "+explainToken(st.Token), "")
	}
}

// renewalOf is what to do about a secret or certificate that ends.
func renewalOf(st helper.Status, end helper.Ending) string {
	switch {
	case st.Source != "keyring":
		return "put a new " + end.What + " where the profile takes it from: credhelper show " + st.Profile
	case end.What == "certificate":
		return "credhelper rotate " + st.Profile + " --key-file FILE"
	}
	return "credhelper rotate " + st.Profile + " --expires DATE"
}

// leftovers: what killed processes left behind.
func (x *examination) leftovers() {
	swept := 0
	if store, err := cache.Open(x.dirs); err == nil {
		swept = store.Sweep(x.now())
		store.Close()
	}
	for _, place := range tokenPlaces(x.dirs) {
		swept += sweepTokenFiles(place)
	}
	if swept > 0 {
		x.add("leftovers", note, fmt.Sprintf("removed %d files that killed processes had left", swept), "")
		return
	}
	x.add("leftovers", good, "none", "")
}
