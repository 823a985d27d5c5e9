// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

func rotate(t *testing.T, k *Keys, id string, grace time.Duration) (Key, string) {
	t.Helper()
	key, text, err := k.Rotate(context.Background(), id, grace)
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

func TestRotationKeepsTwoKeysForItsGraceOnly(t *testing.T) {
	both(t, func(t *testing.T, k *Keys, c *clock) {
		old, oldText := create(t, k, NewKey{Client: "warehouse", Owner: "tomasz", Plan: "gold", Scopes: []string{"a", "b"},
			Networks: prefixes("192.0.2.0/24"), Expires: c.Now().Add(90 * 24 * time.Hour)})
		wantVerdict(t, k, oldText, "")
		c.Add(80 * 24 * time.Hour)
		next, nextText := rotate(t, k, old.ID, time.Hour)

		wantVerdict(t, k, oldText, "")
		wantVerdict(t, k, nextText, "")
		c.Add(time.Hour - time.Millisecond)
		wantVerdict(t, k, oldText, "")
		c.Add(time.Millisecond)
		wantVerdict(t, k, oldText, Reason(Replaced))
		wantVerdict(t, k, nextText, "")

		if next.Client != old.Client || next.Owner != old.Owner || next.Plan != old.Plan || !slices.Equal(next.Scopes, old.Scopes) ||
			!slices.Equal(next.Networks, old.Networks) || next.Replaces != old.ID {
			t.Errorf("the successor is %+v of %+v", next, old)
		}
		if life := next.Expires.Sub(next.Created); life != 90*24*time.Hour {
			t.Errorf("the successor lives for %v, want as long as the old key", life)
		}
		shown, err := k.Show(context.Background(), old.ID)
		if err != nil {
			t.Fatal(err)
		}
		if shown.ReplacedBy != next.ID || !shown.GraceEnds.Equal(c.Now()) {
			t.Errorf("the old key is %+v", shown)
		}
	})
}

func TestRotationWithoutGraceEndsTheOldKeyAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k *Keys, _ *clock) {
		old, oldText := create(t, k, NewKey{})
		wantVerdict(t, k, oldText, "")
		next, nextText := rotate(t, k, old.ID, 0)
		wantVerdict(t, k, oldText, Reason(Replaced))
		wantVerdict(t, k, nextText, "")
		if !next.Expires.IsZero() {
			t.Error("the successor of a key without an end has one")
		}
	})
}

