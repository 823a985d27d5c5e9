// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	_ "embed"
	"errors"
	"fmt"
	"time"

	"yett/practice"
	"yett/store"
)

//go:embed README.md
var readme string

// Config is what an operator may write under ratelimit.
type Config struct {
	// Requests each Per that one caller may make, and at once. Where nobody is known, an address counts as the caller.
	Requests int64         `yaml:"requests"`
	Per      time.Duration `yaml:"per"`
	// Address bounds one address before anything else is looked at. It counts at the gateway's level only.
	Address Rate `yaml:"address"`
}

// Defaults is the Config that holds where nothing is configured.
func Defaults() Config {
	return Config{Requests: 6000, Per: time.Minute, Address: Rate{Requests: 12000, Per: time.Minute}}
}

// A Rate admits Requests each Per.
type Rate struct {
	Requests int64         `yaml:"requests"`
	Per      time.Duration `yaml:"per"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if err := valid(c.Requests, c.Per); err != nil {
		return err
	}
	if err := valid(c.Address.Requests, c.Address.Per); err != nil {
		return fmt.Errorf("address.%w", err)
	}
	return nil
}

func valid(requests int64, per time.Duration) error {
	switch {
	case requests < 1:
		return fmt.Errorf("requests: %d admits nobody (write at least 1, or switch the operation off)", requests)
	case per < time.Second:
		return fmt.Errorf("per: %v is shorter than a second (try 1s)", per)
	}
	if _, err := store.NewStep(store.Rate{Requests: requests, Per: per}, 1); err != nil {
		return errors.New("requests: too many for that time")
	}
	return nil
}

// Practice is ratelimit as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:       "ratelimit",
	Number:     6,
	Protects:   "how often one caller and one address may call",
	Readme:     readme,
	MayObserve: true,
	Defaults:   Defaults,
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		o := Options{Counters: env.Counters}
		switch {
		case env.Operation != nil:
			o.Scope = env.API.Name + "/" + env.Operation.ID
		case env.API == nil:
			l := New(c, o)
			return &practice.Part{Edge: l.ByAddress, Header: Header, Checks: checks(c)}, nil
		}
		return &practice.Part{Request: New(c, o).ByCaller, Header: Header}, nil
	},
})
