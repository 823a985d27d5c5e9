// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"yett/jose"
	"yett/practice"
)

// Config is what an operator may write under token. Without issuers the practice knows no token and looks at none.
type Config struct {
	// Issuers whose tokens are believed here. A list at an API or an operation stands in the place of the one above it.
	Issuers []IssuerConfig `yaml:"issuers"`
	// JWKSCooldown is the least time between two fetches of the same keys.
	JWKSCooldown time.Duration `yaml:"jwks_cooldown" config:"gateway"`
	// Budget is the longest wait of a request for an issuer.
	Budget time.Duration `yaml:"budget" config:"gateway"`
	// IntrospectionCache is how long an answer of an introspection is believed, at most 10s.
	IntrospectionCache time.Duration `yaml:"introspection_cache" config:"gateway"`
	// CacheTokens is how many verified tokens are remembered. Their claims are, never that they were good.
	CacheTokens int `yaml:"cache_tokens" config:"gateway"`
}

// IssuerConfig is one issuer as one place trusts it. At most one of JWKSURL, JWKSFile, Discovery and Introspection is
// given; with none, the keys are found through the issuer's own metadata.
type IssuerConfig struct {
	// Issuer is compared with iss, byte for byte (RFC 7519 section 4.1.1).
	Issuer string `yaml:"issuer"`
	// Audience lists the names of this API: a token must hold one of them in aud, byte for byte.
	Audience []string `yaml:"audience"`
	// JWKSURL is where the issuer publishes its keys (RFC 7517).
	JWKSURL string `yaml:"jwks_url"`
	// JWKSFile holds the keys instead; it is read again when it changes.
	JWKSFile string `yaml:"jwks_file" config:"file"`
	// Discovery is the address of the issuer's metadata (OpenID Connect Discovery, RFC 8414).
	Discovery string `yaml:"discovery"`
	// Introspection has the issuer asked about every token (RFC 7662).
	Introspection *IntrospectionConfig `yaml:"introspection"`
	// CA holds the authorities of the issuer's own certificate, as PEM. Default: those of the system.
	CA string `yaml:"ca" config:"file"`
	// Algorithms that the issuer may sign with. Default: all of package jose, none of which shares a secret.
	Algorithms []string `yaml:"algorithms"`
	// Typ is at+jwt (RFC 9068), or JWT for an issuer that marks its access tokens less clearly, or not at all.
	Typ string `yaml:"typ"`
	// MaxAge is how long ago a token may have been issued, 24h by default. Where it does not say when, it is how far off
	// its end may be.
	MaxAge time.Duration `yaml:"max_age"`
	// Leeway is how far the issuer's clock may be off, 60s by default and at most.
	Leeway *time.Duration `yaml:"leeway"`
	// ScopesClaim holds the scopes. Default: scope, else scp.
	ScopesClaim string `yaml:"scopes_claim"`
	// ClientClaim names the client. Default: client_id, else azp.
	ClientClaim string `yaml:"client_claim"`
	// Schemes of the description that the issuer's tokens serve. Default: each that takes bearer tokens.
	Schemes []string `yaml:"schemes"`
	// DPoP is required, or optional, where a token that is bound to a key needs a proof all the same.
	DPoP string `yaml:"dpop"`
	// InsecureAnyAudience admits introspected tokens whatever their audience, for the reason given.
	InsecureAnyAudience string `yaml:"insecure_any_audience"`
}

// IntrospectionConfig is how the issuer is asked (RFC 7662 section 2.1).
type IntrospectionConfig struct {
	URL          string          `yaml:"url"`
	ClientID     string          `yaml:"client_id"`
	ClientSecret practice.Secret `yaml:"client_secret"`
}

const (
	maxLeeway    = time.Minute
	defaultAge   = 24 * time.Hour
	maxAge       = 365 * 24 * time.Hour
	maxIssuers   = 100
	maxAnswerAge = 10 * time.Second
)

func defaults() Config {
	return Config{JWKSCooldown: 10 * time.Second, Budget: 2 * time.Second, IntrospectionCache: maxAnswerAge, CacheTokens: 20_000}
}

// Validate reports what is wrong with c. It does no I/O.
func (c Config) Validate() error {
	for _, l := range []struct {
		key             string
		got, least, top time.Duration
		try             string
	}{
		{"jwks_cooldown", c.JWKSCooldown, time.Second, 10 * time.Minute, "10s"},
		{"budget", c.Budget, 10 * time.Millisecond, 30 * time.Second, "2s"},
		{"introspection_cache", c.IntrospectionCache, 0, maxAnswerAge, "10s"},
	} {
		if l.got < l.least || l.got > l.top {
			return fmt.Errorf("%s: %v is not within %v and %v (try %s)", l.key, l.got, l.least, l.top, l.try)
		}
	}
	if c.CacheTokens < 0 || c.CacheTokens > 1_000_000 {
		return fmt.Errorf("cache_tokens: %d is not within 0 and 1000000 (try 20000)", c.CacheTokens)
	}
	if len(c.Issuers) > maxIssuers {
		return fmt.Errorf("issuers: %d of them (at most %d)", len(c.Issuers), maxIssuers)
	}
	for i, is := range c.Issuers {
		if err := is.validate(); err != nil {
			return fmt.Errorf("issuers[%d].%w", i, err)
		}
		if first := slices.IndexFunc(c.Issuers, func(o IssuerConfig) bool { return o.Issuer == is.Issuer }); first < i {
			return fmt.Errorf("issuers[%d].issuer: %q stands in issuers[%d] already (one entry may hold several audiences)", i, is.Issuer, first)
		}
	}
	return nil
}

