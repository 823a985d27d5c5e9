// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package allowlist admits requests by network address, and says which address counts.
//
// It stops callers outside the listed networks before any credential is read, and forged forwarding: fields and PROXY
// protocol headers are believed only from trusted proxies, fields from right to left. It does not identify callers: an
// address is never proof of who is calling (see package authn).
//
// Used alone, New(Config{…}, Options{}) makes a List whose Handler guards any handler; Run follows the files that it
// names, and Accept reads PROXY protocol headers.
package allowlist

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"yett/alert"
	"yett/exchange"
	"yett/problem"
)

// Options are collaborators that a program supplies. The zero Options work.
type Options struct {
	// Alerts is told when a file cannot be read and what it held before stays in force. Default: nobody is.
	Alerts *alert.Board

	files *files // of the generation; default: the list's own
}

// A List admits addresses. It is safe for concurrent use.
type List struct {
	all     bool // nobody said who may call
	allow   []*source
	deny    []*source
	proxies *set
	proxied string // Config.ProxyProtocol
	files   *files
}

// New makes a List of a Config that Validate accepts. It is an error if one of the files cannot be read whole.
func New(c Config, o Options) (*List, error) {
	l := &List{all: c.Networks == nil && c.NetworksFiles == nil, proxies: newSet(c.TrustedProxies), proxied: c.ProxyProtocol, files: o.files}
	if l.files == nil {
		if o.Alerts == nil {
			o.Alerts = new(alert.Board)
		}
		l.files = newFiles(new(cache), o.Alerts)
	}
	if c.Networks != nil {
		l.allow = append(l.allow, newSource("networks", newSet(*c.Networks)))
	}
	if len(c.Deny) > 0 {
		l.deny = append(l.deny, newSource("deny", newSet(c.Deny)))
	}
	var err error
	if l.allow, err = l.open("networks_files", c.NetworksFiles, l.allow); err != nil {
		return nil, err
	}
	l.deny, err = l.open("deny_files", c.DenyFiles, l.deny)
	return l, err
}

// open adds the files that a key names to the sources.
func (l *List) open(key string, names []string, to []*source) ([]*source, error) {
	for _, name := range names {
		s, err := l.files.open(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		to = append(to, s)
	}
	return to, nil
}

// Run takes over files that change, until ctx ends.
func (l *List) Run(ctx context.Context) error { return l.files.run(ctx) }

// Handler refuses calls that Check refuses, and passes the others to next.
func (l *List) Handler(next http.Handler) http.Handler {
	return exchange.Middleware(next, l.Resolve, l.Check)
}

// Resolve says once for the whole exchange whose address counts: the peer's, or the one that trusted proxies vouch for.
func (l *List) Resolve(x *exchange.Exchange) error {
	peer := x.Peer.Addr().Unmap().WithZone("")
	if !peer.IsValid() || !l.proxies.contains(peer) {
		return nil // forwarding fields of anybody else are nothing but text
	}
	client, err := l.forwarded(peer, &x.Request.Header)
	x.SetClientAddr(client, err)
	if err != nil {
		// An address we cannot read is refused: falling back to the proxy's would admit whoever garbles the field.
		return &problem.Error{Status: http.StatusBadRequest, Code: "address_unreadable",
			Detail: "The forwarding fields cannot be read.", Cause: err}
	}
	return nil
}

// Check reports an error if x does not come from an admitted network.
func (l *List) Check(x *exchange.Exchange) error {
	addr, err := x.ClientAddr()
	if err != nil {
		return denied("address_unreadable", err)
	}
	return l.admit(addr)
}

// admit judges an address that is neither IPv4 in IPv6 nor has a zone.
func (l *List) admit(addr netip.Addr) error {
	code, src := l.decide(addr)
	switch {
	case code == "":
		return nil
	case src != nil:
		return denied(code, fmt.Errorf("%s is in a denied network, see %s", addr, src.name))
	}
	return denied(code, fmt.Errorf("%s is in none of the listed networks", addr))
}

// decide returns the code of a refusal, "" for none, and the source that decided; nil: none did.
func (l *List) decide(addr netip.Addr) (code string, by *source) {
	if src := found(l.deny, addr); src != nil {
		return "address_denied", src
	}
	if l.all {
		return "", nil
	}
	if src := found(l.allow, addr); src != nil {
		return "", src
	}
	return "address_not_listed", nil
}

func denied(code string, cause error) error {
	if cause == nil {
		cause = errors.New(code)
	}
	return &problem.Error{Status: http.StatusForbidden, Code: code, Detail: "Calls from this network are not allowed.", Cause: cause}
}
