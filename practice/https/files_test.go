// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An issuer is a private authority of a test.
type issuer struct {
	t    testing.TB
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newIssuer(t testing.TB, dir, name string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, dir: dir, name: name, key: key}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(1000 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err == nil {
		i.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	i.write(name+".pem", "CERTIFICATE", der)
	return i
}

// write replaces a file at once, as an operator's tool does.
func (i *issuer) write(name, kind string, der []byte) string {
	i.t.Helper()
	path := filepath.Join(i.dir, name)
	err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return path
}

func (i *issuer) file() string { return filepath.Join(i.dir, i.name+".pem") }

func (i *issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// pair issues a certificate for hosts and writes it as base.crt and base.key. change may say what is special about it.
func (i *issuer) pair(base string, change func(*x509.Certificate), hosts ...string) Pair {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.next++
	template := &x509.Certificate{SerialNumber: big.NewInt(1000 + i.next), Subject: pkix.Name{CommonName: base}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return Pair{i.write(base+".crt", "CERTIFICATE", der), i.write(base+".key", "PRIVATE KEY", private)}
}

// list writes the list of what was revoked.
func (i *issuer) list(until time.Time, revoked ...*x509.Certificate) string {
	i.t.Helper()
	return i.write(i.name+".crl", "X509 CRL", i.listOf(&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: until}, revoked...))
}

func (i *issuer) listOf(template *x509.RevocationList, revoked ...*x509.Certificate) []byte {
	i.t.Helper()
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, i.cert, i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	return der
}

func open(t testing.TB, p Pair) tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// behind serves a handler behind g, and returns its address.
func behind(t testing.TB, g *Guard) string {
	t.Helper()
	s := httptest.NewUnstartedServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") })))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are expected
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := g.TLS(conf); err != nil {
		t.Fatal(err)
	}
	s.Listener = tls.NewListener(s.Listener, conf)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// ask sends a request for host over a connection of its own, and returns the status and whether the session was resumed.
func ask(t testing.TB, address, host string, conf *tls.Config) (int, bool, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	res, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return 0, false, err
	}
	return res.StatusCode, res.TLS.DidResume, res.Body.Close()
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}
