// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package https has every connection speak TLS.
//
// It stops reading and changing of traffic on its way (OWASP API8:2023), old protocols and ciphers (RFC 9325), and
// clients that go on sending credentials in clear: such a request is refused, never redirected, so that somebody
// notices. Certificates come from files, which may be replaced while they are in use, or from a local root that is made
// on the first start. It does not decide who is calling, not even by a client certificate: that says only who may connect.
//
// Used alone: Guard.TLS shapes a tls.Config and Guard.Check is a step; OpenLocalCA gives certificates for any tls.Config;
// NewUpstream gives the tls.Config for calls to a service.
package https

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"yett/alert"
	"yett/exchange"
	"yett/problem"
)

// A Guard has connections speak TLS, and refuses requests in clear. It is safe for concurrent use.
type Guard struct {
	publicURL string
	hsts      string
	local     *LocalCA
	certs     []*certificate
	clients   *clients // nil: nobody is asked for a certificate
	keep      *keeper
}

// Options are what a program gives a Guard. The zero Options work.
type Options struct {
	PublicURL string           // where safe requests in clear are sent; "": they are refused
	Local     *LocalCA         // certificates for names that no configured certificate has; nil: none
	Now       func() time.Time // default: time.Now
	Alerts    *alert.Board     // default: nobody is told
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// New reads the files that c names; its error names the file that is wrong. With neither certificates in c nor a local
// root in o, the program sets those of its tls.Config itself.
func New(c Config, o Options) (*Guard, error) {
	g := &Guard{publicURL: strings.TrimSuffix(o.PublicURL, "/"), hsts: hsts(c), local: o.Local, keep: newKeeper(o)}
	for _, p := range c.pairs() {
		own := &certificate{pair: p}
		if err := g.keep.add(own); err != nil {
			return nil, err
		}
		g.certs = append(g.certs, own)
	}
	if auth := c.clientAuth(); auth != tls.NoClientCert {
		g.clients = &clients{ca: c.ClientCA, crl: c.CRL, auth: auth, now: o.now}
		if err := g.keep.add(g.clients); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Run replaces certificates and lists whose files have changed until ctx ends. No connection is dropped: what is open
// stays, and the next handshake uses the new. What cannot be used is not taken, and an alert says so.
func (g *Guard) Run(ctx context.Context) error { return g.keep.run(ctx) }

// TLS sets protocol versions, cipher suites and key exchange as RFC 9325 asks: TLS 1.2 with AEAD and forward secrecy,
// TLS 1.3, and the hybrid post-quantum key exchange first. Early data (0-RTT) is never accepted: crypto/tls has none.
func (g *Guard) TLS(conf *tls.Config) error {
	conf.MinVersion = tls.VersionTLS12
	conf.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	conf.CurvePreferences = curves()
	if len(conf.NextProtos) == 0 {
		conf.NextProtos = []string{"h2", "http/1.1"}
	}
	conf.Renegotiation = tls.RenegotiateNever
	if g.local != nil || len(g.certs) > 0 {
		conf.GetCertificate = g.GetCertificate
	}
	if g.clients != nil {
		conf.GetConfigForClient = g.withClients(conf.Clone())
	}
	return nil
}

func curves() []tls.CurveID {
	return []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
}

// withClients asks clients for certificates by what holds at the time of the handshake. The configuration for it is
// made once for each change of the files; session tickets are sealed with the keys of the outer one all the time.
func (g *Guard) withClients(base *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	type shaped struct {
		of   *trust
		conf *tls.Config
	}
	var last atomic.Pointer[shaped]
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		t := g.clients.current.Load()
		s := last.Load()
		if s == nil || s.of != t {
			s = &shaped{t, g.clients.shape(base, t)}
			last.Store(s)
		}
		return s.conf, nil
	}
}

// GetCertificate returns the certificate for the name that the client calls, for tls.Config: a configured one that has
// the name, else that of the local root if it has it, else the first configured one.
func (g *Guard) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := calledAs(hello)
	if c := choose(g.certs, hello, name); c != nil {
		return c, nil
	}
	if g.local != nil && (len(g.certs) == 0 || g.local.has(name)) {
		return g.local.GetCertificate(hello)
	}
	if len(g.certs) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return g.certs[0].current.Load(), nil
}

// Handler guards next against requests in clear.
func (g *Guard) Handler(next http.Handler) http.Handler {
	c := &exchange.Chain{Request: []exchange.Link{{Practice: "https", Step: g.Check}}, Header: []func(*exchange.Exchange){g.Header}}
	return c.Handler(next)
}

// Check lets TLS pass where the connection is meant for the host that is called. In clear, a safe request without
// credentials is sent to the secure address; everything else is refused, because it has already been read by whoever
// listens.
func (g *Guard) Check(x *exchange.Exchange) error {
	if x.TLS != nil {
		x.Note(tls.VersionName(x.TLS.Version))
		return g.secure(x)
	}
	if field := credential(x); field != "" {
		x.Note("leaked credential: " + field)
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

// secure judges a request over TLS. A connection may be used for other hosts of the same certificate (RFC 9113 section
// 9.1.1), or be led to us by somebody on the way; a request for another host than the handshake named is sent back to
// connect anew (RFC 9110 section 15.5.20). And it may be older than what is now known of the client's certificate.
func (g *Guard) secure(x *exchange.Exchange) error {
	if name := x.TLS.ServerName; name != "" && !strings.EqualFold(name, strings.TrimSuffix(x.Request.Host, ".")) {
		x.Note("handshake for another host: " + name)
		return &problem.Error{Status: http.StatusMisdirectedRequest, Code: "misdirected_request",
			Detail: "This connection was opened for another host. Open one for the host that is called."}
	}
	if g.clients == nil {
		return nil
	}
	if err := g.clients.verify(x.TLS); err != nil {
		return &problem.Error{Status: http.StatusForbidden, Code: "certificate_refused",
			Detail: "A client certificate is needed that is known here and was not revoked.", Cause: err}
	}
	return nil
}

// Header tells browsers to stay with https (RFC 6797); never in clear, where the field has no meaning.
func (g *Guard) Header(x *exchange.Exchange) {
	if x.TLS != nil && g.hsts != "" {
		x.Answer.Header.Set("Strict-Transport-Security", g.hsts)
	}
}
