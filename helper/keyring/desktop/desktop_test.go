package desktop_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// role makes the test binary another program: one that merely links this package, or that
// uses a keyring once. The library's init runs before main, so that only another process
// shows what it does.
const role = "CREDHELPER_DESKTOP_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "link":
		fmt.Println("linked")
		os.Exit(0)
	case "environment":
		for _, name := range []string{"DBUS_SESSION_BUS_ADDRESS", "CREDHELPER_ASK_BUS"} {
			if value, set := os.LookupEnv(name); set {
				fmt.Println(name + "=" + value)
			}
		}
		os.Exit(0)
	case "get", "set", "names", "probe":
		os.Exit(useOnce(os.Getenv(role)))
	}
	os.Exit(inSession(m))
}

// useOnce makes one call of secret-service, and prints one word for the outcome, and the
// error.
func useOnce(what string) int {
	config := desktop.Config{State: os.Getenv("CREDHELPER_DESKTOP_TEST_STATE"), Now: time.Now, Environ: os.Environ()}
	k, err := desktop.Open(context.Background(), "secret-service", config)
	if err == nil {
		switch what {
		case "get":
			_, err = k.Get(context.Background(), keyringtest.Key(1))
		case "set":
			err = k.Set(context.Background(), keyringtest.Key(1), secret.New("value"))
		case "names":
			_, err = k.Names(context.Background())
		case "probe":
			err = desktop.DefaultAnswers(context.Background())
		}
	}
	word := "other"
	for w, sentinel := range map[string]error{"locked": keyring.ErrLocked, "unavailable": keyring.ErrUnavailable, "notfound": keyring.ErrNotFound} {
		if errors.Is(err, sentinel) {
			word = w
		}
	}
	if err == nil {
		word = "ok"
	}
	fmt.Println(word, err)
	return 0
}

// TestBackendsAndOpenersAgree: each row with Desktop set opens, or says why not, and no
// other name does.
func TestBackendsAndOpenersAgree(t *testing.T) {
	config := desktop.Config{State: t.TempDir(), Now: time.Now}
	seen := 0
	for _, b := range keyring.Backends {
		_, err := desktop.Open(t.Context(), b.Name, config)
		if known := !errors.Is(err, keyring.ErrInvalid); known != b.Desktop {
			t.Errorf("%s: Desktop is %v, Open: %v", b.Name, b.Desktop, err)
		}
		if b.Desktop {
			seen++
		}
	}
	if seen == 0 {
		t.Fatal("no desktop backend in the table")
	}
	for _, name := range []string{"", "File", "kwallet", "../pass", strings.Repeat("x", 1000)} {
		if _, err := desktop.Open(t.Context(), name, config); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Open(%.20q): %v, want ErrInvalid", name, err)
		}
	}
	if _, err := desktop.Open(t.Context(), "keyctl", desktop.Config{State: "state", Now: time.Now}); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("relative state directory: %v", err)
	}
}

// TestCredentialLimit: Wine, where TestWinCredLimit runs, stores longer credentials than
// Windows, so the limit itself is checked here: wincred.h's CRED_MAX_CREDENTIAL_BLOB_SIZE
// is 5*512.
func TestCredentialLimit(t *testing.T) {
	if b, known := keyring.BackendNamed("wincred"); !known || b.MaxValue != 5*512 || b.Volatile {
		t.Errorf("%+v, %v", b, known)
	}
}
