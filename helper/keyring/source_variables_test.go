package keyring_test

import (
	"errors"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
)

// TestCheckVariable: variables that decide which program runs, what it loads and whom it
// trusts are never passed to a command that prints a secret.
func TestCheckVariable(t *testing.T) {
	for _, name := range []string{"VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "OP_SERVICE_ACCOUNT_TOKEN", "BW_SESSION", "AWS_PROFILE", "KUBECONFIG",
		"ACTIONS_ID_TOKEN_REQUEST_URL", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NODE_EXTRA_CA_CERTS", "_X1", "ENVIRONMENT", "LDAP_URI"} {
		if err := keyring.CheckVariable(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"PATH", "path", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_", "DYLD_INSERT_LIBRARIES", "GODEBUG", "BASH_ENV", "ENV", "IFS",
		"PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "VAULT_SKIP_VERIFY", "_SKIP_VERIFY", "PERL5LIB", "RUBYOPT", "GCONV_PATH", "JAVA_TOOL_OPTIONS",
		"NODE_TLS_REJECT_UNAUTHORIZED", "", "1X", "A B", "A=B", "A\x00", "\u00c4", "BASH_FUNC_x%%"} {
		if err := keyring.CheckVariable(name); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", name, err)
		}
	}
}
