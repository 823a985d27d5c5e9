// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yett/exchange"
)

func TestWhatCountsAsACall(t *testing.T) {
	op := notes(t).Operations[0] // getNote
	for _, tt := range []struct {
		name   string
		record exchange.Record
		calls  int64
		caller string
	}{
		{"a call that was answered", called(op, "", ""), 1, ""},
		{"a call of somebody known", called(op, "acme", ""), 1, "acme"},
		{"one that was refused though its caller is known", called(op, "acme", "insufficient_scope"), 1, "acme"},
		{"one that was refused before anybody was known", called(op, "", "unauthenticated"), 0, ""},
		{"one that broke behind the gateway", exchange.Record{Time: noon, API: "notes", Operation: "getNote", Method: "GET", Status: 502, Code: "upstream_unreachable"}, 1, ""},
		{"HEAD is a call of GET", exchange.Record{Time: noon, API: "notes", Operation: "getNote", Method: "HEAD", Status: 200}, 1, ""},
		{"a preflight is none", exchange.Record{Time: noon, API: "notes", Operation: "getNote", Method: "OPTIONS", Status: 204}, 0, ""},
		{"a key stands for its caller", exchange.Record{Time: noon, API: "notes", Operation: "getNote", Method: "GET", Status: 200, Key: "k4tn8w2", Subject: "s"}, 1, "k4tn8w2"},
		{"a subject is shown without control characters", exchange.Record{Time: noon, API: "notes", Operation: "getNote", Method: "GET", Status: 200, Subject: "a\x1b[2Jb"}, 1, "a?[2Jb"},
		{"an operation of a configuration that is gone", exchange.Record{Time: noon, API: "notes", Operation: "gone", Method: "GET", Status: 200}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv := newInventory(t, Config{})
			inv.Observe(tt.record)
			got := report(t, inv).operation(t, "getNote")
			if got.Calls != tt.calls || got.LastCaller != tt.caller || (got.State == Orphan) != (tt.calls == 0) {
				t.Errorf("got %+v, want %d calls by %q", got, tt.calls, tt.caller)
			}
		})
	}
}

func TestCountsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	db := openStore(t, path)
	inv := inventoryOn(t, db, Config{})
	op := inv.catalogue.ids[operationID{"notes", "oldHistory"}]
	early, late := called(op, "acme", ""), called(op, "", "")
	late.Time = noon.Add(time.Hour)
	inv.Observe(early)
	inv.Observe(invented("GET", "/v1/drafts"))
	report(t, inv)
	inv.Observe(late)
	inv.Observe(called(op, "", "unauthenticated"))
	inv.Observe(invented("GET", "/v1/drafts"))
	if err := inv.calls.Close(); err != nil {
		t.Fatal(err)
	}
	r := report(t, inventoryOn(t, openStore(t, path), Config{}))
	got := r.operation(t, "oldHistory")
	if got.State != Zombie || got.Calls != 2 || got.Refused != 1 || got.LastCaller != "acme" || !got.LastCalled.Equal(late.Time) || !got.FirstSeen.Equal(noon) {
		t.Errorf("got %+v", got)
	}
	if s := r.shape("GET", "/v1/drafts"); s.Calls != 2 {
		t.Errorf("shadow: %+v", r.Shadow)
	}
}

func TestRunWritesDownWithinASecondAndAtItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	inv := inventoryOn(t, openStore(t, path), Config{})
	other := openStore(t, path)
	stored := func() (n int64) {
		if err := other.QueryRowContext(t.Context(), "SELECT COALESCE(SUM(calls), 0) FROM inventory_operations").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- inv.Run(ctx) }()
	op := inv.catalogue.ids[operationID{"notes", "getNote"}]
	inv.Observe(called(op, "", ""))
	end := time.Now().Add(flushEvery + time.Second) // the second second is for a slow machine
	for stored() != 1 {
		if time.Now().After(end) {
			t.Fatal("it is not written down")
		}
		time.Sleep(10 * time.Millisecond)
	}
	inv.Observe(called(op, "", ""))
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := stored(); n != 2 {
		t.Errorf("%d calls stored after the end, want 2", n)
	}
}

