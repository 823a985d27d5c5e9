// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yett/alert"
	"yett/jose"
	"yett/practice"
)

func TestUnknownKeys(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	k1, k2 := is.signers[0], newSigner(t, "k2")
	want := func(what string, status int, fetches int64, text string) {
		t.Helper()
		v := show(t, tokens, text)
		if n := is.fetches.Load(); v.status != status || n != fetches {
			t.Fatalf("%s: %+v, %d fetches in all; want %d and %d", what, v, n, status, fetches)
		}
		if status == 503 && (v.retry == "" || v.code != "cannot_decide" || v.challenge != "") {
			t.Errorf("%s: %+v", what, v)
		}
	}
	old := with{"iat": clock.Now().Add(-2 * time.Minute).Unix()}
	want("the first token has the keys read", 204, 1, is.token(k1, nil, nil))
	want("a new key within the cool-down may be good", 503, 1, is.token(k2, nil, nil))
	want("one that says nothing of its age too", 503, 1, is.token(k2, nil, with{"iat": nil}))
	want("a token older than the keys cannot", 401, 1, is.token(k2, nil, old))
	want("known keys go on", 204, 1, is.token(k1, nil, nil))
	want("expired ones ask for nothing", 401, 1, is.token(k2, nil, with{"exp": clock.Now().Add(-time.Hour).Unix()}))
	clock.add(11 * time.Second)
	want("after the cool-down the keys are read again", 401, 2, is.token(k2, nil, nil))
	want("and then not", 503, 2, is.token(k2, nil, nil))
	is.publish(k1, k2)
	clock.add(11 * time.Second)
	want("a published key works", 204, 3, is.token(k2, nil, nil))
	remembered := is.token(k1, nil, with{"exp": clock.Now().Add(time.Hour).Unix()}) // it outlives its key
	want("both work", 204, 3, remembered)
	is.publish(k2)
	clock.add(16 * time.Minute)
	if v := show(t, tokens, is.token(k2, nil, nil)); v.status != 204 {
		t.Fatalf("what is due is read while the old keys serve: %+v", v)
	}
	eventually(t, "read again", func() bool { return is.fetches.Load() == 4 && !tokens.trusts[0].issuer.keys.busy() })
	want("a withdrawn key is gone, with what it signed", 401, 4, remembered)
}

func (k *keyring) busy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.flight != nil
}

// TestManyKeysWithoutAnID: each of sixteen keys that fit is tried. Where there are more, nobody can tell.
func TestManyKeysWithoutAnID(t *testing.T) {
	for _, tt := range []struct {
		name           string
		keys, which    int
		status, forged int
	}{
		{"the fifth key", 5, 4, 204, 401},
		{"the sixteenth key", 16, 15, 204, 401},
		{"the first of too many", 17, 0, 204, 503},
		{"the last of too many", 17, 16, 503, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			is := newTestIssuer(t)
			var all []*signer
			for i := range tt.keys {
				all = append(all, newSigner(t, strconv.Itoa(i)))
			}
			is.publish(all...)
			tokens := newTokens(t, is.config())
			old := with{"iat": time.Now().Unix() - 120}
			if v := show(t, tokens, is.token(all[tt.which], with{"kid": nil}, old)); v.status != tt.status {
				t.Errorf("a good one: %+v", v)
			}
			if v := show(t, tokens, is.token(newSigner(t, ""), with{"kid": nil}, old)); v.status != tt.forged {
				t.Errorf("a forged one: %+v", v)
			}
			if v := show(t, tokens, is.token(all[tt.which], nil, old)); v.status != 204 {
				t.Errorf("a good one with its id: %+v", v)
			}
		})
	}
}

