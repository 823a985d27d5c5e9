// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"yett/store"
	"yett/store/storetest"
)

func TestCounters(t *testing.T) {
	storetest.Counters(t, func(_ *testing.T, now func() time.Time) store.Counters {
		return New(Options{Now: now})
	})
}

func TestCountersWithRoomForFewKeys(t *testing.T) {
	storetest.Counters(t, func(_ *testing.T, now func() time.Time) store.Counters {
		return New(Options{Keys: 64, Now: now})
	})
}

var ctx = context.Background()

func TestTheBoundHolds(t *testing.T) {
	clock := new(storetest.Clock)
	const keys = 4096 // four shards
	c := New(Options{Keys: keys, Now: clock.Now})
	r := store.Rate{Requests: 10, Per: time.Hour}
	for i := range 4 * keys {
		if _, err := c.Take(ctx, fmt.Sprint(i), r, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Once(ctx, fmt.Sprint(i), time.Hour); err != nil && !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
	}
	rates, seen := 0, 0
	for i := range c.shards {
		rates += len(c.shards[i].rates.index)
		seen += len(c.shards[i].seen.index)
	}
	for what, n := range map[string]int{"rates": rates, "seen": seen} {
		if n < keys || n > keys+keys/8 {
			t.Errorf("%s: %d keys live, want %d and at most an eighth more", what, n, keys)
		}
	}
}

func TestEveryPromisedKeyHasItsOwnCounter(t *testing.T) {
	c := New(Options{Keys: 1 << 14, Now: new(storetest.Clock).Now})
	r := store.Rate{Requests: 1, Per: time.Hour}
	for i := range 1 << 14 {
		if got, err := c.Take(ctx, fmt.Sprint("key ", i), r, 1); err != nil || !got.Allowed {
			t.Fatalf("key %d: Take = %+v, %v; want it admitted", i, got, err)
		}
	}
}

func TestExpiredKeysMakeRoom(t *testing.T) {
	clock := new(storetest.Clock)
	c := New(Options{Keys: 100, Now: clock.Now})
	r := store.Rate{Requests: 10, Per: time.Second} // one request is forgotten after 100 ms
	for i := range 10_000 {
		got, err := c.Take(ctx, fmt.Sprint(i), r, 1)
		if err != nil || got.Remaining != 9 {
			t.Fatalf("key %d: Take = %+v, %v; want a bucket of its own", i, got, err)
		}
		if first, err := c.Once(ctx, fmt.Sprint(i), 100*time.Millisecond); err != nil || !first {
			t.Fatalf("key %d: Once = %v, %v; want true", i, first, err)
		}
		clock.Add(2 * time.Millisecond) // at most 50 are live
	}
}

// Whatever is evicted, overflows and comes back: what a key was admitted never exceeds its own rate.
func TestEvictionIsNoBypass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := new(storetest.Clock)
		c := New(Options{Keys: rapid.IntRange(1, 6).Draw(t, "room"), Now: clock.Now})
		slow := store.Rate{Requests: 4, Per: 4 * time.Second}
		fast := store.Rate{Requests: 30, Per: 3 * time.Second, Burst: 3}
		models, now := map[string]*storetest.Model{}, time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			n := rapid.IntRange(0, 15).Draw(t, "key")
			key, r := fmt.Sprint(n), slow
			if n%3 == 0 {
				r = fast
			}
			if models[key] == nil {
				models[key] = storetest.NewModel(r)
			}
			wait := time.Duration(rapid.Int64Range(0, 400).Draw(t, "wait ms")) * time.Millisecond
			now += wait
			clock.Add(wait)
			cost := rapid.Int64Range(1, 3).Draw(t, "cost")
			got, err := c.Take(ctx, key, r, cost)
			if err != nil {
				t.Fatal(err)
			}
			if got.Allowed {
				if !models[key].Fits(now, cost) {
					t.Fatalf("key %s was admitted beyond its rate at %v", key, now)
				}
				models[key].Admit(now, cost)
			}
		}
	})
}

