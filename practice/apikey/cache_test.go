// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func entryOf(id string) *entry { return &entry{key: Key{ID: id}} }

func TestCacheForgetsTheUnusedFirst(t *testing.T) {
	var c cache
	c.init(100)
	for i := range 100 {
		c.put(entryOf(fmt.Sprint(i)), 0)
	}
	for i := range 50 {
		c.get(fmt.Sprint(i), &digest{})
	}
	for i := range 50 {
		c.put(entryOf(fmt.Sprint("new", i)), 0)
	}
	if got := c.size(); got != 100 {
		t.Errorf("%d entries, want 100", got)
	}
	for i := range 50 {
		if c.get(fmt.Sprint(i), &digest{}) == nil {
			t.Errorf("entry %d was in use and is gone", i)
		}
	}
}

func TestCacheStaysBounded(t *testing.T) {
	var c cache
	c.init(10)
	for i := range 1000 {
		id := fmt.Sprint(i)
		c.put(entryOf(id), c.generation())
		c.get(id, &digest{})
		if i%3 == 0 {
			c.forget(id)
			c.put(entryOf(id), c.generation())
		}
		if len(c.ring) > 10 || c.size() > 10 {
			t.Fatalf("%d places, %d entries, want at most 10", len(c.ring), c.size())
		}
	}
}

func TestCacheTakesNothingReadBeforeAForgetting(t *testing.T) {
	var c cache
	c.init(10)
	before := c.generation()
	c.forget("another")
	c.put(entryOf("k1"), before)
	if c.size() != 0 {
		t.Error("an entry read before something was forgotten is remembered")
	}
	c.put(entryOf("k1"), c.generation())
	c.reset()
	if c.size() != 0 {
		t.Error("reset left an entry")
	}
}

func TestFailingAttemptsEvictNothing(t *testing.T) {
	k, c := newKeys(t)
	cached(t, k)
	k.cache.limit = 4
	var good []string
	for range 4 {
		_, text := create(t, k, NewKey{})
		wantVerdict(t, k, text, "")
		good = append(good, text)
	}
	dead, deadText := create(t, k, NewKey{Expires: c.Now().Add(time.Second)})
	c.Add(time.Second)
	cached(t, k)
	for range 100 {
		_, text := newKey()
		wantVerdict(t, k, text, Unknown)
		wantVerdict(t, k, deadText, Reason(Expired))
	}
	if k.cache.size() != 4 || k.cache.get(dead.ID, new(digest)) != nil {
		t.Errorf("%d keys remembered after the flood, want the 4 from before", k.cache.size())
	}
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range good {
		wantVerdict(t, k, text, "") // from memory: the store is gone
	}
}

func TestForgottenKeyIsLookedUpAgain(t *testing.T) {
	k, _ := newKeys(t)
	cached(t, k)
	key, text := create(t, k, NewKey{})
	wantVerdict(t, k, text, "")
	if k.cache.size() != 1 {
		t.Fatal("the key is not remembered")
	}
	if _, err := k.db.ExecContext(context.Background(), "UPDATE apikey_keys SET revoked = 1 WHERE id = $1", key.ID); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, k, text, "") // nobody was told of that change
	k.cache.forget(key.ID)
	wantVerdict(t, k, text, Reason(Revoked))
}
