// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	_ "embed"
	"fmt"

	"yett/practice"
)

//go:embed README.md
var readme string

// What becomes of read-only properties that a caller sends.
const (
	Refuse = "refuse" // 422: the caller sets what only the server sets
	Strip  = "strip"  // taken out before the upstream, for clients that get, change and put
)

// Config is what an operator may write under validate.
type Config struct {
	// Body is how many bytes a request body may have, inflated. It bounds streamed bodies too.
	Body practice.Size `yaml:"body"`
	// Depth, Members (of one object), Items (of one array) and String (bytes) bound JSON before any schema.
	Depth   int           `yaml:"depth"`
	Members int           `yaml:"members"`
	Items   int           `yaml:"items"`
	String  practice.Size `yaml:"string"`
	// ReadOnly is refuse or strip.
	ReadOnly string `yaml:"read_only"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Body < 0:
		return fmt.Errorf("body: %d is negative (try 1 MiB)", c.Body)
	case c.Depth < 1 || c.Depth > 1000:
		return fmt.Errorf("depth: %d is not between 1 and 1000 (try 64)", c.Depth)
	case c.Members < 1:
		return fmt.Errorf("members: %d lets no object through (try 10000)", c.Members)
	case c.Items < 1:
		return fmt.Errorf("items: %d lets no array through (try 100000)", c.Items)
	case c.String < 1 || c.String > 1<<30:
		return fmt.Errorf("string: %d is not between 1 byte and 1 GiB (try 1 MiB)", c.String)
	case c.ReadOnly != Refuse && c.ReadOnly != Strip:
		return fmt.Errorf("read_only: %q is neither refuse nor strip", c.ReadOnly)
	}
	return nil
}

// Practice is validate as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:       "validate",
	Number:     2,
	Protects:   "a request that does not fit the description never reaches the upstream",
	Readme:     readme,
	MayObserve: true,
	Defaults: func() Config {
		return Config{Body: 1 << 20, Depth: 64, Members: 10_000, Items: 100_000, String: 1 << 20, ReadOnly: Refuse}
	},
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API == nil {
			return &practice.Part{Checks: checks()}, nil
		}
		return &practice.Part{Request: New(c).Check}, nil
	},
})
