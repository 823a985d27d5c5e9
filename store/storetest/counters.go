// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/store"
)

// A NewCounters makes empty counters that read the time from now. What they hold may be shared with other
// tests (the suites never use a key twice), but nothing else writes to it.
type NewCounters func(t *testing.T, now func() time.Time) store.Counters

// Counters checks an implementation of store.Counters.
func Counters(t *testing.T, newCounters NewCounters) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, NewCounters)
	}{
		{"burst is exact and refills evenly", testBurst},
		{"burst may be smaller or larger than the requests", testBurstSizes},
		{"cost takes several at once or nothing", testCost},
		{"rates and costs that mean nothing are errors", testBadRates},
		{"keys do not share a burst", testKeys},
		{"concurrent takes admit exactly the burst", testConcurrentTakes},
		{"a clock that steps back locks nobody out for longer than the burst", testClockBack},
		{"a changed rate starts from an empty bucket at worst", testChangedRate},
		{"no window admits more than the reference model", testModel},
		{"a key passes once within its ttl", testOnce},
		{"concurrent onces pass one", testConcurrentOnce},
		{"a flood of other keys resets no limit", testFloodTake},
		{"a flood of other keys replays nothing", testFloodOnce},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newCounters) })
	}
}

// A Clock is a clock that moves when told to. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 }

// Now tells the time.
func (c *Clock) Now() time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) { c.offset.Add(int64(d)) }

var keySerial atomic.Int64

// unique makes a key that no other test has used, in this run or another on the same server.
func unique(name string) string {
	return fmt.Sprintf("storetest/%d/%d/%s", time.Now().UnixNano(), keySerial.Add(1), name)
}

func take(t testing.TB, c store.Counters, key string, r store.Rate, cost int64) store.Taken {
	t.Helper()
	got, err := c.Take(context.Background(), key, r, cost)
	if err != nil {
		t.Fatalf("Take(%d of %v): %v", cost, r, err)
	}
	return got
}

func wantTaken(t testing.TB, when string, got, want store.Taken) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func testBurst(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c, key := newCounters(t, clock.Now), unique("burst")
	r := store.Rate{Requests: 5, Per: time.Minute}
	for i := range int64(5) {
		wantTaken(t, fmt.Sprintf("request %d", i+1), take(t, c, key, r, 1),
			store.Taken{Allowed: true, Remaining: 4 - i, ResetAfter: time.Duration(i+1) * 12 * time.Second})
	}
	wantTaken(t, "one too many", take(t, c, key, r, 1), store.Taken{RetryAfter: 12 * time.Second, ResetAfter: time.Minute})
	wantTaken(t, "asking again costs nothing", take(t, c, key, r, 1), store.Taken{RetryAfter: 12 * time.Second, ResetAfter: time.Minute})
	clock.Add(12*time.Second - 1)
	wantTaken(t, "a nanosecond early", take(t, c, key, r, 1), store.Taken{RetryAfter: 1, ResetAfter: 48*time.Second + 1})
	clock.Add(1)
	wantTaken(t, "on time", take(t, c, key, r, 1), store.Taken{Allowed: true, ResetAfter: time.Minute})
	clock.Add(time.Hour)
	wantTaken(t, "an hour saves up one burst, not more", take(t, c, key, r, 5), store.Taken{Allowed: true, ResetAfter: time.Minute})
}

func testBurstSizes(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c := newCounters(t, clock.Now)
	for _, tt := range []struct {
		rate store.Rate
		want int64
	}{
		{store.Rate{Requests: 60, Per: time.Minute, Burst: 1}, 1},
		{store.Rate{Requests: 60, Per: time.Minute, Burst: 7}, 7},
		{store.Rate{Requests: 1, Per: time.Hour, Burst: 30}, 30},
		{store.Rate{Requests: 7, Per: time.Second}, 7}, // an interval of no whole nanosecond
		{store.Rate{Requests: 3, Per: 2}, 3},           // more than one a nanosecond
	} {
		key, got := unique("size"), int64(0)
		for take(t, c, key, tt.rate, 1).Allowed {
			if got++; got > tt.want {
				break
			}
		}
		if got != tt.want {
			t.Errorf("%+v: %d at once, want %d", tt.rate, got, tt.want)
		}
	}
}

