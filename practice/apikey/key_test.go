// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func prefixes(cidrs ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, c := range cidrs {
		out = append(out, netip.MustParsePrefix(c))
	}
	return out
}

func TestNewKeyIsChecked(t *testing.T) {
	now := newClock().Now()
	for _, tt := range []struct {
		name  string
		key   NewKey
		field string // "" is good
	}{
		{"a client is enough", NewKey{Client: "partner-nord"}, ""},
		{"everything at once", NewKey{Client: "a.b_c-9", Owner: "Inés, Einkauf", Plan: "gold", Scopes: []string{"orders:read"}, Networks: prefixes("192.0.2.0/24"), Expires: now.Add(time.Hour)}, ""},
		{"no client", NewKey{}, "client"},
		{"a client in capitals", NewKey{Client: "Acme"}, "client"},
		{"a client that begins with a dash", NewKey{Client: "-acme"}, "client"},
		{"a client with a line feed", NewKey{Client: "acme\n"}, "client"},
		{"a client of 65 characters", NewKey{Client: strings.Repeat("a", 65)}, "client"},
		{"a plan with a space", NewKey{Client: "acme", Plan: "big one"}, "plan"},
		{"an owner with an escape sequence", NewKey{Client: "acme", Owner: "\x1b[31m"}, "owner"},
		{"an owner that is not UTF-8", NewKey{Client: "acme", Owner: "\xff"}, "owner"},
		{"an owner of 129 bytes", NewKey{Client: "acme", Owner: strings.Repeat("o", 129)}, "owner"},
		{"an expiry in the past", NewKey{Client: "acme", Expires: now.Add(-time.Second)}, "expires"},
		{"an expiry of this very moment", NewKey{Client: "acme", Expires: now}, "expires"},
		{"an expiry in a hundred years", NewKey{Client: "acme", Expires: now.AddDate(100, 0, 0)}, "expires"},
		{"a scope with a space, which would be two", NewKey{Client: "acme", Scopes: []string{"ok", "orders read"}}, "scopes/1"},
		{"an empty scope", NewKey{Client: "acme", Scopes: []string{""}}, "scopes/0"},
		{"a scope with a quote", NewKey{Client: "acme", Scopes: []string{`a"b`}}, "scopes/0"},
		{"101 scopes", NewKey{Client: "acme", Scopes: make([]string, 101)}, "scopes"},
		{"the whole internet as a network", NewKey{Client: "acme", Networks: prefixes("192.0.2.0/24", "0.0.0.0/0")}, "networks/1"},
		{"the whole IPv6 internet", NewKey{Client: "acme", Networks: prefixes("::/0")}, "networks/0"},
		{"all of IPv4 written as IPv6", NewKey{Client: "acme", Networks: prefixes("::ffff:0.0.0.0/96")}, "networks/0"},
		{"half of IPv6 around IPv4", NewKey{Client: "acme", Networks: prefixes("::ffff:0.0.0.0/64")}, "networks/0"},
		{"no network", NewKey{Client: "acme", Networks: make([]netip.Prefix, 1)}, "networks/0"},
		{"65 networks", NewKey{Client: "acme", Networks: make([]netip.Prefix, 65)}, "networks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.key.normal(now)
			field := ""
			if e, ok := errors.AsType[*FieldError](err); ok {
				field = e.Field
			} else if err != nil {
				t.Fatal(err)
			}
			if field != tt.field {
				t.Errorf("got an error in %q, want in %q (%v)", field, tt.field, err)
			}
		})
	}
}

func TestNewKeyIsNormalised(t *testing.T) {
	n, err := NewKey{Client: "acme", Scopes: []string{"b", "a", "b"}, Networks: prefixes("::ffff:192.0.2.9/120", "192.0.2.0/24", "10.1.2.3/8")}.normal(newClock().Now())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b"}; !slices.Equal(n.Scopes, want) {
		t.Errorf("scopes: got %v, want %v", n.Scopes, want)
	}
	if want := prefixes("10.0.0.0/8", "192.0.2.0/24"); !slices.Equal(n.Networks, want) {
		t.Errorf("networks: got %v, want %v", n.Networks, want)
	}
}

func TestState(t *testing.T) {
	now := newClock().Now()
	for _, tt := range []struct {
		name string
		key  Key
		want State
	}{
		{"a key without an end is live", Key{}, Live},
		{"a key is live to its last moment", Key{Expires: now.Add(1)}, Live},
		{"at its expiry a key is over", Key{Expires: now}, Expired},
		{"a replaced key works within its grace", Key{ReplacedBy: exampleID, GraceEnds: now.Add(1)}, Grace},
		{"at the end of its grace it is over", Key{ReplacedBy: exampleID, GraceEnds: now}, Replaced},
		{"a replaced key without a grace is over", Key{ReplacedBy: exampleID}, Replaced},
		{"a grace does not outlive the expiry", Key{ReplacedBy: exampleID, GraceEnds: now.Add(time.Hour), Expires: now}, Expired},
		{"revoked is revoked, whatever else", Key{Revoked: now, ReplacedBy: exampleID, GraceEnds: now.Add(time.Hour)}, Revoked},
		{"revoked at a moment that a clock set back has yet to reach", Key{Revoked: now.Add(time.Hour)}, Revoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.key.State(now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
