package server

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
)

// A profile's proxy is checked when the profile is read. The environment's was written
// for other programs: a value that cannot be parsed is an error, and not "no proxy",
// which would send a request where it must not go and blame the server for the failure.

// unreadableProxy replaces an invalid value, to find out whether NO_PROXY exempts the
// host.
const unreadableProxy = "http://unreadable.invalid"

// proxy returns the profile's own, or the environment's (A6); nil for none.
func (ss *Servers) proxy(p *config.Profile) func(*http.Request) (*url.URL, error) {
	switch p.Proxy {
	case "none":
		return nil
	case "":
		return ss.environmentProxy()
	}
	fixed, err := url.Parse(p.Proxy)
	return func(*http.Request) (*url.URL, error) { return fixed, err }
}

func (ss *Servers) environmentProxy() func(*http.Request) (*url.URL, error) {
	var config httpproxy.Config
	problems := map[string]string{} // by scheme of the request
	for scheme, into := range map[string]*string{"https": &config.HTTPSProxy, "http": &config.HTTPProxy} {
		*into, problems[scheme] = ss.proxyVariable(scheme)
		if problems[scheme] != "" {
			*into = unreadableProxy
		}
	}
	config.NoProxy = cmp.Or(ss.config.Env("NO_PROXY"), ss.config.Env("no_proxy"))
	decide := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		u, err := decide(r.URL)
		if u != nil && u.String() == unreadableProxy {
			return nil, oauth.BadProxy(problems[r.URL.Scheme])
		}
		return u, err
	}
}

// proxyVariable returns the value of the variable that names the proxy for a scheme,
// such as HTTPS_PROXY, and why it is invalid; "" if it is valid.
func (ss *Servers) proxyVariable(scheme string) (value, problem string) {
	name := strings.ToUpper(scheme) + "_PROXY"
	if ss.config.Env(name) == "" {
		name = strings.ToLower(name)
	}
	if problem = badProxy(ss.config.Env(name)); problem != "" {
		problem = name + " " + problem
	}
	return ss.config.Env(name), problem
}

// BadProxies returns which of the environment's proxy variables are invalid, and why.
func (ss *Servers) BadProxies() (problems []string) {
	for _, scheme := range [...]string{"https", "http"} {
		if _, problem := ss.proxyVariable(scheme); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// proxySchemes are those that net/http supports; it would treat any other as http.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// badProxy returns why a variable's value is not a proxy's address; "" if it is one, or
// empty. The value may contain a password and is not quoted.
func badProxy(value string) string {
	if value == "" {
		return ""
	}
	switch {
	case strings.ContainsAny(value, "\"'`"):
		return "has quotation marks in it: write the address without them"
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "has a blank in it, perhaps at its end"
	case strings.Contains(value, `\`):
		return `has a backslash in it: write it as %5C`
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value // as curl and httpproxy have it
	}
	u, err := url.Parse(value)
	switch {
	case err != nil && strings.Contains(value, "%"):
		return "cannot be read: in user name and password a % is written as %25, and @ : / # ? by their codes, too"
	case err != nil || u.Hostname() == "":
		return "is no address such as http://proxy.example:3128"
	case !slices.Contains(proxySchemes, u.Scheme):
		return "is of a kind that is not known: it begins with http://, https:// or socks5://"
	}
	return ""
}

// ProxyOf is the proxy that the token endpoint is asked through; nil if none.
func (ss *Servers) ProxyOf(p *config.Profile) (*url.URL, error) {
	decide := ss.proxy(p)
	r, err := http.NewRequest(http.MethodPost, p.TokenURL, nil)
	if decide == nil || err != nil || oauth.Direct(r.URL) {
		return nil, nil
	}
	return decide(r)
}

// ProxyName says which proxy the token endpoint is asked through, without user
// and password; "" if none, or if the variable that names it cannot be read.
func (ss *Servers) ProxyName(p *config.Profile) string {
	u, err := ss.ProxyOf(p)
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
