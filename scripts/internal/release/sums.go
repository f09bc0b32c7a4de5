package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const sumsFile = "SHA256SUMS"

// sums writes the hash of each file in dir, as sha256sum does.
func sums(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), b.Bytes(), 0o644)
}

// signer signs the sums with an ssh key that comes from outside.
type signer struct {
	file string // private key, or public key whose private half the agent has
	test bool   // any key is accepted
	none bool
}

// keyLine is a release key as SECURITY.md shows it, in the form of ssh-keygen's list of
// allowed signers.
var keyLine = regexp.MustCompile(`(?m)^credhelper namespaces="file" (?:ssh-ed25519|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/=]+$`)

// check makes a test signature, so that a missing key, or one that SECURITY.md does not
// list, is found before the build. source has the SECURITY.md of the release.
func (s signer) check(source, work string) error {
	if s.none {
		return nil
	}
	probe := filepath.Join(work, "probe")
	if err := os.WriteFile(probe, []byte("probe\n"), 0o600); err != nil {
		return err
	}
	if err := s.sign(probe); err != nil || s.test {
		return err
	}
	page, err := os.ReadFile(filepath.Join(source, "SECURITY.md"))
	if err != nil {
		return err
	}
	keys := keyLine.FindAllString(string(page), -1)
	if len(keys) == 0 {
		return fmt.Errorf("SECURITY.md names no release key: make one with ssh-keygen -t ed25519, and put its public half there")
	}
	allowed := filepath.Join(work, "allowed_signers")
	if err := os.WriteFile(allowed, []byte(strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return verify(probe, allowed)
}

// sign writes name.sig.
func (s signer) sign(name string) error {
	if s.none {
		return nil
	}
	key, err := filepath.Abs(s.file)
	if err != nil {
		return err
	}
	cmd := exec.Command("ssh-keygen", "-Y", "sign", "-n", "file", "-f", key, name)
	cmd.Stdin = os.Stdin // it asks for the key's passphrase on the terminal
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ssh-keygen cannot sign with %s: %w: %s", s.file, err, out)
	}
	return nil
}

// verify checks name.sig as users do.
func verify(name, allowed string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-n", "file", "-I", "credhelper", "-f", allowed, "-s", name+".sig")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the key's public half is none of those in SECURITY.md, so nobody could check the signature: %s", bytes.TrimSpace(out))
	}
	return nil
}
