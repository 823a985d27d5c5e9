// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"yett/practice"
)

func (g *Guard) checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "https/credential-in-clear",
			Asks:  "Is a credential in clear refused and not redirected?",
			Cites: []string{"OWASP API8:2023", "RFC 9325 section 3.2"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/", InClear: true,
					Header: [][2]string{{"X-API-Key", "not-a-key"}}})
				if err != nil {
					return practice.CouldNotTell(err)
				}
				return practice.Expect(res, http.StatusForbidden).Or("let nothing stand before the TLS port that accepts clear text")
			},
		},
		{
			ID:    "https/redirect",
			Asks:  "Is a request in clear without credentials sent to https?",
			Cites: []string{"RFC 6797 section 7.2"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/", InClear: true})
				if err != nil {
					return practice.CouldNotTell(err)
				}
				return practice.Expect(res, http.StatusPermanentRedirect).Or("set public_url to the address that clients use")
			},
		},
		{
			ID:    "https/old-protocols",
			Asks:  "Do handshakes fail that offer only TLS 1.1, or no forward secrecy?",
			Cites: []string{"OWASP API8:2023", "RFC 9325 section 3.1.1"},
			Run:   func(ctx context.Context, _ practice.Target) practice.Finding { return g.oldProtocols(ctx) },
		},
		{
			ID:    "https/certificates",
			Asks:  "Are the certificates in use those in the files, and will they last?",
			Cites: []string{"RFC 9325 section 4.5", "RFC 5280 section 4.1.2.5"},
			Run:   func(context.Context, practice.Target) practice.Finding { return g.lasting(g.keep.options.now()) },
		},
		{
			ID:    "https/client-certificates",
			Asks:  "Is a client without a certificate kept out where one is required?",
			Cites: []string{"RFC 8446 section 4.4.2.4"},
			Run: func(ctx context.Context, _ practice.Target) practice.Finding {
				if g.clients == nil {
					return practice.None("clients are not asked for certificates")
				}
				if g.clients.auth != tls.RequireAndVerifyClientCert {
					return practice.None("client certificates are optional")
				}
				return g.refuses(ctx, "a client without a certificate", &tls.Config{MinVersion: tls.VersionTLS12})
			},
		},
	}
}

// oldProtocols offers what nobody should take any more.
func (g *Guard) oldProtocols(ctx context.Context) practice.Finding {
	var all practice.Finding
	for _, offer := range []struct {
		what string
		conf *tls.Config
	}{
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}, // #nosec G402 -- it must fail
		{"TLS 1.2 without forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}}}, // #nosec G402 -- it must fail
	} {
		f := g.refuses(ctx, offer.what, offer.conf)
		all.Evidence = append(all.Evidence, f.Evidence...)
		if f.Verdict != practice.Effective {
			f.Evidence = all.Evidence
			return f
		}
	}
	all.Verdict, all.Summary = practice.Effective, "2 of 2 outdated offers were refused in a handshake with the configuration in use"
	return all
}

// refuses shakes hands as a client of conf, with the configuration in use, over a pipe.
func (g *Guard) refuses(ctx context.Context, what string, conf *tls.Config) practice.Finding {
	conf = conf.Clone()
	conf.InsecureSkipVerify = true // #nosec G402 -- nothing is sent, and whose certificate it is does not matter
	served := &tls.Config{MinVersion: tls.VersionTLS12}
	err := g.TLS(served)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	if err = shake(ctx, served, conf); err == nil {
		return practice.Finding{Verdict: practice.Ineffective, Summary: what + " was served", Fix: "serve with the tls.Config that Guard.TLS shapes",
			Evidence: []practice.Evidence{{What: what, Saw: "a handshake"}}}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return practice.CouldNotTell(err)
	}
	return practice.Finding{Verdict: practice.Effective, Summary: what + " was refused in a handshake with the configuration in use",
		Evidence: []practice.Evidence{{What: what, Saw: err.Error()}}}
}

// shake returns why the server refuses the handshake; nil if it does not.
func shake(ctx context.Context, server, client *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	near, far := net.Pipe()
	answered := make(chan error, 1)
	go func() {
		c := tls.Client(far, client)
		_ = c.HandshakeContext(ctx)    // what the server says of it counts
		_, _ = c.Read(make([]byte, 1)) // the server's last words must not wait for a reader
		answered <- far.Close()
	}()
	err := tls.Server(near, server).HandshakeContext(ctx)
	closed := near.Close()
	return errors.Join(err, <-answered, closed)
}

// lasting looks at the certificates in use.
func (g *Guard) lasting(now time.Time) practice.Finding {
	if len(g.certs) == 0 {
		if g.local == nil {
			return practice.None("the program has certificates of its own")
		}
		return practice.Finding{Verdict: practice.Effective, Summary: "certificates of the local root renew themselves"}
	}
	f := practice.Finding{Verdict: practice.Effective}
	var faults []string
	for _, c := range g.certs {
		used := c.current.Load().Leaf
		left := int(used.NotAfter.Sub(now) / (24 * time.Hour))
		f.Evidence = append(f.Evidence, practice.Evidence{What: c.pair.Cert, Saw: fmt.Sprintf("%d days left", left)})
		if used.NotAfter.Sub(now) < soon(used) {
			faults = append(faults, fmt.Sprintf("%s has %d days left", c.pair.Cert, left))
		}
		onDisk := &certificate{pair: c.pair}
		if err := onDisk.load(now); err != nil {
			faults = append(faults, err.Error())
		}
		if now.After(used.NotAfter) {
			f.Verdict = practice.Ineffective
		}
	}
	if len(faults) == 0 {
		f.Summary = fmt.Sprintf("%d of %d certificates are whole and will last", len(g.certs), len(g.certs))
		return f
	}
	if f.Verdict == practice.Effective {
		f.Verdict = practice.Weak
	}
	f.Summary, f.Fix = strings.Join(faults, "; "), "put renewed files in place; they are taken within seconds"
	return f
}
