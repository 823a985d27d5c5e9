// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"yett/alert"
	"yett/jose"
	"yett/store"
)

// A core is what all places have in common, and what outlives a reload.
type core struct {
	now         func() time.Time
	log         *slog.Logger
	alerts      *alert.Board
	counters    store.Counters
	revocations *revocations // nil: without a store
	proofs      *proofs      // nil: without counters
	cache       cache
	bound       atomic.Bool // a token that is bound to a key was shown
	cooldown    atomic.Int64
	budget      atomic.Int64
	answerAge   atomic.Int64 // of introspections

	mu      sync.Mutex
	issuers map[source]*issuer
}

// places are the Tokens of one generation.
type places struct {
	mu  sync.Mutex
	all []*Tokens
}

func (p *places) add(t *Tokens) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, t)
}

func (p *places) list() []*Tokens {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[:len(p.all):len(p.all)]
}

// openTime bounds newCore: migrations included.
const openTime = 5 * time.Minute

func newCore(o Options) (*core, error) {
	k := &core{now: o.Now, log: o.Log, alerts: o.Alerts, counters: o.Counters, issuers: make(map[source]*issuer)}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	k.configure(defaults())
	if o.Counters != nil {
		k.proofs = newProofs(o.Counters, k.now)
	}
	if o.Store == nil {
		return k, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	var err error
	k.revocations, err = openRevocations(ctx, revocationOptions{Store: o.Store, Sealer: o.Sealer, Pepper: o.Pepper, Now: k.now, Log: k.log})
	return k, err
}

// configure takes over the settings that count for the whole process.
func (k *core) configure(c Config) {
	k.cooldown.Store(int64(c.JWKSCooldown))
	k.budget.Store(int64(c.Budget))
	k.answerAge.Store(int64(c.IntrospectionCache))
	k.cache.resize(c.CacheTokens)
}

func (k *core) limits() limits {
	return limits{time.Duration(k.cooldown.Load()), time.Duration(k.budget.Load())}
}

// trusting makes the Tokens of one place.
func (k *core) trusting(c Config, ps *places) (*Tokens, error) {
	t := &Tokens{core: k, places: ps, config: c, byName: make(map[string]*trust)}
	for i, ic := range c.Issuers {
		is, err := k.issuer(ic)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d].%w", i, err)
		}
		tr := newTrust(ic, is)
		t.trusts = append(t.trusts, tr)
		t.byName[ic.Issuer] = tr
		if is.asks != nil {
			t.asked = append(t.asked, tr)
		}
	}
	ps.add(t)
	return t, nil
}

// issuer returns the issuer that c describes, which places that describe the same one share.
func (k *core) issuer(c IssuerConfig) (*issuer, error) {
	s, pem, err := sourceOf(c)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if is := k.issuers[s]; is != nil {
		return is, nil
	}
	is, err := newIssuer(s, pem, k)
	if err != nil {
		return nil, err
	}
	k.issuers[s] = is
	return is, nil
}

// run keeps the keys of all issuers in ps and what was revoked up to date until ctx ends. Issuers that are in no place any
// more are forgotten.
func (k *core) run(ctx context.Context, ps *places) error {
	var all errgroup.Group
	used := make(map[*issuer]bool)
	for _, t := range ps.list() {
		for _, tr := range t.trusts {
			if is := tr.issuer; !used[is] {
				used[is] = true
				all.Go(func() error { is.run(ctx, k); return nil })
			}
		}
	}
	k.mu.Lock()
	for s, is := range k.issuers {
		if !used[is] {
			delete(k.issuers, s)
			is.client.close()
			k.told(is, nil)
		}
	}
	k.mu.Unlock()
	if k.revocations != nil {
		all.Go(func() error { return k.revocations.run(ctx) })
	}
	return all.Wait()
}

// told tells the operator whether an issuer could be asked.
func (k *core) told(is *issuer, err error) {
	switch {
	case k.alerts == nil:
	case err == nil:
		k.alerts.Clear("issuer_unreachable", is.name)
		k.alerts.Clear("issuer_without_keys", is.name)
	case errors.Is(err, jose.ErrNoKeys):
		k.alerts.Clear("issuer_unreachable", is.name)
		k.alerts.Raise("issuer_without_keys", is.name, fmt.Sprintf("%v: none of its tokens is good", err))
	case is.asks != nil:
		k.alerts.Raise("issuer_unreachable", is.name, fmt.Sprintf("%v; nobody can tell whether its tokens are good", err))
	default:
		k.alerts.Raise("issuer_unreachable", is.name, fmt.Sprintf("%v; the keys that are known serve for a day", err))
	}
}

var _ io.Closer = (*core)(nil)

// Close gives up connections to issuers.
func (k *core) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, is := range k.issuers {
		is.client.close()
	}
	return nil
}
