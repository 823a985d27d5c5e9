// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"yett/practice"
)

//go:embed README.md
var readme string

// Config is what an operator may write under encrypt. It counts at the gateway's level only, and is taken when the gateway
// starts: a reload that changes it is refused.
type Config struct {
	// KEK is the key-encryption key: 32 bytes, as they are, in hex or in base64. Default: the file kek in the data
	// directory, made on the first start.
	KEK practice.Secret `yaml:"kek" config:"gateway"`
	// Previous is the key-encryption key before this one. The keys are wrapped anew when the gateway starts.
	Previous practice.Secret `yaml:"previous" config:"gateway"`
	// Transit is a Vault or OpenBao server that keeps the key-encryption key, in place of KEK.
	Transit Transit `yaml:"transit" config:"gateway"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	remote := c.Transit.Address != ""
	switch {
	case remote && !c.KEK.IsZero():
		return errors.New("kek: and transit are both given (leave one)")
	case remote:
		return c.Transit.validate()
	case c.Transit.Key != "" || !c.Transit.Token.IsZero():
		return errors.New("transit.address: is missing (try https://vault.example.org:8200)")
	}
	return nil
}

// Practice is encrypt as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "encrypt",
	Number:   10,
	Protects: "seals everything secret that yett keeps, and the fields of an API that its description names",
	Readme:   readme,
	Defaults: func() Config { return Config{} },
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API != nil {
			return partOf(env)
		}
		k, err := practice.Keep(env, "encrypt", func() (*kept, error) { return open(c, env) })
		if err != nil {
			return nil, err
		}
		if k.config != c {
			return nil, errors.New("the place of the key-encryption key is taken at the start (start the gateway again to change it)")
		}
		all, err := practice.Share(env, sharedFields, func() (*allFields, error) { return new(allFields), nil })
		if err != nil {
			return nil, err
		}
		return &practice.Part{Sealing: k.vault, Routes: k.routes(), Checks: k.checks(all), Run: k.run}, nil
	},
})

// kept is the vault of a process, and what it was opened with.
type kept struct {
	config Config
	place  string // of the key-encryption key
	beside bool
	vault  *Vault
	env    *practice.Env
	alarm  *alarm

	mu     sync.Mutex
	counts map[string]*counts // by API
}

// openTime bounds how long a start waits for the store and for a server that keeps the key.
const openTime = 2 * time.Minute

func open(c Config, env *practice.Env) (*kept, error) {
	if env.Data == nil || env.Store == nil {
		return nil, errors.New("no data directory, or no store")
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	k := &kept{config: c, env: env, counts: make(map[string]*counts), alarm: &alarm{board: env.Alerts, now: env.Now}}
	o := Options{Store: env.Store, Files: env.Data, Now: env.Now, Log: env.Log}
	var err error
	if o.KEK, err = k.key(ctx, c); err != nil {
		return nil, err
	}
	if !c.Previous.IsZero() {
		if o.Previous, err = fromSecret("previous", c.Previous); err != nil {
			return nil, err
		}
	} else if !k.beside {
		// From the file beside the data to another place: the file is the previous key, until the operator removes it.
		if o.Previous, err = readKEK(env.Data, kekFile); err != nil {
			o.Previous = nil
		}
	}
	k.vault, err = Open(ctx, o)
	return k, err
}

// key is the key-encryption key that c names.
func (k *kept) key(ctx context.Context, c Config) (KEK, error) {
	switch {
	case c.Transit.Address != "":
		k.place = "transit " + c.Transit.Address
		return NewTransit(c.Transit)
	case !c.KEK.IsZero():
		k.place = "encrypt.kek"
		return fromSecret("kek", c.KEK)
	}
	k.place, k.beside = k.env.Data.Path(kekFile), true
	if err := k.env.Store.Migrate(ctx, "encrypt", migrations); err != nil {
		return nil, err
	}
	rows, err := readRows(ctx, k.env.Store)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return besideData(k.env.Data, rows)
}
