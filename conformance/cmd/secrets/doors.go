// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yett/jose"
)

// visit goes through every door. Each step says which answer shows that the secret got as far as it was meant to.
func (g *gate) visit(ctx context.Context, s *seeds) error {
	for _, step := range []func(context.Context, *seeds) error{g.keys, g.tokens, g.logins, g.values, g.leaks, g.clear} {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	// Records reach the disk within a second; whoever looks at one opens what is sealed in it.
	time.Sleep(1500 * time.Millisecond)
	if out, err := g.yett(ctx, "", "encrypt", "rotate"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (g *gate) expect(ctx context.Context, want int, method, path string, header []string, body string) ([]byte, error) {
	status, text, err := g.do(ctx, method, "https://"+g.addr+path, header, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s: %d, want %d: %s", method, path, status, want, text)
	}
	return text, err
}

func (g *gate) keys(ctx context.Context, s *seeds) error {
	for range 10 {
		out, err := g.yett(ctx, "", "key", "create", "--client", "app", "--json")
		if err != nil {
			return err
		}
		var made struct{ Key string }
		if err := json.Unmarshal(out, &made); err != nil {
			return err
		}
		// The id is public; what follows it is not.
		s.add("API key that works", made.Key[strings.LastIndexByte(made.Key[:len(made.Key)-6], '_')+1:len(made.Key)-5])
		if _, err := g.expect(ctx, http.StatusOK, http.MethodGet, "/things/1", []string{"X-API-Key: " + made.Key}, ""); err != nil {
			return err
		}
	}
	for range 4 {
		if _, err := g.expect(ctx, http.StatusUnauthorized, http.MethodGet, "/things/1", []string{"X-API-Key: " + s.next("API key that nobody issued")}, ""); err != nil {
			return err
		}
	}
	return nil
}

func (g *gate) tokens(ctx context.Context, s *seeds) error {
	mint := func(claims map[string]any) (string, error) {
		now := time.Now().Unix()
		all := map[string]any{"iss": "https://issuer.example.org", "aud": "https://api.example.org", "sub": "greta", "client_id": "app", "jti": crand.Text(), "iat": now, "exp": now + 600}
		for k, v := range claims {
			all[k] = v
		}
		payload, err := json.Marshal(all)
		if err != nil {
			return "", err
		}
		return g.signer.Sign("at+jwt", payload)
	}
	show := func(door string, want int, claims map[string]any, scheme string, more ...string) (string, error) {
		text, err := mint(claims)
		if err != nil {
			return "", err
		}
		s.add(door, text[strings.LastIndexByte(text, '.')+1:])
		_, err = g.expect(ctx, want, http.MethodGet, "/things/1", append([]string{"Authorization: " + scheme + " " + text}, more...), "")
		return text, err
	}
	for range 4 {
		if _, err := show("access token that works", http.StatusOK, nil, "Bearer"); err != nil {
			return err
		}
	}
	for range 3 {
		text, err := show("access token that is refused", http.StatusUnauthorized, map[string]any{"exp": 1}, "Bearer")
		if err != nil {
			return err
		}
		if _, err := g.yett(ctx, text, "token", "inspect", "-"); err == nil {
			return errors.New("a token that has ended is called good")
		}
	}
	if err := g.bound(ctx, s, mint); err != nil {
		return err
	}
	for range 2 {
		opaque := s.next("opaque token that works")
		g.good[opaque] = true
		if _, err := g.expect(ctx, http.StatusOK, http.MethodGet, "/things/1", []string{"Authorization: Bearer " + opaque}, ""); err != nil {
			return err
		}
	}
	for range 2 {
		if _, err := g.expect(ctx, http.StatusUnauthorized, http.MethodGet, "/things/1", []string{"Authorization: Bearer " + s.next("opaque token that nobody knows")}, ""); err != nil {
			return err
		}
	}
	for _, flag := range []string{"--id", "--subject", "--client"} {
		if _, err := g.yett(ctx, "", "token", "revoke", flag, s.next("name in a revocation")); err != nil {
			return err
		}
	}
	return nil
}

// bound shows a token with a proof.
func (g *gate) bound(ctx context.Context, s *seeds, mint func(map[string]any) (string, error)) error {
	holder, err := jose.GeneratePrivateKey(jose.ES256)
	if err != nil {
		return err
	}
	token, err := mint(map[string]any{"cnf": map[string]string{"jkt": holder.Public().Thumbprint()}})
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(token))
	// A proof from before the start of the gate is not taken, and iat is cut to seconds.
	payload, err := json.Marshal(map[string]any{"jti": crand.Text(), "htm": "GET", "htu": "https://localhost:" + g.addr[strings.LastIndexByte(g.addr, ':')+1:] + "/things/1",
		"iat": time.Now().Unix() + 1, "ath": base64.RawURLEncoding.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	proof, err := holder.SignProof(payload)
	if err != nil {
		return err
	}
	s.add("proof of possession", proof[strings.LastIndexByte(proof, '.')+1:])
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} { // and shown again
		if _, err := g.expect(ctx, want, http.MethodGet, "/things/1", []string{"Authorization: DPoP " + token, "DPoP: " + proof}, ""); err != nil {
			return err
		}
	}
	return nil
}

func basic(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func (g *gate) logins(ctx context.Context, s *seeds) error {
	first, second := s.next("password of a user"), s.next("password of a user")
	if _, err := g.yett(ctx, first, "user", "create", "greta", "--stdin"); err != nil {
		return err
	}
	if _, err := g.expect(ctx, http.StatusOK, http.MethodGet, "/things/1", []string{basic("greta", first)}, ""); err != nil {
		return err
	}
	if _, err := g.yett(ctx, second, "user", "password", "greta", "--stdin"); err != nil {
		return err
	}
	if _, err := g.expect(ctx, http.StatusOK, http.MethodGet, "/things/1", []string{basic("greta", second)}, ""); err != nil {
		return err
	}
	for range 3 {
		if _, err := g.expect(ctx, http.StatusUnauthorized, http.MethodGet, "/things/1", []string{basic("greta", s.next("wrong password"))}, ""); err != nil {
			return err
		}
	}
	return nil
}

// values do not fit the description, or stand where secrets do not belong.
func (g *gate) values(ctx context.Context, s *seeds) error {
	for _, step := range []struct {
		door         string
		want         int
		method, path string
		header, body func(string) string
	}{
		{"value in a body that does not fit", http.StatusUnprocessableEntity, http.MethodPost, "/forms", nil, func(v string) string { return `{"n":"` + v + `"}` }},
		{"password in a body that does not fit", http.StatusUnprocessableEntity, http.MethodPost, "/forms", nil, func(v string) string { return `{"password":"` + v + `"}` }},
		{"undeclared member of a body", http.StatusUnprocessableEntity, http.MethodPost, "/forms", nil, func(v string) string { return `{"other":"` + v + `"}` }},
		{"body that is no JSON", http.StatusBadRequest, http.MethodPost, "/forms", nil, func(v string) string { return `{"n":` + v }},
		{"header that does not fit", http.StatusBadRequest, http.MethodGet, "/open", func(v string) string { return "X-Number: " + v }, nil},
		{"cookie", http.StatusOK, http.MethodGet, "/open", func(v string) string { return "Cookie: session=" + v }, nil},
		{"header of the caller's own", http.StatusOK, http.MethodGet, "/open", func(v string) string { return "X-Secret: " + v }, nil},
	} {
		v := s.next(step.door)
		var header []string
		body := ""
		if step.header != nil {
			header = []string{step.header(v)}
		}
		if step.body != nil {
			body = step.body(v)
		}
		if _, err := g.expect(ctx, step.want, step.method, step.path, header, body); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		door string
		want int
		path string
	}{
		{"query that does not fit", http.StatusBadRequest, "/open?n="},
		{"undeclared query", http.StatusBadRequest, "/open?secret="},
		{"token in the query", http.StatusBadRequest, "/things/1?access_token="},
		{"path of a thing, called by nobody", http.StatusUnauthorized, "/things/"},
		{"undeclared path", http.StatusNotFound, "/nothing/"},
	} {
		if _, err := g.expect(ctx, step.want, http.MethodGet, step.path+url.PathEscape(s.next(step.door)), nil, ""); err != nil {
			return err
		}
	}
	return nil
}

// leaks have the service tell its own secrets; the operator can read them, sealed, and nobody else.
func (g *gate) leaks(ctx context.Context, s *seeds) error {
	for _, form := range []string{"panic: dial postgres://shop:%s@db/shop\ngoroutine 1 [running]:\nmain.main()\n\t/srv/shop/main.go:12", "SELECT * FROM users WHERE token = '%s'", `{"aws_secret":"%s"}`} {
		secret := s.next("secret in a failure of the service")
		g.leak = fmt.Sprintf(form, secret)
		text, err := g.expect(ctx, http.StatusInternalServerError, http.MethodGet, "/fails", nil, "")
		if err != nil {
			return err
		}
		var p struct{ Instance string }
		if err := json.Unmarshal(text, &p); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		out, err := g.yett(ctx, "", "explain", strings.TrimPrefix(p.Instance, "urn:uuid:"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(out), secret) {
			return fmt.Errorf("the operator cannot read the original:\n%s", out)
		}
	}
	return nil
}

// clear sends credentials without TLS.
func (g *gate) clear(ctx context.Context, s *seeds) error {
	for _, h := range []string{"X-API-Key: ", "Authorization: Bearer "} {
		status, text, err := g.do(ctx, http.MethodGet, "http://"+g.addr+"/things/1", []string{h + s.next("credential in clear")}, "")
		if err != nil {
			return err
		}
		if status != http.StatusForbidden {
			return fmt.Errorf("in clear: %d %s", status, text)
		}
	}
	return nil
}
