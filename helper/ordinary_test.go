package helper_test

import (
	"os"
	"testing"
)

// TestOrdinaryUser fails when scripts/test wants the tests of modes and owners run
// by an ordinary user and they are not: root passes every such check.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv("CREDHELPER_TEST_USER") == "ordinary" && os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
}
