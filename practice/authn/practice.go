// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

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
	// Certificates says who holds which client certificate, where an operation declares mutualTLS. Where none is listed, every
	// one that the authority of https.client_ca signed is a caller, named by its first name, without scopes.
	Certificates []CertificateConfig `yaml:"certificates"`
	// Identity is the signed word for the upstream of who is calling.
	Identity IdentityConfig `yaml:"identity"`
}

// IdentityConfig shapes X-Yett-Identity.
type IdentityConfig struct {
	// Audience is aud; default: the name of the API.
	Audience string `yaml:"audience"`
	// Off sends none, for the reason given.
	Off string `yaml:"off"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.Forward != "" && strings.TrimSpace(c.Forward) == "" {
		return errors.New("forward: gives no reason (write why the upstream needs the caller's own credential)")
	}
	if c.Realm == "" || strings.ContainsFunc(c.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New(`realm: must be plain text without quotes (try "api")`)
	}
	for i, cert := range c.Certificates {
		if err := cert.validate(); err != nil {
			return fmt.Errorf("certificates[%d]: %w", i, err)
		}
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
		k, err := practice.Keep(env, "authn", func() (*kept, error) { return open(env) })
		if err != nil {
			return nil, err
		}
		if env.API == nil {
			return &practice.Part{Edge: k.assertions.Keys, Routes: k.users.Routes(), Checks: checks(), Run: k.run}, nil
		}
		o := Options{Counters: env.Counters, API: env.API, Users: k.users, Assertions: k.assertions}
		if c.Identity.Off != "" {
			o.Assertions = nil
		}
		g := New(c, o)
		return &practice.Part{Request: g.Check}, nil
	},
})

// kept is what outlives a reload.
type kept struct {
	users      *Users
	assertions *Assertions
}

// openTime bounds a start: migrations of a large store included.
const openTime = 5 * time.Minute

func open(env *practice.Env) (*kept, error) {
	sealer, err := env.Sealer("authn", userHashes, signingKeys)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	k := new(kept)
	if k.users, err = NewUsers(ctx, UserOptions{Store: env.Store, Sealer: sealer, Counters: env.Counters, Now: env.Now, Log: env.Log}); err != nil {
		return nil, err
	}
	k.assertions, err = NewAssertions(ctx, AssertionOptions{Store: env.Store, Sealer: sealer, Issuer: env.PublicURL, Now: env.Now, Log: env.Log})
	return k, err
}

func (k *kept) run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { _ = k.users.Run(ctx) })      // it reports by itself, and ends with ctx alone
	both.Go(func() { _ = k.assertions.Run(ctx) }) // likewise
	both.Wait()
	return nil
}
