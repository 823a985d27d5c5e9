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
	// PreviousTransit is the server that kept it before, in place of Previous.
	PreviousTransit Transit `yaml:"previous_transit" config:"gateway"`
	// Transit is a Vault or OpenBao server that keeps the key-encryption key, in place of KEK.
	Transit Transit `yaml:"transit" config:"gateway"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Transit.given() && !c.KEK.IsZero():
		return errors.New("kek: and transit are both given (leave one)")
	case c.PreviousTransit.given() && !c.Previous.IsZero():
		return errors.New("previous: and previous_transit are both given (leave one)")
	}
	if c.Transit.given() {
		if err := c.Transit.validate("transit"); err != nil {
			return err
		}
	}
	if c.PreviousTransit.given() {
		return c.PreviousTransit.validate("previous_transit")
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
	if o.Previous, err = k.previous(c); err != nil {
		return nil, err
	}
	k.vault, err = Open(ctx, o)
	return k, err
}

// previous is the key-encryption key before the one that c names, nil where there is none.
func (k *kept) previous(c Config) (KEK, error) {
	switch {
	case !c.Previous.IsZero():
		return fromSecret("previous", c.Previous)
	case c.PreviousTransit.given():
		return transitOf("previous_transit", c.PreviousTransit)
	case k.beside:
		return nil, nil
	}
	// From the file beside the data to another place: the file is the previous key, until the operator removes it.
	key, err := readKEK(k.env.Data, kekFile)
	if err != nil {
		return nil, nil // it is gone, or no key: what it may have wrapped is refused by name
	}
	return key, nil
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
