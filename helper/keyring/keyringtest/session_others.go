//go:build linux

package keyringtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// StartKWallet is StartBus with kwalletd5 on the bus and the wallet kdewallet. With
// open, KWallet gets the wallet's key, as when signing in. It needs dbus-daemon,
// dbus-send and kwalletd5.
func StartKWallet(dir, path string, open bool) (*Session, error) {
	s, err := StartBus(dir, path)
	if err != nil {
		return nil, err
	}
	s.Env = append(s.Env, "QT_QPA_PLATFORM=offscreen")
	wallet := filepath.Join(dir, "home/.local/share/kwalletd/kdewallet.kwl")
	err = s.startKWallet()
	if _, missing := os.Stat(wallet); err == nil && missing != nil {
		// The first sign-in creates the wallet, which the Secret Service shows after
		// the next start.
		if err = s.openWallet(); err == nil {
			_ = s.Daemon.Process.Kill()
			_ = s.Daemon.Wait()
			err = s.startKWallet()
		}
	}
	if err == nil && open {
		err = s.openWallet()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Session) startKWallet() error {
	s.Daemon = exec.Command("kwalletd5")
	s.Daemon.Env = s.Env
	if err := s.start(s.Daemon); err != nil {
		return err
	}
	if !eventually(func() bool { return s.send("org.kde.kwalletd5", "/modules/kwalletd5", "org.kde.KWallet.wallets") }) {
		return errors.New("kwalletd5 does not answer")
	}
	return nil
}

// openWallet opens kdewallet with a key as pam_kwallet derives it: 56 bytes.
func (s *Session) openWallet() error {
	var key []string
	for i := range 56 {
		key = append(key, strconv.Itoa(i+1))
	}
	s.send("org.kde.kwalletd5", "/modules/kwalletd5", "org.kde.KWallet.pamOpen",
		"string:kdewallet", "array:byte:"+strings.Join(key, ","), "int32:0")
	if !eventually(func() bool {
		return s.says("boolean true", "org.kde.kwalletd5", "/modules/kwalletd5", "org.kde.KWallet.isOpen", "string:kdewallet")
	}) {
		return errors.New("kwalletd5 does not open its wallet")
	}
	return nil
}

// KeePassXC's database, with the group whose entries the Secret Service exposes, as XML
// because no command creates it.
const keePassXML = `<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<KeePassFile><Meta><Generator>test</Generator><DatabaseName>my vault</DatabaseName><CustomData>
<Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{01020304-0506-0708-090a-0b0c0d0e0f10}</Value></Item></CustomData></Meta>
<Root><Group><UUID>AQIDBAUGBwgJCgsMDQ4PEA==</UUID><Name>Root</Name></Group></Root></KeePassFile>`

// StartKeePassXC is StartBus with KeePassXC on the bus and an unlocked database called
// "my vault". settings are lines of its section FdoSecrets, such as
// "ConfirmAccessItem=false". It needs dbus-daemon, dbus-send, keepassxc and
// keepassxc-cli.
func StartKeePassXC(dir, path string, settings ...string) (*Session, error) {
	s, err := StartBus(dir, path)
	if err != nil {
		return nil, err
	}
	s.Env = append(s.Env, "QT_QPA_PLATFORM=offscreen")
	if err := s.startKeePassXC(dir, settings); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Session) startKeePassXC(dir string, settings []string) error {
	database := filepath.Join(dir, "home", "my vault.kdbx")
	if _, err := os.Stat(database); err != nil {
		if err := s.makeKeePassDatabase(dir, database); err != nil {
			return err
		}
	}
	config := filepath.Join(dir, "keepassxc.ini")
	text := "[General]\nUpdateCheckMessageShown=true\nSingleInstance=false\n[GUI]\nCheckForUpdates=false\n" +
		"[FdoSecrets]\nEnabled=true\n" + strings.Join(settings, "\n") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	s.Daemon = exec.Command("keepassxc", "--config", config, "--localconfig", filepath.Join(dir, "keepassxc-local.ini"), "--pw-stdin", database)
	s.Daemon.Env, s.Daemon.Stdin = s.Env, strings.NewReader("the password of the database\n")
	if err := s.start(s.Daemon); err != nil {
		return err
	}
	if !eventually(func() bool {
		return s.says("boolean false", "org.freedesktop.secrets", s.Collection("my_20vault"),
			"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked")
	}) {
		return errors.New("keepassxc shows no unlocked database")
	}
	return nil
}

func (s *Session) makeKeePassDatabase(dir, database string) error {
	xml := filepath.Join(dir, "database.xml")
	if err := os.WriteFile(xml, []byte(keePassXML), 0o600); err != nil {
		return err
	}
	make := exec.Command("keepassxc-cli", "import", "--set-password", xml, database)
	make.Env, make.Stdin = s.Env, strings.NewReader(strings.Repeat("the password of the database\n", 2))
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("keepassxc-cli import: %w: %s", err, out)
	}
	return nil
}

// Collection returns the path of a collection of the Secret Service.
func (s *Session) Collection(name string) string {
	return "/org/freedesktop/secrets/collection/" + name
}

// send calls a method with an independent tool, and reports whether it answered.
func (s *Session) send(to, path, method string, args ...string) bool {
	return s.says("", to, path, method, args...)
}

// says calls a method and reports whether the answer contains a text.
func (s *Session) says(text, to, path, method string, args ...string) bool {
	ask := exec.Command("dbus-send", append([]string{"--session", "--print-reply", "--dest=" + to, path, method}, args...)...)
	ask.Env = s.Env
	out, err := ask.Output()
	return err == nil && strings.Contains(string(out), text)
}
