// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"yett/exchange"
	"yett/identity"
	"yett/jose"
	"yett/problem"
	"yett/store"
)

// Assertions are signed, short-lived statements of who is calling, for the upstream: a JWT in X-Yett-Identity (RFC 7519), whose
// keys the gateway publishes. An upstream that verifies them believes nobody else who reaches it.
type Assertions struct {
	db     *store.DB
	sealer store.Sealer
	now    func() time.Time
	log    *slog.Logger
	issuer string
	keys   atomic.Pointer[signing]

	mu   sync.Mutex
	made map[subject]made
}

// A subject is whom an assertion is about, and for whom it is. Callers are shared by all requests with one credential.
type subject struct {
	caller   *identity.Caller
	audience string
}

type made struct {
	text  string
	until time.Time // it is given out until then
}

const (
	assertionLife = time.Minute
	giveOut       = assertionLife / 2 // so that what is given out lives for half a minute at least
	maxMade       = 10_000

	// A signing key is used for keyLife. It is published before that for publishAhead, for upstreams that remember keys, and
	// afterwards for as long.
	keyLife      = 30 * 24 * time.Hour
	publishAhead = time.Hour
	keysEvery    = time.Minute
)

// JWKSPath is where the keys of assertions are published (RFC 7517).
const JWKSPath = "/.well-known/jwks.json"

// AssertionOptions are what a program supplies. Store, Sealer and Issuer are required.
type AssertionOptions struct {
	Store  *store.DB
	Sealer store.Sealer
	Issuer string           // the gateway's own address
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: silent
}

// NewAssertions opens the signing keys of a store, and makes the first one.
func NewAssertions(ctx context.Context, o AssertionOptions) (*Assertions, error) {
	if o.Store == nil || o.Sealer == nil || o.Issuer == "" {
		return nil, errors.New("authn: assertions need a store, a sealer and an issuer")
	}
	a := &Assertions{db: o.Store, sealer: o.Sealer, issuer: o.Issuer, now: o.Now, log: o.Log, made: make(map[subject]made)}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := a.db.Migrate(ctx, "authn", migrations); err != nil {
		return nil, err
	}
	return a, a.renew(ctx)
}

// signing is the keys at one moment.
type signing struct {
	active *jose.PrivateKey
	set    []byte // the JWK set that is published
}

// A signingKey is a key of the store.
type signingKey struct {
	*jose.PrivateKey
	created time.Time
}

// renew reads the keys, and makes and removes what is due.
func (a *Assertions) renew(ctx context.Context) error {
	keys, err := a.read(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	if len(keys) == 0 || now.Sub(keys[len(keys)-1].created) > keyLife {
		if err := a.make(ctx, now, len(keys)); err != nil {
			return err
		}
		if keys, err = a.read(ctx); err != nil {
			return err
		}
	}
	return a.adopt(ctx, keys, now)
}

// adopt signs with the newest key that was published for long enough, and forgets those that nobody needs any more. keys are
// the oldest first.
func (a *Assertions) adopt(ctx context.Context, keys []signingKey, now time.Time) error {
	active := keys[0]
	var public []*jose.Key
	for i, k := range keys {
		if now.Sub(k.created) >= publishAhead {
			active = k
		}
		if i+1 < len(keys) && now.Sub(keys[i+1].created) > 2*publishAhead {
			if _, err := a.db.ExecContext(ctx, "DELETE FROM authn_signing_keys WHERE kid = $1", k.Public().ID); err != nil {
				return err
			}
			continue
		}
		public = append(public, k.Public())
	}
	set, err := json.Marshal(map[string]any{"keys": public})
	if err != nil {
		return err
	}
	if old := a.keys.Swap(&signing{active.PrivateKey, set}); old != nil && old.active.Public().ID != active.Public().ID {
		a.log.Info("assertions are signed by a new key", "kid", active.Public().ID)
	}
	return nil
}

// make adds a key, unless another node has done so.
func (a *Assertions) make(ctx context.Context, now time.Time, known int) error {
	key, err := jose.GeneratePrivateKey(jose.ES256)
	if err != nil {
		return err
	}
	plain, err := key.Marshal()
	if err != nil {
		return err
	}
	kid := key.Public().ID
	sealed, err := a.sealer.Seal(ctx, plain, signingKeys.Place(kid))
	clear(plain)
	if err != nil {
		return err
	}
	return a.db.InTx(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM authn_signing_keys").Scan(&n); err != nil || n != known {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO authn_signing_keys (kid, sealed, created) VALUES ($1, $2, $3)", kid, sealed, now.UnixMilli())
		return err
	})
}

func (a *Assertions) read(ctx context.Context) (keys []signingKey, err error) {
	rows, err := a.db.QueryContext(ctx, "SELECT kid, sealed, created FROM authn_signing_keys ORDER BY created, kid")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var kid string
		var sealed []byte
		var created int64
		if err := rows.Scan(&kid, &sealed, &created); err != nil {
			return nil, err
		}
		plain, err := a.sealer.Open(ctx, sealed, signingKeys.Place(kid))
		if err != nil {
			return nil, err
		}
		k, err := jose.ParsePrivateKey(plain)
		clear(plain)
		if err != nil {
			return nil, err
		}
		keys = append(keys, signingKey{k, time.UnixMilli(created)})
	}
	return keys, rows.Err()
}

// Run renews the keys until ctx ends.
func (a *Assertions) Run(ctx context.Context) error {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.renew(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("signing keys cannot be renewed; those in use stay", "err", err)
			}
		}
	}
}

type assertion struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Provider string `json:"idp,omitempty"` // who vouches for the subject: it is unique there, and nowhere else
	Client   string `json:"client_id,omitempty"`
	Scope    string `json:"scope,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
}

// Of returns the assertion of a caller for an audience. One is given out for half a minute.
func (a *Assertions) Of(c *identity.Caller, audience string) (string, error) {
	now := a.now()
	s := subject{c, audience}
	a.mu.Lock()
	m, ok := a.made[s]
	a.mu.Unlock()
	if ok && now.Before(m.until) {
		return m.text, nil
	}
	payload, err := json.Marshal(assertion{Issuer: a.issuer, Audience: audience, Subject: c.Subject, Provider: c.Issuer, Client: c.Client, Scope: scopes(c),
		IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(), ID: rand.Text()})
	if err != nil {
		return "", err
	}
	text, err := a.keys.Load().active.Sign("JWT", payload)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.made) >= maxMade {
		a.forget(now)
	}
	a.made[s] = made{text, now.Add(giveOut)}
	return text, nil
}

// forget makes room: what is not given out any more goes, or all where that is not enough.
func (a *Assertions) forget(now time.Time) {
	for s, m := range a.made {
		if !now.Before(m.until) {
			delete(a.made, s)
		}
	}
	if len(a.made) >= maxMade {
		clear(a.made)
	}
}

// Keys is a step that publishes the keys at JWKSPath and lets every other request pass.
func (a *Assertions) Keys(x *exchange.Exchange) error {
	if x.Request.Path != JWKSPath {
		return nil
	}
	if m := x.Request.Method; m != http.MethodGet && m != http.MethodHead {
		return &problem.Error{Status: http.StatusMethodNotAllowed, Code: "undeclared_method", Detail: "This can only be read.",
			Header: []problem.Field{{Name: "Allow", Value: "GET, HEAD"}}}
	}
	return exchange.Reply(http.StatusOK, []exchange.Field{{Name: "Content-Type", Value: "application/jwk-set+json"},
		{Name: "Cache-Control", Value: "public, max-age=300"}}, a.keys.Load().set)
}
