// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"
)

// UpstreamConfig is what an operator may write under https.upstream.
type UpstreamConfig struct {
	// CA holds the authorities that the service's certificate must lead to, as PEM. Default: those of the system.
	CA string `yaml:"ca" config:"file"`
	// Cert and Key are the gateway's own certificate towards the service.
	Cert string `yaml:"cert" config:"file"`
	Key  string `yaml:"key" config:"file"`
}

// An Upstream is how a service is called over TLS. The service's certificate and name are always verified; there is no
// way not to. It is safe for concurrent use.
type Upstream struct {
	roots *authorities // nil: those of the system
	own   *certificate // nil: none is shown
	keep  *keeper
}

// NewUpstream reads the files that c names; its error names the file that is wrong.
func NewUpstream(c UpstreamConfig, o Options) (*Upstream, error) {
	u := &Upstream{keep: newKeeper(o)}
	if c.CA != "" {
		u.roots = &authorities{file: c.CA}
		if err := u.keep.add(u.roots); err != nil {
			return nil, err
		}
	}
	if c.Cert != "" || c.Key != "" {
		u.own = &certificate{pair: Pair{c.Cert, c.Key}}
		if err := u.keep.add(u.own); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// TLS is the configuration for the next connection. It is the caller's own.
func (u *Upstream) TLS() *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, CurvePreferences: curves(), Time: u.keep.options.now}
	if u.roots != nil {
		conf.RootCAs = u.roots.current.Load()
	}
	if u.own != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return u.own.current.Load(), nil }
	}
	return conf
}

// Run replaces what has changed in its files until ctx ends. Open connections stay.
func (u *Upstream) Run(ctx context.Context) error { return u.keep.run(ctx) }

// authorities are those that a certificate of a service must lead to.
type authorities struct {
	file    string
	current atomic.Pointer[x509.CertPool]
	all     atomic.Pointer[[]*x509.Certificate]
}

func (a *authorities) files() []string { return []string{a.file} }

func (a *authorities) load(now time.Time) error {
	pool, all, err := readAuthorities(a.file, now)
	if err != nil {
		return err
	}
	a.current.Store(pool)
	a.all.Store(&all)
	return nil
}

func (a *authorities) warnings(now time.Time) []notice {
	var all []notice
	for _, c := range *a.all.Load() {
		all = append(all, ending(a.file, c, now)...)
	}
	return all
}
