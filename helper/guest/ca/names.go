package ca

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// CheckName returns the canonical form of a name or an address that an authority is to be
// made for. Since a constraint permits whatever is below a name, neither a public suffix
// (publicsuffix.org) nor a name of a single label, such as internal, is one.
func CheckName(name string) (string, error) {
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip = ip.Unmap(); ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
			return "", errors.New("is not the address of one machine")
		}
		return ip.String(), nil
	}
	name = strings.ToLower(name)
	if name == localhost {
		return name, nil
	}
	if strings.ContainsAny(name, "*?") {
		return "", errors.New("is a pattern: name each host")
	}
	if !validHost(name) {
		return "", errors.New("is not the name of a host")
	}
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
		return "", errors.New("is a public suffix, or has a single label: a certificate for it would be one for all names below it")
	}
	return name, nil
}

// validHost reports whether a name has letters, digits and hyphens only, and does not look
// like an address.
func validHost(name string) bool {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(name) <= 253 && strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// Loopback reports whether a name or an address is loopback, for which every authority is.
func Loopback(name string) bool {
	ip, err := netip.ParseAddr(name)
	return name == localhost || err == nil && ip.IsLoopback()
}

// Concerns reports whether an authority for name could certify a host of somebody else's:
// the host itself, one below the name, or, for a wildcard such as *.example.com, one that
// it covers.
func Concerns(name, host string) bool {
	if parent, wild := strings.CutPrefix(host, "*."); wild {
		return below(parent, name) || below(name, parent)
	}
	return below(host, name)
}

// below reports whether a host is a name, or below it.
func below(host, name string) bool { return host == name || strings.HasSuffix(host, "."+name) }
