// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/store/sqlite"
)

// both runs f twice: with every key looked up, and with keys remembered.
func both(t *testing.T, f func(t *testing.T, k *Keys, c *clock)) {
	for _, name := range []string{"looked up", "remembered"} {
		t.Run(name, func(t *testing.T) {
			k, c := newKeys(t)
			if name == "remembered" {
				cached(t, k)
			}
			f(t, k, c)
		})
	}
}

func TestVerifyJudgesEveryTime(t *testing.T) {
	both(t, func(t *testing.T, k *Keys, c *clock) {
		key, text := create(t, k, NewKey{Expires: c.Now().Add(time.Hour)})
		_, other := newKey()
		forged := forge(other, key.ID)

		wantVerdict(t, k, text, "")
		wantVerdict(t, k, other, Unknown)
		wantVerdict(t, k, forged, WrongSecret)
		wantVerdict(t, k, text[:len(text)-1], Malformed)
		wantVerdict(t, k, "", Malformed)
		wantVerdict(t, k, text, "") // none of the failures has changed anything

		c.Add(time.Hour - time.Millisecond)
		if k.feed.at.Load() != 0 {
			cached(t, k)
		}
		wantVerdict(t, k, text, "")
		c.Add(time.Millisecond)
		wantVerdict(t, k, text, Reason(Expired))
		c.Add(-time.Hour)
		revoke(t, k, key.ID)
		wantVerdict(t, k, text, Reason(Revoked))
	})
}

func TestVerifyKeepsKeysToTheirNetworks(t *testing.T) {
	both(t, func(t *testing.T, k *Keys, _ *clock) {
		_, text := create(t, k, NewKey{Networks: prefixes("192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120")})
		_, free := create(t, k, NewKey{})
		for range 2 { // the second time from memory
			for _, tt := range []struct {
				name, addr string
				want       Reason
			}{
				{"a listed network", "192.0.2.255", ""},
				{"IPv4 written as IPv6 counts as IPv4", "::ffff:192.0.2.1", ""},
				{"a network that was listed as IPv6 around IPv4", "198.51.100.9", ""},
				{"a listed IPv6 network", "2001:db8:1::1", ""},
				{"a listed IPv6 network, with a zone", "2001:db8:1::1%eth0", ""},
				{"a neighbouring network", "192.0.3.0", WrongNetwork},
				{"another IPv6 network", "2001:db9::1", WrongNetwork},
				{"an address that is unknown", "", WrongNetwork},
			} {
				var addr netip.Addr
				if tt.addr != "" {
					addr = netip.MustParseAddr(tt.addr)
				}
				if got := verdict(k, text, addr); got != tt.want {
					t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
				}
				if got := verdict(k, free, addr); got != "" {
					t.Errorf("%s: a key without networks got %q", tt.name, got)
				}
			}
		}
	})
}

func TestVerifyTellsWhoIsCalling(t *testing.T) {
	k, c := newKeys(t)
	key, text := create(t, k, NewKey{Client: "acme-mobile", Scopes: []string{"orders:write", "orders:read"}, Expires: c.Now().Add(time.Hour)})
	got, err := k.Verify(context.Background(), text, office)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "acme-mobile" || got.Client != "acme-mobile" || got.Key != key.ID || got.Issuer != "yett" || !got.Expires.Equal(key.Expires) {
		t.Errorf("got %+v", got)
	}
	if missing := got.Missing([]string{"orders:read", "orders:write"}); missing != "" {
		t.Errorf("scope %s is missing", missing)
	}
	if got.Holds("orders:audit") || got.AllScopes {
		t.Error("the caller holds more than the key")
	}
}

func TestStoreOutOfReachIsNoVerdict(t *testing.T) {
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	c := newClock()
	k := keysOn(t, db, c.Now)
	cached(t, k)
	_, seen := create(t, k, NewKey{})
	_, unseen := create(t, k, NewKey{})
	wantVerdict(t, k, seen, "")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, k, unseen, "cannot tell")
	wantVerdict(t, k, seen, "") // the feed was read a moment ago: what is remembered still holds
	c.Add(freshFor + time.Millisecond)
	wantVerdict(t, k, seen, "cannot tell") // from here on a revocation could be unknown
}

func TestAnotherPepperIsNoticed(t *testing.T) {
	db := newStore(t)
	keysOn(t, db, time.Now)
	_, err := New(Config{}, Options{Store: db, Pepper: bytes.Repeat([]byte("x"), 32)})
	if err == nil || !strings.Contains(err.Error(), "another pepper") {
		t.Errorf("New with another pepper: %v", err)
	}
	if _, err := New(Config{}, Options{Store: db, Pepper: testPepper[:31]}); err == nil {
		t.Error("New took a pepper of 31 bytes")
	}
	if _, err := New(Config{}, Options{Pepper: testPepper}); err == nil {
		t.Error("New took no store")
	}
}

// The store is all that a thief of a backup has: no key is in it, nor a hash that can be computed without the pepper.
func TestStoreHoldsNoKey(t *testing.T) {
	dir := t.TempDir()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	k := keysOn(t, db, time.Now)
	key, text := create(t, k, NewKey{})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte(key.ID)) {
		t.Fatal("the id is not in the file: the test looks at the wrong bytes")
	}
	secret := text[len(prefix)+idLen+1 : checkStart-1]
	for _, part := range []string{text, secret, secret[:20], secret[23:], string(testPepper)} {
		if bytes.Contains(file, []byte(part)) {
			t.Errorf("%d bytes of a secret are in the file", len(part))
		}
	}
}

func TestLookupUsesThePrimaryKey(t *testing.T) {
	k, _ := newKeys(t)
	rows, err := k.db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN SELECT "+columns+" FROM apikey_keys WHERE id = $1", exampleID)
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if len(plan) != 1 || !strings.HasPrefix(plan[0], "SEARCH") || !strings.Contains(plan[0], "(id=?)") {
		t.Errorf("the lookup of a key is %q", plan)
	}
}

func TestDamagedRowAdmitsNobody(t *testing.T) {
	for _, tt := range []struct{ name, set string }{
		{"a network that cannot be read", "networks = 'somewhere'"},
		{"a hash cut short", "hash = x'00'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, _ := newKeys(t)
			_, text := create(t, k, NewKey{})
			if _, err := k.db.ExecContext(context.Background(), "UPDATE apikey_keys SET "+tt.set); err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, k, text, "cannot tell")
		})
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	k, _ := newKeys(t)
	_, text := create(t, k, NewKey{})
	secret := text[len(prefix)+idLen+1 : checkStart-1]
	for _, presented := range []string{text + "0", strings.ToUpper(text), text[:checkStart] + "0000", strings.Replace(text, text[5:12], exampleID, 1)} {
		_, err := k.Verify(context.Background(), presented, office)
		if err == nil {
			t.Fatal("admitted")
		}
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret[:8])) {
			t.Error("the error holds a part of the secret")
		}
	}
}

func TestKeyAsJSON(t *testing.T) {
	k, c := newKeys(t)
	key, _ := create(t, k, NewKey{Client: "acme", Networks: prefixes("192.0.2.0/24"), Expires: c.Now().Add(time.Hour)})
	b, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"client", "created", "expires", "id", "networks", "scopes"}; !slices.Equal(names, want) {
		t.Errorf("members: got %v, want %v", names, want)
	}
	if got["expires"] != "2026-11-23T15:08:31.204Z" {
		t.Errorf("expires: got %v", got["expires"])
	}
}
