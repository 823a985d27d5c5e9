// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	_ "embed"
	"fmt"

	"yett/practice"
	"yett/view"
)

//go:embed README.md
var readme string

// What becomes of what nobody declared.
const (
	Strip  = "strip"  // members are left out; statuses and media types that are not declared are refused
	Block  = "block"  // the whole answer is refused
	Report = "report" // it leaves, and the record says so
)

// Config is what an operator may write under minimize.
type Config struct {
	// Undeclared is strip, block or report.
	Undeclared string `yaml:"undeclared"`
	// Sparse lets callers ask for some members only: fields=id,items.name.
	Sparse bool `yaml:"sparse"`
}

// Defaults is the Config that holds where nothing is configured.
func Defaults() Config { return Config{Undeclared: Strip, Sparse: true} }

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch c.Undeclared {
	case Strip, Block, Report:
		return nil
	}
	return fmt.Errorf("undeclared: %q is neither strip, block nor report", c.Undeclared)
}

// Practice is minimize as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:       name,
	Number:     7,
	Protects:   "only declared, asked-for response data leaves",
	Readme:     readme,
	MayObserve: true,
	Defaults:   Defaults,
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		levels, err := practice.Share(env, "minimize.levels", func() (*levels, error) { return new(levels), nil })
		if err != nil {
			return nil, err
		}
		if env.API == nil {
			if err := sealTags(env); err != nil {
				return nil, err
			}
			return &practice.Part{Checks: checks(levels)}, nil
		}
		levels.add(env.API, env.Operation, c)
		if w := warning(env.API); w != "" && env.Operation == nil {
			env.Log.Warn(w)
		}
		if env.Observe {
			c.Undeclared = Report // a body is neither an edit's nor a step's to leave alone
		}
		m := New(c)
		return &practice.Part{Request: m.Request, Response: m.Response, Header: m.Header, Edits: m.Edits}, nil
	},
})

// keyFile holds the key of entity tags in the data directory, sealed. Who loses it loses the tags that clients hold: what they
// would change under a condition is refused once, and what they have in a cache is asked for anew.
const keyFile = "minimize-key"

// sealTags gives the views of a generation the key under which entity tags leave.
func sealTags(env *practice.Env) error {
	if env.Views == nil || env.Data == nil {
		return nil // nothing is kept here: each process has a key of its own
	}
	tags, err := practice.Keep(env, "minimize/tags", func() (*view.Tags, error) {
		files, err := env.Files("minimize", keyFile)
		if err != nil {
			return nil, err
		}
		key, err := files.ReadOrCreateSecret(keyFile, view.TagsKeySize)
		if err != nil {
			return nil, err
		}
		return view.NewTags(key)
	})
	if err != nil {
		return err
	}
	env.Views.Tags = tags
	return nil
}
