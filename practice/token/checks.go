// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"yett/api"
	"yett/jose"
	"yett/practice"
)

func (t *Tokens) checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "token/none",
			Asks:  "Is a token refused that says all that is wanted and is signed by nobody?",
			Cites: []string{"OWASP API2:2023", "RFC 8725 section 3.2"},
			Run: func(ctx context.Context, target practice.Target) practice.Finding {
				return t.refused(ctx, target, unsigned)
			},
		},
		{
			ID:    "token/forged",
			Asks:  "Is a token refused that is signed with a key of somebody else's?",
			Cites: []string{"OWASP API2:2023", "RFC 8725 section 3.1"},
			Run: func(ctx context.Context, target practice.Target) practice.Finding {
				key, err := jose.GeneratePrivateKey("ES256")
				if err != nil {
					return practice.CouldNotTell(err)
				}
				return t.refused(ctx, target, func(payload []byte) (string, error) { return key.Sign("at+jwt", payload) })
			},
		},
		{
			ID:    "token/keys",
			Asks:  "Can each issuer be asked, and are its keys of today?",
			Cites: []string{"OWASP API2:2023", "RFC 8725 section 3.8"},
			Run:   func(ctx context.Context, _ practice.Target) practice.Finding { return t.reachable(ctx) },
		},
		{
			ID:    "token/proofs",
			Asks:  "Can clients elsewhere prove that a token is theirs?",
			Cites: []string{"RFC 9449 section 4.3"},
			Run:   func(context.Context, practice.Target) practice.Finding { return t.provable() },
		},
	}
}

var template = regexp.MustCompile(`\{[^}]*\}`)

// maxProbes bounds how many operations one check asks: failing attempts of an address are counted.
const maxProbes = 40

const noIssuers = "no issuers are configured: nobody's tokens are good here"

