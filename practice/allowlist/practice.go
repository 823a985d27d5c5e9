// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	_ "embed"
	"fmt"
	"net/netip"

	"yett/exchange"
	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under allowlist.
type Config struct {
	// Networks that may call, as CIDR or single addresses. Absent: all networks. An empty list refuses everyone.
	Networks *[]netip.Prefix `yaml:"networks"`
	// Deny lists networks that may not call. It wins over Networks.
	Deny []netip.Prefix `yaml:"deny"`
	// TrustedProxies may speak for others through X-Forwarded-For or Forwarded. Default: none.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" config:"gateway"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.Networks != nil {
		if err := valid("networks", *c.Networks); err != nil {
			return err
		}
	}
	if err := valid("deny", c.Deny); err != nil {
		return err
	}
	if err := valid("trusted_proxies", c.TrustedProxies); err != nil {
		return err
	}
	for i, n := range c.TrustedProxies {
		if normal(n).Bits() == 0 {
			return fmt.Errorf("trusted_proxies[%d]: %q trusts the whole internet (list the proxy itself)", i, n)
		}
	}
	return nil
}

// valid refuses prefixes that would match nothing and nobody would notice.
func valid(key string, list []netip.Prefix) error {
	for i, n := range list {
		switch {
		case !n.IsValid():
			return fmt.Errorf("%s[%d]: there is no network (try 192.0.2.0/24)", key, i)
		case n.Addr().Is4In6() && n.Bits() < 96:
			return fmt.Errorf("%s[%d]: %q is neither IPv4 nor IPv6 (write 0.0.0.0/0 for all of IPv4)", key, i, n)
		}
	}
	return nil
}

// restricts reports whether c limits who may call.
func (c Config) restricts() bool { return c.Networks != nil || len(c.Deny) > 0 }

// Practice is allowlist as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "allowlist",
	Number:   14,
	Protects: "decides which networks may call, and who is really at the other end",
	Readme:   readme,
	Defaults: func() Config { return Config{} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		l := New(c)
		if env.API != nil {
			if !c.restricts() {
				return &practice.Part{}, nil
			}
			return &practice.Part{Request: l.Check}, nil
		}
		edge := func(x *exchange.Exchange) error {
			if err := l.Resolve(x); err != nil {
				return err
			}
			return l.Check(x)
		}
		return &practice.Part{Edge: edge, Checks: checks(c)}, nil
	},
})
