// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"yett/exchange"
)

// certificate makes one for a client, signed by itself.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	s := newSigner(t, "")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key}
}

func x5tOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestCertificateBinding goes through real handshakes.
func TestCertificateBinding(t *testing.T) {
	own, other := certificate(t), certificate(t)
	chained := tls.Certificate{Certificate: [][]byte{other.Certificate[0], own.Certificate[0]}, PrivateKey: other.PrivateKey}
	padded := x5tOf(own) + "="
	for _, tt := range []struct {
		name   string
		clear  bool
		show   *tls.Certificate
		x5t    string
		refuse bool
	}{
		{"its certificate", false, &own, x5tOf(own), false},
		{"another certificate", false, &other, x5tOf(own), true},
		{"its certificate behind another, whose key was shown", false, &chained, x5tOf(own), true},
		{"no certificate", false, nil, x5tOf(own), true},
		{"no encryption", true, nil, x5tOf(own), true},
		{"a hash with padding", false, &own, padded, true},
		{"an empty hash", false, &own, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(exchange.Middleware(http.NotFoundHandler(), func(x *exchange.Exchange) error {
				return checkCertificate(x, tt.x5t)
			}))
			srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
			var logged bytes.Buffer
			srv.Config.ErrorLog = log.New(&logged, "", 0)
			if tt.clear {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			defer srv.Close()
			client := srv.Client()
			if tt.show != nil {
				client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{*tt.show}
			}
			res, err := client.Get(srv.URL)
			if err != nil {
				t.Fatal(err, logged.String())
			}
			defer func() {
				if err := res.Body.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Error(err)
			}
			if refused := res.StatusCode != http.StatusNotFound; refused != tt.refuse {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
}
