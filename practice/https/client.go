// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// clients decides which certificates of clients are taken.
type clients struct {
	ca, crl string // files; crl may be ""
	auth    tls.ClientAuthType
	now     func() time.Time
	current atomic.Pointer[trust]
}

// A trust is the authorities of clients and the lists of what they took back, as read at one time. It never changes.
type trust struct {
	pool        *x509.CertPool
	authorities []*x509.Certificate
	lists       []*list // empty where no lists are configured
	checked     bool    // they are
}

func (c *clients) files() []string {
	if c.crl == "" {
		return []string{c.ca}
	}
	return []string{c.ca, c.crl}
}

func (c *clients) load(now time.Time) error {
	t := &trust{checked: c.crl != ""}
	var err error
	if t.pool, t.authorities, err = readAuthorities(c.ca, now); err != nil {
		return err
	}
	if t.checked {
		if t.lists, err = readLists(c.crl, t.authorities); err != nil {
			return err
		}
	}
	c.current.Store(t)
	return nil
}

func (c *clients) warnings(now time.Time) []notice {
	t := c.current.Load()
	var all []notice
	for _, a := range t.authorities {
		all = append(all, ending(c.ca, a, now)...)
	}
	for _, l := range t.lists {
		if now.After(l.until) {
			all = append(all, notice{"revocation_list_expired", c.crl, fmt.Sprintf("the list of %s in %s ended on %s: its certificates are refused (fetch a new list)",
				l.by.Subject, c.crl, l.until.UTC().Format(time.DateTime))})
		}
	}
	return all
}

// shape returns conf with the rules of t for clients.
func (c *clients) shape(conf *tls.Config, t *trust) *tls.Config {
	conf = conf.Clone()
	conf.ClientAuth, conf.ClientCAs, conf.Time = c.auth, t.pool, c.now
	// Unlike VerifyPeerCertificate, this is asked for resumed sessions too.
	conf.VerifyConnection = func(cs tls.ConnectionState) error { return t.verify(&cs, c.now()) }
	return conf
}

var errNoCertificate = errors.New("the client shows no certificate")

// verify judges a connection again, with what holds now: it may be older than the list that names its certificate, or
// than the rule that asks for one.
func (c *clients) verify(cs *tls.ConnectionState) error {
	if c.auth == tls.RequireAndVerifyClientCert && len(cs.PeerCertificates) == 0 {
		return errNoCertificate
	}
	return c.current.Load().verify(cs, c.now())
}

// verify refuses a certificate of which no path to an authority is free of revoked ones. crypto/tls has already found
// the paths.
func (t *trust) verify(cs *tls.ConnectionState, now time.Time) error {
	if !t.checked || len(cs.PeerCertificates) == 0 {
		return nil
	}
	err := errors.New("there is no path from the certificate to an authority")
	for _, chain := range cs.VerifiedChains {
		if err = t.standing(chain, now); err == nil {
			return nil
		}
	}
	return err
}

// standing reports why a chain is not good. A certificate of an authority without a current list is refused: whether it
// was taken back cannot be told.
func (t *trust) standing(chain []*x509.Certificate, now time.Time) error {
	for i, c := range chain[:len(chain)-1] {
		l := t.list(chain[i+1])
		switch {
		case l == nil:
			return fmt.Errorf("no list of revoked certificates covers %s (add %s to client_ca, and its list to crl)", c.Subject, c.Issuer)
		case now.After(l.until):
			return fmt.Errorf("the list of revoked certificates of %s ended on %s", c.Issuer, l.until.UTC().Format(time.DateTime))
		case l.revoked(c):
			return fmt.Errorf("the certificate %x of %s was revoked", c.SerialNumber, c.Issuer)
		}
	}
	return nil
}

// list returns the list of an authority, by its name and its key; nil if there is none.
func (t *trust) list(by *x509.Certificate) *list {
	for _, l := range t.lists {
		if bytes.Equal(l.by.RawSubject, by.RawSubject) && bytes.Equal(l.by.RawSubjectPublicKeyInfo, by.RawSubjectPublicKeyInfo) {
			return l
		}
	}
	return nil
}

// readAuthorities reads the certificates of authorities from a PEM file.
func readAuthorities(name string, now time.Time) (*x509.CertPool, []*x509.Certificate, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	var all []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, nil, fmt.Errorf("%s: there is a %s in it (certificates of authorities only)", name, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if !c.BasicConstraintsValid || !c.IsCA {
			return nil, nil, fmt.Errorf("%s: %s is not an authority (give the certificate that signed it)", name, c.Subject)
		}
		if err := usable(c, now); err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", name, c.Subject, err)
		}
		pool.AddCert(c)
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%s: there is no certificate in it (PEM is wanted)", name)
	}
	return pool, all, nil
}
