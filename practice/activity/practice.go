// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"yett/ledger"
	"yett/practice"
	"yett/practice/activity/sink"
	"yett/store"
)

//go:embed README.md
var readme string

// What happens to exchanges that cannot be recorded.
const (
	Refuse = "refuse"         // they are answered 503: nothing passes unrecorded
	Drop   = "drop-and-count" // they pass, and the log says which numbers are missing
)

// Config is what an operator may write under activity. It counts at the gateway's level only.
type Config struct {
	// Retention is how long records are kept, in whole days.
	Retention time.Duration `yaml:"retention" config:"gateway"`
	// OnFailure is refuse or drop-and-count: what happens while the disk is full or too slow.
	OnFailure string `yaml:"on_failure" config:"gateway"`
	// Pseudonyms names what is never kept, not even sealed: subjects, addresses. Pseudonyms stand in their place.
	Pseudonyms []string `yaml:"pseudonyms" config:"gateway"`
	// Segment is the size after which a new file begins.
	Segment practice.Size `yaml:"segment" config:"gateway"`
	// Sinks are where records go besides.
	Sinks []sink.Config `yaml:"sinks" config:"gateway"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Retention < 24*time.Hour:
		return fmt.Errorf("retention: %v is shorter than a day (try 90d)", c.Retention)
	case c.OnFailure != Refuse && c.OnFailure != Drop:
		return fmt.Errorf("on_failure: %q is neither refuse nor drop-and-count", c.OnFailure)
	}
	if c.Segment < 64<<10 || c.Segment > 1<<30 {
		return fmt.Errorf("segment: %v is not between 64KiB and 1GiB (try 64MiB)", c.Segment)
	}
	for i, p := range c.Pseudonyms {
		if p != Subjects && p != Addresses {
			return fmt.Errorf("pseudonyms[%d]: %.40q is neither subjects nor addresses", i, p)
		}
	}
	var names []string
	for i, s := range c.Sinks {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("sinks[%d].%w", i, err)
		}
		if slices.Contains(names, nameOf(s)) {
			return fmt.Errorf("sinks[%d].name: %q is the name of another sink (give each its own)", i, nameOf(s))
		}
		names = append(names, nameOf(s))
	}
	return nil
}

// Practice is activity as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "activity",
	Number:   11,
	Protects: "one record of every exchange, with every decision and its reason, which nobody alters unnoticed",
	Readme:   readme,
	Defaults: func() Config { return Config{Retention: 90 * 24 * time.Hour, OnFailure: Refuse, Segment: 64 << 20} },
	Build:    build,
})

func build(c Config, env *practice.Env) (*practice.Part, error) {
	if env.API != nil {
		return &practice.Part{}, nil
	}
	if env.Data == nil {
		return nil, errors.New("no data directory")
	}
	l, err := practice.Keep(env, "activity/log", func() (*Log, error) { return openKept(c, env) })
	if err != nil {
		return nil, err
	}
	sinks, err := openSinks(c.Sinks)
	if err != nil {
		return nil, err
	}
	run := func(ctx context.Context) error {
		l.adopt(c.OnFailure == Drop, c.Retention, c.Pseudonyms)
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return l.Run(ctx) })
		if len(sinks) > 0 {
			g.Go(func() error { return l.follow(ctx, sinks, env.Data, env.Alerts) })
		}
		return g.Wait()
	}
	return &practice.Part{
		Edge: l.Check, Observe: l.Observe, Acting: l.Acting, Act: l.Act, Routes: l.routes(), Run: run, Checks: l.checks(),
		Close: func() error { return closeSinks(sinks) },
	}, nil
}

// The files of the log's own secrets in the data directory, sealed.
const (
	keyFile    = "activity-key"
	pepperFile = "activity-pepper"
)

// openKept opens what the process keeps.
func openKept(c Config, env *practice.Env) (*Log, error) {
	sealer, err := env.Sealer("activity")
	if err != nil {
		return nil, err
	}
	keys, err := env.Sealer("activity-keys", PeopleKept, store.Kept{File: keyFile}, store.Kept{File: pepperFile})
	if err != nil {
		return nil, err
	}
	files := env.Data.Sealed(keys)
	pepper, err := files.ReadOrCreateSecret(pepperFile, 32)
	if err != nil {
		return nil, err
	}
	key, err := signingKey(files)
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	people, err := OpenPeople(ctx, env.Store, keys, pepper, env.Now)
	if err != nil {
		return nil, err
	}
	return Open(ctx, env.Data.Path("activity"), Options{
		Now: env.Now, Log: env.Log, Drop: c.OnFailure == Drop, Retention: c.Retention, SegmentSize: int64(c.Segment), Hide: c.Pseudonyms,
		Key: key, Heads: &heads{env.Store, "activity"}, Sealer: sealer, People: people, Alerts: env.Alerts,
	})
}

// signingKey returns the key of the checkpoints, made on the first call.
func signingKey(files store.Files) (string, error) {
	b, err := files.ReadFile(keyFile)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(b), err
	}
	key, err := ledger.NewKey()
	if err != nil {
		return "", err
	}
	return key, files.WriteFile(keyFile, []byte(key))
}
