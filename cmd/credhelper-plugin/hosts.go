package main

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/inner"
)

// hosts are the values of the Host field by which the door may be reached. No other one
// is answered: a name that an attacker's DNS points to this machine is not ours.
type hosts struct {
	scheme string     // http or https
	url    string     // the door's address for people
	at     netip.Addr // where it listens; zero for a Unix socket
	names  []string   // the hosts without ports: what a certificate has to be for
	list   []string   // as in the field
}

func (h hosts) has(host string) bool { return slices.Contains(h.list, host) }

// hostsOf lists the hosts of a door at an address: that address, unless it stands for
// all, and what the call names.
func hostsOf(own netip.AddrPort, call inner.ProxyCall) (hosts, error) {
	h := hosts{scheme: "http", at: own.Addr()}
	if call.TLS {
		h.scheme = "https"
	}
	port := strconv.Itoa(int(own.Port()))
	if !own.Addr().IsUnspecified() {
		h.add(own.Addr().String(), port)
	}
	if own.Addr().IsLoopback() {
		h.add("localhost", port)
	}
	for _, name := range call.Names {
		host, at := strings.ToLower(name), port
		if before, given, err := net.SplitHostPort(host); err == nil {
			host, at = before, given
		}
		if n, err := strconv.ParseUint(at, 10, 16); err != nil || n == 0 || !hostName(host) {
			return h, malformed("--name wants NAME or NAME:PORT")
		}
		h.add(host, at)
	}
	h.url = h.scheme + "://" + h.list[0]
	return h, nil
}

// add adds a host with a port. Clients leave out the usual one of the scheme, and write an
// address in its shortest form.
func (h *hosts) add(host, port string) {
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.String()
	}
	h.names = append(h.names, host)
	field := net.JoinHostPort(host, port)
	h.list = append(h.list, field)
	if usual := map[string]string{"http": "80", "https": "443"}; port == usual[h.scheme] {
		h.list = append(h.list, strings.TrimSuffix(field, ":"+port))
	}
}

// hostName reports whether s is a host name or an address, and no pattern.
func hostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && s[0] != '.' && s[0] != '-'
}
