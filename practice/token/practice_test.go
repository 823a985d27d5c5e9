// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/jose"
	"yett/practice"
	"yett/store"
	"yett/store/memory"
	"yett/store/sqlite"
)

// placeSealer seals with AES-256-GCM, bound to the place.
type placeSealer struct{ cipher.AEAD }

func newPlaceSealer(t testing.TB) placeSealer {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return placeSealer{aead}
}

func (s placeSealer) Seal(_ context.Context, plain []byte, place store.Place) ([]byte, error) {
	return s.AEAD.Seal(nil, nil, plain, place.Bytes()), nil
}

func (s placeSealer) Open(_ context.Context, sealed []byte, place store.Place) ([]byte, error) {
	return s.AEAD.Open(nil, nil, sealed, place.Bytes())
}

func (s placeSealer) Class(context.Context, string, ...store.Kept) (store.Sealer, error) {
	return s, nil
}

func openTestStore(t testing.TB) *store.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "yett.db"))
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

// withRevocations has what was revoked asked for each token.
func withRevocations(t testing.TB) func(*Options) {
	t.Helper()
	db, sealer := openTestStore(t), newPlaceSealer(t)
	return func(o *Options) { o.Store, o.Sealer, o.Pepper = db, sealer, []byte(strings.Repeat("pepper! ", 4)) }
}

