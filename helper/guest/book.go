package guest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// lookEvery is how long what was read of the guests is used: the longest time for which
// a revoked guest is still answered.
const lookEvery = 100 * time.Millisecond

// readTime is the time limit for reading what has changed, with the keyring.
const readTime = 4 * time.Second

// Book knows the guests of a home, and sees each change of their files within 100 ms. It
// is safe for concurrent use.
type Book struct {
	Helper *helper.Helper
	Now    func() time.Time

	mu   sync.Mutex
	read time.Time
	rows map[string]*Row // by name
	byID map[string]*Row
	by   map[[32]byte]*Row // by hash of a secret

	paths map[string]bool // of the token endpoints
	keys  *keys           // nil until a row needed them

	private *Guest // the only guest, which is in no file; nil: those in files

	keyless error     // why they could not be read; nil if they were
	failed  time.Time // when that was

	uses uses
}

// Row is a guest, and whether it is accepted.
type Row struct {
	*Guest
	Of      *config.Profile   // nil if the profile cannot be used
	Binding [32]byte          // what a token of Of is bound to
	Azure   []*config.Profile // the profiles that it gets as managed identities
	// Refused says why the guest is not accepted: its file was not made by lend, its
	// profile has changed, or the keyring is locked (protocol.ErrLocked). Nil: it is
	// accepted until it ends.
	Refused error
	// Used is when the guest used a door last; zero if that is not known. Only Rows sets
	// it.
	Used time.Time

	keys   *keys
	stamps []cache.Stamp // nil: to be read again
	last   atomic.Pointer[issuedToken]
}

// Invalid is the error of a file that is no guest's.
type Invalid struct {
	Name string // that a guest would have
	error
}

// Unwrap is for errors.Is.
func (i Invalid) Unwrap() error { return i.error }

// Rows returns all guests, in ascending order of names, and the errors of other files, each
// an Invalid.
func (b *Book) Rows(ctx context.Context) (list []*Row, problems []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, err := filesOf(b.Helper)
	if err != nil {
		return nil, []error{err}
	}
	b.renew(ctx, files)
	used := usesIn(b.Helper.Dirs)
	for _, f := range files {
		switch r := b.rows[f.Name]; {
		case r == nil:
		case r.Guest == nil:
			problems = append(problems, Invalid{f.Name, r.Refused})
		default:
			r.Used = lastUse(used, r.Secrets)
			list = append(list, r)
		}
	}
	return list, problems
}

// look reads what has changed, at most every 100 ms.
func (b *Book) look(ctx context.Context) {
	now := b.Now()
	if age := now.Sub(b.read); b.rows != nil && age >= 0 && age < lookEvery {
		return
	}
	b.read = now
	if b.private != nil {
		b.renewPrivate()
		return
	}
	files, err := filesOf(b.Helper)
	if err != nil {
		files = nil // unreadable directories have no guests
	}
	// All guests wait for what is read here, whatever becomes of the one that asked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	b.renew(ctx, files)
}

// renew reads the files that have changed.
func (b *Book) renew(ctx context.Context, files []configfile.File) {
	before := b.rows
	b.empty()
	fresh := false // the keys were read for this renewal
	for _, f := range files {
		r := before[f.Name]
		if r == nil || r.Guest == nil || r.FilePath != f.Path || !r.current() {
			r = b.readRow(ctx, f, &fresh)
		}
		b.rows[f.Name] = r
		if r.Guest == nil || !r.sealed() {
			continue // a file that lend did not make takes nothing from a guest
		}
		b.enter(r)
	}
}

func (b *Book) empty() {
	b.rows, b.byID, b.by = map[string]*Row{}, map[string]*Row{}, map[[32]byte]*Row{}
	b.paths = map[string]bool{}
}

// enter adds a guest that may come.
func (b *Book) enter(r *Row) {
	b.rows[r.Name] = r
	if b.byID[r.ID] == nil {
		b.byID[r.ID] = r
	}
	if r.Of != nil {
		b.paths[r.TokenPath()] = true
	}
	for i, hash := range r.Secrets {
		if i == 0 || r.Former != "" {
			b.by[hash] = r
		}
	}
}

// sealed reports whether the guest is accepted, or would be if the keyring were open.
func (r *Row) sealed() bool {
	return r.Refused == nil || errors.Is(r.Refused, protocol.ErrLocked) || errors.Is(r.Refused, protocol.ErrBusy)
}

// current reports whether none of the files that a row was read from has changed.
func (r *Row) current() bool {
	for _, s := range r.stamps {
		if !s.True() {
			return false
		}
	}
	return r.stamps != nil
}

