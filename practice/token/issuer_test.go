// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/jose"
	"yett/problem"
	"yett/store/memory"
)

const audience = "https://api.example.org"

// A signer is a key of an issuer. What it signs is put together by hand, so that it may be wrong in any way.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t testing.TB, id string) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id, key}
}

func (s *signer) public(t testing.TB) *jose.Key {
	t.Helper()
	k, err := jose.KeyFromPublic(s.key.Public(), s.id, "ES256")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// with is a set of members; nil as a value takes one away.
type with map[string]any

func (w with) over(base with) map[string]any {
	all := maps.Clone(base)
	for name, v := range w {
		if all[name] = v; v == nil {
			delete(all, name)
		}
	}
	return all
}

// sign makes a token of header and claims.
func (s *signer) sign(t testing.TB, header, claims any) string {
	t.Helper()
	text := encode(t, header) + "." + encode(t, claims)
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// A testIssuer is an issuer behind a real server: metadata, keys, introspection.
type testIssuer struct {
	*httptest.Server
	t       testing.TB
	now     func() time.Time
	fetches atomic.Int64 // of keys
	asked   atomic.Int64 // introspections
	most    atomic.Int64 // introspections at the same time
	running atomic.Int64

	mu      sync.Mutex
	signers []*signer                                // that are published
	control string                                   // Cache-Control of the keys
	broken  func(http.ResponseWriter, *http.Request) // answers in the place of the keys
	active  map[string]func(claims with) with        // by token
	delay   time.Duration                            // of introspections
}

func newTestIssuer(t testing.TB) *testIssuer {
	t.Helper()
	is := &testIssuer{t: t, now: time.Now, signers: []*signer{newSigner(t, "k1")}}
	is.Server = httptest.NewServer(is)
	t.Cleanup(is.Close)
	return is
}

func (is *testIssuer) publish(s ...*signer) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.signers = s
}

func (is *testIssuer) breaks(f func(http.ResponseWriter, *http.Request)) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.broken = f
}

func (is *testIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	is.mu.Lock()
	signers, broken, control := is.signers, is.broken, is.control
	is.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		is.write(w, with{"issuer": is.URL, "jwks_uri": is.URL + "/keys"})
	case "/keys":
		is.fetches.Add(1)
		if broken != nil {
			broken(w, r)
			return
		}
		fallthrough
	case "/moved":
		var keys []*jose.Key
		for _, s := range signers {
			keys = append(keys, s.public(is.t))
		}
		w.Header().Set("Cache-Control", control)
		is.write(w, with{"keys": keys})
	case "/introspect":
		is.introspect(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (is *testIssuer) introspect(w http.ResponseWriter, r *http.Request) {
	is.asked.Add(1)
	n := is.running.Add(1)
	defer is.running.Add(-1)
	for most := is.most.Load(); n > most && !is.most.CompareAndSwap(most, n); most = is.most.Load() {
	}
	is.mu.Lock()
	f, broken, delay := is.active[r.PostFormValue("token")], is.broken, is.delay
	is.mu.Unlock()
	time.Sleep(delay)
	name, secret, ok := r.BasicAuth()
	switch {
	case broken != nil:
		broken(w, r)
	case r.Method != http.MethodPost || !ok || name != "gate+way" || secret != "hunter%2F2":
		w.WriteHeader(http.StatusUnauthorized)
	case f == nil:
		is.write(w, with{"active": false})
	default:
		is.write(w, f(with{"active": true, "sub": "ines", "client_id": "app", "scope": "orders:read", "aud": audience,
			"iss": is.URL, "exp": is.now().Add(time.Hour).Unix(), "iat": is.now().Unix()}))
	}
}

func (is *testIssuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		is.t.Log(err) // the client did not wait
	}
}

// token is a good token by s, but for what header and claims change.
func (is *testIssuer) token(s *signer, header, claims with) string {
	is.t.Helper()
	now := is.now()
	return s.sign(is.t, header.over(with{"alg": "ES256", "kid": s.id, "typ": "at+jwt"}), claims.over(with{
		"iss": is.URL, "aud": audience, "sub": "ines", "client_id": "app", "scope": "orders:read profile", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}))
}

// config trusts is.
func (is *testIssuer) config(change ...func(*IssuerConfig)) Config {
	ic := IssuerConfig{Issuer: is.URL, Audience: []string{audience}, JWKSURL: is.URL + "/keys"}
	for _, f := range change {
		f(&ic)
	}
	return Config{Issuers: []IssuerConfig{ic}}
}

// newTokens are Tokens that count failing attempts and remember proofs.
func newTokens(t testing.TB, c Config, change ...func(*Options)) *Tokens {
	t.Helper()
	o := Options{Counters: memory.New(memory.Options{}), PublicURL: "https://api.example.org"}
	for _, f := range change {
		f(&o)
	}
	tokens, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tokens.Close(); err != nil {
			t.Error(err)
		}
	})
	return tokens
}

// A verdict is what a caller sees, and what the record says.
type verdict struct {
	status      int
	code        string
	retry       string
	challenge   string
	cause       string
	credentials string // "scheme=subject"
	caller      string // "subject client scope,scope"
}

// ask sends a request with fields ("Name: value") through a step at op.
func ask(t testing.TB, step exchange.Step, op *api.Operation, fields ...string) verdict {
	t.Helper()
	r := httptest.NewRequest("GET", "/orders/1", nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "From" {
			r.RemoteAddr = value
			continue
		}
		r.Header[name] = append(r.Header[name], value)
	}
	var v verdict
	check := func(x *exchange.Exchange) error {
		x.Operation = op
		err := step(x)
		if err != nil {
			p := problem.From(err)
			if p.Cause != nil {
				v.cause = p.Cause.Error()
			}
			return err
		}
		for _, c := range x.Credentials {
			v.credentials += c.Scheme + "=" + c.Caller.Subject + " "
			v.caller = fmt.Sprintf("%s %s %s", c.Caller.Subject, c.Caller.Client, strings.Join(c.Caller.Scopes, ","))
		}
		v.credentials = strings.TrimSpace(v.credentials)
		return nil
	}
	w := httptest.NewRecorder()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	exchange.Middleware(next, check).ServeHTTP(w, r)
	v.status, v.retry, v.challenge = w.Code, w.Header().Get("Retry-After"), w.Header().Get("Www-Authenticate")
	if w.Code >= 400 {
		var p struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%d without a problem: %s", w.Code, w.Body)
		}
		v.code = p.Code
	}
	return v
}

// show presents a token as a bearer token, where no description says more.
func show(t testing.TB, tokens *Tokens, text string) verdict {
	t.Helper()
	return ask(t, tokens.Check, nil, "Authorization: Bearer "+text)
}

// A handClock is a clock that tests set.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func newHandClock() *handClock { return &handClock{at: time.Now()} }

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// runs keeps tokens up to date until the test ends.
func runs(t testing.TB, tokens *Tokens) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- tokens.Run(t.Context()) }()
	t.Cleanup(func() { // the context is over by now
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// eventually waits for f.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// A greeter says who calls.
type greeter struct{}

func (greeter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, _ := exchange.From(r.Context())
	_, _ = fmt.Fprint(w, x.Caller.Subject) // a recorder takes everything
}

func call(h http.Handler, token string) (int, string) {
	r := httptest.NewRequest("GET", "/", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
