package wiring

import (
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// Tool is a tool that setup can wire.
type Tool struct {
	names []string
	title string
	needs need
	wire  func(*Place) (Plan, error)
}

// need is a set of requirements. A tool without any asks by URL, so that a profile only
// narrows, and sends Authorization: Bearer.
type need uint8

const (
	profileMust need = 1 << iota // a profile must be named
	hostMust                     // and have a host that is not a wildcard, for the tool's configuration
	byName                       // the tool never sends a URL, so a profile without origins can serve it
	anyScheme                    // it can send Authorization with the profile's own scheme
	anyHeader                    // it can send the profile's own header, or sends none
	bareHost                     // it asks for hosts without a scheme: origins with docker:// count
)

// Plan is the configuration that connects one tool with credhelper.
type Plan struct {
	about string // one line for people
	links []toolLink
	edits []fileEdit
	next  []string // what remains for the person to do
	hints []string // further advice, printed if nothing is written
	shell string   // the complete commands, if there is no file to write
}

// Tools lists the tools that setup can wire.
var Tools = [...]Tool{
	{[]string{"git"}, "git over https", anyScheme, wireGit},
	{[]string{"docker"}, "docker, crane, oras, helm and who else reads docker's configuration", profileMust | hostMust | bareHost, wireDocker},
	{[]string{"podman", "skopeo", "buildah"}, "podman, skopeo, buildah", profileMust | hostMust | bareHost, wirePodman},
	{[]string{"kubectl", "k8s"}, "kubectl, helm and every client-go program", profileMust, wireKubectl},
	{[]string{"cargo"}, "cargo's private registries", anyScheme, wireCargo},
	{[]string{"terraform"}, "Terraform's registries and back ends", 0, wireTerraform},
	{[]string{"opentofu", "tofu"}, "OpenTofu, the same", 0, wireTofu},
	{[]string{"goauth", "go"}, "the go command's module proxies", anyHeader, wireGoauth},
	{[]string{"bazel"}, "Bazel's downloads, remote cache and execution", anyHeader, wireBazel},
	{[]string{"pip"}, "pip's private indexes", 0, wirePip},
	{[]string{"uv"}, "uv's private indexes", 0, wireUv},
	{[]string{"pnpm"}, "pnpm's private registries", profileMust | hostMust | anyScheme, wirePnpm},
	{[]string{"rclone"}, "an rclone remote (WebDAV)", profileMust | hostMust, wireRclone},
	{[]string{"codex"}, "a model provider of Codex CLI", profileMust | hostMust, wireCodex},
	{[]string{"claude"}, "Claude Code's apiKeyHelper", profileMust | byName | anyHeader, wireClaude},
	{[]string{"mcp"}, "an MCP server of Claude Code (headersHelper)", profileMust | hostMust | anyHeader, wireMCP},
	{[]string{"yarn"}, "Yarn 2 and later", anyScheme, noteYarn},
	{[]string{"npm"}, "npm", profileMust | hostMust, noteNpm},
	{[]string{"curl"}, "curl", profileMust | anyHeader, noteCurl},
	{[]string{"wget"}, "wget", profileMust | anyHeader, noteWget},
	{[]string{"httpie", "http"}, "HTTPie", profileMust | anyScheme, noteHTTPie},
	{[]string{"restish"}, "Restish", profileMust | anyHeader, noteRestish},
	{[]string{"prometheus"}, "Prometheus, through credhelper proxy", profileMust | hostMust | anyHeader, notePrometheus},
	{[]string{"kafka", "librdkafka"}, "clients of Kafka with librdkafka, by credhelper proxy", profileMust | byName, noteKafka},
	{[]string{"bruno", "bru"}, "Bruno, through a door of its own", profileMust | hostMust | anyHeader, noteBruno},
	{[]string{"newman"}, "Newman, through a door of its own", profileMust | hostMust | anyHeader, noteNewman},
	{[]string{"postman"}, "Postman, through credhelper proxy", profileMust | hostMust | anyHeader, notePostman},
	{[]string{"mcp-proxy"}, "an MCP server of clients that run no helper", profileMust | hostMust | anyHeader, noteMCPProxy},
	{[]string{"msmtp", "mbsync", "mutt", "mail"}, "msmtp, mbsync, mutt", profileMust | byName | anyHeader, noteMail},
}

// Find returns the tool of that name; nil if there is none.
func Find(name string) *Tool {
	for i := range Tools {
		for _, n := range Tools[i].names {
			if n == name {
				return &Tools[i]
			}
		}
	}
	return nil
}

func wireDocker(p *Place) (Plan, error) {
	return wireCredHelpers(p, p.in("DOCKER_CONFIG", p.under(".docker"), "config.json"))
}

func wirePodman(p *Place) (Plan, error) {
	return wireCredHelpers(p, p.file("REGISTRY_AUTH_FILE", p.config("containers", "auth.json")))
}

// wireCredHelpers configures the helper for each host of the profile. Both families of
// tools find it in PATH by the same name, so they share the link.
func wireCredHelpers(p *Place, file string) (Plan, error) {
	helper := "credhelper-" + p.name
	var settings []jsonSetting
	for _, host := range p.registryHosts() {
		settings = append(settings, jsonSetting{[]string{"credHelpers", host}, helper})
	}
	if len(settings) == 0 { // to be undone, for a profile that is gone
		settings = []jsonSetting{{[]string{"credHelpers", "-"}, helper}}
	}
	users := []string{
		p.in("DOCKER_CONFIG", p.under(".docker"), "config.json"),
		p.file("REGISTRY_AUTH_FILE", p.config("containers", "auth.json")),
	}
	link := p.link("docker-credential-"+helper, quoted(helper), users...)
	link.inPath = true
	var next []string
	for _, host := range p.refusedRegistries() {
		next = append(next, "these tools may speak plain http to "+host+", so it gets no token; where it may go in clear there, add the origin docker://"+host+": credhelper edit "+p.name)
	}
	return Plan{
		about: "the registries of profile " + p.name + " get its token as password",
		links: []toolLink{link},
		next:  next,
		edits: []fileEdit{memberEdit(file, settings, func(_ []string, value string) bool { return value == quoted(helper) })},
	}, nil
}

// wireCargo adds a provider for all registries and profiles: cargo asks the last one
// first, and goes on to the next if no profile owns the registry. There is only one
// list of providers, so naming a profile would exclude the others.
func wireCargo(p *Place) (Plan, error) {
	const name, key = "cargo-credential-credhelper", "global-credential-providers"
	file := p.in("CARGO_HOME", p.under(".cargo"), "config.toml")
	if old := strings.TrimSuffix(file, ".toml"); isFile(old) {
		file = old // if both exist, cargo reads the name without .toml
	}
	link := p.link(name, name+`"`, file)
	if !plainPath(link.path) {
		return Plan{}, protocol.Policy("cargo splits " + link.path + " at spaces")
	}
	lines := key + " = [\"cargo:token\", " + quoted(link.path) + "]\n"
	return Plan{
		about: "cargo asks credhelper first, and its own token file where no profile owns the registry",
		links: []toolLink{link},
		edits: []fileEdit{sectionEdit(file, "cargo", "registry", key, lines, lines)},
	}, nil
}

func wireTerraform(p *Place) (Plan, error) {
	return wireHashicorp(p, "terraform", p.file("TF_CLI_CONFIG_FILE", p.dotfile(".terraformrc", "terraform.rc")))
}

// wireTofu uses the file that OpenTofu reads now: a new .tofurc would hide a
// .terraformrc.
func wireTofu(p *Place) (Plan, error) {
	file := p.dotfile(".tofurc", "tofu.rc")
	if other := p.dotfile(".terraformrc", "terraform.rc"); !isFile(file) && isFile(other) {
		file = other
	}
	return wireHashicorp(p, "opentofu", p.file("TF_CLI_CONFIG_FILE", file))
}

// wireHashicorp names no profile: only one helper is allowed, and it is asked about
// every host. Both tools may read one file; the block of either is enough.
func wireHashicorp(p *Place, tool, file string) (Plan, error) {
	const header = "credentials_helper \"credhelper\" {\n"
	const lines = header + "}\n"
	only := onlyOnce(atEnd, "a credentials_helper, of which there may be only one", func(line string) bool {
		return strings.HasPrefix(line, "credentials_helper")
	})
	place := func(text, block string) (string, error) {
		if lineIndex(text, header) >= 0 {
			return text, nil
		}
		return only(text, block)
	}
	link := toolLink{
		path:   filepath.ToSlash(p.dotfile(".terraform.d", "terraform.d")) + "/plugins/terraform-credentials-credhelper" + exe,
		target: p.credhelper,
		users:  []string{p.dotfile(".terraformrc", "terraform.rc"), p.dotfile(".tofurc", "tofu.rc"), file},
		word:   "credentials_helper \"credhelper\"",
	}
	return Plan{
		about: tool + " asks credhelper for the tokens of its hosts",
		links: []toolLink{link},
		edits: []fileEdit{blockEdit(file, tool, lines, place)},
	}, nil
}

func wireGoauth(p *Place) (Plan, error) {
	if strings.ContainsAny(p.credhelper, "'\"; ") {
		return Plan{}, protocol.Policy("GOAUTH cannot hold the path " + p.credhelper)
	}
	command := p.credhelper + " goauth"
	if p.name != "" {
		command += " --profile " + p.name
	}
	edit := goauthEdit(p.file("GOENV", p.config("go", "env")), command)
	switch {
	case p.env("GOENV") == "off":
		edit = edit.unless(conflict("GOENV is off in the environment, so the go command reads no file"))
	case p.env("GOAUTH") != "":
		edit = edit.unless(conflict("GOAUTH is set in the environment, which counts before the file"))
	}
	return Plan{about: "the go command asks credhelper after a 401, then .netrc", edits: []fileEdit{edit}}, nil
}

func wireBazel(p *Place) (Plan, error) {
	file := p.under(".bazelrc")
	link := p.link("credhelper-bazel", "credhelper-bazel", file)
	if !plainPath(link.path) {
		return Plan{}, protocol.Policy("bazel splits " + link.path + " at spaces")
	}
	lines := ""
	for _, host := range p.hosts(true) {
		host, _, _ := strings.Cut(host, ":")
		lines += "common --credential_helper=" + host + "=" + link.path + "\n"
	}
	if p.name == "" {
		lines = "common --credential_helper=" + link.path + "\n"
	}
	return Plan{
		about: "Bazel 7 and later asks credhelper",
		links: []toolLink{link},
		edits: []fileEdit{blockEdit(file, p.id("bazel"), lines, atEnd)},
	}, nil
}
