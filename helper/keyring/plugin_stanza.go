package keyring

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
)

// A stanza of age (C2SP age.md, "Recipient stanza") is
//
//	-> TYPE ARGUMENT... LF
//	the body in base64 without padding, in lines of 64 columns, the last of which,
//	and only that, is shorter: it may be empty

const stanzaColumns = 64

var errStanza = errors.New("not a stanza")

func writeStanza(w io.Writer, s *age.Stanza) error {
	var b strings.Builder
	b.WriteString("-> " + strings.Join(append([]string{s.Type}, s.Args...), " ") + "\n")
	body := base64.RawStdEncoding.EncodeToString(s.Body)
	for ; len(body) >= stanzaColumns; body = body[stanzaColumns:] {
		b.WriteString(body[:stanzaColumns] + "\n")
	}
	b.WriteString(body + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func readStanza(r *bufio.Reader) (*age.Stanza, error) {
	line, err := stanzaLine(r)
	if err != nil {
		return nil, err
	}
	words := strings.Split(line, " ")
	if len(words) < 2 || words[0] != "->" {
		return nil, errStanza
	}
	for _, word := range words[1:] {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return nil, errStanza
		}
	}
	var body strings.Builder
	for {
		if line, err = stanzaLine(r); err != nil {
			return nil, err
		}
		// The decoder passes over a CR, which nobody may write here.
		if len(line) > stanzaColumns || strings.Contains(line, "\r") {
			return nil, errStanza
		}
		body.WriteString(line)
		if len(line) < stanzaColumns {
			break
		}
	}
	decoded, err := base64.RawStdEncoding.Strict().DecodeString(body.String())
	if err != nil {
		return nil, errStanza
	}
	return &age.Stanza{Type: words[1], Args: words[2:], Body: decoded}, nil
}

func stanzaLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// bareIdentity is the identity of a plugin that has only one, as "age -j NAME" makes
// it: Bech32 (BIP 173) of no data.
func bareIdentity(name string) string {
	prefix := strings.ToLower(pluginIdentityMark) + name + "-"
	sum := uint32(1)
	step := func(value byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(value)
		for i, generator := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= generator
			}
		}
	}
	for i := range len(prefix) {
		step(prefix[i] >> 5)
	}
	step(0)
	for i := range len(prefix) {
		step(prefix[i] & 31)
	}
	for range 6 {
		step(0)
	}
	sum ^= 1
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	check := make([]byte, 6)
	for i := range check {
		check[i] = alphabet[sum>>(5*(5-i))&31]
	}
	return strings.ToUpper(prefix + "1" + string(check))
}
