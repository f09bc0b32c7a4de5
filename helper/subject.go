package helper

import (
	"context"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
)

// subjectSources are the members that say on whose behalf the profile's tokens are
// fetched: the token that is exchanged, an assertion that somebody else signed, or a
// token that another program made. A person's tokens are the person's, whoever the
// client is.
func subjectSources(p *config.Profile) (list [][]string) {
	if p.Interactive() {
		return nil
	}
	if p.Grant == "token_exchange" {
		list = append(list, p.Subject)
	}
	for _, words := range [...][]string{p.From, p.Token} {
		if words != nil {
			list = append(list, words)
		}
	}
	return list
}

// subject reads on whose behalf tokens of the profile are fetched now: nil for one
// that acts for nobody but itself. A command is not run for it, so for a profile whose
// subject comes from one all calls are one subject's (docs/grants.md). It is not known
// if a variable is not set or a file cannot be read.
func (h *Helper) subject(p *config.Profile) (subject cache.Subject, known bool) {
	for _, words := range subjectSources(p) {
		switch kind := words[0]; kind {
		case "env":
			subject, known = h.addVariable(subject, words[1])
		case "file":
			subject, known = h.addFile(p, subject, words[1], words)
		case "github": // the job's
			subject, known = h.addVariable(subject, keyring.GitHubToken)
		case "credential": // a file, in a directory that the unit's environment names
			const directory = "CREDENTIALS_DIRECTORY"
			if subject, known = h.addVariable(subject, directory); known {
				subject, known = h.addFile(p, subject, filepath.Join(h.env(directory), words[1]), words)
			}
		default:
			continue
		}
		if !known {
			return nil, false
		}
	}
	return subject, true
}

func (h *Helper) addVariable(s cache.Subject, name string) (cache.Subject, bool) {
	value := h.env(name)
	return append(s, cache.ProofOfVariable(name, value)), value != ""
}

// addFile stamps the file before it is read, so that a change in between shows.
func (h *Helper) addFile(p *config.Profile, s cache.Subject, path string, words []string) (cache.Subject, bool) {
	stamp, trusted := cache.TakeStamp(path, h.now())
	source, err := h.Source(p, words)
	if err != nil {
		return s, false
	}
	content, err := source.ReadKey(context.Background()) // a file waits for nothing, and may have lines
	return append(s, cache.ProofOfFile(stamp, trusted, content.Reveal())), err == nil
}

// identify sets whose request this is: what its token is bound to, and on whose behalf
// it is fetched.
func (q *query) identify() {
	q.item = cache.Item{Profile: q.profile.Name, Narrowing: q.request.Narrowing}
	q.binding = q.profile.TokenBinding()
	if q.whole == ([32]byte{}) {
		q.whole = q.binding
	}
	q.subject, q.readable = q.Helper.subject(q.profile)
}

// stillSame reports whether the subject is known, and the one that the request began
// with: a token that was fetched while a file changed belongs to nobody in particular.
func (q *query) stillSame() bool {
	now, known := q.Helper.subject(q.profile)
	return q.readable && known && now.Same(q.subject)
}
