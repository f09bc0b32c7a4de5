//go:build tools

package tools

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// azureResource is what the clients ask a token for.
const azureResource = "https://graph.example.com"

// azureWord makes this program a client of Azure's libraries for Go: NAME URL.
const azureWord = "one-azure-client"

// azureClients are Azure's libraries for Go, as their documentation has them.
var azureClients = map[string]func(context.Context) (token string, err error){
	"azidentity": func(ctx context.Context) (string, error) {
		credential, err := azidentity.NewManagedIdentityCredential(nil)
		if err != nil {
			return "", err
		}
		return azureToken(ctx, credential)
	},
	"azidentity with a client id": func(ctx context.Context) (string, error) {
		credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID("client")})
		if err != nil {
			return "", err
		}
		return azureToken(ctx, credential)
	},
	"azidentity by default": func(ctx context.Context) (string, error) {
		credential, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return "", err
		}
		return azureToken(ctx, credential)
	},
	"msal": func(ctx context.Context) (string, error) {
		client, err := managedidentity.New(managedidentity.SystemAssigned())
		if err != nil {
			return "", err
		}
		result, err := client.AcquireToken(ctx, azureResource)
		return result.AccessToken, err
	},
}

func azureToken(ctx context.Context, c azcore.TokenCredential) (string, error) {
	token, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureResource + "/.default"}})
	return token.Token, err
}

// azureClient asks for a token and calls an API with it.
func azureClient(name, url string) int {
	token, err := azureClients[name](context.Background())
	if err == nil {
		err = azureCall(url, token)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func azureCall(url, token string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
	return err
}

// TestDoorAzure: every library of Azure that knows managed identities gets the token of a
// profile that has the resource's scope, without a change in the program.
func TestDoorAzure(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string][]string{
		"@azure/identity":  {"node", testdata(t, "clients.mjs"), npmModules(t, "TOOL_AZURE"), "@azure/identity"},
		"@azure/msal-node": {"node", testdata(t, "clients.mjs"), npmModules(t, "TOOL_MSAL"), "@azure/msal-node"},
	}
	for name := range azureClients {
		clients[name] = []string{self, azureWord, name}
	}
	for name, argv := range clients {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.site("Bearer", hello)
			w.profile("graph", site.URL, "--set", "scopes="+azureResource+"/.default")
			w.setenv("RESOURCE="+azureResource, "AZURE_CLIENT=client", "NODE_EXTRA_CA_CERTS="+authorityFile())
			call := append(argv, site.URL+"/x")
			if out := w.ok(nil, append([]string{"credhelper", "exec", "graph", "--door", "--azure", "--"}, call...)...); out != "200 hello\n" {
				t.Errorf("%q", out)
			}
			site.served(t)
			d := w.door()
			g := d.lend("graph", "app", "--azure", "graph")
			asks := func(secret string) result {
				return d.run(with("IDENTITY_ENDPOINT="+d.url+"/msi/token", "IDENTITY_HEADER="+secret), call...)
			}
			if r := asks(g.Secret); r.code != 0 || r.stdout != "200 hello\n" {
				t.Errorf("as a guest: exit %d, %q\n%s", r.code, r.stdout, r.stderr)
			}
			if r := asks(wrong); r.code == 0 || !strings.Contains(r.stderr, "401") && !strings.Contains(r.stderr, "credhelper: ") {
				t.Errorf("with a wrong secret: exit %d, %q\n%s", r.code, r.stdout, r.stderr)
			}
			d.requests(1)
		})
	}
}
