// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/alert"
)

// A service takes TLS connections, and tells who shows it which certificate.
func service(t testing.TB, own Pair, clients *x509.CertPool) (address string, shown <-chan string) {
	t.Helper()
	conf := &tls.Config{Certificates: []tls.Certificate{open(t, own)}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	names := make(chan string, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			s := tls.Server(c, conf)
			if err := s.Handshake(); err != nil {
				names <- "nobody"
			} else if certs := s.ConnectionState().PeerCertificates; len(certs) > 0 {
				names <- certs[0].SerialNumber.String()
			} else {
				names <- "anybody"
			}
			_ = c.Close() // it has been told
		}
	}()
	return l.Addr().String(), names
}

// call shakes hands as the gateway does.
func call(t testing.TB, address, host string, conf *tls.Config) error {
	t.Helper()
	conf = conf.Clone()
	conf.ServerName = host
	c, err := tls.Dial("tcp", address, conf)
	if err != nil {
		return err
	}
	return c.Close()
}

func TestAServiceIsAlwaysVerified(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "private")
	other := newIssuer(t, i.dir, "other")
	address, _ := service(t, i.pair("service", nil, "service.example.org"), nil)
	for _, tt := range []struct {
		name, ca, host string
		ok             bool
	}{
		{"its own authority", i.file(), "service.example.org", true},
		{"another authority", other.file(), "service.example.org", false},
		{"another name", i.file(), "other.example.org", false},
		{"the authorities of the system", "", "service.example.org", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := NewUpstream(UpstreamConfig{CA: tt.ca}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if u.TLS().MinVersion != tls.VersionTLS12 || u.TLS().InsecureSkipVerify {
				t.Errorf("got %+v", u.TLS())
			}
			err = call(t, address, tt.host, u.TLS())
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if _, verified := errors.AsType[*tls.CertificateVerificationError](err); err != nil && !verified {
				t.Errorf("it failed for another reason: %v", err)
			}
		})
	}
}

func TestTheGatewayShowsItsOwnCertificateAndReplacesIt(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "private")
	address, shown := service(t, i.pair("service", nil, "service.example.org"), i.pool())
	own := i.pair("gateway", nil)
	board := new(alert.Board)
	u, err := NewUpstream(UpstreamConfig{CA: i.file(), Cert: own.Cert, Key: own.Key}, Options{Alerts: board})
	if err != nil {
		t.Fatal(err)
	}
	running(t, u.Run)
	as := func() string {
		t.Helper()
		if err := call(t, address, "service.example.org", u.TLS()); err != nil {
			t.Fatal(err)
		}
		return <-shown
	}
	first := open(t, own).Leaf.SerialNumber.String()
	if got := as(); got != first {
		t.Errorf("got %s, want %s", got, first)
	}
	second := open(t, i.pair("gateway", nil)).Leaf.SerialNumber.String()
	eventually(t, "the new certificate", func() bool { return as() == second })

	// Another authority takes the place of the private one: the service is known no more.
	newIssuer(t, i.dir, "private")
	eventually(t, "the new authority", func() bool {
		err := call(t, address, "service.example.org", u.TLS())
		<-shown
		return err != nil
	})
	i.write("private.pem", "CERTIFICATE", []byte("garbage"))
	eventually(t, "the alert", func() bool { return slices.Equal(holding(board), []string{"certificate_kept private.pem"}) })
}

func TestAnUpstreamsFilesAreReadWhenItIsMade(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "private")
	ended := i.pair("ended", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	none := filepath.Join(i.dir, "none.pem")
	for want, c := range map[string]UpstreamConfig{none: {CA: none}, "ended on": {Cert: ended.Cert, Key: ended.Key}} {
		if _, err := NewUpstream(c, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