// readRow reads one guest with its profiles and checks its seal. The stamps are taken
// first, so that a concurrent change shows.
func (b *Book) readRow(ctx context.Context, f configfile.File, fresh *bool) *Row {
	own, trusted := cache.TakeStamp(f.Path, b.Now())
	g, err := read(f)
	if err != nil {
		return &Row{Refused: err}
	}
	r := &Row{Guest: g}
	profiles, stamps, err := r.readProfiles(b.Helper)
	if r.Refused = err; err != nil {
		return r
	}
	if r.Refused = b.readKeys(ctx, fresh); r.Refused != nil {
		return r
	}
	r.keys = b.keys
	if needsSeal(f) && !r.keys.sealed(g, profiles) {
		r.Refused = &protocol.Error{Kind: protocol.ErrPolicy,
			Text: "guest " + g.Name + ": its file, or what its profile is bound to, was changed by other means than credhelper lend",
			Hint: "see what it may do, and accept it: credhelper lend --accept " + g.Name}
	}
	if trusted && stamps != nil {
		r.stamps = append(stamps, own)
	}
	return r
}

// readProfiles reads the profiles that the guest uses, with their stamps: nil if these are
// too young to show a change.
func (r *Row) readProfiles(h *helper.Helper) (profiles []*config.Profile, stamps []cache.Stamp, err error) {
	trusted := true
	r.Of, r.Azure = nil, nil
	for _, name := range append([]string{r.Profile}, r.Guest.Azure...) {
		p, err := h.Profile(name)
		if err != nil {
			return nil, nil, err
		}
		profiles = append(profiles, p)
		stamps = append(stamps, p.Stamps...)
		trusted = trusted && p.Stamps != nil
	}
	r.Of, r.Azure = profiles[0], profiles[1:]
	r.Binding = r.Of.TokenBinding()
	if !trusted {
		stamps = nil
	}
	return profiles, stamps, nil
}

// retryTime is how long a keyring that was locked or silent is not asked again.
const retryTime = time.Second

// readKeys reads the keys once for a renewal.
func (b *Book) readKeys(ctx context.Context, fresh *bool) (err error) {
	if b.keyless != nil && b.Now().Sub(b.failed) < retryTime {
		return b.keyless
	}
	if *fresh && b.keys != nil {
		return nil
	}
	if b.keys, err = readKeys(ctx, b.Helper); err != nil {
		b.failed = b.Now()
	}
	b.keyless, *fresh = err, err == nil
	return err
}

// Admitted is a guest that proved who it is.
type Admitted struct {
	*Row
	// Narrowing is what its local token is narrowed to; zero if it showed its secret.
	Narrowing protocol.Narrowing

	hash [32]byte // of the secret with which it did, or with which its token was requested
}

// BySecret returns the guest with a secret; with an id it must be that guest's. The
// error is an Unknown, or protocol.ErrLocked where the keyring is locked.
func (b *Book) BySecret(ctx context.Context, id string, text secret.Text) (Admitted, error) {
	hash := sha256.Sum256([]byte(text.Reveal()))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(ctx)
	r := b.by[hash]
	if r == nil || id != "" && subtle.ConstantTimeCompare([]byte(id), []byte(r.ID)) != 1 || b.byID[r.ID] != r {
		return Admitted{}, b.unknown(id, hash)
	}
	if hash != r.Secrets[0] && !b.Now().Before(r.Replaced) {
		return Admitted{}, b.unknown(id, hash)
	}
	return b.admit(r, hash)
}

// ByToken returns the guest to which a local token was issued. The error is as BySecret's.
func (b *Book) ByToken(ctx context.Context, token secret.Text) (Admitted, error) {
	c, mac, ok := readToken(token.Reveal())
	if !ok {
		return Admitted{}, &Unknown{Reason: "no guest has this secret or token"}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(ctx)
	r := b.rows[c.name]
	if r == nil || r.Guest == nil {
		return Admitted{}, &Unknown{Reason: "a local token of no guest"}
	}
	a, err := b.admit(r, r.Secrets[0])
	if err != nil {
		return a, err
	}
	if a.hash, ok = r.keys.opens(r.Guest, c, mac, b.Now()); !ok {
		return Admitted{}, r.Unknown("a local token that ended, or is not valid")
	}
	a.Narrowing = c.narrowing
	return a, nil
}

// Lives reports whether a guest that was admitted would still be, whatever became of the
// token that it used. While the keyring is locked nobody can say that it would not.
func (b *Book) Lives(ctx context.Context, a Admitted) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(ctx)
	r := b.rows[a.Name]
	if r == nil || r.Guest == nil || r.FilePath != a.FilePath || r.Ended(b.Now()) {
		return false
	}
	if a.hash != r.Secrets[0] && (a.hash != r.Secrets[1] || !b.Now().Before(r.Replaced)) {
		return false
	}
	return r.sealed()
}

