// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yett/identity"
	"yett/jose"
)

// An issuer is one source of keys or of answers, and how its claims are read. Places that trust it in different ways share
// it, and it outlives a reload that does not change it.
type issuer struct {
	source source
	name   string // iss
	client *client
	keys   *keyring      // nil: it is asked about each token
	asks   *introspector // nil: its keys verify
}

// A source is all that makes one issuer another one.
type source struct {
	issuer, jwksURL, jwksFile, discovery, ca string
	authorities                              digest // what the file ca held
	scopes, client                           string // names of claims
	asked                                    IntrospectionConfig
}

// sourceOf reads what of c is not judged anew at each place.
func sourceOf(c IssuerConfig) (source, []byte, error) {
	s := source{issuer: c.Issuer, jwksURL: c.JWKSURL, jwksFile: c.JWKSFile, discovery: c.Discovery, ca: c.CA, scopes: c.ScopesClaim, client: c.ClientClaim}
	if c.Introspection != nil {
		s.asked = *c.Introspection
	}
	if c.CA == "" {
		return s, nil, nil
	}
	pem, err := readFile(c.CA)
	if err != nil {
		return s, nil, fmt.Errorf("ca: %w", err)
	}
	s.authorities = sha256.Sum256(pem)
	return s, pem, nil
}

// newIssuer makes an issuer. Of the world it reads only files: an issuer that is out of reach keeps nobody from starting.
func newIssuer(s source, pem []byte, k *core) (*issuer, error) {
	c, err := newClient(pem)
	if err != nil {
		return nil, fmt.Errorf("ca: %s: %w", s.ca, err)
	}
	is := &issuer{source: s, name: s.issuer, client: c}
	if s.asked != (IntrospectionConfig{}) {
		if _, err := s.asked.ClientSecret.Value(); err != nil {
			return nil, fmt.Errorf("introspection.client_secret: %w", err)
		}
		is.asks = newIntrospector(is, k)
		return is, nil
	}
	is.keys = &keyring{now: k.now, told: func(err error) { k.told(is, err) }}
	switch {
	case s.jwksFile != "":
		is.keys.read = func(context.Context) (*jose.Set, time.Duration, error) {
			set, err := keysOf(s.jwksFile)
			return set, latest, err
		}
		is.keys.file = s.jwksFile
		now, seen := k.now(), stat(s.jwksFile)
		set, err := keysOf(s.jwksFile)
		if err != nil {
			return nil, fmt.Errorf("jwks_file: %w", err)
		}
		is.keys.held.Store(&ring{set: set, began: now, due: now.Add(latest), seen: seen})
	case s.jwksURL != "":
		is.keys.read = func(ctx context.Context) (*jose.Set, time.Duration, error) { return c.jwks(ctx, s.jwksURL) }
	default:
		is.keys.read = (&discovered{client: c, source: s, now: k.now}).read
	}
	return is, nil
}

// discovered reads keys from where the issuer's metadata says that they are. One reading runs at a time.
type discovered struct {
	client  *client
	source  source
	now     func() time.Time
	address string
	asked   time.Time
}

// believed is how long metadata is not asked for again.
const believed = time.Hour

func (d *discovered) read(ctx context.Context) (*jose.Set, time.Duration, error) {
	now := d.now()
	if d.address == "" || now.Sub(d.asked) > believed {
		places := metadata(d.source.issuer)
		if d.source.discovery != "" {
			places = []string{d.source.discovery}
		}
		address, err := d.client.discover(ctx, d.source.issuer, places)
		if err != nil {
			return nil, 0, err
		}
		d.address, d.asked = address, now
	}
	set, keep, err := d.client.jwks(ctx, d.address)
	if err != nil {
		d.address = "" // perhaps it has moved
	}
	return set, keep, err
}

// run keeps the keys of the issuer up to date until ctx ends.
func (is *issuer) run(ctx context.Context, k *core) {
	if is.keys != nil {
		is.keys.run(ctx, func() time.Duration { return k.limits().cooldown })
	}
}

// verify finds out whether the issuer has signed s. v is what s says of itself, and gets the key.
func (is *issuer) verify(ctx context.Context, s *jose.Signed, v *verified, arrived time.Time, l limits) error {
	id := s.Header.KeyID
	key, err := is.keys.find(ctx, v.issuedAt, arrived, l, func(set *jose.Set) (*jose.Key, error) {
		keys, all := set.Find(id, s.Header.Algorithm)
		for _, key := range keys {
			if s.Verify(key) == nil {
				return key, nil
			}
		}
		if !all {
			return nil, undecided(time.Second, fmt.Errorf("more than %d keys of the issuer fit it, and the others are not tried", len(keys)))
		}
		if id != "" && slices.ContainsFunc(set.Keys(), func(k *jose.Key) bool { return k.ID == id }) {
			return nil, invalid("wrong signature", nil)
		}
		return nil, invalid("unknown key", nil)
	})
	if err != nil {
		return err
	}
	v.key = key.Thumbprint()
	return nil
}

// maxName bounds a subject, a client and an id; longer ones would not pass on to the upstream.
const maxName = 1024

// describe reads what a token says of itself. Nothing of it is believed yet.
func (is *issuer) describe(c *jose.Claims) (*verified, error) {
	v := &verified{issuer: is, claims: c, id: c.ID, subject: c.Subject, issuedAt: c.IssuedAt, expires: c.Expires, notBefore: c.NotBefore}
	names := []string{"client_id", "azp"}
	if is.source.client != "" {
		names = []string{is.source.client}
	}
	for _, name := range names {
		if text, ok := c.Text(name); ok {
			v.client = text
			break
		}
	}
	if len(v.id) > maxName || len(v.subject) > maxName || len(v.client) > maxName {
		return nil, invalidf("malformed", "a name is longer than %d bytes", maxName)
	}
	scopes, err := is.scopesOf(c)
	if err != nil {
		return nil, err
	}
	if v.jkt, v.x5t, err = c.Confirmation(); err != nil {
		// It is bound to something that is not understood: to take it from anybody would fail open.
		return nil, invalid("wrong binding", err)
	}
	v.foreign = foreign(c, scopes)
	subject := subjectOf(v)
	v.caller = &identity.Caller{Subject: subject, Person: subject != v.client, Client: v.client, Issuer: is.name, Scopes: scopes, Expires: v.expires,
		Claims: c.All()}
	return v, nil
}

// scopesOf reads the scopes: a text with spaces between (RFC 9068 section 2.2.3), or a list as several products write it.
func (is *issuer) scopesOf(c *jose.Claims) ([]string, error) {
	name := is.source.scopes
	if name == "" {
		name = "scope"
		if !c.Has(name) {
			name = "scp"
		}
	}
	if !c.Has(name) {
		return nil, nil
	}
	var scopes []string
	if text, ok := c.Text(name); ok {
		scopes = strings.Fields(text)
	} else if scopes, ok = c.Texts(name); !ok {
		return nil, invalidf("malformed", "%s is neither a text nor a list of texts", name)
	}
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

// errNoIssuer says that a token's issuer is not among those that are trusted here.
var errNoIssuer = errors.New("its issuer is not trusted here")
