// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"yett/api"
	"yett/exchange"
	"yett/identity"
)

// CertificateIssuer vouches for the holders of client certificates.
const CertificateIssuer = "certificate"

// CertificateConfig names the holder of a client certificate.
type CertificateConfig struct {
	// SAN is a subject alternative name, to the letter: a URI, a DNS name or an address of mail.
	SAN string `yaml:"san"`
	// Fingerprint is the SHA-256 of the certificate in hex, instead of SAN.
	Fingerprint string `yaml:"fingerprint"`
	// Client is who holds it.
	Client string `yaml:"client"`
	// Scopes that it holds.
	Scopes []string `yaml:"scopes"`
}

func (c CertificateConfig) validate() error {
	switch {
	case (c.SAN == "") == (c.Fingerprint == ""):
		return errors.New("names a certificate by either san or fingerprint")
	case validName(c.Client) != nil:
		return errors.New("client: is missing, or no name (try partner-nord)")
	}
	if c.Fingerprint != "" {
		if b, err := hex.DecodeString(strings.ReplaceAll(c.Fingerprint, ":", "")); err != nil || len(b) != sha256.Size {
			return fmt.Errorf("fingerprint: %.80q is not the SHA-256 of a certificate in hex (openssl x509 -noout -fingerprint -sha256)", c.Fingerprint)
		}
	}
	return User{Name: c.Client, Client: c.Client, Scopes: c.Scopes}.valid()
}

// holders finds who holds a certificate.
type holders struct {
	bySAN, byPrint map[string]*identity.Caller
	listed         bool     // only listed certificates are callers
	others         sync.Map // names to callers, where none are listed; bounded by the certificates that the authority issues
}

func newHolders(all []CertificateConfig) *holders {
	h := &holders{bySAN: make(map[string]*identity.Caller), byPrint: make(map[string]*identity.Caller), listed: len(all) > 0}
	for _, c := range all {
		caller := &identity.Caller{Subject: c.Client, Client: c.Client, Issuer: CertificateIssuer, Scopes: slices.Sorted(slices.Values(c.Scopes))}
		if c.SAN != "" {
			h.bySAN[c.SAN] = caller
			continue
		}
		h.byPrint[strings.ToLower(strings.ReplaceAll(c.Fingerprint, ":", ""))] = caller
	}
	return h
}

// certificate finds the caller behind a client certificate where the operation declares mutualTLS. Only one that was verified
// in the handshake counts: anybody can show any certificate.
func (g *Guard) certificate(x *exchange.Exchange, op *api.Operation) {
	if x.TLS == nil || len(x.TLS.VerifiedChains) == 0 || !declaresKind(op, api.MutualTLS) {
		return
	}
	if c := g.holders.of(x.TLS.VerifiedChains[0][0]); c != nil {
		x.Note("certificate of " + c.Client)
		grant(x, op, api.MutualTLS, c)
	} else {
		x.Note("certificate of nobody who is listed")
	}
}

func (h *holders) of(c *x509.Certificate) *identity.Caller {
	sum := sha256.Sum256(c.Raw)
	if caller := h.byPrint[hex.EncodeToString(sum[:])]; caller != nil {
		return caller
	}
	names := namesOf(c)
	for _, n := range names {
		if caller := h.bySAN[n]; caller != nil {
			return caller
		}
	}
	if h.listed || len(names) == 0 || !fitToTell(names[0]) {
		return nil
	}
	if caller, ok := h.others.Load(names[0]); ok {
		return caller.(*identity.Caller) // nothing else is stored
	}
	caller, _ := h.others.LoadOrStore(names[0], &identity.Caller{Subject: names[0], Client: names[0], Issuer: CertificateIssuer})
	return caller.(*identity.Caller)
}

// fitToTell reports whether a name can stand in a field and in a record.
func fitToTell(name string) bool {
	return len(name) <= maxCertName && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxCertName is longer than any SPIFFE id, which may have 2,048 bytes in theory and has far fewer.
const maxCertName = 512

// namesOf lists the names of a certificate; the common name stands in where there is no other.
func namesOf(c *x509.Certificate) []string {
	var all []string
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	all = append(append(all, c.DNSNames...), c.EmailAddresses...)
	if len(all) == 0 && c.Subject.CommonName != "" {
		all = append(all, c.Subject.CommonName)
	}
	return all
}
