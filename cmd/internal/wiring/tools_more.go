package wiring

import (
	"encoding/json"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// wirePnpm configures the helper for each registry of the profile. Up to pnpm 10 it
// must be a path without arguments.
func wirePnpm(p *Place) (Plan, error) {
	file := p.file("NPM_CONFIG_USERCONFIG", p.under(".npmrc"))
	name := p.suffixed("credhelper-pnpm")
	link := p.link(name, name+"\n", file)
	if !plainPath(link.path) {
		return Plan{}, protocol.Policy("pnpm cannot run " + link.path)
	}
	lines := ""
	for _, registry := range p.registries() {
		lines += registry + ":tokenHelper=" + link.path + "\n"
	}
	return Plan{
		about: "pnpm gets the header for the registries of profile " + p.name + " from credhelper",
		links: []toolLink{link},
		edits: []fileEdit{blockEdit(file, p.id("pnpm"), lines, atEnd)},
	}, nil
}

// registries returns the profile's origins in the form that the settings of npm and
// pnpm use.
func (p *Place) registries() (all []string) {
	for _, o := range p.origins() {
		if _, wildcard := o.Wildcard(); !wildcard {
			all = append(all, "//"+authority(o)+strings.TrimSuffix(o.Path(), "/")+"/")
		}
	}
	return all
}

// wireRclone adds the command to the remote named like the profile, and creates the
// remote if it is missing. rclone splits the command at spaces.
func wireRclone(p *Place) (Plan, error) {
	const key = "bearer_token_command"
	if !plainPath(p.credhelper) {
		return Plan{}, protocol.Policy("rclone splits " + p.credhelper + " at spaces")
	}
	file := p.file("RCLONE_CONFIG", p.config("rclone", "rclone.conf"))
	command := key + " = " + p.credhelper + " token " + p.name + "\n"
	remote := "type = webdav\nurl = " + p.url() + "\nvendor = other\n" + command
	edit := sectionEdit(file, p.id("rclone"), p.name, key, command, remote)
	edit.trace, edit.manual = command, "rclone config update "+p.name+" "+key+" \"\""
	return Plan{about: "an rclone remote " + p.name + " with a fresh token for every 401", edits: []fileEdit{edit}}, nil
}

// wireCodex writes the command of a model provider, and creates the provider if it is
// missing. Codex waits 5 s, so the time limit is 4 s.
func wireCodex(p *Place) (Plan, error) {
	file := p.in("CODEX_HOME", p.under(".codex"), "config.toml")
	auth := "[model_providers." + p.name + ".auth]\n" +
		"command = " + quoted(p.credhelper) + "\n" +
		"args = [\"token\", " + quoted(p.name) + ", \"--timeout\", \"4s\"]\n" +
		"timeout_ms = 5000\n" +
		"refresh_interval_ms = 300000\n"
	header := "[model_providers." + p.name + "]"
	provider := header + "\nname = " + quoted(p.name) + "\nbase_url = " + quoted(p.url()) + "\n\n"
	begin, end := marks(p.id("codex"))
	place := func(text, _ string) (string, error) {
		switch {
		case headerEnd(text, "[model_providers."+p.name+".auth]") >= 0:
			return "", conflict("provider " + p.name + " has an auth table already")
		case headerEnd(text, header) >= 0:
			return atEnd(text, begin+auth+end)
		}
		return atEnd(text, begin+provider+auth+end)
	}
	return Plan{
		about: "Codex gets the key of model provider " + p.name + " from credhelper",
		edits: []fileEdit{blockEdit(file, p.id("codex"), provider+auth, place)},
		next:  []string{"choose it: model_provider = " + quoted(p.name)},
	}, nil
}

func wireClaude(p *Place) (Plan, error) {
	file := p.in("CLAUDE_CONFIG_DIR", p.under(".claude"), "settings.json")
	command := shellWord(p.credhelper) + " token " + p.name + " --timeout 4s"
	return Plan{
		about: "Claude Code sends the token of profile " + p.name + " as its API key",
		edits: []fileEdit{memberEdit(file, []jsonSetting{{[]string{"apiKeyHelper"}, command}}, func(path []string, value string) bool {
			return path[0] == "apiKeyHelper" && strings.HasSuffix(value, " token "+p.name+` --timeout 4s"`)
		})},
	}, nil
}

// wireMCP adds the command to the server named like the profile, and creates the server
// if it is missing.
func wireMCP(p *Place) (Plan, error) {
	file := p.in("CLAUDE_CONFIG_DIR", p.home, ".claude.json")
	command := shellWord(p.credhelper) + " mcp --profile " + p.name
	parent := []string{"mcpServers", p.name}
	ours := func(helper string) bool { return strings.HasSuffix(helper, " mcp --profile "+p.name) }
	helper := memberEdit(file, []jsonSetting{{append(parent, "headersHelper"), command}}, func(path []string, value string) bool {
		var text string
		return path[len(path)-1] == "headersHelper" && json.Unmarshal([]byte(value), &text) == nil && ours(text)
	})
	server := mcpServer{Type: "http", URL: p.url(), HeadersHelper: command}
	whole := memberEdit(file, []jsonSetting{{parent, server}}, func(path []string, value string) bool {
		var members map[string]any
		if path[len(path)-1] != p.name || json.Unmarshal([]byte(value), &members) != nil {
			return false
		}
		text, _ := members["headersHelper"].(string)
		return len(members) == 3 && members["type"] == "http" && ours(text)
	})
	return Plan{
		about: "the MCP server " + p.name + " gets its header from credhelper",
		edits: []fileEdit{{
			path: file,
			show: whole.show,
			add: func(text string) (string, error) {
				if hasMember(text, parent) {
					return helper.add(text)
				}
				return whole.add(text)
			},
			drop: func(text string) (string, error) {
				if left, err := whole.drop(text); err != nil || left != text {
					return left, err
				}
				return helper.drop(text)
			},
		}},
	}, nil
}

// mcpServer is an entry of mcpServers, with its members in the order that clients use.
type mcpServer struct {
	Type          string `json:"type"`
	URL           string `json:"url"`
	HeadersHelper string `json:"headersHelper"`
}

// sectionEdit inserts one line below the section's header, or the whole section if it
// is missing.
func sectionEdit(file, id, section, key, line, whole string) fileEdit {
	begin, end := marks(id)
	edit := blockEdit(file, id, line, underHeader(section, key, id, whole))
	edit.show = "[" + section + "]\n" + whole
	edit.drop = func(text string) (string, error) { return cutBlock(text, begin, end), nil }
	return edit
}

// For the tools below there is no file that setup could write once.

// noteYarn configures the plugin for the profile's registry only: Yarn calls it only
// for a registry with npmAlwaysAuth, and fails at such a registry if it gets no header.
func noteYarn(p *Place) (Plan, error) {
	registries := ""
	for _, o := range p.origins() {
		if _, wildcard := o.Wildcard(); !wildcard {
			registries += "  " + quoted(o.String()) + ":\n    npmAlwaysAuth: true\n"
		}
	}
	if registries == "" {
		registries = "  \"https://HOST\":\n    npmAlwaysAuth: true\n"
	}
	return Plan{about: "Yarn 2 and later takes the header from a plugin of the project", shell: `mkdir -p .yarn
cat > .yarn/credhelper.cjs <<'END'
const { execFileSync } = require('node:child_process');
module.exports = { name: 'credhelper', factory: () => ({ hooks: {
  getNpmAuthenticationHeader: (current, registry) => {
    try { return execFileSync('credhelper', ['pnpm', registry], { encoding: 'utf8' }).trim(); } catch { return current; }
  },
} }) };
END
# what .yarnrc.yml already has under plugins or npmRegistries goes together with this
cat >> .yarnrc.yml <<'END'
plugins:
  - path: .yarn/credhelper.cjs
npmRegistries:
` + registries + `END
`}, nil
}

func noteNpm(p *Place) (Plan, error) {
	lines := ""
	for _, registry := range p.registries() {
		lines += "printf '%s\\n' " + typed(registry+":_authToken=${BEARER_TOKEN}") + " >> .npmrc\n"
	}
	return Plan{about: "npm runs no command; it reads a variable for as long as it runs", shell: lines + `credhelper exec ` + p.name + ` --env BEARER_TOKEN -- npm install
`}, nil
}

func noteCurl(p *Place) (Plan, error) {
	path := "/PATH" // below the profile's URL
	if p.profile != nil && p.profile.URL == "" {
		path = strings.TrimSuffix(p.url(), "/") + path
	}
	return Plan{about: "curl needs no setup", shell: `credhelper curl ` + p.name + ` -- ` + typed(path) + `
credhelper header --format curl-config ` + typed(p.url()) + ` | curl --config -
`}, nil
}

// noteWget uses a temporary file, because wget refuses a pipe as its configuration.
func noteWget(p *Place) (Plan, error) {
	return Plan{about: "wget reads the header from a regular file", shell: `( umask 077 && f=$(mktemp) && trap 'rm -f "$f"' EXIT &&
  printf 'header = %s\n' "$(credhelper header ` + p.name + `)" > "$f" &&
  wget --config="$f" ` + typed(p.url()) + ` )
`}, nil
}

func noteHTTPie(p *Place) (Plan, error) {
	return Plan{about: "HTTPie reads the value of a header from a file", shell: `http ` + typed(p.url()) + ` Authorization:@<(credhelper pnpm ` + p.name + `)
`}, nil
}

// noteRestish configures an external tool, which gets the request as JSON and answers
// with headers. This is native JSON.
func noteRestish(p *Place) (Plan, error) {
	type params struct {
		Commandline string `json:"commandline"`
		OmitBody    string `json:"omitbody"`
	}
	entry := map[string]any{p.name: map[string]any{
		"base": p.url(),
		"profiles": map[string]any{"default": map[string]any{
			"auth": map[string]any{"name": "external-tool", "params": params{shellWord(p.credhelper) + " get", "true"}},
		}},
	}}
	return Plan{about: "Restish 0.15 and later runs a tool for each request; in its apis.json", shell: jsonText(entry, "") + "\n"}, nil
}

func noteMail(p *Place) (Plan, error) {
	command := shellWord(p.credhelper) + " token " + p.name
	return Plan{about: "mail programs take the token from a command", shell: `# ~/.msmtprc
auth xoauth2
passwordeval ` + quoted(command) + `

# ~/.mbsyncrc (with the XOAUTH2 plugin of SASL)
AuthMechs XOAUTH2
PassCmd ` + quoted(command) + `

# ~/.muttrc
set imap_authenticators="oauthbearer:xoauth2"
set imap_oauth_refresh_command=` + quoted(command) + `
set smtp_oauth_refresh_command=` + quoted(command) + `
`}, nil
}