// TestAKeyThatChangesUnderItsID: an issuer replaces its key and keeps the id. Until the keys may be read again, nobody can tell
// its new tokens from forged ones: neither is called bad.
func TestAKeyThatChangesUnderItsID(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	first, second, forger := is.signers[0], newSigner(t, "k1"), newSigner(t, "k1")
	old := with{"iat": clock.Now().Add(-2 * time.Minute).Unix()}
	for _, tt := range []struct {
		name    string
		later   time.Duration
		publish []*signer // nil: as it was
		by      *signer
		claims  with
		status  int
		cause   string
		fetches int64
	}{
		{"the first key", 0, nil, first, nil, 204, "", 1},
		{"a forged token within the cool-down may be of a new key", 0, nil, forger, nil, 503, "cannot decide: wrong signature", 1},
		{"a forged one that is older than the keys cannot", 0, nil, forger, old, 401, "wrong signature", 1},
		{"after the cool-down the keys are read again, and it is forged", 11 * time.Second, nil, forger, nil, 401, "wrong signature", 2},
		{"the first key goes on", 0, nil, first, nil, 204, "", 2},
		{"the new key within the cool-down", 0, []*signer{second}, second, nil, 503, "cannot decide: wrong signature", 2},
		{"the new key after the cool-down", 11 * time.Second, nil, second, nil, 204, "", 3},
		{"the first key is gone", 0, nil, first, old, 401, "wrong signature", 3},
		{"a forged one after the next cool-down", 11 * time.Second, nil, forger, nil, 401, "wrong signature", 4},
	} {
		clock.add(tt.later)
		if tt.publish != nil {
			is.publish(tt.publish...)
		}
		v := show(t, tokens, is.token(tt.by, nil, tt.claims))
		if n := is.fetches.Load(); v.status != tt.status || !strings.HasPrefix(v.cause, tt.cause) || n != tt.fetches {
			t.Fatalf("%s: %+v, %d fetches in all", tt.name, v, n)
		}
	}
	is.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	clock.add(11 * time.Second)
	if v := show(t, tokens, is.token(forger, nil, nil)); v.status != 503 {
		t.Errorf("the issuer cannot be asked: %+v", v)
	}
	if v := show(t, tokens, is.token(second, nil, nil)); v.status != 204 {
		t.Errorf("the known key goes on: %+v", v)
	}
}

