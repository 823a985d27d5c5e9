// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"

	"yett/exchange"
	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under allowlist.
type Config struct {
	// Networks that may call, as CIDR or single addresses. An empty list refuses everyone.
	Networks *[]netip.Prefix `yaml:"networks"`
	// NetworksFiles are files with more of them, one a line; "#" begins a comment. All networks may call where both keys
	// are absent.
	NetworksFiles []string `yaml:"networks_files" config:"file"`
	// Deny lists networks that may not call. It wins over Networks.
	Deny []netip.Prefix `yaml:"deny"`
	// DenyFiles are files with more of them.
	DenyFiles []string `yaml:"deny_files" config:"file"`
	// TrustedProxies may speak for others through X-Forwarded-For, Forwarded or a PROXY header. Default: none.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" config:"gateway"`
	// ProxyProtocol says whether trusted proxies begin each connection with a PROXY header: off, optional or required.
	ProxyProtocol string `yaml:"proxy_protocol" config:"gateway"`
}

// maxFiles bounds the files of one key: each is looked up for each request.
const maxFiles = 16

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.Networks != nil {
		if err := valid("networks", *c.Networks); err != nil {
			return err
		}
	}
	if err := errors.Join(valid("deny", c.Deny), validFiles("networks_files", c.NetworksFiles), validFiles("deny_files", c.DenyFiles)); err != nil {
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
	switch c.ProxyProtocol {
	case "", proxyOff:
	case proxyOptional, proxyRequired:
		if len(c.TrustedProxies) == 0 {
			return fmt.Errorf("proxy_protocol: %q without trusted_proxies believes nobody (list the proxy there)", c.ProxyProtocol)
		}
	default:
		return fmt.Errorf("proxy_protocol: %q is none of off, optional and required", c.ProxyProtocol)
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

func validFiles(key string, names []string) error {
	if len(names) > maxFiles {
		return fmt.Errorf("%s: %d files are more than %d (put the lists together)", key, len(names), maxFiles)
	}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("%s[%d]: there is no file name", key, i)
		}
	}
	return nil
}

// restricts reports whether c limits who may call.
func (c Config) restricts() bool {
	return c.Networks != nil || c.NetworksFiles != nil || len(c.Deny) > 0 || len(c.DenyFiles) > 0
}

// Practice is allowlist as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "allowlist",
	Number:   14,
	Protects: "decides which networks may call, and who is really at the other end",
	Readme:   readme,
	Defaults: func() Config { return Config{ProxyProtocol: proxyOff} },
	Build:    build,
})

func build(c Config, env *practice.Env) (*practice.Part, error) {
	levels, err := practice.Share(env, "allowlist", func() (*levels, error) {
		known, err := practice.Keep(env, "allowlist/files", func() (*cache, error) { return new(cache), nil })
		if err != nil {
			return nil, err
		}
		return newLevels(newFiles(known, env.Alerts), env.APIs), nil
	})
	if err != nil {
		return nil, err
	}
	if err := levels.inherits(c, env.API, env.Operation); err != nil {
		return nil, err
	}
	l, err := New(c, Options{Alerts: env.Alerts, files: levels.files})
	if err != nil {
		return nil, err
	}
	levels.add(c, l, env.API, env.Operation)
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
	// One Run for the files of all levels: several name the same.
	return &practice.Part{Accept: l.Accept, Edge: edge, Routes: levels.routes(), Checks: checks(c, l), Run: l.Run}, nil
}
