// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/exchange"
	"yett/store/sqlite"
)

// called is the record of a call with a key; code "" was answered by the upstream.
func called(key, operation string, at time.Time, code, by string) exchange.Record {
	r := exchange.Record{Key: key, API: "shop", Operation: operation, Time: at, Status: 200}
	if code != "" {
		r.Status, r.Code = 403, code
		r.Decisions = []exchange.Decision{{Practice: "apikey", Outcome: exchange.Passed}, {Practice: by, Outcome: exchange.Refused, Code: code}}
	}
	return r
}

func usage(t *testing.T, k *Keys, id string, days int) Usage {
	t.Helper()
	if err := k.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	u, err := k.Usage(context.Background(), id, days)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsageByKeyOperationAndDay(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	other, _ := create(t, k, NewKey{})
	k.Observe(called(key.ID, "listProducts", c.Now(), "", ""))
	k.Observe(called(key.ID, "getCustomer", c.Now(), "missing_scope", "authn"))
	k.Observe(called(other.ID, "listProducts", c.Now(), "", ""))
	usage(t, k, key.ID, 30)
	c.Add(24 * time.Hour)
	for range 3 {
		k.Observe(called(key.ID, "listProducts", c.Now(), "", ""))
	}
	usage(t, k, key.ID, 30)
	c.Add(time.Second)
	k.Observe(called(key.ID, "listProducts", c.Now(), "rate", "ratelimit"))
	k.Observe(exchange.Record{Key: key.ID, API: "shop", Operation: "listProducts", Time: c.Now(), Status: 502, Code: "upstream_unreachable"})
	k.Observe(exchange.Record{Operation: "listProducts", Time: c.Now(), Status: 401, Code: "invalid_key"})

	want := Usage{
		Calls: 7, Refused: 2,
		Days: []DayUsage{
			{Day: "2026-11-24", Calls: 5, Refused: 1, RefusedBy: "ratelimit", Operation: "listProducts"},
			{Day: "2026-11-23", Calls: 2, Refused: 1, RefusedBy: "authn", Operation: "getCustomer"},
		},
		Operations: []OperationUsage{
			{API: "shop", Operation: "listProducts", Calls: 6, Refused: 1, RefusedBy: "ratelimit", LastUsed: c.Now()},
			{API: "shop", Operation: "getCustomer", Calls: 1, Refused: 1, RefusedBy: "authn", LastUsed: c.Now().Add(-24*time.Hour - time.Second)},
		},
	}
	if diff := cmp.Diff(want, usage(t, k, key.ID, 30)); diff != "" {
		t.Errorf("usage of 30 days (-want +got):\n%s", diff)
	}
	if got := usage(t, k, key.ID, 1); got.Calls != 5 || len(got.Days) != 1 {
		t.Errorf("usage of today: %+v", got)
	}
	if shown, err := k.Show(context.Background(), key.ID); err != nil || !shown.LastUsed.Equal(c.Now()) {
		t.Errorf("last used at %v, %v; want %v", shown.LastUsed, err, c.Now())
	}
	calls, err := k.calls(context.Background(), []Key{key, other}, 30)
	if err != nil || calls[key.ID] != 7 || calls[other.ID] != 1 {
		t.Errorf("calls in 30 days: %v, %v", calls, err)
	}
	for _, days := range []int{0, -1, KeptDays + 1} {
		if _, err := k.Usage(context.Background(), key.ID, days); !isField(err, "days") {
			t.Errorf("%d days: %v", days, err)
		}
	}
}

func TestUsageIsCountedOnceByManyAtOnce(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	running(t, k)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				k.Observe(called(key.ID, []string{"a", "b"}[i%2], c.Now(), "", ""))
				if i%100 == 0 {
					if err := k.Flush(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if got := usage(t, k, key.ID, 1); got.Calls != 2000 {
		t.Errorf("%d calls, want 2000", got.Calls)
	}
}

// Most writes have nothing to write, and a call may begin in the middle of one. Meant for -race.
func TestUsageIsCountedWhileNothingIsWritten(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	const calls = 30
	done := make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := k.Flush(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	for range calls {
		k.Observe(called(key.ID, "listProducts", c.Now(), "", ""))
		time.Sleep(20 * time.Millisecond) // long enough for a write to end and the next to find nothing
	}
	close(done)
	g.Wait()
	if u := usage(t, k, key.ID, 1); u.Calls != calls {
		t.Errorf("%d calls were counted as %d", calls, u.Calls)
	}
}

func TestUsageIsWrittenByItself(t *testing.T) {
	db := newStore(t)
	k := keysOn(t, db, time.Now)
	running(t, k)
	key, _ := create(t, k, NewKey{})
	elsewhere := keysOn(t, db, time.Now)
	for n := range int64(2) {
		k.Observe(called(key.ID, "getOrder", time.Now(), "", ""))
		if !within(10*time.Second, func() bool { // a loaded machine may need more than the second
			u, err := elsewhere.Usage(context.Background(), key.ID, 2)
			return err == nil && u.Calls == n+1
		}) {
			t.Fatalf("call %d does not reach the store", n+1)
		}
	}
}

func TestUsageSurvivesCloseAndTheEndOfRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	k := keysOn(t, db, time.Now)
	key, _ := create(t, k, NewKey{})
	ctx, cancel := context.WithCancel(context.Background())
	k.Observe(called(key.ID, "a", time.Now(), "", ""))
	cancel()
	if err := k.Run(ctx); err != nil {
		t.Fatal(err)
	}
	k.Observe(called(key.ID, "b", time.Now(), "", ""))
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	k = keysOn(t, openStore(t, path), time.Now)
	if u, err := k.Usage(context.Background(), key.ID, 1); err != nil || u.Calls != 2 {
		t.Errorf("after a restart: %d calls, %v; want 2", u.Calls, err)
	}
}

func TestUsageThatCannotBeWrittenIsKept(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	k.Observe(called(key.ID, "a", c.Now(), "", ""))
	broken, cancel := context.WithCancel(context.Background())
	cancel()
	if err := k.Flush(broken); err == nil {
		t.Fatal("written with a context that has ended")
	}
	k.Observe(called(key.ID, "a", c.Now(), "rate", "ratelimit"))
	if err := k.Flush(broken); err == nil {
		t.Fatal("written with a context that has ended")
	}
	if got := usage(t, k, key.ID, 1); got.Calls != 2 || got.Refused != 1 || got.Days[0].RefusedBy != "ratelimit" {
		t.Errorf("usage: %+v", got)
	}
}

func TestTallyIsBounded(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	for i := range maxTallied + 10 {
		k.Observe(called(key.ID, fmt.Sprint("op", i), c.Now(), "", ""))
	}
	if got := len(k.usage.counts); got != maxTallied || k.usage.lost != 10 {
		t.Errorf("%d pairs in memory and %d calls left out, want %d and 10", got, k.usage.lost, maxTallied)
	}
	select {
	case <-k.usage.full:
	default:
		t.Error("nobody asked for a write")
	}
	k.Observe(called(key.ID, "op0", c.Now(), "", ""))
	if k.usage.lost != 10 {
		t.Error("a pair that has a place was not counted")
	}
}

func TestOldUsageIsRemoved(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{})
	k.Observe(called(key.ID, "a", c.Now(), "", ""))
	usage(t, k, key.ID, 1)
	c.Add((KeptDays + 1) * 24 * time.Hour)
	k.Observe(called(key.ID, "a", c.Now(), "", ""))
	usage(t, k, key.ID, 1)
	var days []int64
	rows, err := k.db.QueryContext(context.Background(), "SELECT day FROM apikey_usage")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var d int64
		if err := rows.Scan(&d); err != nil {
			t.Fatal(err)
		}
		days = append(days, d)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(days, []int64{k.today()}) {
		t.Errorf("days in the store: %v, want today's alone", days)
	}
}
