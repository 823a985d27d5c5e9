// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"

	"yett/practice"
)

func checks(c Config, l *List) []practice.Check {
	return []practice.Check{
		{
			ID:    "allowlist/forged",
			Asks:  "Is an address that a caller writes himself ignored?",
			Cites: []string{"OWASP API8:2023", "RFC 7239 section 8.1"},
			Run:   func(ctx context.Context, t practice.Target) practice.Finding { return forged(ctx, t, c) },
		},
		{
			ID:    "allowlist/outsider",
			Asks:  "Is a caller from a network that is not listed refused?",
			Cites: []string{"OWASP API8:2023"},
			Run:   func(ctx context.Context, t practice.Target) practice.Finding { return outsider(ctx, t, c, l) },
		},
		{
			ID:    "allowlist/proxies",
			Asks:  "Are only few trusted to say who is calling?",
			Cites: []string{"OWASP API8:2023", "RFC 7239 section 8.1"},
			Run:   func(context.Context, practice.Target) practice.Finding { return proxies(c) },
		},
		{
			ID:    "allowlist/files",
			Asks:  "Do the lists hold what their files hold?",
			Cites: []string{"OWASP API8:2023"},
			Run:   func(context.Context, practice.Target) practice.Finding { return current(l.files) },
		},
	}
}

// here is where probes come from.
var here = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// outsider asks from this machine, if this machine is an outsider.
func outsider(ctx context.Context, t practice.Target, c Config, l *List) practice.Finding {
	if !c.restricts() {
		return practice.None("no network is listed, so all may call")
	}
	for _, a := range here {
		if l.admit(a) == nil {
			return practice.None("probes come from this machine, which is listed")
		}
	}
	res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe"})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	return practice.Expect(res, http.StatusForbidden).Or("restart the gateway, so that allowlist.networks holds")
}

// forged asks with and without forged fields. Both get the same answer, unless this machine is a trusted proxy.
func forged(ctx context.Context, t practice.Target, c Config) practice.Finding {
	for _, p := range c.TrustedProxies {
		for _, a := range here {
			if normal(p).Contains(a) {
				return practice.None("this machine is a trusted proxy, so its forwarding fields are believed")
			}
		}
	}
	bare, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe"})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	lied, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe",
		Header: [][2]string{{"X-Forwarded-For", "not an address, 192.0.2.1"}, {"Forwarded", "for=;;"}}})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	ev := []practice.Evidence{{What: "without forged fields", Saw: fmt.Sprint(bare.Status)}, {What: "with forged fields", Saw: fmt.Sprint(lied.Status)}}
	if bare.Status == lied.Status {
		return practice.Finding{Verdict: practice.Effective, Summary: "forged forwarding fields change nothing", Evidence: ev}
	}
	return practice.Finding{Verdict: practice.Ineffective, Summary: "forged forwarding fields change the answer",
		Fix: "list only real proxies in allowlist.trusted_proxies", Evidence: ev}
}

// private are networks that nobody reaches over the internet (RFC 1918, RFC 6598, RFC 4193, RFC 4291).
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// Public networks of these bits or fewer hold strangers: no operator of proxies has as many addresses.
const (
	wide4 = 8
	wide6 = 16
)

// proxies looks for trusted networks in which anybody may have an address: he could say that he is whoever he likes.
func proxies(c Config) practice.Finding {
	if len(c.TrustedProxies) == 0 {
		return practice.None("no proxy is trusted")
	}
	var wide []practice.Evidence
	for i, p := range c.TrustedProxies {
		p = normal(p)
		within := slices.ContainsFunc(private, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
		limit := wide6
		if p.Addr().Is4() {
			limit = wide4
		}
		if !within && p.Bits() <= limit {
			wide = append(wide, practice.Evidence{What: fmt.Sprintf("trusted_proxies[%d]", i), Saw: p.String()})
		}
	}
	if len(wide) > 0 {
		return practice.Finding{Verdict: practice.Weak, Summary: fmt.Sprintf("%d trusted networks are so wide that strangers are in them", len(wide)),
			Fix: "list the proxies themselves in allowlist.trusted_proxies", Evidence: wide}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d networks of proxies are trusted, none of them wide", len(c.TrustedProxies))}
}

// current looks whether every file could be read when it changed last, and is still there.
func current(f *files) practice.Finding {
	if len(f.sources) == 0 {
		return practice.None("no list comes from a file")
	}
	kept := *f.kept.Load()
	networks := 0
	var old []practice.Evidence
	for _, s := range f.sources {
		networks += s.now.Load().size()
		err := kept[s.name]
		if err == nil {
			_, err = os.Stat(s.name)
		}
		if err != nil {
			old = append(old, practice.Evidence{What: s.name, Saw: err.Error()})
		}
	}
	if len(old) > 0 {
		return practice.Finding{Verdict: practice.Weak, Summary: fmt.Sprintf("%d of %d files cannot be read; what they held before is in force", len(old), len(f.sources)),
			Fix: "mend " + old[0].What, Evidence: old}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d networks of %d files are in force", networks, len(f.sources))}
}
