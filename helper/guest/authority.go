package guest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/guest/ca"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// NewCA is what to type for another authority.
const NewCA = "make a new one, and have the guests trust it: credhelper proxy ca --new"

// Authority returns the CA of this home; nil if there is none. Errors wrap a sentinel of
// package protocol: with a locked keyring it is ErrLocked.
func Authority(ctx context.Context, h *helper.Helper) (*ca.Authority, error) {
	item, err := h.DoorItem(ctx, helper.DoorCA)
	if err != nil || item.IsZero() {
		return nil, err
	}
	a, err := ca.Parse(item)
	if err != nil {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: err.Error() + " in the keyring", Hint: NewCA}
	}
	return a, nil
}

// ServingAuthority returns the CA of this home for a door with these names, and makes one
// if there is none. One that has ended, that was made for other names, or whose names are
// by now a profile's is protocol.ErrPolicy.
func ServingAuthority(ctx context.Context, h *helper.Helper, names []string, now time.Time) (*ca.Authority, error) {
	names, err := canonical(names)
	if err != nil {
		return nil, err
	}
	a, err := Authority(ctx, h)
	if err == nil && a == nil {
		a, err = makeAuthority(ctx, h, names, now, false)
	}
	if err != nil {
		return nil, err
	}
	if !now.Before(a.Ends()) {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "the door's CA ended on " + a.Ends().Format(time.DateOnly), Hint: NewCA}
	}
	if err := checkNames(h, a.Names()); err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range names {
		if !a.Covers(name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		hint := NewCA
		for _, name := range append(a.Names(), missing...) {
			hint += " --name " + name
		}
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "the door's CA was not made for " + strings.Join(missing, ", "), Hint: hint}
	}
	return a, nil
}

// NewAuthority makes a CA for loopback and these names, in place of the present one.
func NewAuthority(ctx context.Context, h *helper.Helper, names []string, now time.Time) (*ca.Authority, error) {
	names, err := canonical(names)
	if err != nil {
		return nil, err
	}
	return makeAuthority(ctx, h, names, now, true)
}

// canonical returns the names as a CA has them, without those of loopback.
func canonical(names []string) (list []string, err error) {
	for _, name := range names {
		checked, err := ca.CheckName(name)
		if err != nil {
			return nil, &protocol.Error{Kind: protocol.ErrMalformed, Text: "--name " + printable.Value(name) + " " + err.Error()}
		}
		if !ca.Loopback(checked) {
			list = append(list, checked)
		}
	}
	return list, nil
}

// makeAuthority makes a CA. Without replace the one that another process made first stays,
// and is returned.
func makeAuthority(ctx context.Context, h *helper.Helper, names []string, now time.Time, replace bool) (*ca.Authority, error) {
	if err := checkNames(h, names); err != nil {
		return nil, err
	}
	unlock, err := h.LockDoor(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !replace {
		if a, err := Authority(ctx, h); err != nil || a != nil {
			return a, err
		}
	}
	a, err := ca.New(names, now)
	if err != nil {
		return nil, err
	}
	text, err := a.Text()
	if err != nil {
		return nil, err
	}
	return a, h.PutDoorItem(ctx, helper.DoorCA, text)
}

// checkNames refuses the name of a server of some profile, and one above it: no
// certificate of ours may stand between a program and that server.
func checkNames(h *helper.Helper, names []string) error {
	if len(names) == 0 {
		return nil
	}
	profiles, _ := h.Profiles() // an invalid one sends no token anywhere
	for _, p := range profiles {
		for _, host := range hostsOf(p) {
			for _, name := range names {
				if ca.Concerns(name, host) {
					return &protocol.Error{Kind: protocol.ErrPolicy, Text: "a CA for " + name + " could certify " + host + ", a server of profile " + p.Name,
						Hint: "reach the door by another name: credhelper proxy ca --new --name NAME"}
				}
			}
		}
	}
	return nil
}

// hostsOf lists the hosts of a profile's servers; a wildcard begins with "*.".
func hostsOf(p *config.Profile) (hosts []string) {
	for _, o := range p.Origins {
		host := o.Host()
		if parent, wild := o.Wildcard(); wild {
			host = "*." + parent
		}
		hosts = append(hosts, host)
	}
	for _, text := range []string{p.URL, p.TokenURL, p.AuthorizationURL, p.DeviceURL, p.RevocationURL, p.IntrospectionURL, p.Issuer} {
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
			hosts = append(hosts, strings.ToLower(u.Hostname()))
		}
	}
	return hosts
}

// EndsSoon reports whether guests should be given a new CA.
func EndsSoon(a *ca.Authority, now time.Time) bool {
	const notice = 30 * 24 * time.Hour
	return now.Add(notice).After(a.Ends())
}
