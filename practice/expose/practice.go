// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	_ "embed"
	"fmt"
	"slices"

	"yett/practice"
	"yett/practice/expose/detect"
)

//go:embed README.md
var readme string

// Config is what an operator may write under expose.
type Config struct {
	// Detect lists what answers are searched for: card, iban, national_id, private_key, token, cloud_secret.
	Detect []detect.Kind `yaml:"detect"`
	// Found is what becomes of what is found where the description does not declare it: mask, block or alert.
	Found string `yaml:"found"`
	// Hide answers 404 in place of 403 where something belongs to somebody else, so that nobody learns what exists.
	Hide bool `yaml:"hide"`
	// Issuers are those whose callers own something: claims are compared with what belongs to whom for them alone. Where none
	// is named, those of every caller are, and two issuers that give out the same claim are not told apart.
	Issuers []string `yaml:"issuers"`
}

// Defaults is the Config that holds where nothing is configured.
func Defaults() Config { return Config{Detect: detect.Kinds(), Found: FoundMask} }

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	for i, k := range c.Detect {
		switch {
		case !slices.Contains(detect.Kinds(), k):
			return fmt.Errorf("detect[%d]: %.40q is no kind of data (one of %s)", i, k, joined(detect.Kinds()))
		case slices.Contains(c.Detect[:i], k):
			return fmt.Errorf("detect[%d]: %s stands twice", i, k)
		}
	}
	for i, is := range c.Issuers {
		if is == "" || slices.Contains(c.Issuers[:i], is) {
			return fmt.Errorf("issuers[%d]: %.200q is none, or stands twice (try https://id.example.org)", i, is)
		}
	}
	if c.Found != FoundMask && c.Found != FoundBlock && c.Found != FoundAlert {
		return fmt.Errorf("found: %.40q is none of mask, block and alert", c.Found)
	}
	return nil
}

// Practice is expose as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:       "expose",
	Number:     15,
	Protects:   "which scope sees which field, and that nobody sees what nobody expects",
	Readme:     readme,
	MayObserve: true,
	Defaults:   Defaults,
	Build:      build,
})

// keyFile holds the key of hashes in the data directory, sealed. Who loses it gets other hashes, and nothing else.
const keyFile = "expose-key"

func build(c Config, env *practice.Env) (*practice.Part, error) {
	seen, err := practice.Keep(env, "expose/seen", func() (*sightings, error) { return newSightings(env.Alerts, env.Now), nil })
	if err != nil {
		return nil, err
	}
	key, err := practice.Keep(env, "expose/key", func() ([]byte, error) {
		files, err := env.Files("expose", keyFile)
		if err != nil {
			return nil, err
		}
		return files.ReadOrCreateSecret(keyFile, keySize)
	})
	if err != nil {
		return nil, err
	}
	all, err := practice.Share(env, "expose", func() (*levels, error) { return newLevels(env.APIs), nil })
	if err != nil {
		return nil, err
	}
	if env.API == nil {
		all.config = c
		return &practice.Part{Routes: all.routes(), Checks: all.checks(), Run: seen.run}, nil
	}
	e, err := New(c, env.API, Options{Key: key, Log: env.Log, Alerts: env.Alerts, seen: seen, views: env.Views})
	if err != nil {
		return nil, err
	}
	if env.Operation == nil {
		e.Warn()
	}
	all.add(e, env.Operation)
	return &practice.Part{Request: e.Check, Response: e.Response(), Edits: e.Edits}, nil
}
