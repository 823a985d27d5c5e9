// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package https has every connection speak TLS.
//
// It stops reading and changing of traffic on its way (OWASP API8:2023), old protocols and ciphers (RFC 9325), and
// clients that go on sending credentials in clear: such a request is refused, never redirected, so that somebody
// notices. It does not decide who is calling. Without a configured certificate it makes a local root on the first start.
//
// Used alone: OpenLocalCA gives certificates for any tls.Config; Guard.Check is a step; Guard.TLS shapes a tls.Config.
package https

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"yett/exchange"
	"yett/problem"
)

// A Guard refuses requests in clear. It is safe for concurrent use.
type Guard struct {
	publicURL string
	hsts      string
	ca        *LocalCA
}

// New makes a Guard that sends safe requests in clear to publicURL. ca may be nil where the program has certificates of
// its own.
func New(c Config, publicURL string, ca *LocalCA) *Guard {
	return &Guard{publicURL: strings.TrimSuffix(publicURL, "/"), hsts: hsts(c), ca: ca}
}

// TLS sets protocol versions, cipher suites and key exchange as RFC 9325 asks: TLS 1.2 with AEAD and forward secrecy,
// TLS 1.3, and the hybrid post-quantum key exchange first. Early data (0-RTT) is never accepted: crypto/tls has none.
func (g *Guard) TLS(conf *tls.Config) error {
	conf.MinVersion = tls.VersionTLS12
	conf.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	conf.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
	if len(conf.NextProtos) == 0 {
		conf.NextProtos = []string{"h2", "http/1.1"}
	}
	conf.Renegotiation = tls.RenegotiateNever
	if g.ca != nil {
		conf.GetCertificate = g.ca.GetCertificate
	}
	return nil
}

// Handler guards next against requests in clear.
func (g *Guard) Handler(next http.Handler) http.Handler {
	c := &exchange.Chain{Request: []exchange.Link{{Practice: "https", Step: g.Check}}, Header: []func(*exchange.Exchange){g.Header}}
	return c.Handler(next)
}

// Check lets TLS pass. In clear, a safe request without credentials is sent to the secure address; everything else is
// refused, because it has already been read by whoever listens.
func (g *Guard) Check(x *exchange.Exchange) error {
	if x.TLS != nil {
		x.Note(tls.VersionName(x.TLS.Version))
		return nil
	}
	if field := credential(x); field != "" {
		x.Note("leaked credential in " + field)
		return &problem.Error{Status: http.StatusForbidden, Code: "credential_in_clear",
			Detail: "A credential was sent without encryption. It must be considered known to others: replace it, and use https."}
	}
	if m := x.Request.Method; m != http.MethodGet && m != http.MethodHead || g.publicURL == "" {
		return &problem.Error{Status: http.StatusForbidden, Code: "https_required", Detail: "This is offered over https only."}
	}
	target := g.publicURL + x.Request.Path
	if x.Request.Query != "" {
		target += "?" + x.Request.Query
	}
	if !exchange.ValidValue(target) {
		return &problem.Error{Status: http.StatusForbidden, Code: "https_required", Detail: "This is offered over https only."}
	}
	return exchange.Reply(http.StatusPermanentRedirect, []exchange.Field{{Name: "Location", Value: target}}, nil)
}

// Header tells browsers to stay with https (RFC 6797); never in clear, where the field has no meaning.
func (g *Guard) Header(x *exchange.Exchange) {
	if x.TLS != nil && g.hsts != "" {
		x.Answer.Header.Set("Strict-Transport-Security", g.hsts)
	}
}

// credential returns the name of a field or parameter that looks like a credential, "" if there is none. What the
// operation would ask for is not known yet, so names and usual forms decide.
func credential(x *exchange.Exchange) string {
	for _, f := range x.Request.Header.All() {
		switch name := strings.ToLower(f.Name); {
		case name == "cookie", name == "dpop", suspicious(name), credentialForm(f.Value):
			return f.Name
		}
	}
	for pair := range strings.SplitSeq(x.Request.Query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.ToLower(unescaped(name))
		switch {
		case name == "key", name == "sig", name == "code", name == "pwd", name == "sid", suspicious(name), credentialForm(unescaped(value)):
			return "the query"
		}
	}
	return ""
}

// suspicious reports whether a name, in lower case, says that its value is a credential.
func suspicious(name string) bool {
	for _, part := range []string{"auth", "api-key", "api_key", "apikey", "access-key", "access_key", "token", "secret",
		"passw", "session", "signature", "jwt"} {
		if strings.Contains(name, part) {
			return name != "authority" && name != ":authority"
		}
	}
	return false
}

// credentialForm reports whether a value has the form of a credential: our own key, a bearer or basic one, a JWT.
func credentialForm(value string) bool {
	if strings.HasPrefix(value, "yett_") || strings.HasPrefix(value, "eyJ") {
		return true
	}
	scheme, rest, ok := strings.Cut(value, " ")
	return ok && rest != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic"))
}

// unescaped reads a part of a query as its receiver would; what cannot be read stays as it is.
func unescaped(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}
