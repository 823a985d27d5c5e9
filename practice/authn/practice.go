// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	_ "embed"
	"errors"
	"strings"

	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under authn.
type Config struct {
	// Forward passes the caller's own credential on to the upstream, for the reason given. Default: it is removed.
	Forward string `yaml:"forward"`
	// Realm names the protected space in challenges.
	Realm string `yaml:"realm"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.Forward != "" && strings.TrimSpace(c.Forward) == "" {
		return errors.New("forward: gives no reason (write why the upstream needs the caller's own credential)")
	}
	if c.Realm == "" || strings.ContainsFunc(c.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New(`realm: must be plain text without quotes (try "api")`)
	}
	return nil
}

// DefaultRealm is the realm where none is configured.
const DefaultRealm = "api"

// Practice is authn as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "authn",
	Number:   3,
	Protects: "a caller must be known and hold the scopes; an address is never proof",
	Readme:   readme,
	Defaults: func() Config { return Config{Realm: DefaultRealm} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API == nil {
			return &practice.Part{Checks: checks()}, nil
		}
		g := New(c, Options{Counters: env.Counters, API: env.API})
		return &practice.Part{Request: g.Check}, nil
	},
})
