package connector

import (
	"os"
	"slices"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// contractVersions lists the versions of the contract that this release speaks, both as host and
// as plugin. New fields and kinds of failure need no new version: protobuf carries
// them, and an end that does not know them ignores them.
var contractVersions = [...]int{1}

// versions returns go-plugin's table of versions; answerer is nil for a host.
func versions(answerer *server) map[int]goplugin.PluginSet {
	table := make(map[int]goplugin.PluginSet, len(contractVersions))
	for _, v := range contractVersions {
		table[v] = goplugin.PluginSet{Name: &contract{server: answerer}}
	}
	return table
}

// offered returns the versions that the host speaks, as go-plugin passes them. A host
// that passes none speaks the first.
func offered() string {
	if list := os.Getenv("PLUGIN_PROTOCOL_VERSIONS"); list != "" {
		return list
	}
	return strconv.Itoa(contractVersions[0])
}

// common returns the newest version in a list like "1,2" that we speak; 0 if there is none.
func common(list string) (newest int) {
	for text := range strings.SplitSeq(list, ",") {
		if v, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && slices.Contains(contractVersions[:], v) {
			newest = max(newest, v)
		}
	}
	return newest
}

// checkVersions returns an error that says which side must be upgraded if they, who
// speak the versions in a list like "1,2", speak none of ours.
func checkVersions(we, they, list string) error {
	if common(list) != 0 {
		return nil
	}
	newest := 0
	for text := range strings.SplitSeq(list, ",") {
		if v, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
			newest = max(newest, v)
		}
	}
	ours, old := contractVersions[len(contractVersions)-1], we
	if newest < ours {
		old = they
	}
	return protocol.Policy(they + " speaks version " + printable.Value(list) + " of the connector protocol, " + we + " speaks " + strconv.Itoa(ours) + ": upgrade " + old)
}
