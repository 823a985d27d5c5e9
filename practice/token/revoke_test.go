// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/store"
	"yett/store/sqlite"
)

var testPepper = []byte(strings.Repeat("pepper! ", 4))

func revocationsOn(t testing.TB, db *store.DB, now func() time.Time) *revocations {
	t.Helper()
	r, err := openRevocations(t.Context(), revocationOptions{Store: db, Sealer: newPlaceSealer(t), Pepper: testPepper, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func polls(t testing.TB, r *revocations) {
	t.Helper()
	if err := r.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func takesBack(t testing.TB, r *revocations, n NewRevocation) Revocation {
	t.Helper()
	rev, err := r.revoke(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

const mine, other = "https://mine.example.org", "https://other.example.org"

func TestWhichTokensARevocationRefuses(t *testing.T) {
	clock := newHandClock()
	clock.at = time.Date(2026, 11, 24, 12, 0, 0, int(700*time.Millisecond), time.UTC)
	now := clock.at.Truncate(time.Second) // as a token would say
	type named struct {
		id, subject, client string
		iat                 time.Time
	}
	token := func(iat time.Time) named { return named{"j1", "greta", "app", iat} }
	for _, tt := range []struct {
		name    string
		revoke  NewRevocation
		issuer  string
		token   named
		refused bool
	}{
		{"the token of the id", NewRevocation{ID: "j1"}, mine, token(now), true},
		{"the token of the id, issued later than the revocation", NewRevocation{ID: "j1"}, mine, token(now.Add(time.Hour)), true},
		{"the token of the id without iat", NewRevocation{ID: "j1"}, mine, token(time.Time{}), true},
		{"another id passes", NewRevocation{ID: "j2"}, mine, token(now), false},
		{"the id in other letters passes", NewRevocation{ID: "J1"}, mine, token(now), false},
		{"the id of the issuer that was named", NewRevocation{ID: "j1", Issuer: mine}, mine, token(now), true},
		{"the id of another issuer passes", NewRevocation{ID: "j1", Issuer: mine}, other, token(now), false},
		{"a subject of the same name as the id passes", NewRevocation{ID: "greta"}, mine, token(now), false},
		{"issued before the subject was revoked", NewRevocation{Subject: "greta"}, mine, token(now.Add(-time.Second)), true},
		{"issued in the second in which the subject was revoked", NewRevocation{Subject: "greta"}, mine, token(now), true},
		{"issued in a fraction of that second", NewRevocation{Subject: "greta"}, mine, token(now.Add(900 * time.Millisecond)), true},
		{"issued by a clock that is a minute ahead", NewRevocation{Subject: "greta"}, mine, token(now.Add(time.Minute)), true},
		{"issued later than any clock may be ahead passes", NewRevocation{Subject: "greta"}, mine, token(now.Add(61 * time.Second)), false},
		{"of the client, issued by a clock that is a minute ahead", NewRevocation{Client: "app"}, mine, token(now.Add(time.Minute)), true},
		{"issued after a moment that was given passes", NewRevocation{Subject: "greta", IssuedBefore: clock.at}, mine, token(now.Add(time.Second)), false},
		{"of the subject without iat", NewRevocation{Subject: "greta"}, mine, token(time.Time{}), true},
		{"another subject passes", NewRevocation{Subject: "anna"}, mine, token(now), false},
		{"another subject without iat passes", NewRevocation{Subject: "anna"}, mine, token(time.Time{}), false},
		{"the subject at another issuer passes", NewRevocation{Subject: "greta", Issuer: mine}, other, token(now), false},
		{"the subject up to a moment", NewRevocation{Subject: "greta", IssuedBefore: now.Add(-time.Hour)}, mine, token(now.Add(-2 * time.Hour)), true},
		{"the subject after that moment passes", NewRevocation{Subject: "greta", IssuedBefore: now.Add(-time.Hour)}, mine, token(now.Add(-time.Minute)), false},
		{"of the client", NewRevocation{Client: "app"}, mine, token(now), true},
		{"of the client that calls for itself, as of a subject", NewRevocation{Subject: "app"}, mine, named{"j1", "", "app", now}, true},
		{"of the client that calls for a subject, as of one, passes", NewRevocation{Subject: "app"}, mine, token(now), false},
		{"another client passes", NewRevocation{Client: "app2"}, mine, token(now), false},
		{"of the client without iat", NewRevocation{Client: "app"}, mine, token(time.Time{}), true},
		{"all before a moment", NewRevocation{IssuedBefore: now}, mine, token(now.Add(-time.Second)), true},
		{"all, at the moment itself, passes", NewRevocation{IssuedBefore: now}, mine, token(now), false},
		{"all before a moment within a second", NewRevocation{IssuedBefore: now.Add(time.Millisecond)}, mine, token(now), true},
		{"all without iat", NewRevocation{IssuedBefore: now}, mine, token(time.Time{}), true},
		{"all without iat, before there was time", NewRevocation{IssuedBefore: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}, mine, token(time.Time{}), true},
		{"all of an issuer", NewRevocation{IssuedBefore: now, Issuer: other}, other, token(now.Add(-time.Second)), true},
		{"all of an issuer, but this one passes", NewRevocation{IssuedBefore: now, Issuer: other}, mine, token(now.Add(-time.Second)), false},
		{"a token without names, all being revoked", NewRevocation{IssuedBefore: now}, mine, named{}, true},
		{"a token without names passes what names something", NewRevocation{Subject: "greta"}, mine, named{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := openTestStore(t)
			here, there := revocationsOn(t, db, clock.Now), revocationsOn(t, db, clock.Now)
			polls(t, here)
			takesBack(t, here, tt.revoke)
			var want error
			if tt.refused {
				want = errRevoked
			}
			ask := func(r *revocations) error {
				return r.check(tt.issuer, &verified{id: tt.token.id, subject: tt.token.subject, client: tt.token.client, issuedAt: tt.token.iat})
			}
			for _, by := range []struct {
				name string
				r    *revocations
			}{{"memory, at once", here}, {"the store, by a node that has read nothing", there}} {
				if err := ask(by.r); err != want {
					t.Errorf("by %s: %v, want %v", by.name, err, want)
				}
			}
			polls(t, there)
			if err := ask(there); err != want {
				t.Errorf("by what was read: %v, want %v", err, want)
			}
		})
	}
}

func TestAnEarlierRevocationIsNotUndoneByALaterOne(t *testing.T) {
	r := revocationsOn(t, openTestStore(t), time.Now)
	polls(t, r)
	v := &verified{subject: "greta", issuedAt: time.Now()}
	takesBack(t, r, NewRevocation{Subject: "greta"})
	takesBack(t, r, NewRevocation{Subject: "greta", IssuedBefore: time.Now().Add(-time.Hour)})
	if err := r.check(mine, v); err != errRevoked {
		t.Errorf("in memory: %v", err)
	}
	if err := r.ask(mine, v); err != errRevoked {
		t.Errorf("in the store: %v", err)
	}
}

func TestRevocationsThatMakeNoSense(t *testing.T) {
	r := revocationsOn(t, openTestStore(t), time.Now)
	soon := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name  string
		n     NewRevocation
		field string
	}{
		{"nothing is named", NewRevocation{}, "issued_before"},
		{"only an issuer is named", NewRevocation{Issuer: mine}, "issued_before"},
		{"two things are named", NewRevocation{ID: "a", Subject: "b"}, "subject"},
		{"a subject and a client are named", NewRevocation{Subject: "b", Client: "c"}, "client"},
		{"an id up to a moment", NewRevocation{ID: "a", IssuedBefore: time.Now()}, "issued_before"},
		{"a moment that is still to come", NewRevocation{IssuedBefore: soon}, "issued_before"},
		{"a name without end", NewRevocation{Subject: strings.Repeat("a", maxRevoked+1)}, "subject"},
		{"an issuer without end", NewRevocation{ID: "a", Issuer: strings.Repeat("a", maxRevoked+1)}, "issuer"},
		{"a reason without end", NewRevocation{ID: "a", Reason: strings.Repeat("a", maxReason+1)}, "reason"},
		{"a reason of two lines", NewRevocation{ID: "a", Reason: "a\nb"}, "reason"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.revoke(t.Context(), tt.n)
			if e, ok := errors.AsType[*FieldError](err); !ok || e.Field != tt.field {
				t.Errorf("got %v, want an error in %s", err, tt.field)
			}
		})
	}
	if n, err := r.count(t.Context()); n != 0 || err != nil {
		t.Errorf("%d were written, %v", n, err)
	}
}

func TestWithoutTheStoreNothingIsAdmitted(t *testing.T) {
	clock := newHandClock()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	r := revocationsOn(t, db, clock.Now)
	polls(t, r)
	v := &verified{id: "j1", subject: "greta", issuedAt: time.Now()}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.check(mine, v); err != nil {
		t.Errorf("while memory is fresh: %v", err)
	}
	clock.add(freshFor)
	if err := r.check(mine, v); err != nil {
		t.Errorf("at the end of that: %v", err)
	}
	clock.add(time.Millisecond)
	if err := r.check(mine, v); err == nil || err == errRevoked {
		t.Errorf("when it is stale: %v", err)
	}
	clock.add(-time.Hour)
	if err := r.check(mine, v); err == nil || err == errRevoked {
		t.Errorf("when the clock was set back: %v", err)
	}
}

// TestAStolenStoreNamesNobody looks for what was revoked in the bytes of the store.
func TestAStolenStoreNamesNobody(t *testing.T) {
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	r := revocationsOn(t, db, time.Now)
	takesBack(t, r, NewRevocation{ID: "jti-of-a-token", Issuer: "https://names.example.org", Reason: "seen-on-a-paste-site"})
	takesBack(t, r, NewRevocation{Subject: "greta@example.org"})
	takesBack(t, r, NewRevocation{Client: "the-mobile-app"})
	all, err := r.list(t.Context(), 10)
	if err != nil || len(all) != 3 || all[2].Name != "jti-of-a-token" || all[2].Reason != "seen-on-a-paste-site" || all[2].By != "admin" ||
		all[1].Name != "greta@example.org" || all[0].Kind != ByClient {
		t.Errorf("the list: %+v, %v", all, err)
	}
	// The same name elsewhere has another mark, and so has it under another pepper.
	elsewhere, err := openRevocations(t.Context(), revocationOptions{Store: db, Sealer: r.sealer, Pepper: bytes.Repeat([]byte{7}, 32), Now: time.Now, Log: r.log})
	if err != nil {
		t.Fatal(err)
	}
	if elsewhere.markOf(ByID, "", "a") == r.markOf(ByID, "", "a") || r.markOf(ByID, "a", "b") == r.markOf(ByID, "", "ab") || r.markOf(BySubject, "", "a") == r.markOf(ByID, "", "a") {
		t.Error("marks are alike")
	}
	// A sealed name put into another row does not open.
	if _, err := db.ExecContext(t.Context(), "UPDATE token_revocations SET sealed = (SELECT sealed FROM token_revocations WHERE seq = 1) WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.list(t.Context(), 10); err == nil {
		t.Error("a name opens in the row of another")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	kind := false
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kind = kind || bytes.Contains(data, []byte(BySubject))
		for _, s := range []string{"jti-of", "greta", "mobile", "names.example", "paste"} {
			if bytes.Contains(data, []byte(s)) {
				t.Errorf("%s holds %s", filepath.Base(name), s)
			}
		}
	}
	if !kind {
		t.Error("the search finds nothing that is there")
	}
}

func TestRevocationsNeedSecrets(t *testing.T) {
	db := openTestStore(t)
	for _, o := range []revocationOptions{
		{Store: db, Pepper: testPepper, Now: time.Now},
		{Store: db, Sealer: newPlaceSealer(t), Pepper: testPepper[:31], Now: time.Now},
	} {
		if _, err := openRevocations(t.Context(), o); err == nil {
			t.Error("opened without")
		}
	}
}

func TestMoreRevocationsThanMemoryTakes(t *testing.T) {
	db := openTestStore(t)
	here, there := revocationsOn(t, db, time.Now), revocationsOn(t, db, time.Now)
	here.most, there.most = 3, 3
	polls(t, there)
	for i := range 6 {
		takesBack(t, here, NewRevocation{ID: fmt.Sprint(i)})
	}
	for _, r := range []*revocations{here, there} {
		polls(t, r)
		if len(r.known) != 3 || !r.overflow {
			t.Errorf("%d marks in memory", len(r.known))
		}
		for i := range 6 {
			if err := r.check(mine, &verified{id: fmt.Sprint(i)}); err != errRevoked {
				t.Errorf("token %d: %v", i, err)
			}
		}
		if err := r.check(mine, &verified{id: "6"}); err != nil {
			t.Errorf("another token: %v", err)
		}
	}
}

func TestRevocationsEndByAgeAlone(t *testing.T) {
	clock := newHandClock()
	r := revocationsOn(t, openTestStore(t), clock.Now)
	takesBack(t, r, NewRevocation{ID: "old"})
	takesBack(t, r, NewRevocation{ID: "old too"})
	clock.add(keptFor)
	for _, tt := range []struct {
		name  string
		later time.Duration
		also  string
		want  string
	}{
		{"a year and a day", 0, "", "old too old"},
		{"a moment more, and the newest stays", time.Second, "", "old too"},
		{"until there is a newer one", 0, "new", "new"},
	} {
		clock.add(tt.later)
		if tt.also != "" {
			takesBack(t, r, NewRevocation{ID: tt.also})
		}
		if err := r.clear(t.Context(), clock.Now()); err != nil {
			t.Fatal(err)
		}
		all, err := r.list(t.Context(), 10)
		var names []string
		for _, rev := range all {
			names = append(names, rev.Name)
		}
		if got := strings.Join(names, " "); got != tt.want || err != nil {
			t.Errorf("%s: %s, %v", tt.name, got, err)
		}
	}
}

// BenchmarkRevocations is what a token that comes again pays for being asked about, 100,000 having been taken back.
func BenchmarkRevocations(b *testing.B) {
	r := revocationsOn(b, openTestStore(b), time.Now)
	for i := range 100_000 {
		kind := []string{ByID, BySubject, ByClient, All}[i%4]
		r.learn(kind, r.markOf(kind, mine, fmt.Sprint(i)), 1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	for !r.feed.fresh(time.Now()) {
		time.Sleep(time.Millisecond)
	}
	v := &verified{id: "j1", subject: "greta", client: "app", issuedAt: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.check(mine, v); err != nil {
			b.Fatal(err)
		}
	}
}
