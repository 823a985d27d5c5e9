// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// A list is the serial numbers of the certificates that one authority has taken back (RFC 5280 section 5).
type list struct {
	by      *x509.Certificate
	made    time.Time
	until   time.Time
	serials map[string]struct{}
}

func (l *list) revoked(c *x509.Certificate) bool {
	_, ok := l.serials[string(c.SerialNumber.Bytes())]
	return ok
}

// readLists reads lists, PEM one after the other or one in DER. Each must be signed by one of the authorities, and each
// authority must have one: what no list covers could never be taken back.
func readLists(name string, authorities []*x509.Certificate) ([]*list, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	var ders [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("%s: there is a %s in it (lists of revoked certificates only)", name, block.Type)
		}
		ders = append(ders, block.Bytes)
	}
	if ders == nil {
		ders = [][]byte{data}
	}
	var all []*list
	for _, der := range ders {
		l, err := parseList(der, authorities)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		same := slices.IndexFunc(all, func(o *list) bool { return o.by == l.by })
		switch {
		case same < 0:
			all = append(all, l)
		case l.made.After(all[same].made):
			all[same] = l
		}
	}
	for _, a := range authorities {
		if !slices.ContainsFunc(all, func(l *list) bool { return l.by == a }) {
			return nil, fmt.Errorf("%s: there is no list of %s (each authority in client_ca needs one)", name, a.Subject)
		}
	}
	return all, nil
}

func parseList(der []byte, authorities []*x509.Certificate) (*list, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(authorities, func(a *x509.Certificate) bool {
		return bytes.Equal(a.RawSubject, parsed.RawIssuer) && parsed.CheckSignatureFrom(a) == nil
	})
	if i < 0 {
		return nil, fmt.Errorf("the list of %s is not signed by an authority in client_ca", parsed.Issuer)
	}
	// A list that holds only a part or only changes says so in a critical extension (RFC 5280 section 5.2); whoever
	// does not understand it must not take absence for validity.
	if critical(parsed.Extensions) {
		return nil, fmt.Errorf("the list of %s is not a whole one: a critical extension is not understood (give the whole list)", parsed.Issuer)
	}
	if parsed.NextUpdate.IsZero() {
		return nil, fmt.Errorf("the list of %s does not say how long it counts (make it with a next update)", parsed.Issuer)
	}
	l := &list{by: authorities[i], made: parsed.ThisUpdate, until: parsed.NextUpdate, serials: make(map[string]struct{}, len(parsed.RevokedCertificateEntries))}
	for _, e := range parsed.RevokedCertificateEntries {
		if critical(e.Extensions) {
			return nil, fmt.Errorf("the list of %s also speaks for others: a critical extension is not understood", parsed.Issuer)
		}
		l.serials[string(e.SerialNumber.Bytes())] = struct{}{}
	}
	return l, nil
}

func critical(all []pkix.Extension) bool {
	return slices.ContainsFunc(all, func(e pkix.Extension) bool { return e.Critical })
}
