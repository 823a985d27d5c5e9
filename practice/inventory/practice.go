// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"yett/exchange"
	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under inventory.
type Config struct {
	// Disable closes operations. What stands here at an API adds to what stands at the gateway.
	Disable Disable `yaml:"disable"`
	// AllowDebug says why debug paths that the description declares are served.
	AllowDebug string `yaml:"allow_debug"`
}

// Disable names the operations to close.
type Disable struct {
	// Operations by their id.
	Operations []string `yaml:"operations"`
	// Tags close every operation that carries one of them.
	Tags []string `yaml:"tags"`
}

// Validate reports what is wrong with c. Whether what it names exists is for New and Build to say.
func (c Config) Validate() error {
	for _, l := range []struct {
		key   string
		names []string
	}{{"disable.operations", c.Disable.Operations}, {"disable.tags", c.Disable.Tags}} {
		for i, name := range l.names {
			if strings.TrimSpace(name) == "" {
				return fmt.Errorf("%s[%d]: nothing is named (remove it)", l.key, i)
			}
			if slices.Contains(l.names[:i], name) {
				return fmt.Errorf("%s[%d]: %q stands here twice (remove one)", l.key, i, name)
			}
		}
	}
	if r := strings.ToLower(strings.TrimSpace(c.AllowDebug)); c.AllowDebug != "" && slices.Contains([]string{"", "true", "yes", "on"}, r) {
		return fmt.Errorf("allow_debug: %q is no reason (write why)", c.AllowDebug)
	}
	return nil
}

// Practice is inventory as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "inventory",
	Number:   18,
	Protects: "only declared endpoints exist, and who still calls what",
	Readme:   readme,
	Defaults: func() Config { return Config{} },
	Build:    build,
})

func build(c Config, env *practice.Env) (*practice.Part, error) {
	calls, err := practice.Keep(env, "inventory/calls", func() (*Calls, error) {
		return OpenCalls(CallsOptions{Store: env.Store, Now: env.Now, Log: env.Log})
	})
	if err != nil {
		return nil, err
	}
	inv, err := practice.Share(env, "inventory", func() (*Inventory, error) {
		return &Inventory{catalogue: newCatalogue(env.APIs), calls: calls, log: env.Log}, nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case env.Operation != nil:
		err = inv.catalogue.configureOperation(c, env.Operation)
	case env.API != nil:
		err = inv.catalogue.configureAPI(c, env.API)
	default:
		err = inv.catalogue.configureAll(c)
	}
	if err != nil {
		return nil, err
	}
	if env.API != nil {
		step := func(x *exchange.Exchange) error { return inv.check(x, c.AllowDebug != "") }
		return &practice.Part{Request: step}, nil
	}
	run := func(ctx context.Context) error {
		inv.warn() // now every level is built
		return inv.Run(ctx)
	}
	return &practice.Part{Observe: inv.Observe, Routes: inv.routes(), Checks: inv.checks(), Run: run}, nil
}
