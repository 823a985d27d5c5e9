// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"yett/practice"
)

// Config is what an operator may write under https. All but hsts and upstream count for the whole gateway.
type Config struct {
	// Cert and Key are the files of a certificate and its private key. Default: one of the local root.
	Cert string `yaml:"cert" config:"file,gateway"`
	Key  string `yaml:"key" config:"file,gateway"`
	// Certificates are further ones. The name that a client calls decides.
	Certificates []Pair `yaml:"certificates" config:"gateway"`
	// ClientCA holds the authorities of clients' certificates, as PEM.
	ClientCA string `yaml:"client_ca" config:"file,gateway"`
	// ClientAuth says whether clients show a certificate: off, optional or required. Default: required with client_ca.
	ClientAuth string `yaml:"client_auth" config:"gateway"`
	// CRL holds what the authorities have taken back, PEM or DER. It needs a list of each of them.
	CRL string `yaml:"crl" config:"file,gateway"`
	// HSTS is how long browsers remember to use https. One day by default, because the local root may be replaced.
	// Zero sends no field.
	HSTS time.Duration `yaml:"hsts"`
	// PlainListen is one more address, where calls in clear are sent to https or refused.
	PlainListen string `yaml:"plain_listen" config:"gateway"`
	// HeaderTimeout is for the handshake, and for a head from its first byte to its last.
	HeaderTimeout time.Duration `yaml:"header_timeout" config:"gateway"`
	// IdleTimeout is how long a connection without a request stays.
	IdleTimeout time.Duration `yaml:"idle_timeout" config:"gateway"`
	// BodyTimeout is the longest wait for the next bytes of a body.
	BodyTimeout time.Duration `yaml:"body_timeout" config:"gateway"`
	// BodyRate is how many bytes a second a body must reach once it takes longer than body_timeout.
	BodyRate practice.Size `yaml:"body_rate" config:"gateway"`
	// WriteTimeout is the longest wait for a client to take what is being written.
	WriteTimeout time.Duration `yaml:"write_timeout" config:"gateway"`
	// MaxHeaderSize bounds the request line and fields of one request.
	MaxHeaderSize practice.Size `yaml:"max_header_size" config:"gateway"`
	// MaxHeaders bounds the fields of one request.
	MaxHeaders int `yaml:"max_headers" config:"gateway"`
	// MaxConnections bounds the connections at the same time. Further ones are closed at once.
	MaxConnections int `yaml:"max_connections" config:"gateway"`
	// MaxStreams bounds the HTTP/2 streams of one connection at the same time.
	MaxStreams int `yaml:"max_streams" config:"gateway"`
	// Upstream is for services that are called over TLS.
	Upstream UpstreamConfig `yaml:"upstream"`
}

func defaults() Config {
	return Config{
		HSTS: 24 * time.Hour, HeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, BodyTimeout: 30 * time.Second, BodyRate: 128,
		WriteTimeout: 30 * time.Second, MaxHeaderSize: 64 << 10, MaxHeaders: 100, MaxConnections: 10_000, MaxStreams: 100,
	}
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	if c.HSTS < 0 {
		return fmt.Errorf("hsts: %v is negative (try 1d)", c.HSTS)
	}
	if c.Cert != "" || c.Key != "" {
		if err := (Pair{c.Cert, c.Key}).validate(); err != nil {
			return err
		}
	}
	for i, p := range c.Certificates {
		if err := p.validate(); err != nil {
			return fmt.Errorf("certificates[%d]: %w", i, err)
		}
	}
	if c.Upstream.Cert != "" || c.Upstream.Key != "" {
		if err := (Pair{c.Upstream.Cert, c.Upstream.Key}).validate(); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
	}
	if c.PlainListen != "" {
		_, port, err := net.SplitHostPort(c.PlainListen)
		if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n > math.MaxUint16 {
			return fmt.Errorf("plain_listen: %.80q is not an address to listen on (try :8080)", c.PlainListen)
		}
	}
	if err := c.validateClients(); err != nil {
		return err
	}
	return c.validateLimits()
}

func (c Config) validateClients() error {
	switch c.ClientAuth {
	case "", "off", "optional", "required":
	default:
		return fmt.Errorf("client_auth: %.40q is not off, optional or required", c.ClientAuth)
	}
	if c.ClientCA == "" {
		if c.ClientAuth == "optional" || c.ClientAuth == "required" {
			return fmt.Errorf("client_auth: %s needs client_ca (name the file of the clients' authorities)", c.ClientAuth)
		}
		if c.CRL != "" {
			return fmt.Errorf("crl: nobody's certificates are asked for (set client_ca, or remove crl)")
		}
	}
	return nil
}

// validateLimits judges the keys that bound connections. There is no way to say unlimited.
func (c Config) validateLimits() error {
	for _, l := range []struct {
		key   string
		value time.Duration
		try   string
	}{
		{"header_timeout", c.HeaderTimeout, "10s"}, {"idle_timeout", c.IdleTimeout, "1m"},
		{"body_timeout", c.BodyTimeout, "30s"}, {"write_timeout", c.WriteTimeout, "30s"},
	} {
		if l.value <= 0 {
			return fmt.Errorf("%s: %v leaves no time; there is no way to wait for ever (try %s)", l.key, l.value, l.try)
		}
	}
	for _, l := range []struct {
		key   string
		value int64
		least int64
		try   string
	}{
		{"body_rate", int64(c.BodyRate), 1, "128B"}, {"max_header_size", int64(c.MaxHeaderSize), 1 << 10, "64KiB"},
		{"max_headers", int64(c.MaxHeaders), 10, "100"}, {"max_connections", int64(c.MaxConnections), 1, "10000"},
		{"max_streams", int64(c.MaxStreams), 1, "100"},
	} {
		if l.value < l.least || l.value > math.MaxInt32 {
			return fmt.Errorf("%s: %d is not between %d and %d (try %s)", l.key, l.value, l.least, math.MaxInt32, l.try)
		}
	}
	return nil
}

// pairs are all certificates, the one that serves unknown names first.
func (c Config) pairs() []Pair {
	if c.Cert == "" {
		return c.Certificates
	}
	return append([]Pair{{c.Cert, c.Key}}, c.Certificates...)
}

func (c Config) clientAuth() tls.ClientAuthType {
	switch {
	case c.ClientCA == "" || c.ClientAuth == "off":
		return tls.NoClientCert
	case c.ClientAuth == "optional":
		return tls.VerifyClientCertIfGiven
	}
	return tls.RequireAndVerifyClientCert
}

func (c Config) limits() practice.Limits {
	return practice.Limits{
		HeaderBytes: int(c.MaxHeaderSize), Headers: c.MaxHeaders, HeaderTimeout: c.HeaderTimeout, BodyIdle: c.BodyTimeout,
		BodyRate: int(c.BodyRate), WriteStall: c.WriteTimeout, Idle: c.IdleTimeout, Connections: c.MaxConnections, Streams: c.MaxStreams,
	}
}

func hsts(c Config) string {
	if c.HSTS < time.Second {
		return ""
	}
	return fmt.Sprintf("max-age=%d", int64(c.HSTS/time.Second))
}
