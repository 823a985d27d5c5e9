// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"yett/practice"
)

//go:embed README.md
var readme string

// Practice is apikey as the gateway, the CLI, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "apikey",
	Number:   4,
	Protects: "makes, verifies and revokes API keys",
	Readme:   readme,
	Defaults: func() Config { return Config{DefaultGrace: 24 * time.Hour} },
	Build:    build,
})

// Config is what an operator may set. Where a key is presented stands in the API's description, and nowhere else.
type Config struct {
	// DefaultGrace is how long a rotated key goes on working when `yett key rotate` does not say: 0 to 2160h (90
	// days).
	DefaultGrace time.Duration `yaml:"default_grace" config:"gateway"`
}

// Validate refuses a grace that is negative or longer than MaxGrace.
func (c Config) Validate() error {
	if c.DefaultGrace < 0 || c.DefaultGrace > MaxGrace {
		return fmt.Errorf("default_grace: %v is not within 0 and %v (try 24h)", c.DefaultGrace, MaxGrace)
	}
	return nil
}

// pepperFile holds the pepper in the data directory, sealed. Who loses it loses every key.
const pepperFile = "pepper"

func build(c Config, env *practice.Env) (*practice.Part, error) {
	keys, err := practice.Keep(env, "apikey", func() (*Keys, error) {
		files, err := env.Files("apikey", pepperFile)
		if err != nil {
			return nil, err
		}
		pepper, err := files.ReadOrCreateSecret(pepperFile, 32)
		if err != nil {
			return nil, err
		}
		return New(c, Options{Store: env.Store, Pepper: pepper, Counters: env.Counters, Now: env.Now, Log: env.Log})
	})
	if err != nil {
		return nil, err
	}
	if env.API != nil {
		return &practice.Part{Request: newDoor(keys, env.Counters, env.API).check}, nil
	}
	run := func(ctx context.Context) error {
		keys.Configure(c)
		return keys.Run(ctx)
	}
	return &practice.Part{Observe: keys.Observe, Routes: keys.Routes(), Checks: keys.checks(), Run: run}, nil
}