func (c IssuerConfig) validate() error {
	if c.Issuer == "" {
		return errors.New("issuer: names nobody (write the iss of its tokens: issuer: https://id.example.org)")
	}
	if err := checkURL(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if strings.ContainsAny(c.Issuer, "?") {
		return fmt.Errorf("issuer: %.200q has a query (RFC 8414 section 2)", c.Issuer)
	}
	if err := c.validateSource(); err != nil {
		return err
	}
	if err := c.validateAudience(); err != nil {
		return err
	}
	for i, a := range c.Algorithms {
		if !jose.Algorithm(a).Valid() {
			return fmt.Errorf("algorithms[%d]: %.40q is not an algorithm for access tokens%s", i, a, algorithmHint(a))
		}
	}
	return c.validateRules()
}

// validateSource judges where keys and answers come from.
func (c IssuerConfig) validateSource() error {
	given := 0
	for _, s := range []struct{ key, url string }{{"jwks_url", c.JWKSURL}, {"discovery", c.Discovery}} {
		if s.url == "" {
			continue
		}
		given++
		if err := checkURL(s.url); err != nil {
			return fmt.Errorf("%s: %w", s.key, err)
		}
	}
	if c.JWKSFile != "" {
		given++
	}
	if in := c.Introspection; in != nil {
		given++
		if err := checkURL(in.URL); err != nil {
			return fmt.Errorf("introspection.url: %w", err)
		}
		if in.ClientID == "" {
			return errors.New("introspection.client_id: is missing (whoever asks about tokens must say who it is, RFC 7662 section 2.1)")
		}
		if in.ClientSecret.IsZero() {
			return errors.New("introspection.client_secret: is missing (use {file: …} or {env: …})")
		}
	}
	if given > 1 {
		return errors.New("issuer: has more than one source of keys (keep one of jwks_url, jwks_file, discovery and introspection)")
	}
	return nil
}

func (c IssuerConfig) validateAudience() error {
	if c.InsecureAnyAudience != "" {
		switch {
		case strings.TrimSpace(c.InsecureAnyAudience) == "":
			return errors.New("insecure_any_audience: gives no reason (write why the issuer's tokens have no audience)")
		case c.Introspection == nil:
			return errors.New("insecure_any_audience: only an introspection may go without (write audience: [the name of this API])")
		case len(c.Audience) > 0:
			return errors.New("insecure_any_audience: contradicts audience (keep one)")
		}
		return nil
	}
	if len(c.Audience) == 0 {
		return errors.New("audience: is missing; tokens for other APIs of the issuer would be good here (write audience: [the name of this API])")
	}
	if i := slices.Index(c.Audience, ""); i >= 0 {
		return fmt.Errorf("audience[%d]: is empty", i)
	}
	return nil
}

func (c IssuerConfig) validateRules() error {
	switch c.Typ {
	case "", "at+jwt", "JWT":
	default:
		return fmt.Errorf("typ: %.40q is not at+jwt or JWT (JWT admits tokens that say no more than that)", c.Typ)
	}
	switch c.DPoP {
	case "", "required", "optional":
	default:
		return fmt.Errorf("dpop: %.40q is not required or optional", c.DPoP)
	}
	if c.MaxAge < 0 || c.MaxAge > maxAge {
		return fmt.Errorf("max_age: %v is not within 0 and 365d (try 24h)", c.MaxAge)
	}
	if c.Leeway != nil && (*c.Leeway < 0 || *c.Leeway > maxLeeway) {
		return fmt.Errorf("leeway: %v is not within 0 and 60s (set the clocks right)", *c.Leeway)
	}
	for i, s := range c.Schemes {
		if s == "" {
			return fmt.Errorf("schemes[%d]: is empty", i)
		}
	}
	return nil
}

func algorithmHint(a string) string {
	switch {
	case strings.HasPrefix(strings.ToUpper(a), "HS"):
		return "; whoever checks a shared secret can also sign with it (have the issuer sign with ES256)"
	case strings.EqualFold(a, "none"):
		return " (such a token is signed by nobody)"
	case jose.Algorithm(strings.ToUpper(a)).Valid():
		return " (did you mean " + strings.ToUpper(a) + "?)"
	}
	return " (try ES256)"
}

// checkURL admits https, and http where nobody but this machine listens to what is said.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is missing")
	case err != nil || u.Opaque != "" || u.Host == "" || u.Hostname() == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%.200q is not an address (try https://id.example.org)", text)
	case u.User != nil:
		return errors.New("holds a user or password (take them out; they would stand in every log)")
	case strings.Contains(text, "#"):
		return fmt.Errorf("%.200q has a fragment", text)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("%.200q is in clear: whoever is on the way could give keys of his own (use https)", text)
	}
	return fmt.Errorf("%.200q is neither https nor http (try https://id.example.org)", text)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// withDefaults puts the defaults in the place of what a program left out.
func (c Config) withDefaults() Config {
	d := defaults()
	c.JWKSCooldown = cmp.Or(c.JWKSCooldown, d.JWKSCooldown)
	c.Budget = cmp.Or(c.Budget, d.Budget)
	c.IntrospectionCache = cmp.Or(c.IntrospectionCache, d.IntrospectionCache)
	c.CacheTokens = cmp.Or(c.CacheTokens, d.CacheTokens)
	return c
}
