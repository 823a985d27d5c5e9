// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"strings"
	"testing"
	"time"

	"yett/practice"
)

func TestConfigurations(t *testing.T) {
	asked := &IntrospectionConfig{URL: "https://id.example.org/introspect", ClientID: "gateway", ClientSecret: practice.SecretEnv("SECRET")}
	for _, tt := range []struct {
		name   string
		change func(*Config, *IssuerConfig)
		want   string // part of the error; "" takes it
	}{
		{"an issuer and an audience", func(*Config, *IssuerConfig) {}, ""},
		{"no issuers", func(c *Config, _ *IssuerConfig) { c.Issuers = nil }, ""},
		{"an issuer in clear on this machine", func(_ *Config, i *IssuerConfig) { i.Issuer = "http://127.0.0.1:8080/realm" }, ""},
		{"an issuer in clear on this machine by IPv6", func(_ *Config, i *IssuerConfig) { i.Issuer = "http://[::1]:8080" }, ""},
		{"introspection", func(_ *Config, i *IssuerConfig) { i.Introspection = asked }, ""},
		{"introspection for any audience", func(_ *Config, i *IssuerConfig) {
			i.Introspection, i.Audience, i.InsecureAnyAudience = asked, nil, "it answers only for us"
		}, ""},
		{"no leeway", func(_ *Config, i *IssuerConfig) { i.Leeway = new(time.Duration) }, ""},

		{"no name", func(_ *Config, i *IssuerConfig) { i.Issuer = "" }, "issuers[0].issuer: names nobody"},
		{"a name that is no address", func(_ *Config, i *IssuerConfig) { i.Issuer = "example" }, "issuers[0].issuer: \"example\" is not an address"},
		{"in clear", func(_ *Config, i *IssuerConfig) { i.Issuer = "http://id.example.org" }, "is in clear"},
		{"in clear at a name like ours", func(_ *Config, i *IssuerConfig) { i.Issuer = "http://localhost.example.org" }, "is in clear"},
		{"a password", func(_ *Config, i *IssuerConfig) { i.Issuer = "https://ines:hunter2@id.example.org" }, "holds a user or password"},
		{"a fragment", func(_ *Config, i *IssuerConfig) { i.Issuer = "https://id.example.org#x" }, "has a fragment"},
		{"a query", func(_ *Config, i *IssuerConfig) { i.Issuer = "https://id.example.org?x" }, "has a query"},
		{"a file", func(_ *Config, i *IssuerConfig) { i.JWKSURL = "file:///etc/keys" }, "issuers[0].jwks_url"},
		{"discovery in clear", func(_ *Config, i *IssuerConfig) { i.Discovery = "http://id.example.org/x" }, "issuers[0].discovery"},
		{"two sources", func(_ *Config, i *IssuerConfig) { i.JWKSURL, i.JWKSFile = "https://id.example.org/keys", "keys.json" }, "more than one source"},
		{"no audience", func(_ *Config, i *IssuerConfig) { i.Audience = nil }, "issuers[0].audience: is missing"},
		{"an empty audience", func(_ *Config, i *IssuerConfig) { i.Audience = []string{"x", ""} }, "audience[1]: is empty"},
		{"any audience of signed tokens", func(_ *Config, i *IssuerConfig) { i.Audience, i.InsecureAnyAudience = nil, "why not" }, "only an introspection"},
		{"any audience without a reason", func(_ *Config, i *IssuerConfig) {
			i.Introspection, i.Audience, i.InsecureAnyAudience = asked, nil, " "
		}, "gives no reason"},
		{"any audience and one", func(_ *Config, i *IssuerConfig) { i.Introspection, i.InsecureAnyAudience = asked, "reason" }, "contradicts audience"},
		{"a shared secret", func(_ *Config, i *IssuerConfig) { i.Algorithms = []string{"ES256", "HS256"} }, "algorithms[1]: \"HS256\" is not an algorithm for access tokens; whoever checks"},
		{"none", func(_ *Config, i *IssuerConfig) { i.Algorithms = []string{"none"} }, "signed by nobody"},
		{"lower case", func(_ *Config, i *IssuerConfig) { i.Algorithms = []string{"es256"} }, "did you mean ES256?"},
		{"a type of its own", func(_ *Config, i *IssuerConfig) { i.Typ = "id_token" }, "issuers[0].typ"},
		{"a leeway of two minutes", func(_ *Config, i *IssuerConfig) { d := 2 * time.Minute; i.Leeway = &d }, "issuers[0].leeway"},
		{"an age of two years", func(_ *Config, i *IssuerConfig) { i.MaxAge = 2 * 365 * 24 * time.Hour }, "issuers[0].max_age"},
		{"proofs perhaps", func(_ *Config, i *IssuerConfig) { i.DPoP = "yes" }, "issuers[0].dpop"},
		{"a scheme without a name", func(_ *Config, i *IssuerConfig) { i.Schemes = []string{""} }, "issuers[0].schemes[0]"},
		{"introspection without a name", func(_ *Config, i *IssuerConfig) {
			i.Introspection = &IntrospectionConfig{URL: asked.URL, ClientSecret: asked.ClientSecret}
		}, "introspection.client_id"},
		{"introspection without a secret", func(_ *Config, i *IssuerConfig) {
			i.Introspection = &IntrospectionConfig{URL: asked.URL, ClientID: "gateway"}
		}, "introspection.client_secret"},
		{"introspection in clear", func(_ *Config, i *IssuerConfig) {
			i.Introspection = &IntrospectionConfig{URL: "http://id.example.org/introspect", ClientID: "gateway", ClientSecret: asked.ClientSecret}
		}, "introspection.url"},
		{"the same issuer twice", func(c *Config, i *IssuerConfig) { c.Issuers = append(c.Issuers, *i) }, "issuers[1].issuer: \"https://id.example.org\" stands in issuers[0]"},
		{"a cool-down of nothing", func(c *Config, _ *IssuerConfig) { c.JWKSCooldown = time.Millisecond }, "jwks_cooldown"},
		{"a budget of an hour", func(c *Config, _ *IssuerConfig) { c.Budget = time.Hour }, "budget"},
		{"answers for a minute", func(c *Config, _ *IssuerConfig) { c.IntrospectionCache = time.Minute }, "introspection_cache"},
		{"all tokens", func(c *Config, _ *IssuerConfig) { c.CacheTokens = 1 << 30 }, "cache_tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := defaults()
			c.Issuers = []IssuerConfig{{Issuer: "https://id.example.org", Audience: []string{"api"}}}
			tt.change(&c, &c.Issuers[0])
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct{ publicURL, hosts, want string }{
		{"", "a.example.org", ""},
		{"https://api.example.org/base", "", "https://api.example.org"},
		{"https://api.example.org:8443", "a.example.org", "https://api.example.org:8443 https://a.example.org:8443"},
		{"https://api.example.org", "api.example.org b.example.org", "https://api.example.org https://b.example.org"},
	} {
		if got := strings.Join(originsOf(tt.publicURL, strings.Fields(tt.hosts)), " "); got != tt.want {
			t.Errorf("%q and %q: got %q, want %q", tt.publicURL, tt.hosts, got, tt.want)
		}
	}
}
