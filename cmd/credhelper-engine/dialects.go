package main

import (
	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
)

// dialectCommands lists the dialects in the help and in completion. A call that begins
// with a dialect's name is handled elsewhere, unless flags precede the name.
func (s *session) dialectCommands() (list []*cobra.Command) {
	for _, d := range protocol.Dialects {
		group := groupTools
		if ownDialect(d) {
			group = groupUse
		}
		list = append(list, &cobra.Command{
			Use:                d.Name,
			Short:              d.Title,
			Long:               dialectHelp(d),
			Aliases:            d.Words,
			GroupID:            group,
			DisableFlagParsing: true,
			Annotations:        patient, // it has its own watchdog
			ValidArgsFunction:  s.completeProfiles,
			RunE: func(_ *cobra.Command, args []string) error {
				return exitCode(s.answerTool(d, protocol.Call{Args: args, Env: s.env}))
			},
		})
	}
	return list
}

// ownDialect reports whether a dialect is one of credhelper's own, which have no link,
// and not that of a tool.
func ownDialect(d *protocol.Dialect) bool { return d.Link == "" }

// ownFlags removes the flags that only the engine knows from a dialect's arguments, and
// answers --help.
func (s *session) ownFlags(d *protocol.Dialect, args []string) ([]string, error) {
	rest, err := process.CutEngineFlags(args, func(name, value string) error {
		switch name {
		case "-h", "--help":
			if err := s.print(dialectHelp(d)); err != nil {
				return err
			}
			return exitCode(0)
		case "-v", "--verbose":
			s.flags.verbose = true
		case "--or-cached":
			s.flags.orCached = true
		case "--no-store":
			s.flags.noStore = true
		case "--secret-stdin":
			s.secret.stdin = true
		case "--secret-file":
			s.secret.file = value
		case "--key-file":
			s.secret.key = value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if (s.secret.stdin || s.secret.file != "" || s.secret.key != "") && !s.flags.noStore {
		return nil, protocol.Malformed("--secret-stdin, --secret-file and --key-file belong to --no-store here; rotate stores a secret")
	}
	return rest, nil
}

// dialectHelp returns the help of one of credhelper's own dialects.
func dialectHelp(d *protocol.Dialect) string {
	return "credhelper " + d.Name + ": " + d.Title + "\n\n" + ownUsage[d.Name] + commonUsage
}

// ownUsage is the usage line of each of credhelper's own dialects.
var ownUsage = map[string]string{
	"get": "Usage:\n  credhelper get   a request on stdin, an answer on stdout, both JSON:\n" +
		"                   {\"uri\": \"https://...\"} or {\"profile\": \"NAME\"}, optionally\n                   \"min_ttl\", \"refused\", \"scope\" and \"audience\"\n\n" +
		"Example:\n  echo '{\"profile\": \"jama\"}' | credhelper get\n",
	"token": "Usage:\n  credhelper token NAME|URL\n\nExample:\n  token=$(credhelper token jama) || exit\n",
	"header": "Usage:\n  credhelper header NAME|URL [--format FORMAT]\n\n" +
		"Formats: header, token, headers-json, json, curl-config, env, env-fish,\n  env-powershell, netrc, git-include\n\n" +
		"Example:\n  curl -H @<(credhelper header jama) https://example.jamacloud.com/rest/v1/projects\n",
	"reject": "Usage:\n  credhelper reject NAME|URL [--current]   the refused token on stdin, or whichever is current; dropped only if it is the current one and not a minute young\n\n" +
		"Example:\n  credhelper reject jama --current\n",
}

const commonUsage = `
Flags:
      --profile NAME   the profile, beside a URL: it must own the URL
      --min-ttl TIME   the token must live that much longer (90, 90s, 5m, 1h)
      --scope SCOPE    only this of the profile's scopes (repeatable)
      --audience NAME  for this audience, which the profile lists
      --refresh        fetch a new token even if there is a good one
      --or-cached      with --refresh: the cached token will do where that fails
      --timeout TIME   give up earlier or later than after 8 s
      --json           answer in JSON
      --no-store       write nothing; the secret comes from --secret-stdin, --secret-file FILE
                       or --key-file FILE
`
