package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
)

// versionCommand prints the version and the capabilities, from the tables.
func (s *session) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version [--json]",
		Example: "  credhelper version --json",
		Short:   "say the version; --json with dialects, presets, keyrings and grants",
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
		Presets:  config.PresetNames(),
		Keyrings: backendNames(),
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

// completeProfiles completes the names of profiles.
func (s *session) completeProfiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	h, err := s.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := h.ProfileNames()
	return names, cobra.ShellCompDirectiveNoFileComp
}

// dialectHelp returns the help of one of credhelper's own dialects.
func dialectHelp(d *protocol.Dialect) string {
	text := "credhelper " + d.Name + ": " + d.Title + "\n\n"
	if use, known := ownUsage[d.Name]; known {
		return text + use + commonUsage
	}
	return text + commonUsage
}

// ownUsage is the usage line of each of credhelper's own dialects.
var ownUsage = map[string]string{
	"get": "Usage:\n  credhelper get   a request on stdin, an answer on stdout, both JSON:\n" +
		"                   {\"uri\": \"https://...\"} or {\"profile\": \"NAME\"}, optionally \"min_ttl\" and \"refused\"\n\n" +
		"Example:\n  echo '{\"profile\": \"jama\"}' | credhelper get\n",
	"token": "Usage:\n  credhelper token NAME|URL\n\nExample:\n  token=$(credhelper token jama) || exit\n",
	"header": "Usage:\n  credhelper header NAME|URL [--format FORMAT]\n\n" +
		"Formats: header, token, headers-json, json, curl-config, env, env-fish, env-powershell, netrc\n\n" +
		"Example:\n  curl -H @<(credhelper header jama) https://example.jamacloud.com/rest/v1/projects\n",
	"reject": "Usage:\n  credhelper reject NAME|URL [--current]   the refused token on stdin, or whichever is current; dropped only if it is the current one and not a minute young\n\n" +
		"Example:\n  credhelper reject jama --current\n",
}

const commonUsage = `
Flags:
      --profile NAME   the profile, beside a URL: it must own the URL
      --min-ttl TIME   the token must live that much longer (90, 90s, 5m, 1h)
      --refresh        fetch a new token even if there is a good one
      --or-cached      with --refresh: the cached token will do where that fails
      --timeout TIME   give up earlier or later than after 8 s
      --json           answer in JSON
      --no-store       write nothing; the secret comes from --secret-stdin, --secret-file FILE
                       or --key-file FILE
`