func TestKeysWithoutAnID(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	first, second := newSigner(t, ""), newSigner(t, "")
	is.publish(first)
	for _, tt := range []struct {
		name   string
		by     *signer
		later  time.Duration
		status int
	}{
		{"the key that is published", first, 0, 204},
		{"one that may be newer", second, 0, 503},
		{"one that is not there either", second, 11 * time.Second, 401},
		{"the first again", first, 0, 204},
	} {
		clock.add(tt.later)
		if v := show(t, tokens, is.token(tt.by, with{"kid": nil}, nil)); v.status != tt.status {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestTokensOfNoKeyCostOneFetchInACoolDown(t *testing.T) {
	forger := newSigner(t, "k1")
	for _, tt := range []struct {
		name string
		text func(is *testIssuer, i int) string
	}{
		{"ids that nobody published", func(is *testIssuer, i int) string {
			return is.token(is.signers[0], with{"kid": "random" + strconv.Itoa(i)}, nil)
		}},
		{"signatures that do not fit", func(is *testIssuer, _ int) string { return is.token(forger, nil, nil) }},
		{"neither id nor key", func(is *testIssuer, _ int) string { return is.token(forger, with{"kid": nil}, nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			is := newTestIssuer(t)
			tokens := newTokens(t, is.config())
			show(t, tokens, is.token(is.signers[0], nil, nil))
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for i := range 100 {
						if v := show(t, tokens, tt.text(is, i)); v.status != 503 {
							t.Errorf("got %+v", v)
						}
					}
				})
			}
			all.Wait()
			if n := is.fetches.Load(); n != 1 {
				t.Errorf("%d fetches", n)
			}
		})
	}
}

func TestIssuersThatCannotBeAsked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
	}{
		{"too many questions", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }},
		{"a failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }},
		{"no list of keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":["` + strings.Repeat("a", 2<<20) + `"]}`))
		}},
		{"another place", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/moved", http.StatusFound) }},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"silence, longer than a request may wait", func(http.ResponseWriter, *http.Request) {
			time.Sleep(600 * time.Millisecond)
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			is := newTestIssuer(t)
			clock, board := newHandClock(), new(alert.Board)
			is.now = clock.Now
			c := is.config()
			c.Budget = 200 * time.Millisecond
			tokens := newTokens(t, c, func(o *Options) { o.Now, o.Alerts = clock.Now, board })
			held := func() bool {
				all := board.All()
				return len(all) == 1 && all[0].Name == "issuer_unreachable" && all[0].Over.IsZero()
			}

			is.breaks(tt.answer)
			start := time.Now()
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 503 || v.retry == "" {
				t.Fatalf("at the start: %+v", v)
			}
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 503 {
				t.Fatalf("within the cool-down: %+v", v)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("two requests waited %v", took)
			}
			eventually(t, "the operator is told", held)

			is.breaks(nil)
			clock.add(11 * time.Second)
			good := is.token(is.signers[0], nil, nil)
			eventually(t, "the keys are read", func() bool { return show(t, tokens, good).status == 204 })
			if held() {
				t.Error("the alert still holds")
			}

			is.breaks(tt.answer)
			clock.add(20 * time.Minute)
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 204 {
				t.Errorf("a known key: %+v", v)
			}
			eventually(t, "the operator is told again", held)
			clock.add(11 * time.Second)
			if v := show(t, tokens, is.token(newSigner(t, "k2"), nil, nil)); v.status != 503 {
				t.Errorf("an unknown key: %+v", v)
			}
			clock.add(24 * time.Hour)
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 503 {
				t.Errorf("keys of yesterday: %+v", v)
			}
		})
	}
}

// TestAllKeysAreWithdrawn: a set without keys is an answer, and no failure. What the issuer has withdrawn is good for nothing,
// not even for the day that keys serve when it cannot be asked.
func TestAllKeysAreWithdrawn(t *testing.T) {
	for name, set := range map[string]string{"an empty set": `{"keys":[]}`, "keys for another use": `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		t.Run(name, func(t *testing.T) {
			is := newTestIssuer(t)
			clock, board := newHandClock(), new(alert.Board)
			is.now = clock.Now
			tokens := newTokens(t, is.config(), func(o *Options) { o.Now, o.Alerts = clock.Now, board })
			long := with{"exp": clock.Now().Add(2 * time.Hour).Unix()}
			remembered, other := is.token(is.signers[0], nil, long), is.token(is.signers[0], nil, long)
			if v := show(t, tokens, remembered); v.status != 204 {
				t.Fatalf("at first: %+v", v)
			}
			is.breaks(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) })
			clock.add(20 * time.Minute)
			show(t, tokens, remembered) // has the keys read again
			eventually(t, "the operator is told", func() bool {
				all := board.All()
				return len(all) == 1 && all[0].Name == "issuer_without_keys" && all[0].Over.IsZero() && all[0].About == is.URL
			})
			for name, text := range map[string]string{"one that is remembered": remembered, "one that is not": other} {
				if v := show(t, tokens, text); v.status != 401 || v.cause != "unknown key" {
					t.Errorf("%s: %+v", name, v)
				}
			}
			if f := find(t, tokens, "token/keys").Run(t.Context(), nil); f.Verdict != practice.Ineffective || !strings.Contains(f.Evidence[0].Saw, "none") {
				t.Errorf("the check says %+v", f)
			}
			is.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
			clock.add(11 * time.Second)
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 503 {
				t.Errorf("then the issuer cannot be asked: %+v", v)
			}
			is.breaks(nil)
			clock.add(11 * time.Second)
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 204 {
				t.Errorf("the keys are back: %+v", v)
			}
			for _, a := range board.All() {
				if a.Over.IsZero() {
					t.Errorf("the alert still holds: %+v", a)
				}
			}
		})
	}
}

func TestASlowIssuerHoldsUpNobodyElse(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	good, strange := is.token(is.signers[0], nil, nil), is.token(newSigner(t, "k2"), nil, nil)
	if v := show(t, tokens, good); v.status != 204 {
		t.Fatalf("got %+v", v)
	}
	release := make(chan struct{})
	is.breaks(func(w http.ResponseWriter, _ *http.Request) { <-release; w.WriteHeader(500) })
	clock.add(11 * time.Second)
	waits := make(chan verdict, 1)
	go func() { waits <- show(t, tokens, strange) }()
	eventually(t, "one waits", func() bool { return is.fetches.Load() == 2 })
	start := time.Now()
	for range 100 {
		if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 204 {
			t.Fatalf("got %+v", v)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("100 good tokens took %v", took)
	}
	close(release)
	if v := <-waits; v.status != 503 {
		t.Errorf("who waited got %+v", v)
	}
}

func TestFirstTokensWaitForTheSameKeys(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config())
	is.breaks(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		moved := r.Clone(r.Context())
		moved.URL.Path = "/moved"
		is.ServeHTTP(w, moved)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 204 {
				t.Errorf("got %+v", v)
			}
		})
	}
	all.Wait()
	if n := is.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestRotation has keys replaced in the middle of traffic: published before they are used, as issuers do, and withdrawn when
