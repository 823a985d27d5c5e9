// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/jose"
	"yett/store"
)

// proofs judges DPoP proofs (RFC 9449): that whoever shows a token holds the key that it is bound to, for this very request
// and this very token, once.
type proofs struct {
	counters store.Counters
	now      func() time.Time
	began    time.Time // what was used before is not known: counters do not outlive the process
}

func newProofs(counters store.Counters, now func() time.Time) *proofs {
	return &proofs{counters, now, now()}
}

const (
	maxProof = 8 << 10
	// proofAge is how far the clock of a client may be off, and so how old a proof may be.
	proofAge = time.Minute
	maxJTI   = 256
)

// check judges the proof in the DPoP field of x, and takes the field out once it is good. origins are those under which x may
// have been called; the Host field is not asked.
func (p *proofs) check(x *exchange.Exchange, token, jkt string, origins []string) error {
	switch n := x.Request.Header.Count("DPoP"); {
	case n == 0:
		return errors.New("there is none")
	case n > 1:
		return errors.New("there are several") // two readers may each take another one
	}
	text := x.Request.Header.Get("DPoP")
	s, err := jose.ParseProof(text, jose.Limits{Bytes: maxProof})
	if err != nil {
		return err
	}
	if s.Header.Type != "dpop+jwt" {
		return fmt.Errorf("its typ is %.40q", s.Header.Type)
	}
	if subtle.ConstantTimeCompare([]byte(s.Header.Key.Thumbprint()), []byte(jkt)) != 1 {
		return errors.New("its key is not the one that the token is bound to")
	}
	if err := s.Verify(s.Header.Key); err != nil {
		return err
	}
	c, err := jose.ParseClaims(s.Payload)
	if err != nil {
		return err
	}
	if err := p.claims(x, c, token, origins); err != nil {
		return err
	}
	if c.IssuedAt.Before(p.began) {
		// It may have been used before the start. Whoever made it a moment too early comes again with a new one, as for each
		// request (RFC 9449 section 4.2); a 401 would have him throw a good token away.
		return undecided(time.Second, errors.New("the proof is older than this process, which cannot tell whether it was used"))
	}
	if err := p.once(x, jkt, c.ID); err != nil {
		return err
	}
	x.Request.Header.Del("DPoP")
	return nil
}

// claims holds what a proof says against the request (RFC 9449 section 4.3).
func (p *proofs) claims(x *exchange.Exchange, c *jose.Claims, token string, origins []string) error {
	if method, ok := c.Text("htm"); !ok || method != x.Request.Method {
		return errors.New("it is for another method")
	}
	target, ok := c.Text("htu")
	if !ok || !sameTarget(target, x.Request.Path, origins) {
		return errors.New("it is for another address")
	}
	now := p.now()
	if c.IssuedAt.Before(now.Add(-proofAge)) || c.IssuedAt.After(now.Add(proofAge)) {
		return errors.New("it is not of this minute") // nor is one that does not say
	}
	sum := sha256.Sum256([]byte(token))
	ath, ok := c.Text("ath")
	if !ok || subtle.ConstantTimeCompare([]byte(ath), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) != 1 {
		return errors.New("it is for another token")
	}
	if c.ID == "" || len(c.ID) > maxJTI {
		return errors.New("its jti is missing, or too long")
	}
	return nil
}

// once lets a proof count a single time. It is remembered for longer than it could be shown again.
func (p *proofs) once(x *exchange.Exchange, jkt, jti string) error {
	sum := sha256.Sum256([]byte(jkt + "\x00" + jti))
	first, err := p.counters.Once(x.Context(), "token/proof/"+base64.RawURLEncoding.EncodeToString(sum[:]), 3*proofAge)
	if err != nil {
		// A proof that cannot be remembered could be used again: neither good nor bad.
		return undecided(time.Second, fmt.Errorf("remember the proof: %w", err))
	}
	if !first {
		return errors.New("it was used before")
	}
	return nil
}

// sameTarget compares htu with the request after normalisation (RFC 3986 sections 6.2.2 and 6.2.3): scheme and host without
// case, the default port left out, the path in its canonical form. Query and fragment do not count.
func sameTarget(htu, path string, origins []string) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	escaped := u.EscapedPath()
	if escaped == "" {
		escaped = "/"
	}
	// Whether an ambiguous path may be called at all was judged before; here it need only be the same.
	canonical, _, _, err := api.Canonical(escaped)
	if err != nil || canonical != path {
		return false
	}
	for _, o := range origins {
		if allowed, err := url.Parse(o); err == nil && originOf(allowed) == originOf(u) {
			return true
		}
	}
	return false
}

func originOf(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	return scheme + "://" + host + ":" + port
}
