package test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestComposeOfDoor: the compose file for a container at the door is one, gives the
// container an address of its own in a network of two, and agrees with docs/door.md. No
// Docker engine is asked.
func TestComposeOfDoor(t *testing.T) {
	content, err := os.ReadFile("../examples/door/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Networks map[string]struct {
				Address string `json:"ipv4_address"`
			} `json:"networks"`
			Volumes     []string          `json:"volumes"`
			Environment map[string]string `json:"environment"`
		} `json:"services"`
		Networks map[string]struct {
			Driver string `json:"driver"`
			IPAM   struct {
				Config []struct {
					Subnet  string `json:"subnet"`
					Gateway string `json:"gateway"`
				} `json:"config"`
			} `json:"ipam"`
		} `json:"networks"`
	}
	if err := yaml.UnmarshalStrict(content, &file); err != nil {
		t.Fatal(err)
	}
	door := file.Networks["door"]
	if len(file.Services) != 1 || len(file.Networks) != 1 || door.Driver != "bridge" || len(door.IPAM.Config) != 1 {
		t.Fatalf("%+v", file)
	}
	subnet, gateway := netip.MustParsePrefix(door.IPAM.Config[0].Subnet), netip.MustParseAddr(door.IPAM.Config[0].Gateway)
	address := netip.MustParseAddr(file.Services["jci"].Networks["door"].Address)
	if subnet.Masked() != subnet || !subnet.Addr().IsPrivate() || !subnet.Contains(gateway) || !subnet.Contains(address) || gateway == address {
		t.Errorf("the container has %s, its host %s, in %s", address, gateway, subnet)
	}
	page, err := os.ReadFile("../docs/door.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"credhelper proxy ca --name " + gateway.String() + " > door-ca.pem",
		"credhelper lend jama --to jci --from " + address.String() + "/32",
		"credhelper proxy --tls --listen " + gateway.String() + ":7717",
		"ListenStream=" + gateway.String() + ":7717",
	} {
		if !strings.Contains(string(page), command) {
			t.Errorf("docs/door.md does not have %q", command)
		}
	}
}