func TestRotationIsRefused(t *testing.T) {
	ctx := context.Background()
	k, c := newKeys(t)
	first, _ := create(t, k, NewKey{})
	second, _ := rotate(t, k, first.ID, time.Hour)
	revoked, _ := create(t, k, NewKey{})
	revoke(t, k, revoked.ID)
	expired, _ := create(t, k, NewKey{Expires: c.Now().Add(time.Minute)})
	c.Add(time.Minute)
	for _, tt := range []struct {
		name, id string
		grace    time.Duration
		err      error
	}{
		{"of a key that is replaced", first.ID, 0, ErrReplaced},
		{"of a key whose predecessor still works", second.ID, 0, ErrRotating},
		{"of a revoked key", revoked.ID, 0, ErrNotLive},
		{"of an expired key", expired.ID, 0, ErrNotLive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := k.Rotate(ctx, tt.id, tt.grace); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
	for _, grace := range []time.Duration{-1, MaxGrace + 1} {
		if _, _, err := k.Rotate(ctx, second.ID, grace); !isField(err, "grace_s") {
			t.Errorf("a grace of %v: %v", grace, err)
		}
	}
	c.Add(time.Hour)
	rotate(t, k, second.ID, time.Hour) // the first is over now
}

func isField(err error, field string) bool {
	e, ok := errors.AsType[*FieldError](err)
	return ok && e.Field == field
}

func TestOfManyRotationsOneSucceeds(t *testing.T) {
	k, _ := newKeys(t)
	key, _ := create(t, k, NewKey{})
	var mu sync.Mutex
	made := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, _, err := k.Rotate(context.Background(), key.ID, time.Hour)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if !errors.Is(err, ErrReplaced) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("%d successors, want 1", made)
	}
}

func TestRevocationHoldsAndIsNotRepeated(t *testing.T) {
	both(t, func(t *testing.T, k *Keys, c *clock) {
		key, text := create(t, k, NewKey{})
		wantVerdict(t, k, text, "")
		revoke(t, k, key.ID)
		wantVerdict(t, k, text, Reason(Revoked))
		at := c.Now()
		c.Add(time.Hour)
		again, err := k.Revoke(context.Background(), key.ID)
		if err != nil || !again.Revoked.Equal(at) {
			t.Errorf("revoked again: %v at %v, want nil at %v", err, again.Revoked, at)
		}
	})
}

func TestUnknownIDNamesTheNearestKey(t *testing.T) {
	k, _ := newKeys(t)
	key, _ := create(t, k, NewKey{Client: "partner-nord"})
	id := key.ID
	other := func(c byte) string {
		if c == '7' {
			return "8"
		}
		return "7"
	}
	for _, tt := range []struct {
		name, id string
		near     bool
	}{
		{"a character too few", id[:6], true},
		{"a character too many", id + "0", true},
		{"a wrong character", id[:3] + other(id[3]) + id[4:], true},
		{"the k left out", id[1:], true},
		{"two wrong characters", id[:3] + other(id[3]) + other(id[4]) + id[5:], false},
		{"nothing like it", "orders", false},
		{"empty", "", false},
		{"SQL", "' OR 1=1 --", false},
		{"very long", string(make([]byte, 10_000)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := k.Show(context.Background(), tt.id)
			e, ok := errors.AsType[*NotFoundError](err)
			if !ok {
				t.Fatalf("got %v, want a *NotFoundError", err)
			}
			if (e.Near != nil) != tt.near || e.Near != nil && e.Near.ID != id {
				t.Errorf("nearest key: %v", e)
			}
			if _, err := k.Revoke(context.Background(), tt.id); err == nil {
				t.Error("revoked")
			}
			if _, _, err := k.Rotate(context.Background(), tt.id, 0); err == nil {
				t.Error("rotated")
			}
		})
	}
}

func TestFirstKeyIsMadeOnce(t *testing.T) {
	k, c := newKeys(t)
	var mu sync.Mutex
	var texts []string
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			key, text, err := k.CreateFirst(context.Background())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				texts = append(texts, text)
				if !key.AllScopes || !key.Expires.Equal(c.Now().Add(24*time.Hour)) {
					t.Errorf("the first key is %+v", key)
				}
			case !errors.Is(err, ErrNotFirst):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(texts) != 1 {
		t.Fatalf("%d first keys, want 1", len(texts))
	}
	caller, err := k.Verify(context.Background(), texts[0], office)
	if err != nil || !caller.Holds("anything:at:all") {
		t.Errorf("the first key: %v, %v", caller, err)
	}
	revoke(t, k, caller.Key)
	if _, _, err := k.CreateFirst(context.Background()); !errors.Is(err, ErrNotFirst) {
		t.Errorf("after the first key was revoked: %v", err)
	}
}

// wantKeys yields n keys, and ends with err if there is one.
func wantKeys(n int, err error) iter.Seq2[NewKey, error] {
	return func(yield func(NewKey, error) bool) {
		for i := range n {
			if !yield(NewKey{Client: fmt.Sprintf("client-%d", i), Scopes: []string{"orders:read"}}, nil) {
				return
			}
		}
		if err != nil {
			yield(NewKey{}, err)
		}
	}
}

func TestImport(t *testing.T) {
	ctx := context.Background()
	k, _ := newKeys(t)
	const n = importBatch + 500
	texts := make(map[string]string)
	got, err := k.Import(ctx, wantKeys(n, nil), func(key Key, text string) error {
		texts[key.Client] = text
		return nil
	})
	if err != nil || got != n || len(texts) != n {
		t.Fatalf("imported %d, told of %d, %v; want %d", got, len(texts), err, n)
	}
	for _, i := range []int{0, importBatch - 1, importBatch, n - 1} {
		client := fmt.Sprintf("client-%d", i)
		caller, err := k.Verify(ctx, texts[client], netip.Addr{})
		if err != nil || caller.Client != client {
			t.Errorf("%s: %v, %v", client, caller, err)
		}
	}
}

func TestImportEndsAtTheFirstError(t *testing.T) {
	bad := errors.New("bad line")
	for _, tt := range []struct {
		name string
		keys iter.Seq2[NewKey, error]
		stop int // made fails at this one
		want int64
	}{
		{"of the sequence: its batch makes no key", wantKeys(importBatch+500, bad), -1, importBatch},
		{"of a key", func(yield func(NewKey, error) bool) { yield(NewKey{Client: "UPPER"}, nil) }, -1, 0},
		{"of who is told: the batch is there, for it was durable", wantKeys(importBatch+500, nil), 10, importBatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, _ := newKeys(t)
			told := 0
			n, err := k.Import(context.Background(), tt.keys, func(Key, string) error {
				if told == tt.stop {
					return bad
				}
				told++
				return nil
			})
			if err == nil || n != told {
				t.Errorf("Import = %d, %v; told of %d", n, err, told)
			}
			count, err := k.Count(context.Background())
			if err != nil || count.Total != tt.want {
				t.Errorf("%d keys, %v; want %d", count.Total, err, tt.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	ctx := context.Background()
	k, c := newKeys(t)
	var ids []string
	for i := range 7 {
		key, _ := create(t, k, NewKey{Client: []string{"acme", "shop"}[i%2], Owner: []string{"", "ines", "jonas"}[i%3], Expires: c.Now().Add(time.Duration(i+1) * time.Hour)})
		ids = append(ids, key.ID)
	}
	revoke(t, k, ids[6])
	rotate(t, k, ids[5], 0)
	c.Add(time.Hour) // ids[0] is over
	for _, tt := range []struct {
		name   string
		filter Filter
		want   int
	}{
		{"everything", Filter{}, 8},
		{"of a client", Filter{Client: "acme"}, 4},
		{"of an owner", Filter{Owner: "ines"}, 2},
		{"of a client and an owner", Filter{Client: "acme", Owner: "jonas"}, 1},
		{"what works", Filter{Working: true}, 5},
		{"SQL instead of a client", Filter{Client: "' OR 1=1 --"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page, err := k.List(ctx, tt.filter)
			if err != nil || len(page.Keys) != tt.want || page.Next != "" {
				t.Errorf("%d keys, next %q, %v; want %d", len(page.Keys), page.Next, err, tt.want)
			}
			if tt.filter.Working {
				for _, key := range page.Keys {
					if s := key.State(c.Now()); s != Live && s != Grace {
						t.Errorf("%s is %s", key.ID, s)
					}
				}
			}
		})
	}
	var paged []string
	f := Filter{Limit: 3}
	for {
		page, err := k.List(ctx, f)
		if err != nil || len(page.Keys) > 3 {
			t.Fatalf("%d keys, %v", len(page.Keys), err)
		}
		for _, key := range page.Keys {
			paged = append(paged, key.ID)
		}
		if f.After = page.Next; page.Next == "" {
			break
		}
	}
	if len(paged) != 8 || !slices.IsSorted(paged) {
		t.Errorf("page by page: %v", paged)
	}
	if got, err := k.Count(ctx); err != nil || got != (Count{Total: 8, Working: 5, Unowned: 1}) {
		t.Errorf("Count = %+v, %v", got, err)
	}
}
