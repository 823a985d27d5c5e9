// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"yett/api"
	"yett/practice"
)

// sharedFields is the name of what the levels of one generation have in common.
const sharedFields = "encrypt fields"

// allFields are the fields of all APIs of a generation.
type allFields struct {
	mu   sync.Mutex
	made map[*api.API]*Fields // nil: an API has none
}

// of returns the fields of an API, made on the first call.
func (all *allFields) of(a *api.API, read func() (*Fields, error)) (*Fields, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if f, ok := all.made[a]; ok {
		return f, nil
	}
	f, err := read()
	if err != nil {
		return nil, err
	}
	if all.made == nil {
		all.made = make(map[*api.API]*Fields)
	}
	all.made[a] = f
	return f, nil
}

// list returns the fields of the APIs that have any, by the names of the APIs.
func (all *allFields) list() (list []*Fields) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, f := range all.made {
		if f != nil {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(f, g *Fields) int { return cmp.Compare(f.api.Name, g.api.Name) })
	return list
}

// partOf is the part of encrypt at an API: the same one for its operations.
func partOf(env *practice.Env) (*practice.Part, error) {
	k, err := practice.Keep(env, "encrypt", func() (*kept, error) { return nil, errors.New("the keys are not open") })
	if err != nil {
		return nil, err
	}
	all, err := practice.Share(env, sharedFields, func() (*allFields, error) { return new(allFields), nil })
	if err != nil {
		return nil, err
	}
	f, err := all.of(env.API, func() (*Fields, error) {
		ctx, cancel := context.WithTimeout(context.Background(), openTime)
		defer cancel()
		return NewFields(ctx, env.API, FieldOptions{Vault: k.vault, Log: env.Log, counts: k.countsOf(env.API.Name), alarm: k.alarm})
	})
	if f == nil || err != nil {
		return &practice.Part{}, err
	}
	return &practice.Part{Request: f.Request, Edits: f.Edits}, nil
}

// countsOf returns the counts of an API, which outlive a reload.
func (k *kept) countsOf(name string) *counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.counts[name]
	if c == nil {
		c = new(counts)
		k.counts[name] = c
	}
	return c
}

// run brings rotations to their end, and alerts, until ctx ends.
func (k *kept) run(ctx context.Context) error {
	var alerts sync.WaitGroup
	defer alerts.Wait()
	alerts.Go(func() {
		tick := time.NewTicker(settleEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				k.alarm.settle()
			}
		}
	})
	return k.vault.Run(ctx)
}
