// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"yett/jose"
)

const (
	// maxAsked bounds how many tokens one issuer is asked about at the same time.
	maxAsked = 32
	// maxAnswers bounds how many answers of one issuer are remembered.
	maxAnswers = 10_000
)

// An introspector asks an issuer about tokens (RFC 7662). An answer is remembered for seconds, that a token is not active
// too; the same token is asked about once at a time.
type introspector struct {
	issuer *issuer
	core   *core
	group  singleflight.Group
	slots  chan struct{}

	mu      sync.Mutex
	answers map[digest]answer
}

// An answer is what the issuer said of a token.
type answer struct {
	v     *verified // nil: it is not active, or says what cannot be believed
	why   error
	until time.Time
}

func newIntrospector(is *issuer, k *core) *introspector {
	return &introspector{issuer: is, core: k, slots: make(chan struct{}, maxAsked), answers: make(map[digest]answer)}
}

// ask returns what the issuer says of a token.
func (in *introspector) ask(ctx context.Context, text string, sum *digest, l limits) (*verified, error) {
	in.mu.Lock()
	a, ok := in.answers[*sum]
	in.mu.Unlock()
	if ok && in.core.now().Before(a.until) {
		return a.v, a.why
	}
	timer := time.NewTimer(l.budget)
	defer timer.Stop()
	// It does not end with the request that began it: others wait for the same answer.
	ch := in.group.DoChan(string(sum[:]), func() (any, error) { return in.inquire(text, sum) })
	select {
	case r := <-ch:
		if r.Err != nil {
			return nil, undecided(time.Second, fmt.Errorf("introspection: %w", r.Err))
		}
		a := r.Val.(answer)
		return a.v, a.why
	case <-timer.C:
		return nil, undecided(time.Second, fmt.Errorf("introspection: the issuer did not answer within %v", l.budget))
	case <-ctx.Done():
		return nil, undecided(time.Second, ctx.Err())
	}
}

// inquire sends the question, when it is its turn, and remembers the answer.
func (in *introspector) inquire(text string, sum *digest) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	case <-ctx.Done():
		return answer{}, errors.New("too many questions at the same time")
	}
	began := in.core.now()
	claims, err := in.send(ctx, text)
	in.core.told(in.issuer, err)
	if err != nil {
		return answer{}, err
	}
	a := answer{until: began.Add(time.Duration(in.core.answerAge.Load()))}
	a.v, a.why = in.read(claims)
	in.remember(sum, a)
	return a, nil
}

// send asks once.
func (in *introspector) send(ctx context.Context, text string) (*jose.Claims, error) {
	c := in.issuer.source.asked
	secret, err := c.ClientSecret.Value()
	if err != nil {
		return nil, err
	}
	form := url.Values{"token": {text}, "token_type_hint": {"access_token"}}
	body, err := in.issuer.client.post(ctx, c.URL, form, c.ClientID, secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.URL, err)
	}
	claims, err := jose.ParseClaims(body) // the members are those of a token (RFC 7662 section 2.2)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.URL, err)
	}
	if active := string(claims.Raw("active")); active != "true" && active != "false" {
		return nil, fmt.Errorf("%s: the answer does not say whether the token is active", c.URL)
	}
	return claims, nil
}

// read judges an answer as far as it is the same at every place.
func (in *introspector) read(c *jose.Claims) (*verified, error) {
	if string(c.Raw("active")) != "true" {
		return nil, invalid("not active", nil)
	}
	if c.Has("iss") && c.Issuer != in.issuer.name {
		return nil, invalidf("wrong issuer", "the answer is about a token of %.200q", c.Issuer)
	}
	kind, _ := c.Text("token_type")
	proven := strings.EqualFold(kind, "DPoP")
	if c.Has("token_type") && !proven && !strings.EqualFold(kind, "Bearer") && kind != "access_token" {
		return nil, invalidf("no access token", "token_type is %.40q", kind)
	}
	if why := otherUse(c); why != "" {
		return nil, invalidf("no access token", "%s", why) // a refresh token is active, too
	}
	v, err := in.issuer.describe(c)
	if err == nil && proven && v.jkt == "" {
		// RFC 9449 section 6.2 wants the key beside it: without one, whoever has the token could use it.
		return nil, invalidf("wrong binding", "token_type is DPoP, and the answer names no key")
	}
	return v, err
}

// remember keeps an answer. When there are too many, a quarter goes, whichever: they are asked for again.
func (in *introspector) remember(sum *digest, a answer) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.answers) >= maxAnswers {
		for old := range in.answers {
			if delete(in.answers, old); len(in.answers) <= maxAnswers*3/4 {
				break
			}
		}
	}
	in.answers[*sum] = a
}
