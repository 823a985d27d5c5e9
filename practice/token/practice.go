// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	_ "embed"
	"fmt"

	"yett/practice"
	"yett/store"
)

//go:embed README.md
var readme string

// Practice is token as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "token",
	Number:   13,
	Protects: "access tokens: whose they are, for whom, until when, and whether they were taken back",
	Readme:   readme,
	Defaults: defaults,
	Build:    build,
})

// pepperFile holds the pepper of the table of revocations in the data directory, sealed.
const pepperFile = "token-pepper"

func build(c Config, env *practice.Env) (*practice.Part, error) {
	k, err := practice.Keep(env, "token", func() (*core, error) { return openCore(env) })
	if err != nil {
		return nil, err
	}
	ps, err := practice.Share(env, "token", func() (*places, error) { return new(places), nil })
	if err != nil {
		return nil, err
	}
	if err := checkSchemes(c, env); err != nil {
		return nil, err
	}
	t, err := k.trusting(c, ps)
	if err != nil {
		return nil, err
	}
	t.name = nameOf(env)
	if env.API != nil {
		t.origins = originsOf(env.PublicURL, env.API.Hosts)
		return &practice.Part{Request: t.Check}, nil
	}
	run := func(ctx context.Context) error {
		k.configure(c)
		return k.run(ctx, ps)
	}
	return &practice.Part{Routes: t.Routes(), Checks: t.checks(), Run: run}, nil
}

// openCore makes what the process keeps.
func openCore(env *practice.Env) (*core, error) {
	o := Options{Store: env.Store, Counters: env.Counters, Now: env.Now, Log: env.Log, Alerts: env.Alerts}
	if o.Store != nil {
		sealer, err := env.Sealer("token", store.Kept{Table: "token_revocations", Row: "id", Column: "sealed"}, store.Kept{File: pepperFile})
		if err != nil {
			return nil, err
		}
		o.Sealer = sealer
		if o.Pepper, err = env.Data.Sealed(sealer).ReadOrCreateSecret(pepperFile, 32); err != nil {
			return nil, err
		}
	}
	return newCore(o)
}

// nameOf says where a block stands, for inspections.
func nameOf(env *practice.Env) string {
	switch {
	case env.Operation != nil:
		return env.API.Name + " " + env.Operation.ID
	case env.API != nil:
		return env.API.Name
	}
	return ""
}

// checkSchemes refuses names that no description has: tokens limited to them would be good for nothing.
func checkSchemes(c Config, env *practice.Env) error {
	for i, is := range c.Issuers {
	schemes:
		for j, name := range is.Schemes {
			for _, a := range env.APIs {
				if s := a.Schemes[name]; s != nil && takesTokens(s) {
					continue schemes
				}
			}
			return fmt.Errorf("issuers[%d].schemes[%d]: no description has a scheme %.60q that takes bearer tokens", i, j, name)
		}
	}
	return nil
}
