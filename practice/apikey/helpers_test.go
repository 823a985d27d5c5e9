// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yett/store"
	"yett/store/sqlite"
)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 11, 23, 14, 8, 31, 204e6, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var testPepper = bytes.Repeat([]byte("pepper! "), 4)

func openStore(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newStore(t testing.TB) *store.DB {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "yett.db"))
}

// newKeys are keys in a store of their own, with a clock that stands still.
func newKeys(t testing.TB) (*Keys, *clock) {
	t.Helper()
	c := newClock()
	return keysOn(t, newStore(t), c.Now), c
}

func keysOn(t testing.TB, db *store.DB, now func() time.Time) *Keys {
	t.Helper()
	k, err := New(Config{DefaultGrace: time.Hour}, Options{Store: db, Pepper: testPepper, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t testing.TB, k *Keys, n NewKey) (Key, string) {
	t.Helper()
	if n.Client == "" {
		n.Client = "acme"
	}
	key, text, err := k.Create(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

func revoke(t testing.TB, k *Keys, id string) {
	t.Helper()
	if _, err := k.Revoke(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}

// forge is the secret of key under another id, with a check that fits.
func forge(key, id string) string {
	s := prefix + id + key[len(prefix)+idLen:checkStart-1]
	check := checkOf(s)
	return s + "_" + string(check[:])
}

var office = netip.MustParseAddr("192.0.2.7")

// verdict is "" for a key that is admitted, the reason for one that is not, and "cannot tell" for any other error.
func verdict(k *Keys, text string, addr netip.Addr) Reason {
	_, err := k.Verify(context.Background(), text, addr)
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*InvalidError](err); ok {
		return e.Reason
	}
	return "cannot tell"
}

func wantVerdict(t testing.TB, k *Keys, text string, want Reason) {
	t.Helper()
	if got := verdict(k, text, office); got != want {
		t.Errorf("Verify: got %q, want %q", got, want)
	}
}

// within reports whether f becomes true before d has passed.
func within(d time.Duration, f func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return true
		}
	}
	return f()
}

// running has k run until the test ends.
func running(t testing.TB, k *Keys) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// cached makes k remember keys, as Run does.
func cached(t testing.TB, k *Keys) {
	t.Helper()
	if err := k.poll(context.Background()); err != nil {
		t.Fatal(err)
	}
}
