// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"yett/jose"
)

// An Inspection says what is in a token and what is thought of it, for an operator. It holds claims, so it is shown to whoever
// already has the token, and kept nowhere.
type Inspection struct {
	Valid   bool            `json:"valid"` // as far as can be told without a request
	Place   string          `json:"place,omitempty"`
	Header  json.RawMessage `json:"header,omitempty"`
	Claims  []Claim         `json:"claims,omitempty"`
	Asked   bool            `json:"introspected,omitempty"` // the claims are the issuer's answer
	Judging []Judgement     `json:"judgements"`
}

// A Claim is a claim as it stands in the token.
type Claim struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// A Judgement is what one rule says.
type Judgement struct {
	Rule string `json:"rule"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// Inspect judges a token as Check does, rule by rule, but without a request: it says what the token is bound to instead of
// asking for it. The token is judged where its issuer is trusted first: for the whole gateway, else at an API.
func (t *Tokens) Inspect(ctx context.Context, text string) Inspection {
	in := Inspection{Valid: true, Judging: []Judgement{}}
	text = strings.TrimSpace(text)
	if len(text) > maxToken || !b64token(text) {
		in.add("form", errors.New("not the form of a token"))
		return in
	}
	if header, _, ok := strings.Cut(text, "."); ok {
		if h, err := base64.RawURLEncoding.DecodeString(header); err == nil && json.Valid(h) {
			in.Header = h
		}
	}
	iss, isJWT := issuerOf(text)
	place, tr := t.placeOf(iss, isJWT)
	if tr == nil {
		in.own(text)
		in.add("issuer", errNoIssuer)
		return in
	}
	in.Place = place.name
	v := in.read(ctx, place, tr, text)
	if v == nil {
		return in
	}
	now := t.core.now()
	for _, r := range rules {
		in.add(r.name, r.judge(v.trust, v.verified, now))
	}
	if r := t.core.revocations; r != nil {
		in.add("revocation", revocation(r.check(v.issuer.name, v.verified)))
	}
	in.binding(v.verified, v.trust)
	return in
}

// placeOf finds where an issuer is trusted, or for a token that does not say whose it is, where issuers are asked.
func (t *Tokens) placeOf(iss string, isJWT bool) (*Tokens, *trust) {
	for _, p := range append([]*Tokens{t}, t.places.list()...) {
		if tr := p.byName[iss]; tr != nil {
			return p, tr
		}
		if !isJWT && len(p.asked) > 0 {
			return p, p.asked[0]
		}
	}
	return nil, nil
}

// read verifies the token and reads what it says.
func (in *Inspection) read(ctx context.Context, place *Tokens, tr *trust, text string) *found {
	s, err := jose.Parse(text, jose.Limits{Bytes: maxToken})
	if tr.issuer.asks == nil && err != nil {
		in.own(text)
		in.add("form", err)
		return nil
	}
	if tr.issuer.asks != nil {
		v, at, err := place.find(ctx, text, place.core.now())
		in.Asked = true
		in.add("introspection", err)
		if err != nil {
			in.own(text)
			return nil
		}
		in.claims(v.claims)
		return &found{v, at}
	}
	in.add("form", nil)
	claims, err := jose.ParseClaims(s.Payload)
	if err != nil {
		in.add("claims", err)
		return nil
	}
	in.claims(claims)
	v, err := tr.issuer.describe(claims)
	in.add("claims", err)
	if err != nil {
		return nil
	}
	v.typ, v.alg = s.Header.Type, s.Header.Algorithm
	in.add("signature", tr.issuer.verify(ctx, s, v, place.core.now(), place.core.limits()))
	return &found{v, tr}
}

// found is a token beside the trust that judges it.
type found struct {
	*verified
	trust *trust
}

// own shows the claims that a token makes of itself.
func (in *Inspection) own(text string) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return
	}
	p, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return
	}
	if c, err := jose.ParseClaims(p); err == nil {
		in.claims(c)
	}
}

func (in *Inspection) claims(c *jose.Claims) {
	for _, name := range c.Names() {
		in.Claims = append(in.Claims, Claim{name, c.Raw(name)})
	}
}

func (in *Inspection) binding(v *verified, tr *trust) {
	j := Judgement{Rule: "binding", OK: true, Why: "bound to nothing: whoever has it can use it"}
	switch {
	case v.jkt != "" && v.x5t != "":
		j.Why = "bound to a key and to a certificate: a request needs both"
	case v.jkt != "":
		j.Why = "bound to a key: each request needs a proof (DPoP)"
	case tr.bound:
		j.OK, j.Why = false, "bound to no key, and dpop is required"
	case v.x5t != "":
		j.Why = "bound to a certificate: a connection needs it"
	}
	in.Valid = in.Valid && j.OK
	in.Judging = append(in.Judging, j)
}

func (in *Inspection) add(rule string, err error) {
	j := Judgement{Rule: rule, OK: err == nil}
	if err != nil {
		j.Why = err.Error()
		in.Valid = false
	}
	in.Judging = append(in.Judging, j)
}
