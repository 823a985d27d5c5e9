// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/store"
)

const (
	// flushEvery is how often counts are written down: what kill -9 loses at most.
	flushEvery = time.Second
	flushTime  = 20 * time.Second
	openTime   = 5 * time.Minute
	// maxTallied bounds the shapes of undeclared paths that are counted one by one between two writes. The rest of that
	// second counts as other, so a flood of invented paths costs no more than this in memory and at the store.
	maxTallied = 2048
	// MaxShadow is how many shapes of undeclared paths are remembered. Beyond it, those with the fewest calls go first, the
	// oldest of them before the others.
	MaxShadow = 10_000
	maxCaller = 128 // bytes
)

// CallsOptions are what a program supplies. Store is needed.
type CallsOptions struct {
	Store *store.DB
	Now   func() time.Time // default: time.Now
	Log   *slog.Logger     // default: nowhere
}

// Calls counts the calls of operations, and of what is none, in a store. It outlives configurations: operations are told
// apart by the name of their API and their id. It is safe for concurrent use.
type Calls struct {
	db  *store.DB
	now func() time.Time
	log *slog.Logger

	flushing sync.Mutex // one write at a time, so that who has flushed reads all there was
	mu       sync.Mutex
	tally    tally
}

// A tally is what was counted since the last write.
type tally struct {
	operations map[operationID]*count // as many as are described
	shadow     map[endpoint]*count    // at most maxTallied
	other      int64                  // calls of undeclared paths that found no room
}

func newTally() tally {
	return tally{operations: make(map[operationID]*count), shadow: make(map[endpoint]*count)}
}

func (t *tally) empty() bool { return len(t.operations) == 0 && len(t.shadow) == 0 && t.other == 0 }

type endpoint struct{ method, path string }

type count struct {
	endpoint       // of an operation: its own
	calls, refused int64
	first, last    int64 // milliseconds; last is 0 where all were refused
	caller         string
}

// add adds what was counted later.
func (c *count) add(later *count) {
	c.calls += later.calls
	c.refused += later.refused
	c.first = min(c.first, later.first)
	if later.last >= c.last {
		c.last = later.last
		c.caller = cmp.Or(later.caller, c.caller)
	}
	c.caller = cmp.Or(c.caller, later.caller)
}

// OpenCalls opens the counts of a store and makes their tables.
func OpenCalls(o CallsOptions) (*Calls, error) {
	if o.Store == nil {
		return nil, errors.New("inventory: no store")
	}
	c := &Calls{db: o.Store, now: o.Now, log: o.Log, tally: newTally()}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if err := c.db.Migrate(ctx, "inventory", migrations); err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return c, nil
}

// operation counts a call of op. A call that was refused before anybody was known does not count as one: else a scanner, or
// yett's own checks, would make every operation look used.
func (c *Calls) operation(op *api.Operation, r exchange.Record) {
	who := caller(r)
	at := r.Time.UnixMilli()
	c.mu.Lock()
	defer c.mu.Unlock()
	id := operationID{op.API.Name, op.ID}
	n := c.tally.operations[id]
	if n == nil {
		n = &count{endpoint: endpoint{op.Method, op.API.BasePath + op.Path}, first: at}
		c.tally.operations[id] = n
	}
	n.first = min(n.first, at)
	// Refused is not failed: what broke here or at the upstream was a call.
	if r.Code != "" && r.Status < 500 && who == "" {
		n.refused++
		return
	}
	n.called(at, who)
}

// shadow counts a call of what is not declared.
func (c *Calls) shadow(r exchange.Record) {
	method, path := shape(r.Seen)
	at := r.Time.UnixMilli()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := endpoint{method, path}
	n := c.tally.shadow[e]
	if n == nil {
		if len(c.tally.shadow) >= maxTallied {
			c.tally.other++
			return
		}
		n = &count{endpoint: e, first: at}
		c.tally.shadow[e] = n
	}
	n.first = min(n.first, at)
	n.called(at, caller(r))
}

func (c *count) called(at int64, who string) {
	c.calls++
	c.last = max(c.last, at)
	if who != "" && who != c.caller {
		c.caller = strings.Clone(who) // it may be a slice of the whole head of a request
	}
}

// caller is whom to ask about a call: never an address, never a secret.
func caller(r exchange.Record) string {
	who := cmp.Or(r.Client, r.Key, r.Subject)
	if len(who) > maxCaller {
		who = strings.ToValidUTF8(who[:maxCaller], "")
	}
	if strings.ContainsFunc(who, control) { // a subject is another party's text, and is shown on terminals
		who = strings.Map(func(r rune) rune {
			if control(r) {
				return '?'
			}
			return r
		}, who)
	}
	return who
}

func control(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// Run writes counts down until ctx ends, and once more then.
func (c *Calls) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	failing := false
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-tick.C:
		}
		// Not ctx: the last write happens because it has ended.
		wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		err := c.Flush(wctx)
		cancel()
		switch {
		case err != nil && !failing:
			c.log.Error("cannot write how often operations are called: it is kept in memory", "err", err)
		case err == nil && failing:
			c.log.Info("how often operations are called is written again")
		}
		failing = err != nil
		if over {
			return nil
		}
	}
}

// Close writes down what was counted after Run had ended. The store stays open.
func (c *Calls) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	return c.Flush(ctx)
}

// Flush writes down what has been counted, in one transaction. If that fails, the counts stay in memory.
func (c *Calls) Flush(ctx context.Context) error {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	c.mu.Lock()
	t := c.tally
	if t.empty() {
		c.mu.Unlock()
		return nil
	}
	c.tally = newTally() // t is this call's alone from here on
	c.mu.Unlock()
	err := c.write(ctx, t)
	if err != nil {
		c.giveBack(t)
	}
	return err
}

// giveBack puts counts that could not be written before those made since.
func (c *Calls) giveBack(t tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	later := c.tally
	for id, n := range later.operations {
		if old := t.operations[id]; old != nil {
			old.add(n)
		} else {
			t.operations[id] = n
		}
	}
	for e, n := range later.shadow {
		if old := t.shadow[e]; old != nil {
			old.add(n)
		} else if len(t.shadow) < maxTallied {
			t.shadow[e] = n
		} else {
			t.other += n.calls
		}
	}
	t.other += later.other
	c.tally = t
}
