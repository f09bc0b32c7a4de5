package helper_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

const day = 24 * time.Hour

// TestUrgency: 30 days ahead a note, 7 days ahead a warning, then it is over.
func TestUrgency(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		left  time.Duration // 0: not known
		want  expiry.Urgency
		word  string
		words string
	}{
		{0, expiry.Calm, "", ""},
		{31 * day, expiry.Calm, "", "secret expires in 31 days"},
		{30*day + time.Second, expiry.Calm, "", "secret expires in 30 days"},
		{30 * day, expiry.Noted, "soon", "secret expires in 30 days"},
		{7*day + time.Second, expiry.Noted, "soon", "secret expires in 7 days"},
		{7 * day, expiry.Pressing, "pressing", "secret expires in 7 days"},
		{time.Hour, expiry.Pressing, "pressing", "secret expires in 60 min"},
		{-time.Second, expiry.Over, "over", "secret expired 1 s ago"},
		{-40 * day, expiry.Over, "over", "secret expired 40 days ago"},
	} {
		e := expiry.Date{What: "secret"}
		if c.left != 0 {
			e.At = now.Add(c.left)
		}
		if got := e.Urgency(now); got != c.want || got.String() != c.word || e.Words(now) != c.words {
			t.Errorf("%v: %v %q %q", c.left, got, got.String(), e.Words(now))
		}
	}
}

// TestSecretEnds: the day that was noted with a secret counts before the one in the
// profile, and what the profile says of a day before the secret was stored is about
// an earlier one.
func TestSecretEnds(t *testing.T) {
	at := func(days int) time.Time { return time.Now().UTC().Add(time.Duration(days) * day).Truncate(day) }
	for _, c := range []struct {
		name            string
		profile, secret int // days from now; 0: not said
		want            int
	}{
		{"nobody said", 0, 0, 0},
		{"the profile", 40, 0, 40},
		{"the secret", 0, 50, 50},
		{"both", 40, 50, 50},
		{"an earlier secret", -10, 0, 0},
		{"an earlier secret's, and its own", -10, 50, 50},
		{"past, by its own note", 0, -3, -3},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			text := plain
			if c.profile != 0 {
				text += "secret_expires = " + at(c.profile).Format(time.DateOnly) + "\n"
			}
			h.profile("demo", text)
			var noted, want time.Time
			if c.secret != 0 {
				noted = at(c.secret)
			}
			if c.want != 0 {
				want = at(c.want)
			}
			if err := h.helper().StoreSecret(t.Context(), h.demo(), secret.New("secret"), noted); err != nil {
				t.Fatal(err)
			}
			list, err := h.helper().Status(t.Context(), "demo")
			if err != nil || !list[0].SecretExpires.Equal(want) || !list[0].Expiry().At.Equal(want) {
				t.Errorf("%v, %v; want %v", list[0].SecretExpires, err, want)
			}
		})
	}
}

// signed is a private key with a certificate that ends then, as PEM.
func signed(t *testing.T, ends time.Time) (key, certificate string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: ends.Add(-60 * day), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestCertificateEnds: status knows the end of the client's certificate, wherever it
// lies, and runs no command for it.
func TestCertificateEnds(t *testing.T) {
	ends := time.Now().Add(5 * day).Truncate(time.Second).UTC()
	key, certificate := signed(t, ends)
	h := newHome(t, oauthtest.Options{})
	dir := t.TempDir()
	h.write(dir+"/both.pem", key+certificate)
	h.write(dir+"/key.pem", key)
	h.write(dir+"/cert.pem", certificate)
	const signs = plain + "client_auth = \"private_key_jwt\"\n"
	for _, c := range []struct {
		name, profile, secret string
		want                  time.Time
	}{
		{"beside the key in the keyring", signs, key + certificate, ends},
		{"a key alone", signs, key, time.Time{}},
		{"a file of its own", signs + "assertion.cert = \"" + dir + "/cert.pem\"\n", key, ends},
		{"a file with the key", signs + "assertion.key = [\"file\", \"" + dir + "/both.pem\"]\n", "", ends},
		{"a secret from a file", signs + "secret = [\"file\", \"" + dir + "/both.pem\"]\n", "", ends},
		{"a command is not run", signs + "secret = [\"command\", \"/bin/cat\", \"" + dir + "/both.pem\"]\n", "", time.Time{}},
		{"a file that is not there", signs + "assertion.cert = \"" + dir + "/none.pem\"\n", key, time.Time{}},
		{"a client without a key", plain, "secret", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.profile("demo", c.profile)
			if c.secret != "" {
				if err := h.helper().StoreSecret(t.Context(), h.demo(), secret.New(c.secret), ends.Add(day)); err != nil {
					t.Fatal(err)
				}
			}
			list, err := h.helper().Status(t.Context(), "demo")
			if err != nil || !list[0].CertificateExpires.Equal(c.want) {
				t.Errorf("%v, %v; want %v", list[0].CertificateExpires, err, c.want)
			}
			if !c.want.IsZero() && list[0].Expiry() != (expiry.Date{What: "certificate", At: ends}) {
				t.Errorf("the nearer end is %+v", list[0].Expiry())
			}
		})
	}
}

// TestReminder: once a day a fetch reminds of what ends within 7 days, in programs
// of which somebody reads the warnings, and in no other.
func TestReminder(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	if err := h.helper().StoreSecret(t.Context(), h.demo(), secret.New("secret"), time.Now().Add(9*day)); err != nil {
		t.Fatal(err)
	}
	fetch := func(reminds bool) string {
		t.Helper()
		h.warnings = nil
		own := h.config()
		own.Reminds = reminds
		if _, err := newHelper(own).Test(t.Context(), "demo"); err != nil {
			t.Fatal(err)
		}
		return strings.Join(h.warnings, "\n")
	}
	if got := fetch(true); got != "" {
		t.Errorf("9 days before: %q", got)
	}
	h.wait(3 * day)
	if got := fetch(false); got != "" {
		t.Errorf("a tool is told %q", got)
	}
	if got, want := fetch(true), "profile demo: its secret expires in 5 days; store a new one: credhelper rotate demo"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fetch(true); got != "" {
		t.Errorf("twice a day: %q", got)
	}
	h.wait(25 * time.Hour)
	if got := fetch(true); !strings.Contains(got, "in 4 days") {
		t.Errorf("the next day: %q", got)
	}
	h.wait(9 * day)
	if got := fetch(true); !strings.Contains(got, "its secret expired 4 days ago") {
		t.Errorf("afterwards: %q", got)
	}
	reminders := 0
	for _, r := range h.log() {
		if r.Event == "expiry" {
			reminders++
		}
	}
	if reminders != 3 {
		t.Errorf("%d lines", reminders)
	}
}

// TestCertificateReminder: a client certificate's end is told, too.
func TestCertificateReminder(t *testing.T) {
	key, certificate := signed(t, time.Now().Add(2*day+time.Hour))
	block, _ := pem.Decode([]byte(certificate))
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "client", Auth: "private_key_jwt", Key: parsed.PublicKey, Certificate: parsed}}})
	h.profile("demo", plain+"client_auth = \"private_key_jwt\"\n")
	h.store("demo", key+certificate)
	own := h.config()
	own.Reminds = true
	if _, err := newHelper(own).Get(t.Context(), named); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.warnings, "\n"); !strings.Contains(got, "its certificate expires in 2 days") {
		t.Errorf("%q", got)
	}
}
