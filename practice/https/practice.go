// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	_ "embed"
	"fmt"
	"time"

	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under https.
type Config struct {
	// HSTS is how long browsers remember to use https. One day by default, because the local root may be replaced.
	// Zero sends no field.
	HSTS time.Duration `yaml:"hsts"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.HSTS < 0 {
		return fmt.Errorf("hsts: %v is negative (try 1d)", c.HSTS)
	}
	return nil
}

func hsts(c Config) string {
	if c.HSTS < time.Second {
		return ""
	}
	return fmt.Sprintf("max-age=%d", int64(c.HSTS/time.Second))
}

// Practice is https as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "https",
	Number:   1,
	Protects: "TLS for every connection",
	Readme:   readme,
	Defaults: func() Config { return Config{HSTS: 24 * time.Hour} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API != nil {
			g := New(c, env.PublicURL, nil)
			return &practice.Part{Header: g.Header}, nil
		}
		ca, err := practice.Keep(env, "https/ca "+env.PublicURL, func() (*LocalCA, error) {
			names, ips := localNames(env.PublicURL)
			return OpenLocalCA(env.Data, env.Now, names, ips)
		})
		if err != nil {
			return nil, err
		}
		g := New(c, env.PublicURL, ca)
		return &practice.Part{TLS: g.TLS, Edge: g.Check, Header: g.Header, Checks: checks()}, nil
	},
})
