// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	_ "embed"
	"fmt"
	"slices"

	"yett/exchange"
	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under sanitize.
type Config struct {
	// Allow lists kinds that answers may hold: stack_trace, sql_error, debug_page, file_path, internal_address. For an
	// API whose data they are.
	Allow []Kind `yaml:"allow"`
	// Remove lists further fields that are taken out of answers.
	Remove []string `yaml:"remove"`
	// HideForbidden gives the upstream's 403 and 404 the same answer, so that nobody learns what exists.
	HideForbidden bool `yaml:"hide_forbidden"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	for i, k := range c.Allow {
		if !slices.Contains(Kinds, k) {
			return fmt.Errorf("allow[%d]: %q is no kind (one of %v)", i, k, Kinds)
		}
	}
	for i, name := range c.Remove {
		if !exchange.ValidName(name) {
			return fmt.Errorf("remove[%d]: %q is no field name", i, name)
		}
	}
	return nil
}

// Practice is sanitize as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "sanitize",
	Number:   8,
	Protects: "answers never tell internals",
	Readme:   readme,
	Defaults: func() Config { return Config{} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		s := New(c, Options{Upstream: env.Upstream, PublicURL: env.PublicURL, Log: env.Log})
		if env.API == nil {
			return &practice.Part{Header: s.Header, Checks: checks()}, nil
		}
		return &practice.Part{Response: s.Check, Header: s.Header}, nil
	},
})
