// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/identity"
	"yett/jose"
	"yett/store"
)

func newAssertions(t testing.TB, db *store.DB, sealer store.Sealer, c *clock) *Assertions {
	t.Helper()
	a, err := NewAssertions(t.Context(), AssertionOptions{Store: db, Sealer: sealer, Issuer: "https://api.example.org", Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verify is what an upstream does.
func verify(t testing.TB, set []byte, text string) *jose.Claims {
	t.Helper()
	keys, skipped, err := jose.ParseSet(set)
	if err != nil || len(skipped) > 0 {
		t.Fatal(skipped, err)
	}
	s, err := jose.Parse(text, jose.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	found, _ := keys.Find(s.Header.KeyID, s.Header.Algorithm)
	for _, k := range found {
		if s.Verify(k) == nil {
			c, err := jose.ParseClaims(s.Payload)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatal("no published key verifies it")
	return nil
}

func TestAnUpstreamVerifiesWhoIsCalling(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "yett.db")
	a := newAssertions(t, openDB(t, path), newGCM(t), c)
	greta := &identity.Caller{Subject: "greta", Client: "till", Scopes: []string{"orders:read", "orders:write"}}
	text, err := a.Of(greta, "shop")
	if err != nil {
		t.Fatal(err)
	}
	claims := verify(t, a.keys.Load().set, text)
	scope, _ := claims.Text("scope")
	client, _ := claims.Text("client_id")
	if claims.Issuer != "https://api.example.org" || claims.Subject != "greta" || strings.Join(claims.Audience, " ") != "shop" ||
		scope != "orders:read orders:write" || client != "till" || claims.ID == "" || claims.Expires.Sub(claims.IssuedAt) != assertionLife {
		t.Errorf("got %+v", claims)
	}
	if again, err := a.Of(greta, "shop"); err != nil || again != text {
		t.Errorf("it is signed anew for every request: %v", err)
	}
	if other, err := a.Of(greta, "bank"); err != nil || other == text {
		t.Errorf("one audience gets what was made for another: %v", err)
	}
	c.Add(giveOut)
	if later, err := a.Of(greta, "shop"); err != nil || later == text {
		t.Errorf("one that ends soon is given out: %v", err)
	}
	if raw, err := os.ReadFile(path); err != nil || strings.Contains(string(raw), `"d":`) {
		t.Errorf("the private key lies in clear: %v", err)
	}
}

func TestSigningKeysAreReplacedAndEveryAssertionStaysVerifiable(t *testing.T) {
	c := newClock()
	db, sealer := openDB(t, filepath.Join(t.TempDir(), "yett.db")), newGCM(t)
	one, two := newAssertions(t, db, sealer, c), newAssertions(t, db, sealer, c)
	kids := make(map[string]bool)
	var cached []byte // as an upstream that remembers keys for an hour
	var cachedAt time.Time
	for range 3 * 40 * 24 {
		c.Add(30 * time.Minute)
		for _, a := range []*Assertions{one, two} {
			if err := a.renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c.Now().Sub(cachedAt) >= publishAhead {
			cached, cachedAt = two.keys.Load().set, c.Now()
		}
		text, err := one.Of(&identity.Caller{Subject: "greta"}, "shop")
		if err != nil {
			t.Fatal(err)
		}
		verify(t, cached, text)
		kids[one.keys.Load().active.Public().ID] = true
	}
	if len(kids) < 2 || len(kids) > 4 {
		t.Errorf("%d keys signed in 60 days", len(kids))
	}
	keys, err := one.read(t.Context())
	if err != nil || len(keys) > 2 {
		t.Errorf("%d keys are kept, %v", len(keys), err)
	}
}

func BenchmarkAssertion(b *testing.B) {
	a := newAssertions(b, openDB(b, filepath.Join(b.TempDir(), "yett.db")), newGCM(b), newClock())
	greta := &identity.Caller{Subject: "greta", Client: "till", Scopes: []string{"orders:read"}}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := *greta
			if _, err := a.Of(&c, "shop"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("repeated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Of(greta, "shop"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
