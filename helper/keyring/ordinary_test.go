package keyring_test

import (
	"os"
	"testing"
)

// TestOrdinaryUser fails if scripts/test wants the tests of modes and owners run by an
// ordinary user and this is root, who passes every such check.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv("CREDHELPER_TEST_USER") == "ordinary" && os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
}
