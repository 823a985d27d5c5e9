// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"yett/exchange"
	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under cors.
type Config struct {
	// Origins whose pages may call and read answers, exactly as browsers send them: https://shop.example.org. Without
	// any, no page of another origin reads anything.
	Origins []string `yaml:"origins"`
	// Credentials lets pages of Origins call with the cookies of their visitor, and read what comes back.
	Credentials bool `yaml:"credentials"`
	// Headers that pages may send besides those that the description declares.
	Headers []string `yaml:"headers"`
	// Expose lists fields of answers that pages may read besides those that the description declares.
	Expose []string `yaml:"expose"`
	// MaxAge is how long a browser remembers the answer to a preflight. Chromium cuts it to two hours.
	MaxAge time.Duration `yaml:"max_age"`
}

// Defaults is the Config that holds where nothing is configured.
func Defaults() Config { return Config{MaxAge: 10 * time.Minute} }

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	seen := make(map[string]int)
	for i, origin := range c.Origins {
		if origin == "*" && c.Credentials {
			return fmt.Errorf("origins[%d]: \"*\" with credentials would hand every visitor's data to every page on the web (list each origin: https://shop.example.org)", i)
		}
		if err := judge(origin); err != nil {
			return fmt.Errorf("origins[%d]: %w", i, err)
		}
		if first, ok := seen[origin]; ok {
			return fmt.Errorf("origins[%d]: %q stands at origins[%d] already (remove one)", i, origin, first)
		}
		seen[origin] = i
	}
	if err := names("headers", c.Headers); err != nil {
		return err
	}
	if err := names("expose", c.Expose); err != nil {
		return err
	}
	if c.MaxAge < 0 || c.MaxAge > 24*time.Hour {
		return fmt.Errorf("max_age: %v is not between 0 and a day, the longest that a browser keeps (try 10m)", c.MaxAge)
	}
	return nil
}

// names judges a list of field names.
func names(key string, list []string) error {
	for i, name := range list {
		lower := strings.ToLower(name)
		switch {
		case name == "*":
			return fmt.Errorf("%s[%d]: \"*\" would allow every field (list their names)", key, i)
		case !exchange.ValidName(name):
			return fmt.Errorf("%s[%d]: %q is no field name (try X-Request-Id)", key, i, name)
		case strings.HasPrefix(lower, "cookie") || strings.HasPrefix(lower, "set-cookie") || strings.HasPrefix(lower, "sec-") || strings.HasPrefix(lower, "proxy-"):
			return fmt.Errorf("%s[%d]: browsers keep %s to themselves, so no list opens it (remove it; for cookies write credentials: true)", key, i, name)
		}
		for j, before := range list[:i] {
			if strings.EqualFold(before, name) {
				return fmt.Errorf("%s[%d]: %q stands at %s[%d] already (remove one)", key, i, name, key, j)
			}
		}
	}
	return nil
}

// Practice is cors as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "cors",
	Number:   9,
	Protects: "which browser origins may call",
	Readme:   readme,
	Defaults: Defaults,
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		t, err := practice.Share(env, "cors/table", func() (*table, error) { return newTable(env.APIs) })
		if err != nil {
			return nil, err
		}
		p := New(c, Options{PublicURL: env.PublicURL, table: t})
		if env.API == nil {
			return &practice.Part{Header: p.Header, Routes: t.routes(), Checks: checks(t)}, nil
		}
		t.put(env.API, env.Operation, p)
		return &practice.Part{Preflight: p.Preflight, Request: p.Check, Response: p.Clean, Header: p.Header}, nil
	},
})
