// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package allowlist admits requests by network address, and says which address counts.
//
// It stops callers outside the listed networks before any credential is read, and forged forwarding fields: they are
// believed only from trusted proxies, read from right to left. It does not identify callers: an address is never proof
// of who is calling (see package authn).
//
// Used alone, New(Config{…}).Handler(next) guards any handler.
package allowlist

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/gaissmai/bart"

	"yett/exchange"
	"yett/problem"
)

// A List admits addresses. It is safe for concurrent use.
type List struct {
	all     bool // no list of networks was given
	allow   bart.Lite
	deny    bart.Lite
	proxies bart.Lite
}

// New makes a List. It never fails on a Config that Validate accepts.
func New(c Config) *List {
	l := &List{all: c.Networks == nil}
	if c.Networks != nil {
		insert(&l.allow, *c.Networks)
	}
	insert(&l.deny, c.Deny)
	insert(&l.proxies, c.TrustedProxies)
	return l
}

// insert adds prefixes; IPv4 written as IPv6 counts as IPv4.
func insert(set *bart.Lite, prefixes []netip.Prefix) {
	for _, p := range prefixes {
		set.Insert(normal(p))
	}
}

func normal(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// Handler refuses calls that Check refuses, and passes the others to next.
func (l *List) Handler(next http.Handler) http.Handler {
	return exchange.Middleware(next, l.Resolve, l.Check)
}

// Resolve says once for the whole exchange whose address counts: the peer's, or the one that trusted proxies vouch for.
func (l *List) Resolve(x *exchange.Exchange) error {
	peer := x.Peer.Addr().Unmap().WithZone("")
	if !peer.IsValid() || !l.proxies.Contains(peer) {
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
	if l.deny.Contains(addr) {
		return denied("address_denied", fmt.Errorf("%s is in a denied network", addr))
	}
	if !l.all && !l.allow.Contains(addr) {
		return denied("address_not_listed", fmt.Errorf("%s is in none of the listed networks", addr))
	}
	return nil
}

func denied(code string, cause error) error {
	if cause == nil {
		cause = errors.New(code)
	}
	return &problem.Error{Status: http.StatusForbidden, Code: code, Detail: "Calls from this network are not allowed.", Cause: cause}
}