// nobody signs with them any more. No good token may be called bad.
func TestRotation(t *testing.T) {
	is := newTestIssuer(t)
	c := is.config()
	c.JWKSCooldown = time.Second
	tokens := newTokens(t, c)
	var signs atomic.Pointer[signer]
	signs.Store(is.signers[0])
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var good atomic.Int64
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				v := show(t, tokens, is.token(signs.Load(), nil, nil))
				switch v.status {
				case 204:
					good.Add(1)
				case 503: // within the cool-down: the client comes again
				default:
					t.Errorf("got %+v", v)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for i := range 3 {
		next := newSigner(t, "r"+strconv.Itoa(i))
		is.publish(signs.Load(), next)
		signs.Store(next)
		before := good.Load()
		eventually(t, "the new key is taken", func() bool { return good.Load() > before+50 })
	}
	stop()
	all.Wait()
	if n := is.fetches.Load(); n > 5 {
		t.Errorf("%d fetches for 3 rotations", n)
	}
}

// A script is a source of keys whose answers a test writes.
type script struct {
	mu    sync.Mutex
	reads []time.Duration // since the start
	fails bool
	set   *jose.Set
	keep  time.Duration
}

func (s *script) read(start time.Time) func(context.Context) (*jose.Set, time.Duration, error) {
	return func(context.Context) (*jose.Set, time.Duration, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reads = append(s.reads, time.Since(start))
		if s.fails {
			return nil, 0, errors.New("down")
		}
		return s.set, s.keep, nil
	}
}

func TestKeysAreReadWhenTheyAreDue(t *testing.T) {
	key := newSigner(t, "k1").public(t)
	for _, tt := range []struct {
		name        string
		keep        time.Duration
		fails       bool
		least, most time.Duration // between two readings
	}{
		{"as the issuer says", 10 * time.Minute, false, 9 * time.Minute, 10 * time.Minute},
		{"no sooner than every five minutes", time.Second, false, 4*time.Minute + 30*time.Second, 5 * time.Minute},
		{"no later than every fifteen", 24 * time.Hour, false, 13*time.Minute + 30*time.Second, 15 * time.Minute},
		{"soon again after a failure", 0, true, 9 * time.Second, 11 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{set: jose.NewSet(key), keep: tt.keep, fails: tt.fails}
				k := &keyring{read: s.read(time.Now()), now: time.Now, told: func(error) {}}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); k.run(ctx, func() time.Duration { return 10 * time.Second }) }()
				time.Sleep(time.Hour)
				synctest.Wait()
				stop()
				<-done
				if len(s.reads) < 4 || s.reads[0] != 0 {
					t.Fatalf("read at %v", s.reads)
				}
				for i := 1; i < len(s.reads); i++ {
					if d := s.reads[i] - s.reads[i-1]; d < tt.least || d > tt.most {
						t.Fatalf("reading %d came after %v", i+1, d)
					}
				}
			})
		})
	}
}

func TestARequestWaitsNoLongerThanItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyring{now: time.Now, told: func(error) {}, read: func(ctx context.Context) (*jose.Set, time.Duration, error) {
			<-ctx.Done()
			return nil, 0, ctx.Err()
		}}
		start := time.Now()
		_, err := k.find(t.Context(), start, start, limits{10 * time.Second, 2 * time.Second}, func(*jose.Set) (*jose.Key, error) { return nil, errors.New("unknown key") })
		if took := time.Since(start); took != 2*time.Second || !errors.Is(err, errCannotDecide) {
			t.Errorf("after %v: %v", took, err)
		}
		time.Sleep(readTime) // the reading ends by itself
		synctest.Wait()
		if k.busy() {
			t.Error("it still reads")
		}
	})
}

// A keysFile is a file of keys that a test replaces.
type keysFile struct {
	t    *testing.T
	name string
}

func newKeysFile(t *testing.T) *keysFile {
	return &keysFile{t, filepath.Join(t.TempDir(), "keys.json")}
}

func (f *keysFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.name+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.name+".new", f.name); err != nil {
		f.t.Fatal(err)
	}
}