func testCost(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c, key := newCounters(t, clock.Now), unique("cost")
	r := store.Rate{Requests: 10, Per: 10 * time.Second}
	wantTaken(t, "7 of 10", take(t, c, key, r, 7), store.Taken{Allowed: true, Remaining: 3, ResetAfter: 7 * time.Second})
	wantTaken(t, "4 of 3", take(t, c, key, r, 4), store.Taken{Remaining: 3, RetryAfter: time.Second, ResetAfter: 7 * time.Second})
	wantTaken(t, "3 of 3", take(t, c, key, r, 3), store.Taken{Allowed: true, ResetAfter: 10 * time.Second})
	wantTaken(t, "more than the burst", take(t, c, key, r, 11), store.Taken{RetryAfter: store.Never, ResetAfter: 10 * time.Second})
	wantTaken(t, "more than the burst, of a new key", take(t, c, unique("cost"), r, 1<<62), store.Taken{Remaining: 10, RetryAfter: store.Never})
}

func testBadRates(t *testing.T, newCounters NewCounters) {
	c := newCounters(t, new(Clock).Now)
	good := store.Rate{Requests: 1, Per: time.Second}
	for _, tt := range []struct {
		name string
		rate store.Rate
		cost int64
	}{
		{"no requests", store.Rate{Per: time.Second}, 1},
		{"negative requests", store.Rate{Requests: -1, Per: time.Second}, 1},
		{"no period", store.Rate{Requests: 1}, 1},
		{"negative period", store.Rate{Requests: 1, Per: -1}, 1},
		{"negative burst", store.Rate{Requests: 1, Per: time.Second, Burst: -1}, 1},
		{"a burst of three hundred years", store.Rate{Requests: 1, Per: 24 * time.Hour, Burst: 110_000}, 1},
		{"a burst beyond arithmetic", store.Rate{Requests: 1, Per: time.Hour, Burst: 1 << 62}, 1},
		{"cost nothing", good, 0},
		{"negative cost", good, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Take(context.Background(), unique("bad"), tt.rate, tt.cost)
			if err == nil || got.Allowed {
				t.Errorf("Take = %+v, %v; want an error", got, err)
			}
		})
	}
}