// Serves reports whether some guest is used by this user of the machine. It reads no more
// than requests do, since everybody on the machine may ask.
func (b *Book) Serves(ctx context.Context, uid int) bool {
	return b.some(ctx, func(r *Row) bool { return r.Refused == nil && slices.Contains(r.Users, uid) })
}

// some reports whether it is so for some guest.
func (b *Book) some(ctx context.Context, is func(*Row) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(ctx)
	for _, r := range b.rows {
		if r.Guest != nil && is(r) {
			return true
		}
	}
	return false
}

// TokenPath reports whether a path is that of the token endpoint of some guest's profile.
func (b *Book) TokenPath(ctx context.Context, path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(ctx)
	return b.paths[path]
}

// admit checks that a guest is accepted now.
func (b *Book) admit(r *Row, hash [32]byte) (Admitted, error) {
	switch {
	case r.Refused != nil && (r.sealed() || b.private != nil):
		return Admitted{}, r.Refused
	case r.Refused != nil:
		return Admitted{}, r.Unknown(r.Refused.Error())
	case r.Ended(b.Now()):
		return Admitted{}, r.Unknown(r.ending())
	}
	return Admitted{Row: r, hash: hash}, nil
}

// TokenPath returns the path at which the guest finds its token endpoint: that of the
// profile's.
func (r *Row) TokenPath() string {
	u, err := url.Parse(r.Of.TokenURL)
	if err != nil || u.EscapedPath() == "" {
		return "/"
	}
	return u.EscapedPath()
}

// Base returns scheme and host of the profile's API; "" if it has none.
func (r *Row) Base() string {
	for _, text := range append([]string{r.Of.URL}, r.Of.OriginTexts()...) {
		u, err := url.Parse(text)
		if err == nil && u.Host != "" && !strings.HasPrefix(u.Host, "*") && (u.Scheme == "https" || u.Scheme == "http") {
			return u.Scheme + "://" + u.Host
		}
	}
	return ""
}

// Reaches reports whether the profile sends its token to the API's paths below one, or to
// some of them.
func (r *Row) Reaches(path string) bool {
	base := r.Base()
	prefix, err := origin.Parse(base + path)
	u, reason := origin.ParseURL(base + path)
	if err != nil || reason != origin.Release {
		return false
	}
	return slices.ContainsFunc(r.Of.Origins, func(o origin.Origin) bool {
		own, reason := origin.ParseURL(base + o.Path())
		return o.Match(u) == origin.Release || reason == origin.Release && o.Match(own) == origin.Release && prefix.Match(own) == origin.Release
	})
}

// Path returns the path of the API's address, "" for none.
func (r *Row) Path() string {
	u, err := url.Parse(r.Of.URL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// Identity returns the profile that the guest gets for a resource of Azure: the one with
// the resource's scope, and, if client is not "", with this client id. Two are
// protocol.ErrAmbiguous.
func (r *Row) Identity(resource, client string) (string, error) {
	var found []string
	for _, p := range r.Azure {
		if client != "" && p.ClientID != client {
			continue
		}
		if slices.Contains(p.Scopes, resource+"/.default") || slices.Contains(p.Scopes, strings.TrimSuffix(resource, "/")+"/.default") {
			found = append(found, p.Name)
		}
	}
	resource = printable.Value(resource)
	switch len(found) {
	case 0:
		return "", &protocol.Error{Kind: protocol.ErrNoProfile, Text: "guest " + r.Name + " has no profile with the scope " + resource + "/.default",
			Hint: "add it to the profile: credhelper edit NAME; or lend another: --azure NAME"}
	case 1:
		return found[0], nil
	}
	return "", &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "profiles " + strings.Join(found, " and ") + " of guest " + r.Name + " both have " + resource,
		Hint: "say which by client_id"}
}

// Token returns a local token for the guest, for the profile's whole token or what is left
// of it. It ends with the server's token, or with the guest if that is earlier; ends is in
// Unix seconds. The error is protocol.ErrLocked where there is no key yet.
func (a Admitted) Token(n protocol.Narrowing, ends int64) (secret.Text, int64, error) {
	if !a.Ends.IsZero() {
		ends = min(ends, a.Ends.Unix())
	}
	if a.hash != a.Secrets[0] {
		ends = min(ends, a.Replaced.Unix())
	}
	if a.keys.Key == "" {
		return secret.Text{}, 0, &protocol.Error{Kind: protocol.ErrLocked, Text: "the door has no keys for local tokens yet",
			Hint: "make them: credhelper lend " + cmp.Or(a.Profile, "NAME") + " --to GUEST"}
	}
	return a.issued(claims{a.Name, n, ends}, a.hash), ends, nil
}
