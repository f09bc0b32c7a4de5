package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
)

// versionCommand prints the version and the capabilities, from the tables.
func (s *session) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version [--json]",
		Example: "  credhelper version --json",
		Short:   "print the version; --json with dialects, presets, keyrings and grants",
		GroupID: groupKeep,
		Args:    between(0, 0),
		RunE:    func(*cobra.Command, []string) error { return s.version() },
	}
}

type versionRecord struct {
	Version     string        `json:"version"`
	Go          string        `json:"go"`
	System      string        `json:"system"`
	Dialects    []dialectName `json:"dialects"`
	Presets     []string      `json:"presets"`
	Keyrings    []string      `json:"keyrings"`
	Grants      []string      `json:"grants"`
	ClientAuths []string      `json:"client_authentications"`
}

type dialectName struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Words []string `json:"words,omitempty"`
	Link  string   `json:"link,omitempty"`
}

func (s *session) version() error {
	r := versionRecord{
		Version:  release(),
		Go:       runtime.Version(),
		System:   runtime.GOOS + "/" + runtime.GOARCH,
		Presets:  presets.Names(),
		Keyrings: keyring.BackendNames(),
	}
	for _, d := range protocol.Dialects {
		r.Dialects = append(r.Dialects, dialectName{d.Name, d.Title, d.Words, d.Link})
	}
	for _, g := range oauth.Grants {
		r.Grants = append(r.Grants, g.Name)
	}
	for _, a := range oauth.ClientAuths {
		r.ClientAuths = append(r.ClientAuths, a.Name)
		if a.Short != "" {
			r.ClientAuths = append(r.ClientAuths, a.Short)
		}
	}
	if s.flags.json {
		return s.printJSON(r)
	}
	return s.print("credhelper " + r.Version + " (" + r.Go + ", " + r.System + ")\n")
}

// archived is the version of a source archive: git replaces the placeholder when it
// makes one (.gitattributes). In a checkout, and in a module from the Go module proxy,
// it is unchanged.
const archived = "$Format:%(describe:tags=true)$"

// release is the version of this executable.
func release() string { return releaseOf(builtFrom().Main.Version, archived) }

// releaseOf is the version that the Go tool wrote into the executable, from the tag
// or the module that it was built of; else that of the source archive.
func releaseOf(built, archived string) string {
	switch {
	case built != "" && built != "(devel)":
		return built
	case archived != "" && !strings.HasPrefix(archived, "$"):
		return archived
	}
	return "(devel)"
}

// builtFrom returns the Go tool's information about this executable; empty if there is
// none.
func builtFrom() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// builtOn is the day of the commit that the executable was built of, "" if that is
// not known.
func builtOn() string {
	for _, s := range builtFrom().Settings {
		if day, _, ok := strings.Cut(s.Value, "T"); ok && s.Key == "vcs.time" {
			return day
		}
	}
	return ""
}