func testKeys(t *testing.T, newCounters NewCounters) {
	c := newCounters(t, new(Clock).Now)
	r := store.Rate{Requests: 1, Per: time.Hour}
	base := unique("keys")
	long := strings.Repeat("x", 1<<16)
	for _, key := range []string{base, base + "\x00", base + " ", "X" + base, base + long + "a", base + long + "b", base + "\xff", base + "\r\n$1"} {
		if !take(t, c, key, r, 1).Allowed {
			t.Errorf("key of %d bytes: refused by another key's limit", len(key))
		}
		if take(t, c, key, r, 1).Allowed {
			t.Errorf("key of %d bytes: its own limit is not kept", len(key))
		}
	}
	if first, err := c.Once(context.Background(), base, time.Hour); err != nil || !first {
		t.Errorf("Once of a key that was taken = %v, %v; want true", first, err)
	}
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

func testConcurrentTakes(t *testing.T, newCounters NewCounters) {
	c := newCounters(t, new(Clock).Now)
	const burst = 500
	r := store.Rate{Requests: burst, Per: time.Hour}
	key, other := unique("concurrent"), unique("concurrent")
	var admitted, spent atomic.Int64
	together(16, func(i int) {
		for range 100 {
			got, err := c.Take(context.Background(), key, r, 1)
			if err != nil {
				t.Error(err)
				return
			}
			if got.Allowed {
				admitted.Add(1)
			}
			cost := int64(i%4 + 1)
			if got, err = c.Take(context.Background(), other, r, cost); err != nil {
				t.Error(err)
				return
			}
			if got.Allowed {
				spent.Add(cost)
			}
		}
	})
	if got := admitted.Load(); got != burst {
		t.Errorf("%d admitted, want %d", got, burst)
	}
	if got := spent.Load(); got != burst { // requests of cost 1 fill what the dearer ones leave
		t.Errorf("%d spent, want %d", got, burst)
	}
}

func testClockBack(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c, key := newCounters(t, clock.Now), unique("clock")
	r := store.Rate{Requests: 2, Per: time.Minute}
	take(t, c, key, r, 2)
	clock.Add(-24 * time.Hour)
	wantTaken(t, "a day earlier", take(t, c, key, r, 1), store.Taken{RetryAfter: 30 * time.Second, ResetAfter: time.Minute})
	clock.Add(30 * time.Second)
	wantTaken(t, "and 30 seconds on", take(t, c, key, r, 1), store.Taken{Allowed: true, ResetAfter: time.Minute})
}

func testChangedRate(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c, key := newCounters(t, clock.Now), unique("changed")
	take(t, c, key, store.Rate{Requests: 10, Per: 24 * time.Hour}, 10)
	faster := store.Rate{Requests: 10, Per: time.Second}
	wantTaken(t, "under the faster rate", take(t, c, key, faster, 1), store.Taken{RetryAfter: 100 * time.Millisecond, ResetAfter: time.Second})
	clock.Add(time.Second)
	wantTaken(t, "a second later", take(t, c, key, faster, 10), store.Taken{Allowed: true, ResetAfter: time.Second})
}

func testOnce(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c, key := newCounters(t, clock.Now), unique("once")
	for _, step := range []struct {
		name string
		wait time.Duration
		want bool
	}{
		{"the first time", 0, true},
		{"at once again", 0, false},
		{"a millisecond before its end", time.Minute - time.Millisecond, false},
		{"at its end: the repeat did not lengthen it", time.Millisecond, true},
		{"and again", 0, false},
	} {
		clock.Add(step.wait)
		if got, err := c.Once(context.Background(), key, time.Minute); err != nil || got != step.want {
			t.Errorf("%s: Once = %v, %v; want %v", step.name, got, err, step.want)
		}
	}
	for _, ttl := range []time.Duration{0, -time.Second} {
		if got, err := c.Once(context.Background(), unique("once"), ttl); !errors.Is(err, store.ErrTTL) || got {
			t.Errorf("Once with ttl %v = %v, %v; want ErrTTL", ttl, got, err)
		}
	}
	if !take(t, c, key, store.Rate{Requests: 1, Per: time.Hour}, 1).Allowed {
		t.Error("Take of a key that was seen: refused")
	}
}

func testConcurrentOnce(t *testing.T, newCounters NewCounters) {
	c := newCounters(t, new(Clock).Now)
	for range 50 {
		key := unique("once")
		var passed atomic.Int64
		together(8, func(int) {
			first, err := c.Once(context.Background(), key, time.Hour)
			if err != nil {
				t.Error(err)
			} else if first {
				passed.Add(1)
			}
		})
		if got := passed.Load(); got != 1 {
			t.Fatalf("%d of 8 passed, want 1", got)
		}
	}
}

// flood is how many keys an attacker sends.
const flood = 5_000

func testFloodTake(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c := newCounters(t, clock.Now)
	r := store.Rate{Requests: 3, Per: time.Hour}
	victims := make([]string, 20)
	for i := range victims {
		victims[i] = unique("victim")
		take(t, c, victims[i], r, 3)
	}
	prefix := unique("flood")
	for i := range flood {
		take(t, c, fmt.Sprint(prefix, i), r, 1)
		clock.Add(time.Millisecond)
	}
	for _, v := range victims {
		if take(t, c, v, r, 1).Allowed {
			t.Fatalf("an exhausted key was admitted after %d other keys", flood)
		}
	}
	clock.Add(2 * time.Hour)
	for _, v := range victims {
		if !take(t, c, v, r, 1).Allowed {
			t.Fatal("a key is still refused after all limits have refilled")
		}
	}
}

func testFloodOnce(t *testing.T, newCounters NewCounters) {
	clock := new(Clock)
	c := newCounters(t, clock.Now)
	ctx := context.Background()
	token := unique("token")
	if first, err := c.Once(ctx, token, time.Hour); err != nil || !first {
		t.Fatalf("Once = %v, %v; want true", first, err)
	}
	prefix := unique("flood")
	for i := range flood {
		if _, err := c.Once(ctx, fmt.Sprint(prefix, i), time.Hour); err != nil && !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
	}
	if first, err := c.Once(ctx, token, time.Hour); err != nil || first {
		t.Errorf("a token was replayed after %d others: Once = %v, %v", flood, first, err)
	}
	clock.Add(time.Hour)
	if first, err := c.Once(ctx, unique("later"), time.Hour); err != nil || !first {
		t.Errorf("after the flood has expired: Once = %v, %v; want true", first, err)
	}
}
