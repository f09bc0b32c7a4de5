package connector

import (
	"os"
	"slices"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhelper/credhelper/protocol/printable"
)

// known are the versions of the contract that this release speaks, both as a host
// and as a plugin. Fields and kinds of failure that one end does not know are no
// new version: protobuf carries them, and each end ignores them.
var known = [...]int{1}

// versions is go-plugin's table of what is spoken; answerer is nil for a host.
func versions(answerer *server) map[int]goplugin.PluginSet {
	table := make(map[int]goplugin.PluginSet, len(known))
	for _, v := range known {
		table[v] = goplugin.PluginSet{Name: &contract{server: answerer}}
	}
	return table
}

// offered are the versions that the host speaks, as go-plugin tells them. A host
// that tells none speaks the first.
func offered() string {
	if list := os.Getenv("PLUGIN_PROTOCOL_VERSIONS"); list != "" {
		return list
	}
	return strconv.Itoa(known[0])
}

// checkVersions says which side must be upgraded if they, who speak the versions
// of a list like "1,2", speak none that we do.
func checkVersions(we, they, list string) error {
	newest := 0
	for text := range strings.SplitSeq(list, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			continue
		}
		if slices.Contains(known[:], v) {
			return nil
		}
		newest = max(newest, v)
	}
	ours, old := known[len(known)-1], we
	if newest < ours {
		old = they
	}
	return policy(they + " speaks version " + printable.Value(list) + " of the connector protocol, " + we + " speaks " + strconv.Itoa(ours) + ": upgrade " + old)
}
