// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/store"
	"yett/store/memory"
	"yett/store/storetest"
)

// broken are counters that are right but for one fault, and the test of the suite that notices it.
var broken = map[string]struct {
	make   func(now func() time.Time) store.Counters
	caught string
}{
	"generous": {func(now func() time.Time) store.Counters {
		c := right(now)
		c.rate = func(r store.Rate) store.Rate {
			if r.Burst == 0 && r.Requests > 4 {
				r.Burst = r.Requests + 1
			}
			return r
		}
		return c
	}, "burst_is_exact"},
	"mean": {func(now func() time.Time) store.Counters {
		c := right(now)
		c.rate = func(r store.Rate) store.Rate { r.Per += r.Per / 1000; return r }
		return c
	}, "reference_model"},
	"the first bytes of a key count": {func(now func() time.Time) store.Counters {
		c := right(now)
		c.key = func(k string) string { return k[:min(len(k), 1000)] }
		return c
	}, "keys_do_not_share"},
	"forgets": {func(now func() time.Time) store.Counters {
		c, calls := right(now), 0
		c.before = func() {
			if calls++; calls%2_000 == 0 {
				c.Counters = memory.New(memory.Options{Now: now})
			}
		}
		return c
	}, "flood"},
	"lengthens": {func(now func() time.Time) store.Counters {
		return &lengthening{right(now), now, sync.Mutex{}, map[string]time.Time{}}
	}, "passes_once"},
	"looks, then writes": {func(now func() time.Time) store.Counters {
		return &hasty{Counters: right(now), now: now}
	}, "concurrent_takes"},
	"one space for all keys": {func(now func() time.Time) store.Counters {
		return &oneSpace{right(now)}
	}, "keys_do_not_share"},
}

// faulty changes what reaches the right counters.
type faulty struct {
	store.Counters
	mu     sync.Mutex
	rate   func(store.Rate) store.Rate
	key    func(string) string
	before func()
}

func right(now func() time.Time) *faulty {
	return &faulty{
		Counters: memory.New(memory.Options{Now: now}),
		rate:     func(r store.Rate) store.Rate { return r },
		key:      func(k string) string { return k },
		before:   func() {},
	}
}

func (f *faulty) Take(ctx context.Context, key string, r store.Rate, cost int64) (store.Taken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before()
	return f.Counters.Take(ctx, f.key(key), f.rate(r), cost)
}

func (f *faulty) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before()
	return f.Counters.Once(ctx, f.key(key), ttl)
}

// lengthening starts the ttl anew with each repeat.
type lengthening struct {
	store.Counters
	now  func() time.Time
	mu   sync.Mutex
	seen map[string]time.Time
}

func (l *lengthening) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return l.Counters.Once(ctx, key, ttl)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	first := !l.seen[key].After(now)
	l.seen[key] = now.Add(ttl)
	return first, nil
}

// hasty decides in two steps.
type hasty struct {
	store.Counters
	now  func() time.Time
	tats sync.Map
}

func (h *hasty) Take(_ context.Context, key string, r store.Rate, cost int64) (store.Taken, error) {
	step, err := store.NewStep(r, cost)
	if err != nil {
		return store.Taken{}, err
	}
	tat := int64(0)
	if known, ok := h.tats.Load(key); ok {
		tat = known.(int64)
	}
	taken, tat := step.Take(h.now().UnixNano(), tat)
	time.Sleep(time.Microsecond)
	h.tats.Store(key, tat)
	return taken, nil
}

// oneSpace keeps Take and Once of a key in one place.
type oneSpace struct{ store.Counters }

func (o *oneSpace) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return o.Counters.Once(ctx, key, ttl)
	}
	taken, err := o.Counters.Take(ctx, key, store.Rate{Requests: 1, Per: ttl}, 1)
	return taken.Allowed, err
}

const brokenName = "YETT_STORETEST_BROKEN"

// TestBroken runs the suite on broken counters, in the process that TestTheSuiteNotices starts.
func TestBroken(t *testing.T) {
	name := os.Getenv(brokenName)
	if name == "" {
		t.Skip("only for TestTheSuiteNotices, which expects it to fail")
	}
	storetest.Counters(t, func(_ *testing.T, now func() time.Time) store.Counters { return broken[name].make(now) })
}

func TestTheSuiteNotices(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(self, "-test.run=^TestBroken$/"+b.caught, "-test.v", "-rapid.nofailfile")
			cmd.Env = append(os.Environ(), brokenName+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passed")
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "--- FAIL: TestBroken/") && strings.Contains(line, b.caught) {
					return
				}
			}
			t.Errorf("%s did not fail:\n%s", b.caught, out)
		})
	}
}
