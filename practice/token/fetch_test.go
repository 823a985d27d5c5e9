// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDiscovery(t *testing.T) {
	keys := newTestIssuer(t)
	for _, tt := range []struct {
		name, path string // of the issuer
		answers    map[string]string
		explicit   string
		status     int
		cause      string
	}{
		{"OpenID Connect", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"KEYS"}`}, "", 204, ""},
		{"below a path", "/realm", map[string]string{"/realm/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"KEYS"}`}, "", 204, ""},
		{"RFC 8414", "", map[string]string{"/.well-known/oauth-authorization-server": `{"issuer":"ISSUER","jwks_uri":"KEYS"}`}, "", 204, ""},
		{"RFC 8414 below a path", "/realm", map[string]string{"/.well-known/oauth-authorization-server/realm": `{"issuer":"ISSUER","jwks_uri":"KEYS"}`}, "", 204, ""},
		{"a place of its own", "", map[string]string{"/here": `{"issuer":"ISSUER","jwks_uri":"KEYS"}`}, "/here", 204, ""},
		{"the metadata of another issuer", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"https://evil.example.org","jwks_uri":"KEYS"}`}, "", 503, "metadata of"},
		{"keys in clear", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"http://192.0.2.1/keys"}`}, "", 503, "in clear"},
		{"keys in a file", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"file:///etc/passwd"}`}, "", 503, "not an address"},
		{"no keys", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISSUER"}`}, "", 503, "jwks_uri"},
		{"two answers to one question", "", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"KEYS","jwks_uri":"KEYS"}`}, "", 503, ""},
		{"nothing", "", nil, "", 503, "status 404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var issuer string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, ok := tt.answers[r.URL.Path]
				if !ok {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(strings.NewReplacer("ISSUER", issuer, "KEYS", keys.URL+"/keys").Replace(body)))
			}))
			defer s.Close()
			issuer = s.URL + tt.path
			c := IssuerConfig{Issuer: issuer, Audience: []string{audience}}
			if tt.explicit != "" {
				c.Discovery = s.URL + tt.explicit
			}
			tokens := newTokens(t, Config{Issuers: []IssuerConfig{c}})
			v := show(t, tokens, keys.token(keys.signers[0], nil, with{"iss": issuer}))
			if v.status != tt.status || !strings.Contains(v.cause, tt.cause) {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestIssuersAreCalledOverTrustedTLS(t *testing.T) {
	is := newTestIssuer(t)
	s := httptest.NewUnstartedServer(is)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ca string
		status   int
	}{
		{"an authority that nobody knows", "", 503},
		{"the operator's own authority", ca, 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := IssuerConfig{Issuer: is.URL, Audience: []string{audience}, JWKSURL: s.URL + "/keys", CA: tt.ca}
			if v := show(t, newTokens(t, Config{Issuers: []IssuerConfig{c}}), is.token(is.signers[0], nil, nil)); v.status != tt.status {
				t.Errorf("got %+v", v)
			}
		})
	}
	if err := os.WriteFile(ca, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := IssuerConfig{Issuer: is.URL, Audience: []string{audience}, CA: ca}
	if _, err := New(Config{Issuers: []IssuerConfig{c}}, Options{}); err == nil || !strings.Contains(err.Error(), "issuers[0].ca") {
		t.Errorf("got %v", err)
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:9")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:9")
	c, err := newClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("there is one")
	}
}

func TestCaching(t *testing.T) {
	for field, want := range map[string]time.Duration{
		"":                         10 * time.Minute,
		"max-age=300":              5 * time.Minute,
		"public, MAX-AGE=60":       time.Minute,
		"no-store":                 0,
		"max-age=-1":               10 * time.Minute,
		"max-age=9999999999999999": 10 * time.Minute,
		`max-age="120"`:            2 * time.Minute,
	} {
		if got := keepFor(field); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}