func TestAWriteThatFailsLosesNothing(t *testing.T) {
	inv := newInventory(t, Config{})
	op := inv.catalogue.ids[operationID{"notes", "getNote"}]
	inv.Observe(called(op, "acme", ""))
	inv.Observe(invented("GET", "/v1/drafts"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inv.calls.Flush(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	inv.Observe(called(op, "", ""))
	inv.Observe(invented("GET", "/v1/drafts"))
	if err := inv.calls.Flush(gone); err == nil {
		t.Fatal("written without a store")
	}
	inv.Observe(called(op, "", ""))
	r := report(t, inv)
	if got := r.operation(t, "getNote"); got.Calls != 3 || got.LastCaller != "acme" {
		t.Errorf("got %+v, want 3 calls by acme", got)
	}
	if got := r.shape("GET", "/v1/drafts"); got.Calls != 2 {
		t.Errorf("got %+v, want 2 calls", r.Shadow)
	}
}

func TestCountsThatComeBackAreAddedToThoseMadeSince(t *testing.T) {
	inv := newInventory(t, Config{})
	op := inv.catalogue.ids[operationID{"notes", "getNote"}]
	inv.Observe(called(op, "acme", ""))
	inv.Observe(invented("GET", "/v1/drafts"))
	c := inv.calls
	failed := c.tally
	c.tally = newTally() // as Flush does before it writes
	late := called(op, "", "")
	late.Time = noon.Add(time.Minute)
	inv.Observe(late)
	inv.Observe(called(op, "", "unauthenticated"))
	inv.Observe(invented("GET", "/v1/drafts"))
	inv.Observe(invented("GET", "/v1/more"))
	failed.other, c.tally.other = 2, 3
	c.giveBack(failed)
	r := report(t, inv)
	got := r.operation(t, "getNote")
	if got.Calls != 2 || got.Refused != 1 || got.LastCaller != "acme" || !got.LastCalled.Equal(late.Time) || !got.FirstSeen.Equal(noon) {
		t.Errorf("got %+v", got)
	}
	if r.shape("GET", "/v1/drafts").Calls != 2 || r.shape("GET", "/v1/more").Calls != 1 || r.OtherCalls != 5 {
		t.Errorf("got %+v and %d others", r.Shadow, r.OtherCalls)
	}
}

func TestAReportWaitsForAWriteUnderWay(t *testing.T) {
	inv := newInventory(t, Config{})
	inv.calls.flushing.Lock()
	told := make(chan error, 1)
	go func() {
		_, err := inv.Report(context.Background())
		told <- err
	}()
	select {
	case err := <-told:
		t.Errorf("it told what another write had not stored yet: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	inv.calls.flushing.Unlock()
	if !t.Failed() {
		if err := <-told; err != nil {
			t.Error(err)
		}
	}
}

func TestAFloodOfInventedPathsPushesOutNothingThatIsCalledOften(t *testing.T) {
	inv := newInventory(t, Config{})
	flood, real := int64(0), int64(0)
	for round := range 6 {
		for i := range 2000 {
			inv.Observe(invented("GET", "/"+word(round*2000+i)))
			flood++
			if i%400 == 0 {
				inv.Observe(invented("POST", "/internal/refunds"))
				real++
			}
		}
		if err := inv.calls.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r := report(t, inv)
	if got := r.shape("POST", "/internal/refunds"); got.Calls != real {
		t.Errorf("the real endpoint has %d calls, want %d", got.Calls, real)
	}
	if len(r.Shadow) != MaxShadow {
		t.Errorf("%d shapes are kept, want %d", len(r.Shadow), MaxShadow)
	}
	kept := int64(0)
	for _, s := range r.Shadow {
		kept += s.Calls
	}
	if kept+r.OtherCalls != flood+real || r.OtherCalls == 0 {
		t.Errorf("%d calls kept and %d others, want %d in all", kept, r.OtherCalls, flood+real)
	}
}

func TestAFloodBetweenTwoWritesTakesNoMoreThanItsRoom(t *testing.T) {
	inv := newInventory(t, Config{})
	inv.Observe(invented("POST", "/internal/refunds"))
	for i := range 3 * maxTallied {
		inv.Observe(invented("GET", "/"+word(i)))
	}
	inv.Observe(invented("POST", "/internal/refunds"))
	if n := len(inv.calls.tally.shadow); n != maxTallied {
		t.Errorf("%d shapes in memory, want %d", n, maxTallied)
	}
	r := report(t, inv)
	if got := r.shape("POST", "/internal/refunds").Calls; got != 2 || r.OtherCalls != 2*maxTallied+1 {
		t.Errorf("the real endpoint has %d calls and %d are others", got, r.OtherCalls)
	}
}

// word is the i-th word without a digit.
func word(i int) string {
	b := []byte("path-")
	for range 5 {
		b = append(b, 'g'+byte(i%16))
		i /= 16
	}
	return string(b)
}

func TestManyCountAtOnce(t *testing.T) {
	inv := newInventory(t, Config{})
	op := inv.catalogue.ids[operationID{"notes", "getNote"}]
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 300 {
				inv.Observe(called(op, fmt.Sprint("client-", g), ""))
				inv.Observe(invented("GET", "/v1/drafts"))
				if i%100 == 0 {
					if _, err := inv.Report(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	r := report(t, inv)
	if got := r.operation(t, "getNote").Calls; got != 1200 {
		t.Errorf("%d calls, want 1200", got)
	}
	if got := r.shape("GET", "/v1/drafts").Calls; got != 1200 {
		t.Errorf("%d undeclared calls, want 1200", got)
	}
}

func TestWhatHasBeenDeclaredSinceIsNoShadow(t *testing.T) {
	inv := newInventory(t, Config{})
	inv.Observe(invented("GET", "/v1/notes/4711"))
	inv.Observe(invented("HEAD", "/v1/notes/4711"))
	inv.Observe(invented("DELETE", "/v1/notes/4711"))
	if r := report(t, inv); len(r.Shadow) != 1 || r.Shadow[0].Method != "DELETE" {
		t.Errorf("shadow: %+v", r.Shadow)
	}
}

func TestWithoutAPIsOnlyCountsAreTold(t *testing.T) {
	db := newStore(t)
	inv := inventoryOn(t, db, Config{})
	inv.Observe(called(inv.catalogue.ids[operationID{"notes", "getNote"}], "acme", ""))
	report(t, inv)
	calls, err := OpenCalls(CallsOptions{Store: db})
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, &Inventory{catalogue: newCatalogue(nil), calls: calls, log: calls.log})
	if got := r.operation(t, "getNote"); !r.Offline || got.State != Unknown || got.Calls != 1 || got.Path != "/v1/notes/{id}" {
		t.Errorf("got %+v", r)
	}
}
