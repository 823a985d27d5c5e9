// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yett/store"
	"yett/store/memory"
	"yett/store/sqlite"
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)} }

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

type gcm struct{ cipher.AEAD }

func newGCM(t testing.TB) gcm {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm{aead}
}

func (g gcm) Seal(_ context.Context, plain []byte, p store.Place) ([]byte, error) {
	return g.AEAD.Seal(nil, nil, plain, p.Bytes()), nil
}

func (g gcm) Open(_ context.Context, sealed []byte, p store.Place) ([]byte, error) {
	return g.AEAD.Open(nil, nil, sealed, p.Bytes())
}

func openDB(t testing.TB, path string) *store.DB {
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

const horse = "correct horse battery"

// newUsers is a store with one user, greta.
func newUsers(t testing.TB, o UserOptions) (*Users, *clock) {
	t.Helper()
	c := newClock()
	if o.Store == nil {
		o.Store = openDB(t, filepath.Join(t.TempDir(), "yett.db"))
	}
	if o.Sealer == nil {
		o.Sealer = newGCM(t)
	}
	o.Now = c.Now
	u, err := NewUsers(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Create(t.Context(), User{Name: "greta", Client: "till", Scopes: []string{"orders:write", "orders:read"}}, horse); err != nil {
		t.Fatal(err)
	}
	return u, c
}

var home, cafe = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.9")

func TestANameAndItsPasswordAreACaller(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	for _, tt := range []struct {
		name, user, password string
		right                bool
	}{
		{"the right one", "greta", horse, true},
		{"composed in another way", "greta", horse, true},
		{"another password", "greta", "wrong horse battery", false},
		{"another case", "greta", strings.ToUpper(horse), false},
		{"a name nobody has", "nobody", horse, false},
		{"no password", "greta", "", false},
		{"one that is too long", "greta", strings.Repeat("a", 2000), false},
		{"one with a control character", "greta", horse + "\x00", false},
		{"one that is no text", "greta", horse + "\xff", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := u.Verify(t.Context(), tt.user, tt.password, home)
			if tt.right != (err == nil) || !tt.right && !errors.Is(err, errWrong) {
				t.Fatalf("got %v, %v", c, err)
			}
			if tt.right && (c.Subject != "greta" || c.Client != "till" || c.Issuer != UsersIssuer || !c.Holds("orders:read") || c.Holds("orders")) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestWhatMakesNoSenseIsNoUser(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	for _, tt := range []struct {
		name, password string
		user           User
		field          string // "": ErrTaken
	}{
		{"a name in use", horse, User{Name: "greta"}, ""},
		{"no name", horse, User{}, "name"},
		{"a name with a colon", horse, User{Name: "a:b"}, "name"},
		{"a name with a line", horse, User{Name: "a\nb"}, "name"},
		{"a short password", "horse", User{Name: "anna"}, "password"},
		{"eleven characters of many bytes", "ähäbätterüö", User{Name: "anna"}, "password"},
		{"a scope with a blank", horse, User{Name: "anna", Scopes: []string{"a b"}}, "scopes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := u.Create(t.Context(), tt.user, tt.password)
			field, ok := errors.AsType[*FieldError](err)
			if tt.field == "" && !errors.Is(err, ErrTaken) || tt.field != "" && (!ok || field.Field != tt.field) {
				t.Errorf("got %v, want %q", err, tt.field)
			}
		})
	}
	if err := u.SetPassword(t.Context(), "nobody", horse); !errors.Is(err, ErrNoUser) {
		t.Errorf("got %v", err)
	}
}

func TestAChangeHoldsAtOnceAndOnEveryNode(t *testing.T) {
	db, sealer := openDB(t, filepath.Join(t.TempDir(), "yett.db")), newGCM(t)
	one, _ := newUsers(t, UserOptions{Store: db, Sealer: sealer})
	two, err := NewUsers(t.Context(), UserOptions{Store: db, Sealer: sealer, Now: one.now})
	if err != nil {
		t.Fatal(err)
	}
	good := func(u *Users, password string, want bool) {
		t.Helper()
		if err := u.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Verify(t.Context(), "greta", password, home); (err == nil) != want {
			t.Errorf("got %v, want it to be right: %v", err, want)
		}
	}
	for _, u := range []*Users{one, two} {
		good(u, horse, true)
		good(u, horse, true) // remembered
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(one.Disable(t.Context(), "greta", true))
	good(one, horse, false)
	good(two, horse, false)
	check(one.Disable(t.Context(), "greta", false))
	good(two, horse, true)
	check(two.SetPassword(t.Context(), "greta", "another horse battery"))
	good(one, horse, false)
	good(one, "another horse battery", true)
	check(one.Remove(t.Context(), "greta"))
	good(two, "another horse battery", false)
}

func TestARememberedPasswordIsNotLookedUp(t *testing.T) {
	u, c := newUsers(t, UserOptions{})
	verify := func() error {
		_, err := u.Verify(t.Context(), "greta", horse, home)
		return err
	}
	if err := errors.Join(u.poll(t.Context()), verify()); err != nil {
		t.Fatal(err)
	}
	// The row does not open any more, so only memory can admit.
	if _, err := u.db.ExecContext(t.Context(), "UPDATE authn_users SET hash = $1", []byte("broken")); err != nil {
		t.Fatal(err)
	}
	if err := verify(); err != nil {
		t.Errorf("remembered: %v", err)
	}
	c.Add(time.Second)
	if err := verify(); err == nil || errors.Is(err, errWrong) {
		t.Errorf("without news of changes it must be looked up: %v", err)
	}
	c.Add(rememberFor)
	if err := errors.Join(u.poll(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := verify(); err == nil {
		t.Error("it is remembered for ever")
	}
}

func TestAnAccountBacksOffAtAnAddress(t *testing.T) {
	u, c := newUsers(t, UserOptions{})
	try := func(password string, from netip.Addr) time.Duration {
		t.Helper()
		_, err := u.Verify(t.Context(), "greta", password, from)
		if w, ok := errors.AsType[*WaitError](err); ok {
			return w.After
		}
		if password == horse && err != nil {
			t.Fatalf("the right password: %v", err)
		}
		return 0
	}
	for range freeAttempts + 1 {
		if w := try("wrong horse battery", cafe); w != 0 {
			t.Fatalf("waits %v too early", w)
		}
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, maxWait, maxWait} {
		if w := try(horse, cafe); w != want {
			t.Errorf("waits %v, want %v, whatever the password", w, want)
		}
		c.Add(want)
		try("wrong horse battery", cafe)
	}
	if w := try(horse, home); w != 0 {
		t.Errorf("another address waits %v", w)
	}
	c.Add(maxWait)
	if w := try(horse, cafe); w != 0 {
		t.Errorf("after the wait: %v", w)
	}
}

// at once runs f n times side by side.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() { <-begin; f(i) })
	}
	close(begin)
	all.Wait()
}

// Who guesses sixty at once gets no more of them judged than who guesses one after the other.
func TestGuessesAtOnceCountLikeGuessesInARow(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	u.hasher.slots = make(chan struct{}, 16) // so that none is refused for want of one
	var judged, waited atomic.Int64
	atOnce(60, func(i int) {
		_, err := u.Verify(t.Context(), "greta", fmt.Sprintf("wrong horse battery %d", i), cafe)
		switch _, waits := errors.AsType[*WaitError](err); {
		case errors.Is(err, errWrong):
			judged.Add(1)
		case waits:
			waited.Add(1)
		default:
			t.Errorf("got %v", err)
		}
	})
	if judged.Load() > freeAttempts+1 || judged.Load()+waited.Load() != 60 {
		t.Errorf("%d of 60 guesses were judged, want %d at most", judged.Load(), freeAttempts+1)
	}
	if _, err := u.Verify(t.Context(), "greta", horse, home); err != nil {
		t.Errorf("another address: %v", err)
	}
}

// A client that opens twenty connections at once with the right password is no attacker.
func TestTheRightPasswordAtOnceIsNotHeldUp(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	atOnce(20, func(int) {
		if _, err := u.Verify(t.Context(), "greta", horse, cafe); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// Whoever goes away takes nobody along who asks the same, and what could not be judged is no failing attempt.
func TestAnAttemptThatWasNotJudgedDoesNotCount(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 * freeAttempts {
		if _, err := u.Verify(gone, "greta", horse, cafe); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
	}
	if w := u.attempts.wait("greta", cafe, u.now()); w != 0 {
		t.Errorf("waits %v", w)
	}
	atOnce(20, func(i int) {
		ctx := t.Context()
		if i%2 == 0 {
			ctx = gone
		}
		if _, err := u.Verify(ctx, "greta", horse, cafe); i%2 == 1 && err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAccountTriedFromEverywhereIsNotClosedToItsOwner(t *testing.T) {
	u, _ := newUsers(t, UserOptions{Counters: memory.New(memory.Options{})})
	if _, err := u.Verify(t.Context(), "greta", horse, home); err != nil {
		t.Fatal(err)
	}
	waited := false
	for i := range 60 { // each from another address; the hash is not what is tested
		u.failed(t.Context(), "greta")
		waited = waited || u.attempts.wait("greta", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), u.now()) > 0
	}
	if !waited {
		t.Error("an account can be tried from everywhere without end")
	}
	if w := u.attempts.wait("greta", home, u.now()); w != 0 {
		t.Errorf("the owner waits %v", w)
	}
	if w := u.attempts.wait("anna", cafe, u.now()); w != 0 {
		t.Errorf("another account waits %v", w)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	a := attempts{waits: make(map[string]*wait)}
	now := time.Now()
	for i := range maxWaits + 1000 {
		a.begin("greta", netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if n := len(a.waits); n > maxWaits {
		t.Errorf("%d are kept", n)
	}
}

func TestNoPasswordLiesInTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	u, _ := newUsers(t, UserOptions{Store: openDB(t, path)})
	if _, err := u.Verify(t.Context(), "greta", "wrong horse battery", home); err == nil {
		t.Fatal("it is right")
	}
	for _, name := range []string{path, path + "-wal"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // no such file
		}
		if strings.Contains(string(raw), "horse") || strings.Contains(string(raw), "argon2id") {
			t.Errorf("%s tells a password or its hash", filepath.Base(name))
		}
	}
}

// A hash moved to another user's row does not open there.
func TestAHashIsBoundToItsUser(t *testing.T) {
	u, _ := newUsers(t, UserOptions{})
	if _, err := u.Create(t.Context(), User{Name: "admin", Scopes: []string{"all"}}, "the admin's own password"); err != nil {
		t.Fatal(err)
	}
	if _, err := u.db.ExecContext(t.Context(), "UPDATE authn_users SET hash = (SELECT hash FROM authn_users WHERE name = 'greta') WHERE name = 'admin'"); err != nil {
		t.Fatal(err)
	}
	if c, err := u.Verify(t.Context(), "admin", horse, home); err == nil || errors.Is(err, errWrong) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestTooManyPasswordsAtOnceAreRefused(t *testing.T) {
	h := &hasher{slots: make(chan struct{}, 1)}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxWaiting {
		all.Go(func() { _ = h.run(ctx, func() {}) })
	}
	for h.waiting.Load() < maxWaiting {
		time.Sleep(time.Millisecond)
	}
	if err := h.run(t.Context(), func() {}); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
	cancel()
	all.Wait()
}

func TestHashesThatCostTooMuchAreNotRead(t *testing.T) {
	for name, s := range map[string]string{
		"too much memory": "$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"too many passes": "$argon2id$v=19$m=19456,t=9999,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"another kind":    "$argon2d$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"a short sum":     "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA",
		"nothing":         "",
	} {
		if p, err := parsePHC(s); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

func TestBasicCredentials(t *testing.T) {
	for _, tt := range []struct {
		name, text, user, password string
		ok                         bool
	}{
		{"a name and a password", base64.StdEncoding.EncodeToString([]byte("a:b")), "a", "b", true},
		{"a colon in the password", base64.StdEncoding.EncodeToString([]byte("a:b:c")), "a", "b:c", true},
		{"no colon", base64.StdEncoding.EncodeToString([]byte("ab")), "", "", false},
		{"no name", base64.StdEncoding.EncodeToString([]byte(":b")), "", "", false},
		{"no base64", "!!", "", "", false},
		{"stray bits", "YTpjZB==", "", "", false},
		{"no UTF-8", base64.StdEncoding.EncodeToString([]byte("a:\xff")), "", "", false},
		{"too long", base64.StdEncoding.EncodeToString([]byte("a:" + strings.Repeat("b", 5000))), "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user, password, ok := parseBasic(tt.text)
			if ok != tt.ok || ok && (user != tt.user || password != tt.password) {
				t.Errorf("got %q, %q, %v", user, password, ok)
			}
		})
	}
}