// refused shows what forge makes to every operation that takes tokens. Only GET: a probe that gets through changes nothing.
func (t *Tokens) refused(ctx context.Context, target practice.Target, forge func(payload []byte) (string, error)) practice.Finding {
	refused := 0
	for _, a := range target.APIs() {
		for _, op := range a.Operations {
			at := t.at(a, op)
			if op.Method != http.MethodGet || !wantsToken(op) || at == nil || refused == maxProbes {
				continue
			}
			token, err := forge(at.claimed())
			if err != nil {
				return practice.CouldNotTell(err)
			}
			path := a.BasePath + template.ReplaceAllString(op.Path, "1")
			res, err := target.Do(ctx, practice.Probe{Method: op.Method, Host: a.Host(), Path: path, Header: [][2]string{{"Authorization", "Bearer " + token}}})
			switch {
			case err != nil:
				return practice.CouldNotTell(err)
			case !res.Reached && res.Status == http.StatusNotFound:
				continue // closed for everybody, see inventory
			case !res.Reached && (res.Status == http.StatusServiceUnavailable || res.Status == http.StatusTooManyRequests):
				return practice.CouldNotTell(fmt.Errorf("%s answered %d", op.ID, res.Status))
			case res.Reached || res.Status != http.StatusUnauthorized:
				return practice.Finding{Verdict: practice.Ineffective,
					Summary:  fmt.Sprintf("%s answered %d to a forged token", op.ID, res.Status),
					Fix:      "see what judges tokens there with yett explain " + op.Method + " " + path,
					Evidence: []practice.Evidence{{What: op.Method + " " + path, Saw: fmt.Sprint(res.Status)}}}
			}
			refused++
		}
	}
	if refused == 0 {
		return t.nothing()
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d of %d forged tokens got 401", refused, refused)}
}

// nothing is the finding where there is nothing to look at.
func (t *Tokens) nothing() practice.Finding {
	for _, p := range t.places.list() {
		if len(p.trusts) > 0 {
			return practice.None("no GET operation takes tokens")
		}
	}
	return practice.None(noIssuers)
}

// at returns the Tokens of an operation, nil where no issuer is trusted.
func (t *Tokens) at(a *api.API, op *api.Operation) *Tokens {
	found := t
	for _, p := range t.places.list() {
		switch p.name {
		case a.Name + " " + op.ID:
			found = p
		case a.Name:
			if found == t {
				found = p
			}
		}
	}
	if len(found.trusts) == 0 {
		return nil
	}
	return found
}

func wantsToken(op *api.Operation) bool { return op.Public == "" && takesTokensAt(op) }

// claimed is the payload of a token that would be good here if its signature were. It is of some time ago: one that could be
// newer than the issuer's keys would get 503.
func (t *Tokens) claimed() []byte {
	tr, now := t.trusts[0], t.core.now()
	claims := map[string]any{"iss": tr.issuer.name, "sub": "yett-audit", "client_id": "yett-audit", "jti": rand.Text(),
		"iat": now.Add(-min(time.Hour, tr.maxAge/2)).Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	if len(tr.audience) > 0 {
		claims["aud"] = tr.audience[0]
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // texts and numbers always can
	}
	return payload
}

// unsigned is a token with the algorithm none (RFC 7519 section 6).
func unsigned(payload []byte) (string, error) {
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + b64.EncodeToString(payload) + ".", nil
}

// reachable looks at the keys of every issuer, and asks those that are asked about a token that nobody has.
func (t *Tokens) reachable(ctx context.Context) practice.Finding {
	f := practice.Finding{Verdict: practice.Effective}
	seen := make(map[*issuer]bool)
	for _, p := range t.places.list() {
		for _, tr := range p.trusts {
			is := tr.issuer
			if seen[is] {
				continue
			}
			seen[is] = true
			verdict, saw := is.state(ctx, t.core.limits())
			f.Evidence = append(f.Evidence, practice.Evidence{What: is.name, Saw: saw})
			if verdict > f.Verdict {
				f.Verdict, f.Fix = verdict, "see yett status, and ask "+is.name+" from this machine"
			}
		}
	}
	if len(seen) == 0 {
		return practice.None(noIssuers)
	}
	f.Summary = fmt.Sprintf("%d issuers were looked at", len(seen))
	return f
}

// provable looks at the addresses that proofs may name, where they are demanded or tokens came that need one. By default it is
// that of this machine: whoever calls from elsewhere gets 401, whatever he proves.
func (t *Tokens) provable() practice.Finding {
	f := practice.Finding{Verdict: practice.Effective, Summary: "proofs may name the address that clients call"}
	for _, p := range t.places.list() {
		demanded := slices.ContainsFunc(p.trusts, func(tr *trust) bool { return tr.bound })
		if p.origins == nil || len(p.trusts) == 0 || !demanded && !t.core.bound.Load() {
			continue // without origins no requests come
		}
		f.Evidence = append(f.Evidence, practice.Evidence{What: p.name, Saw: strings.Join(p.origins, ", ")})
		if !slices.ContainsFunc(p.origins, elsewhere) {
			f.Verdict, f.Summary = practice.Weak, "proofs must name an address that only this machine can call"
			f.Fix = "set public_url to the address under which clients call"
		}
	}
	if len(f.Evidence) == 0 {
		return practice.None("no token that is bound to a key was shown, and none is demanded")
	}
	return f
}

// elsewhere reports whether an origin is not this machine.
func elsewhere(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && !loopback(u.Hostname())
}

// state says what the issuer is good for now.
func (is *issuer) state(ctx context.Context, l limits) (practice.Verdict, string) {
	if is.asks != nil {
		text := rand.Text()
		sum := digest(sha256.Sum256([]byte(text)))
		if _, err := is.asks.ask(ctx, text, &sum, l); err == nil {
			return practice.Ineffective, "a token that nobody has is called active"
		} else if errors.Is(err, errCannotDecide) {
			return practice.Ineffective, err.Error()
		}
		return practice.Effective, "it answers"
	}
	if is.keys.held.Load() == nil {
		if f := is.keys.fetch(l.cooldown); f != nil {
			if err := f.wait(ctx, l.budget); err != nil {
				return practice.Ineffective, err.Error()
			}
		}
	}
	is.keys.mu.Lock()
	failed := is.keys.failed
	is.keys.mu.Unlock()
	now := is.keys.now()
	r := is.keys.fresh(now)
	if r == nil || r.set.Len() == 0 {
		return practice.Ineffective, fmt.Sprintf("no keys that could be used: %v", failed)
	}
	saw := fmt.Sprintf("%d keys, read %v ago", r.set.Len(), now.Sub(r.began).Round(time.Second))
	if failed != nil {
		return practice.Weak, fmt.Sprintf("%s; since then: %v", saw, failed)
	}
	return practice.Effective, saw
}
