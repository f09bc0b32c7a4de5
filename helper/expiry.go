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

// The remaining times at which the expiry of a secret or certificate is reported: time
// to request another one, and time to receive it.
const (
	noteAhead = 30 * 24 * time.Hour
	warnAhead = 7 * 24 * time.Hour
)

// Urgency says how soon something expires.
type Urgency uint8

// The urgencies, in ascending order.
const (
	Calm     Urgency = iota // unknown, or more than 30 days
	Noted                   // at most 30 days
	Pressing                // at most 7 days
	Over                    // past
)

// String returns the urgency as one word, as in status --json.
func (u Urgency) String() string {
	return [...]string{"", "soon", "pressing", "over"}[min(u, Over)]
}

// Ending is the expiry of a profile's secret or certificate.
type Ending struct {
	What string    // "secret" or "certificate"
	At   time.Time // zero if not known
}

// Urgency returns how soon it expires.
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

// Words returns "secret expires in 12 days" or "certificate expired 3 h ago"; "" if the
// expiry is unknown.
func (e Ending) Words(now time.Time) string {
	switch {
	case e.At.IsZero():
		return ""
	case e.At.After(now):
		return e.What + " expires in " + span(e.At.Sub(now))
	}
	return e.What + " expired " + span(now.Sub(e.At)) + " ago"
}

// Ending returns the earlier expiry of a profile's secret and certificate.
func (s Status) Ending() Ending {
	return nearer(Ending{"secret", s.SecretExpires}, Ending{"certificate", s.CertificateExpires})
}

func nearer(a, b Ending) Ending {
	if a.At.IsZero() || !b.At.IsZero() && b.At.Before(a.At) {
		return b
	}
	return a
}

// certificateEnd returns the expiry of the certificate that belongs to a profile's key;
// zero if there is none or if it cannot be read without running a command. inKeyring is
// the profile's secret in the keyring; zero if there is none.
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

// sourceEnd returns the expiry of the certificate beside a key in a source.
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

// keyEnd returns the expiry of the certificate beside a key.
func keyEnd(content secret.Text) time.Time {
	key, err := oauth.ReadKey([]byte(content.Reveal()), secret.Text{})
	if err != nil || key.Certificate() == nil {
		return time.Time{}
	}
	return key.Certificate().NotAfter.UTC()
}

// firstCertificateEnd parses PEM or DER; the client's own certificate is the first of a
// chain (RFC 8446 4.4.2).
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

// eventExpiry is the log's event for a reminder, by which other processes know that it
// was given.
const eventExpiry = "expiry"

// remindEvery is the interval between reminders for one profile.
const remindEvery = 24 * time.Hour

// remind reports once a day that the secret or certificate just used expires within 7
// days, if someone reads it.
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

// reminded reports whether the log has a reminder within the last day.
func (q *query) reminded(now time.Time) (found bool) {
	_ = q.eachRecord([]byte(`"`+eventExpiry+`"`), func(r Record) bool {
		age := now.Sub(r.Time)
		found = r.Event == eventExpiry && r.Profile == q.profile.Name && age >= 0 && age < remindEvery
		return !found
	})
	return found
}