func TestAFloodMakesNewKeysShare(t *testing.T) {
	clock := new(storetest.Clock)
	c := New(Options{Keys: 8, Now: clock.Now})
	r := store.Rate{Requests: 5, Per: time.Hour}
	for i := range 8 {
		if _, err := c.Take(ctx, fmt.Sprint("live ", i), r, 1); err != nil {
			t.Fatal(err)
		}
	}
	admitted := 0
	for i := range 100 {
		got, err := c.Take(ctx, fmt.Sprint("new ", i), r, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got.Allowed {
			admitted++
		}
	}
	if admitted != 5 {
		t.Errorf("%d of 100 new keys admitted, want the 5 of one shared bucket", admitted)
	}
	if got, err := c.Take(ctx, "live 0", r, 4); err != nil || !got.Allowed {
		t.Errorf("a live key during the flood: %+v, %v; want it admitted", got, err)
	}
	other := store.Rate{Requests: 7, Per: time.Minute}
	if got, err := c.Take(ctx, "another rate", other, 1); err != nil || got.Remaining != 6 {
		t.Errorf("another rate during the flood: %+v, %v; want a bucket of its own", got, err)
	}
}

func TestAKeyTakesItsDebtOutOfTheOverflow(t *testing.T) {
	clock := new(storetest.Clock)
	c := New(Options{Keys: 2, Now: clock.Now})
	r := store.Rate{Requests: 5, Per: time.Hour}
	brief := store.Rate{Requests: 1, Per: time.Second}
	for _, key := range []string{"live 0", "live 1"} {
		if _, err := c.Take(ctx, key, brief, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Take(ctx, "new", r, 5); err != nil || !got.Allowed {
		t.Fatalf("while there is no room: %+v, %v; want it admitted from the overflow", got, err)
	}
	clock.Add(time.Minute) // now there is room
	for range 3 {
		got, err := c.Take(ctx, "new", r, 1)
		if want := (store.Taken{RetryAfter: 11 * time.Minute, ResetAfter: 59 * time.Minute}); err != nil || got != want {
			t.Errorf("with a counter of its own: %+v, %v; want %+v", got, err, want)
		}
	}
	if c.shards[0].rates.find("new") == nil {
		t.Error("the key has no counter of its own")
	}
}

func TestKeysAreNotKeptAliveByTheirRequest(t *testing.T) {
	c := New(Options{Keys: 8, Now: new(storetest.Clock).Now})
	head := strings.Repeat("h", 1<<10) + "the key"
	if _, err := c.Take(ctx, head[1<<10:], store.Rate{Requests: 1, Per: time.Hour}, 1); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("k", 1<<20)
	if _, err := c.Once(ctx, long, time.Hour); err != nil {
		t.Fatal(err)
	}
	if kept := c.shards[0].rates.slots[0].key; unsafe.StringData(kept) == unsafe.StringData(head[1<<10:]) {
		t.Error("a key is kept as a part of its request head")
	}
	for _, s := range append(c.shards[0].rates.slots, c.shards[0].seen.slots...) {
		if len(s.key) > 2*64 {
			t.Errorf("a key of %d bytes is kept", len(s.key))
		}
	}
	// The digest of a long key is no key that a caller could send.
	_, spelled := c.shard(long)
	if first, err := c.Once(ctx, spelled, time.Hour); err != nil || !first {
		t.Errorf("Once of the digest of another key = %v, %v; want true", first, err)
	}
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	c := New(Options{})
	r := store.Rate{Requests: 1 << 40, Per: 24 * time.Hour}
	key := "caller/0194e1c2-7d1a-7e2c-9a51-2f0c2c9ad9f3/listOrders"
	if _, err := c.Once(ctx, key, time.Hour); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1000, func() {
		if _, err := c.Take(ctx, key, r, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Once(ctx, key, time.Hour); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for keys that exist, want none", n)
	}
}

func BenchmarkTake(b *testing.B) {
	r := store.Rate{Requests: 6000, Per: time.Minute}
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("caller/%08d/listOrders", i)
	}
	for _, n := range []int{1, 100, len(keys)} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			c := New(Options{})
			var start atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for i := int(start.Add(7919)); p.Next(); i++ {
					if _, err := c.Take(ctx, keys[i%n], r, 1); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	b.Run("every key is new", func(b *testing.B) {
		c := New(Options{})
		b.ReportAllocs()
		for i := range b.N {
			if _, err := c.Take(ctx, fmt.Sprintf("flood/%d", i), r, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("every key is new and the table is full", func(b *testing.B) {
		c := New(Options{Keys: 1 << 16, Now: new(storetest.Clock).Now})
		for i := range 1 << 17 {
			if _, err := c.Take(ctx, fmt.Sprintf("full/%d", i), r, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			if _, err := c.Take(ctx, fmt.Sprintf("flood/%d", i), r, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOnce(b *testing.B) {
	c := New(Options{})
	b.ReportAllocs()
	for i := range b.N {
		if _, err := c.Once(ctx, fmt.Sprintf("jti/%d", i), time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory fills the default bound with live keys and reports what one costs.
func BenchmarkMemory(b *testing.B) {
	r := store.Rate{Requests: 1, Per: time.Hour}
	for range b.N {
		before := heap()
		c := New(Options{})
		for i := range 1 << 20 {
			if _, err := c.Take(ctx, fmt.Sprintf("caller/%08d/listOrders", i), r, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "B/key")
		if got, err := c.Take(ctx, "caller/00000000/listOrders", r, 1); err != nil || got.Allowed {
			b.Fatal(got, err)
		}
	}
}
