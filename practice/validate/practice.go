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

// What becomes of answers that do not fit their schema.
const (
	Report  = "report"  // they leave, and the record says so
	Enforce = "enforce" // 502
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
	// Responses is report or enforce.
	Responses string `yaml:"responses"`
}

// Defaults is the Config that holds where nothing is configured.
func Defaults() Config {
	return Config{Body: 1 << 20, Depth: 64, Members: 10_000, Items: 100_000, String: 1 << 20, ReadOnly: Refuse, Responses: Report}
}

const (
	maxBody  = 1 << 50
	maxCount = 100_000_000
)

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Body < 0 || c.Body > maxBody:
		return fmt.Errorf("body: %v is not between 0 and 1 PiB (try 1MiB)", c.Body)
	case c.Depth < 1 || c.Depth > 1000:
		return fmt.Errorf("depth: %d is not between 1 and 1000 (try 64)", c.Depth)
	case c.Members < 1 || c.Members > maxCount:
		return fmt.Errorf("members: %d is not between 1 and %d (try 10000)", c.Members, maxCount)
	case c.Items < 1 || c.Items > maxCount:
		return fmt.Errorf("items: %d is not between 1 and %d (try 100000)", c.Items, maxCount)
	case c.String < 1 || c.String > 1<<30:
		return fmt.Errorf("string: %v is not between 1 byte and 1 GiB (try 1MiB)", c.String)
	case c.ReadOnly != Refuse && c.ReadOnly != Strip:
		return fmt.Errorf("read_only: %q is neither refuse nor strip", c.ReadOnly)
	case c.Responses != Report && c.Responses != Enforce:
		return fmt.Errorf("responses: %q is neither report nor enforce", c.Responses)
	}
	return nil
}

// Practice is validate as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:       name,
	Number:     2,
	Protects:   "a request that does not fit the description never reaches the upstream",
	Readme:     readme,
	MayObserve: true,
	Defaults:   Defaults,
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API == nil {
			return &practice.Part{Checks: checks()}, nil
		}
		if env.Observe {
			c.Responses = Report // of answers nothing is refused either
		}
		v := New(c)
		return &practice.Part{Request: v.Check, Judge: v.Judge}, nil
	},
})
