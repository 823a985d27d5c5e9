// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"yett/practice"
)

//go:embed README.md
var readme string

// What happens to exchanges that cannot be recorded.
const (
	Refuse = "refuse"         // they are answered 503: nothing passes unrecorded
	Drop   = "drop-and-count" // they pass, and the log says how many are missing
)

// Config is what an operator may write under activity. It counts at the gateway's level only.
type Config struct {
	// Retention is how long records are kept, in whole days.
	Retention time.Duration `yaml:"retention" config:"gateway"`
	// OnFailure is refuse or drop-and-count: what happens while the disk is full or too slow.
	OnFailure string `yaml:"on_failure" config:"gateway"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Retention < 24*time.Hour:
		return fmt.Errorf("retention: %v is shorter than a day (try 90d)", c.Retention)
	case c.OnFailure != Refuse && c.OnFailure != Drop:
		return fmt.Errorf("on_failure: %q is neither refuse nor drop-and-count", c.OnFailure)
	}
	return nil
}

// Practice is activity as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "activity",
	Number:   11,
	Protects: "one record of every exchange, with every decision and its reason",
	Readme:   readme,
	Defaults: func() Config { return Config{Retention: 90 * 24 * time.Hour, OnFailure: Refuse} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API != nil {
			return &practice.Part{}, nil
		}
		if env.Data == nil {
			return nil, errors.New("no data directory")
		}
		sealer, err := env.Sealer("activity")
		if err != nil {
			return nil, err
		}
		l, err := practice.Keep(env, "activity/log", func() (*Log, error) {
			return Open(env.Data.Path("activity"), Options{Now: env.Now, Log: env.Log, Drop: c.OnFailure == Drop, Retention: c.Retention, Sealer: sealer})
		})
		if err != nil {
			return nil, err
		}
		run := func(ctx context.Context) error {
			l.adopt(c.OnFailure == Drop, c.Retention)
			return l.Run(ctx)
		}
		return &practice.Part{Edge: l.Check, Observe: l.Observe, Routes: l.routes(), Run: run, Checks: checks()}, nil
	},
})
