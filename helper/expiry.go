package helper

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// From when on the end of a secret or certificate is told: time to ask whoever
// makes another one, and time to make it.
const (
	noteAhead = 30 * 24 * time.Hour
	warnAhead = 7 * 24 * time.Hour
)

// Urgency is how near an end is.
type Urgency uint8

// The urgencies, rising.
const (
	Calm     Urgency = iota // not known, or more than 30 days
	Noted                   // at most 30 days
	Pressing                // at most 7 days
	Over                    // past
)

// String is the urgency in a word, as status --json has it.
func (u Urgency) String() string {
	return [...]string{"", "soon", "pressing", "over"}[min(u, Over)]
}

// Ending is when something that a profile proves itself with ends.
type Ending struct {
	What string    // "secret" or "certificate"
	At   time.Time // zero if not known
}

// Urgency says how near it is.
func (e Ending) Urgency(now time.Time) Urgency {
	left := e.At.Sub(now)
	switch {
	case e.At.IsZero() || left > noteAhead:
		return Calm
	case left > warnAhead:
		return Noted
	case left > 0:
		return Pressing
	}
	return Over
}

// Words are "secret expires in 12 days" or "certificate expired 3 h ago"; "" if no
// end is known.
func (e Ending) Words(now time.Time) string {
	switch {
	case e.At.IsZero():
		return ""
	case e.At.After(now):
		return e.What + " expires in " + span(e.At.Sub(now))
	}
	return e.What + " expired " + span(now.Sub(e.At)) + " ago"
}

// Ending is the nearer of the ends of a profile's secret and certificate.
func (s Status) Ending() Ending {
	return nearer(Ending{"secret", s.SecretExpires}, Ending{"certificate", s.CertificateExpires})
}

func nearer(a, b Ending) Ending {
	if a.At.IsZero() || !b.At.IsZero() && b.At.Before(a.At) {
		return b
	}
	return a
}

// certificateEnd is when the certificate ends that goes with a profile's key, zero
// if it has none or it cannot be had without running a command. inKeyring is what
// the keyring holds for the profile, zero if that is nothing.
func (h *Helper) certificateEnd(ctx context.Context, p *config.Profile, inKeyring secret.Text) time.Time {
	const largest = 256 << 10
	if p.ClientCert != nil {
		return h.sourceEnd(ctx, p, p.ClientCert)
	}
	switch {
	case !p.NeedsKey():
		return time.Time{}
	case p.Cert != "":
		content, err := config.ReadProvided(p.Cert, largest)
		if err != nil {
			return time.Time{}
		}
		return firstCertificateEnd(content)
	case p.SecretIsKey() && p.InKeyring():
		return keyEnd(inKeyring)
	}
	words := p.Key
	if words == nil {
		words = p.Secret
	}
	return h.sourceEnd(ctx, p, words)
}

// sourceEnd is the end of the certificate that lies beside a key in a source.
func (h *Helper) sourceEnd(ctx context.Context, p *config.Profile, words []string) time.Time {
	if words[0] == "command" {
		return time.Time{}
	}
	source, err := keyring.NewSource(words, h.surroundings(p))
	if err != nil {
		return time.Time{}
	}
	key, err := source.ReadKey(ctx)
	if err != nil {
		return time.Time{}
	}
	return keyEnd(key)
}

// keyEnd is the end of the certificate that lies beside a key.
func keyEnd(content secret.Text) time.Time {
	key, err := oauth.ReadKey([]byte(content.Reveal()), secret.Text{})
	if err != nil || key.Certificate() == nil {
		return time.Time{}
	}
	return key.Certificate().NotAfter.UTC()
}

// firstCertificateEnd reads PEM or DER; the client's own certificate comes first in
// a chain (RFC 8446 4.4.2).
func firstCertificateEnd(content []byte) time.Time {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			content = block.Bytes
			break
		}
	}
	cert, err := x509.ParseCertificate(content)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter.UTC()
}

// eventExpiry is the line of a reminder, which is also how another process knows
// that it was given.
const eventExpiry = "expiry"

// remindEvery is how often one profile's end is told at a fetch.
const remindEvery = 24 * time.Hour

// remind tells once a day that what was just shown to the server ends within 7
// days, where somebody reads it.
func (q *query) remind(shown proof, client *oauth.Client) {
	if !q.config.Reminds || q.store == nil {
		return
	}
	end := Ending{"secret", shown.expires}
	if client.Key != nil && client.Key.Certificate() != nil {
		end = nearer(end, Ending{"certificate", client.Key.Certificate().NotAfter.UTC()})
	}
	now := q.now()
	if end.Urgency(now) < Pressing || q.reminded(now) {
		return
	}
	text := "profile " + q.profile.Name + ": its " + end.Words(now)
	if q.profile.InKeyring() {
		text += "; store a new one: credhelper rotate " + q.profile.Name
	}
	q.log(Record{Event: eventExpiry, Profile: q.profile.Name, Text: text})
	q.report(text)
}

// reminded reports whether the log has a reminder of the last day.
func (q *query) reminded(now time.Time) (found bool) {
	_ = q.eachRecord([]byte(`"`+eventExpiry+`"`), func(r Record) bool {
		age := now.Sub(r.Time)
		found = r.Event == eventExpiry && r.Profile == q.profile.Name && age >= 0 && age < remindEvery
		return !found
	})
	return found
}