func (f *keysFile) hold(all ...*signer) {
	f.t.Helper()
	var set struct {
		Keys []*jose.Key `json:"keys"`
	}
	for _, s := range all {
		set.Keys = append(set.Keys, s.public(f.t))
	}
	data, err := json.Marshal(set)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(string(data))
}

func (f *keysFile) from(c *IssuerConfig) { c.JWKSURL, c.JWKSFile = "", f.name }

// TestAChangedFileIsReadForTheFirstToken does so without anybody who watches: a token that comes between the change of the file
// and its being noticed is not called bad. What the file does not hold is nobody's, however new the token says it is.
func TestAChangedFileIsReadForTheFirstToken(t *testing.T) {
	is := newTestIssuer(t) // only to sign
	clock := newHandClock()
	is.now = clock.Now
	k1, k2, k3, again := is.signers[0], newSigner(t, "k2"), newSigner(t, "k3"), newSigner(t, "k1")
	file := newKeysFile(t)
	file.hold(k1)
	tokens := newTokens(t, is.config(file.from), func(o *Options) { o.Now = clock.Now })
	keys := tokens.trusts[0].issuer.keys
	reads, read := 0, keys.read
	keys.read = func(ctx context.Context) (*jose.Set, time.Duration, error) { reads++; return read(ctx) }
	old := with{"iat": clock.Now().Add(-time.Hour).Unix()}
	want := func(what string, status, total int, s *signer, claims with) {
		t.Helper()
		if v := show(t, tokens, is.token(s, nil, claims)); v.status != status || reads != total {
			t.Fatalf("%s: %+v, %d readings; want %d and %d", what, v, reads, status, total)
		}
	}
	want("the key of the file", 204, 0, k1, nil)
	for range 3 {
		want("a key that is not in the file", 401, 0, k2, nil)
		want("a signature by another key", 401, 0, again, nil)
	}
	file.hold(k1, k2)
	want("the new key, at once", 204, 1, k2, nil)
	want("the old key too", 204, 1, k1, nil)
	file.hold(k2, k3)
	want("a token that is older than the change of the file", 204, 2, k3, old)
	want("a key that was taken out", 401, 2, k1, nil)
	file.hold(again)
	want("another key under the id of an earlier one", 204, 3, again, nil)
	file.write("torn")
	want("a file that cannot be read", 503, 4, k3, old)
	want("a file that could not be read, within the cool-down", 503, 4, k3, old)
	want("a known key", 204, 4, again, nil)
	file.hold(k3)
	want("the file is whole again, within the cool-down", 503, 4, k3, old)
	clock.add(11 * time.Second)
	want("the file is whole again", 204, 5, k3, nil)
}

func TestKeysOfAFile(t *testing.T) {
	is := newTestIssuer(t) // only to sign
	k1, k2 := is.signers[0], newSigner(t, "k2")
	file := newKeysFile(t)
	if _, err := New(is.config(file.from), Options{}); err == nil || !strings.Contains(err.Error(), "jwks_file") {
		t.Errorf("without the file: %v", err)
	}
	file.write("{}")
	if _, err := New(is.config(file.from), Options{}); err == nil || !strings.Contains(err.Error(), file.name) {
		t.Errorf("with a file without keys: %v", err)
	}
	board := new(alert.Board)
	file.hold(k2)
	tokens := newTokens(t, is.config(file.from), func(o *Options) { o.Alerts = board })
	file.hold(k1) // before anybody watches
	runs(t, tokens)
	eventually(t, "what changed before it runs is read", func() bool {
		return show(t, tokens, is.token(k2, nil, nil)).status == 401 // no token asks for a reading while its key is known
	})
	if v := show(t, tokens, is.token(k1, nil, nil)); v.status != 204 {
		t.Errorf("the key of the file: %+v", v)
	}
	file.hold(k2)
	eventually(t, "the changed file is read", func() bool { return show(t, tokens, is.token(k1, nil, nil)).status == 401 })
	if v := show(t, tokens, is.token(k2, nil, nil)); v.status != 204 {
		t.Errorf("the new key of the file: %+v", v)
	}
	file.write("torn")
	eventually(t, "the operator is told", func() bool { return len(board.All()) == 1 })
	if v := show(t, tokens, is.token(k2, nil, nil)); v.status != 204 {
		t.Errorf("after a torn file: %+v", v)
	}
	if is.fetches.Load() != 0 {
		t.Error("the issuer was asked")
	}
}