// A rig builds generations of the practice as the gateway does.
type rig struct {
	t      *testing.T
	keeper practice.Keeper
	env    practice.Env
	api    *api.API
	stop   func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	data, err := store.OpenDir(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, api: &api.API{Name: "shop", Schemes: map[string]*api.Scheme{"token": {Name: "token", Kind: api.Bearer}}}, stop: func() {}}
	g.env = practice.Env{Now: time.Now, Store: openTestStore(t), Counters: memory.New(memory.Options{}), Sealing: newPlaceSealer(t), Data: data,
		PublicURL: "https://api.example.org", Keeper: &g.keeper, APIs: []*api.API{g.api}}
	t.Cleanup(func() {
		g.stop()
		if err := errors.Join(g.keeper.Close(), data.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// build makes a generation with one configuration for the gateway and one for its API, and returns the API's step and what
// begins to serve it.
func (g *rig) build(gate, shop Config) (exchange.Step, func(), error) {
	env := g.env
	env.Shared = new(practice.Keeper)
	top, err := Practice.Build(&gate, &env)
	if err != nil {
		return nil, nil, err
	}
	env.API = g.api
	part, err := Practice.Build(&shop, &env)
	if err != nil {
		return nil, nil, err
	}
	serve := func() {
		g.stop()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- top.Run(ctx) }()
		g.stop = func() {
			cancel()
			if err := <-ended; err != nil {
				g.t.Error(err)
			}
		}
	}
	return part.Request, serve, nil
}

func TestGenerations(t *testing.T) {
	is, other := newTestIssuer(t), newTestIssuer(t)
	g := newRig(t)
	op := &api.Operation{API: g.api, ID: "getOrder", Security: []api.Requirement{{{Scheme: g.api.Schemes["token"]}}}}
	conf := func(is *testIssuer, change ...func(*IssuerConfig)) Config {
		c := defaults()
		c.Issuers = is.config(change...).Issuers
		return c
	}
	status := func(step exchange.Step, text string) int {
		t.Helper()
		return ask(t, step, op, "Authorization: Bearer "+text).status
	}
	step, serve, err := g.build(conf(is), conf(is))
	if err != nil {
		t.Fatal(err)
	}
	serve()
	eventually(t, "keys are read before a token comes", func() bool { return is.fetches.Load() == 1 })
	good, others := is.token(is.signers[0], nil, nil), other.token(other.signers[0], nil, nil)
	if a, b := status(step, good), status(step, others); a != 204 || b != 401 {
		t.Fatalf("got %d and %d", a, b)
	}

	// A reload that keeps the issuer keeps its keys, and one that is refused changes nothing.
	strict := func(c *IssuerConfig) { c.Audience = []string{"other"} }
	changed := conf(is, strict)
	changed.CacheTokens = 1
	if _, _, err := g.build(changed, conf(other, func(c *IssuerConfig) { c.JWKSURL, c.JWKSFile = "", "/nowhere" })); err == nil || !strings.Contains(err.Error(), "issuers[0].jwks_file") {
		t.Fatalf("got %v", err)
	}
	if a := status(step, good); a != 204 {
		t.Errorf("after a refused reload: %d", a)
	}
	again, serveAgain, err := g.build(conf(is), conf(other))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := status(step, good), status(step, others); a != 204 || b != 401 {
		t.Errorf("before the new generation serves, the old one says %d and %d", a, b)
	}
	serveAgain()
	eventually(t, "the new issuer's keys are read", func() bool { return other.fetches.Load() == 1 })
	if a, b := status(again, good), status(again, others); a != 401 || b != 204 {
		t.Errorf("the new generation says %d and %d", a, b)
	}
	if n := is.fetches.Load(); n != 1 {
		t.Errorf("the keys of an issuer that stayed were read %d times", n)
	}

	if _, _, err := g.build(conf(is, func(c *IssuerConfig) { c.Schemes = []string{"tokn"} }), defaults()); err == nil || !strings.Contains(err.Error(), `issuers[0].schemes[0]: no description has a scheme "tokn"`) {
		t.Errorf("got %v", err)
	}
}

func TestStandaloneNeedsNothing(t *testing.T) {
	is := newTestIssuer(t)
	name := filepath.Join(t.TempDir(), "keys.json")
	data, err := json.Marshal(map[string][]*jose.Key{"keys": {is.signers[0].public(t)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := New(is.config(func(c *IssuerConfig) { c.JWKSURL, c.JWKSFile = "", name }), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v := show(t, tokens, is.token(is.signers[0], nil, nil)); v.status != 204 {
		t.Errorf("got %+v", v)
	}
	if len(tokens.Routes()) != 0 {
		t.Error("there are routes without a store")
	}
}

func TestRevokedTokensAreRefused(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	mine, theirs := is.token(is.signers[0], nil, nil), is.token(is.signers[0], nil, with{"sub": "greta"})
	ahead := is.token(is.signers[0], nil, with{"iat": time.Now().Add(50 * time.Second).Unix()}) // the issuer's clock is
	for _, text := range []string{mine, ahead, theirs} {
		if v := show(t, tokens, text); v.status != 204 {
			t.Fatalf("before: %+v", v)
		}
	}
	revokeBy(t, tokens, `{"subject":"ines"}`)
	for _, text := range []string{mine, ahead} {
		if v := show(t, tokens, text); v.status != 401 || v.code != "invalid_token" || v.cause != "revoked" {
			t.Errorf("the revoked one: %+v", v)
		}
	}
	if v := show(t, tokens, theirs); v.status != 204 {
		t.Errorf("another one: %+v", v)
	}
	if in := tokens.Inspect(t.Context(), mine); in.Valid {
		t.Errorf("the inspection says %+v", in)
	}
	own := is.token(is.signers[0], nil, with{"sub": nil, "client_id": "nightly"})
	v := show(t, tokens, own)
	if v.credentials != "token=nightly" {
		t.Fatalf("a client for itself: %+v", v)
	}
	revokeBy(t, tokens, `{"subject":"nightly"}`) // as the record calls it
	if v := show(t, tokens, own); v.cause != "revoked" {
		t.Errorf("a client for itself: %+v", v)
	}
}

// TestWhateverIsAdmittedCanBeRevoked: names as long as tokens may carry.
func TestWhateverIsAdmittedCanBeRevoked(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	name := strings.Repeat("n", maxName)
	for claim, field := range map[string]string{"jti": "id", "sub": "subject", "client_id": "client"} {
		text := is.token(is.signers[0], nil, with{claim: name})
		if v := show(t, tokens, text); v.status != 204 {
			t.Fatalf("%s: %+v", claim, v)
		}
		revokeBy(t, tokens, `{"`+field+`":"`+name+`"}`)
		if v := show(t, tokens, text); v.cause != "revoked" {
			t.Errorf("%s: %+v", claim, v)
		}
	}
}

// revokeBy calls the admin API.
func revokeBy(t testing.TB, tokens *Tokens, body string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range tokens.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/tokens/revoke", strings.NewReader(body)))
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestWhatRevocationsSay(t *testing.T) {
	if err := revocation(nil); err != nil {
		t.Errorf("not revoked: %v", err)
	}
	if err := revocation(errRevoked); errors.Is(err, errCannotDecide) || err.Error() != "revoked" {
		t.Errorf("revoked: %v", err)
	}
	if err := revocation(errors.New("disk full")); !errors.Is(err, errCannotDecide) {
		t.Errorf("nobody can tell: %v", err)
	}
}
