// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/identity"
)

// certificate is one as the handshake leaves it; only its names count here.
func certificate(raw, common string, dns []string, uris ...string) *x509.Certificate {
	c := &x509.Certificate{Raw: []byte(raw), Subject: pkix.Name{CommonName: common}, DNSNames: dns}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		if err != nil {
			panic(err)
		}
		c.URIs = append(c.URIs, parsed)
	}
	return c
}

func fingerprint(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return hex.EncodeToString(sum[:])
}

func TestWhoHoldsACertificate(t *testing.T) {
	listed := []CertificateConfig{
		{SAN: "spiffe://example.org/till", Client: "till", Scopes: []string{"orders:write", "orders:read"}},
		{SAN: "nord.example.org", Client: "nord"},
		{Fingerprint: strings.ToUpper(fingerprint("pinned")), Client: "pinned"},
	}
	for _, tt := range []struct {
		name   string
		listed []CertificateConfig
		cert   *x509.Certificate
		client string // "": nobody
	}{
		{"a listed URI", listed, certificate("a", "", nil, "spiffe://example.org/till"), "till"},
		{"a listed name beside others", listed, certificate("a", "", []string{"x.example.org", "nord.example.org"}), "nord"},
		{"a listed fingerprint", listed, certificate("pinned", "anything", nil), "pinned"},
		{"a name that is not listed", listed, certificate("a", "", []string{"south.example.org"}), ""},
		{"a listed name as common name only, beside another", listed, certificate("a", "nord.example.org", []string{"x.example.org"}), ""},
		{"a name that begins alike", listed, certificate("a", "", []string{"nord.example.org.attacker.example.org"}), ""},
		{"without a list, the first name", nil, certificate("a", "common", []string{"nord.example.org"}, "spiffe://example.org/a"), "spiffe://example.org/a"},
		{"without a list and names, the common name", nil, certificate("a", "common", nil), "common"},
		{"without any name", nil, certificate("a", "", nil), ""},
		{"a common name that would break a line", nil, certificate("a", "a\nb", nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHolders(tt.listed)
			got := h.of(tt.cert)
			if (got == nil) != (tt.client == "") || got != nil && (got.Client != tt.client || got.Issuer != "certificate") {
				t.Fatalf("got %+v, want %q", got, tt.client)
			}
			if again := h.of(tt.cert); again != got {
				t.Error("the same certificate is another caller the next time")
			}
			if tt.client == "till" && (!got.Holds("orders:read") || got.Holds("orders")) {
				t.Errorf("its scopes: %v", got.Scopes)
			}
			if tt.listed == nil && got != nil && len(got.Scopes) > 0 {
				t.Errorf("one that nobody listed holds %v", got.Scopes)
			}
		})
	}
}

// Anybody can show a certificate; only one that the handshake verified counts, and only where it is declared.
func TestOnlyAVerifiedCertificateCounts(t *testing.T) {
	leaf := certificate("a", "", []string{"nord.example.org"})
	a := office(t)
	for _, tt := range []struct {
		name, path string
		tls        *tls.ConnectionState
		status     int
		client     string
	}{
		{"verified", "/certificate", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}, 200, "nord.example.org"},
		{"shown only", "/certificate", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, 401, ""},
		{"none", "/certificate", &tls.ConnectionState{}, 401, ""},
		{"in clear", "/certificate", nil, 401, ""},
		{"verified, where a key is asked for", "/key", &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}, 401, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := New(Config{}, Options{API: a})
			handshake := func(x *exchange.Exchange) error { x.TLS = tt.tls; return nil }
			got, up := ask(t, tt.path, nil, route(t, a), handshake, g.Check)
			if got.status != tt.status || up.header.Get("X-Yett-Client") != tt.client {
				t.Errorf("got %d, %q; want %d, %q", got.status, up.header.Get("X-Yett-Client"), tt.status, tt.client)
			}
		})
	}
}

func TestCertificatesThatMakeNoSenseAreRefusedAtLoad(t *testing.T) {
	for name, c := range map[string]CertificateConfig{
		"neither san nor fingerprint": {Client: "a"},
		"both":                        {Client: "a", SAN: "a", Fingerprint: fingerprint("a")},
		"no client":                   {SAN: "a"},
		"a short fingerprint":         {Client: "a", Fingerprint: "abcd"},
		"a scope with a blank":        {Client: "a", SAN: "a", Scopes: []string{"a b"}},
	} {
		if err := (Config{Realm: DefaultRealm, Certificates: []CertificateConfig{c}}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "certificates[0]: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A key and a token at once: the program is the key's, the person the token's, in whichever order.
func TestTwoCredentialsAreOneCaller(t *testing.T) {
	key := &identity.Caller{Subject: "till", Client: "till", Key: "k1", Issuer: "yett", Scopes: []string{"a"}}
	token := &identity.Caller{Subject: "greta", Client: "app", Issuer: "https://issuer.example.org", Scopes: []string{"b"}}
	use := func(name string, kind api.Kind, scopes ...string) api.Use {
		return api.Use{Scheme: &api.Scheme{Name: name, Kind: kind}, Scopes: scopes}
	}
	have := []identity.Credential{{Scheme: "key", Caller: key}, {Scheme: "token", Caller: token}}
	for _, tt := range []struct {
		name    string
		req     api.Requirement
		missing string
		want    *identity.Caller
	}{
		{"key, then token", api.Requirement{use("key", api.APIKey, "a"), use("token", api.Bearer, "b")}, "", &identity.Caller{Subject: "greta", Client: "till", Key: "k1"}},
		{"token, then key", api.Requirement{use("token", api.Bearer, "b"), use("key", api.APIKey, "a")}, "", &identity.Caller{Subject: "greta", Client: "till", Key: "k1"}},
		{"a scope that only the other one holds", api.Requirement{use("key", api.APIKey, "b"), use("token", api.Bearer, "b")}, "b", nil},
		{"one that is not there", api.Requirement{use("key", api.APIKey), use("login", api.Basic)}, "", nil},
		{"the key alone", api.Requirement{use("key", api.APIKey)}, "", key},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, missing := met(tt.req, have)
			if missing != tt.missing || (got == nil) != (tt.want == nil) {
				t.Fatalf("got %+v, %q", got, missing)
			}
			if got != nil && (got.Subject != tt.want.Subject || got.Client != tt.want.Client || got.Key != tt.want.Key) {
				t.Errorf("got %+v", got)
			}
			if got != nil && got != key && got.Holds("a") {
				t.Error("the upstream is told that the person holds what the key holds")
			}
		})
	}
	if key.Subject != "till" || token.Key != "" {
		t.Error("a caller that others share was changed")
	}
}
