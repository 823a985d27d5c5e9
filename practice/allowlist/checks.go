// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"yett/practice"
)

func checks(c Config) []practice.Check {
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
			Run:   func(ctx context.Context, t practice.Target) practice.Finding { return outsider(ctx, t, c) },
		},
	}
}

// here is where probes come from.
var here = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// outsider asks from this machine, if this machine is an outsider.
func outsider(ctx context.Context, t practice.Target, c Config) practice.Finding {
	if !c.restricts() {
		return practice.None("no network is listed, so all may call")
	}
	l := New(c)
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
