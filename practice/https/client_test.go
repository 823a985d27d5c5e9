// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/alert"
)

// A club is a server that knows an authority of clients.
type club struct {
	server, members *issuer
	own             Pair
}

func newClub(t testing.TB) *club {
	t.Helper()
	d := t.TempDir()
	c := &club{server: newIssuer(t, d, "server"), members: newIssuer(t, d, "members")}
	c.own = c.server.pair("own", nil, "api.example.org")
	return c
}

// conf is that of a client; without a pair it shows no certificate.
func (c *club) conf(t testing.TB, p Pair) *tls.Config {
	t.Helper()
	conf := &tls.Config{RootCAs: c.server.pool(), ServerName: "api.example.org"}
	if p != (Pair{}) {
		own := open(t, p)
		// Unlike Certificates, this shows it whatever authorities the server names.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	return conf
}

func TestClientsShowCertificatesWhereTheyAreAskedFor(t *testing.T) {
	c := newClub(t)
	strangers := newIssuer(t, c.server.dir, "strangers")
	member := c.members.pair("member", nil)
	ended := c.members.pair("ended", func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) })
	server := c.members.pair("server-only", func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for _, tt := range []struct {
		name, auth string
		shown      Pair
		ok         bool
	}{
		{"off asks nobody", "off", Pair{}, true},
		{"optional takes a client without", "optional", Pair{}, true},
		{"optional takes a member", "optional", member, true},
		{"optional refuses a stranger", "optional", strangers.pair("stranger", nil), false},
		{"required refuses a client without", "required", Pair{}, false},
		{"required takes a member", "required", member, true},
		{"required refuses a stranger", "required", strangers.pair("stranger", nil), false},
		{"required refuses what has ended", "required", ended, false},
		{"required refuses a server's certificate", "required", server, false},
		{"an authority without another word means required", "", Pair{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), ClientAuth: tt.auth}, Options{})
			address := behind(t, g)
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				conf := c.conf(t, tt.shown)
				conf.MaxVersion = version
				status, _, err := ask(t, address, "api.example.org", conf)
				if (err == nil && status == http.StatusOK) != tt.ok || !tt.ok && err == nil {
					t.Errorf("%s: got %d, %v", tls.VersionName(version), status, err)
				}
			}
		})
	}
}

func TestARevokedCertificateIsRefused(t *testing.T) {
	c := newClub(t)
	tomorrow := time.Now().Add(24 * time.Hour)
	good, bad := c.members.pair("good", nil), c.members.pair("bad", nil)
	crl := c.members.list(tomorrow, open(t, bad).Leaf)
	for _, auth := range []string{"optional", "required"} {
		address := behind(t, guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), ClientAuth: auth, CRL: crl}, Options{}))
		if status, _, err := ask(t, address, "api.example.org", c.conf(t, good)); err != nil || status != http.StatusOK {
			t.Errorf("%s, good: got %d, %v", auth, status, err)
		}
		if status, _, err := ask(t, address, "api.example.org", c.conf(t, bad)); err == nil {
			t.Errorf("%s, revoked: got %d", auth, status)
		}
	}
}

func TestARevokedCertificateResumesNoSession(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			c := newClub(t)
			tomorrow := time.Now().Add(24 * time.Hour)
			member := c.members.pair("member", nil)
			g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), CRL: c.members.list(tomorrow)}, Options{})
			address := behind(t, g)
			conf := c.conf(t, member)
			conf.MaxVersion, conf.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
			for n, want := range []bool{false, true} {
				if status, resumed, err := ask(t, address, "api.example.org", conf); err != nil || status != http.StatusOK || resumed != want {
					t.Fatalf("connection %d: got %d, resumed %v, %v", n, status, resumed, err)
				}
			}
			c.members.list(tomorrow, open(t, member).Leaf)
			if err := g.clients.load(time.Now()); err != nil {
				t.Fatal(err)
			}
			if status, resumed, err := ask(t, address, "api.example.org", conf); err == nil {
				t.Errorf("after it was revoked: got %d, resumed %v", status, resumed)
			}
		})
	}
}

func TestAnAuthorityThatWasReplacedResumesNoSession(t *testing.T) {
	c := newClub(t)
	g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file()}, Options{})
	address := behind(t, g)
	conf := c.conf(t, c.members.pair("member", nil))
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	if status, _, err := ask(t, address, "api.example.org", conf); err != nil || status != http.StatusOK {
		t.Fatalf("got %d, %v", status, err)
	}
	newIssuer(t, c.server.dir, "members") // the same name, another key
	if err := g.clients.load(time.Now()); err != nil {
		t.Fatal(err)
	}
	if status, resumed, err := ask(t, address, "api.example.org", conf); err == nil {
		t.Errorf("got %d, resumed %v", status, resumed)
	}
}

func TestAnOpenConnectionDoesNotOutliveItsCertificate(t *testing.T) {
	c := newClub(t)
	tomorrow := time.Now().Add(24 * time.Hour)
	member := c.members.pair("member", nil)
	g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), CRL: c.members.list(tomorrow)}, Options{})
	transport := &http.Transport{TLSClientConfig: c.conf(t, member), MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	address := behind(t, g)
	get := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "api.example.org"
		res, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body) + fmt.Sprint(res.Body.Close())
	}
	if status, body := get(); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	c.members.list(tomorrow, open(t, member).Leaf)
	if err := g.clients.load(time.Now()); err != nil {
		t.Fatal(err)
	}
	if status, body := get(); status != http.StatusForbidden || !strings.Contains(body, `"code":"certificate_refused"`) {
		t.Errorf("got %d %s", status, body)
	}
}

func TestAListThatHasEndedRefusesEveryCertificate(t *testing.T) {
	c := newClub(t)
	board := new(alert.Board)
	crl := c.members.list(time.Now().Add(-time.Minute))
	g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), ClientAuth: "optional", CRL: crl}, Options{Alerts: board})
	running(t, g.Run)
	address := behind(t, g)
	member := c.conf(t, c.members.pair("member", nil))
	if status, _, err := ask(t, address, "api.example.org", member); err == nil {
		t.Errorf("a member: got %d", status)
	}
	if status, _, err := ask(t, address, "api.example.org", c.conf(t, Pair{})); err != nil || status != http.StatusOK {
		t.Errorf("a client without: got %d, %v", status, err)
	}
	eventually(t, "the alert", func() bool { return slices.Equal(holding(board), []string{"revocation_list_expired members.crl"}) })
	c.members.list(time.Now().Add(time.Hour))
	eventually(t, "the end of the alert", func() bool { return len(holding(board)) == 0 })
	if status, _, err := ask(t, address, "api.example.org", member); err != nil || status != http.StatusOK {
		t.Errorf("a member, by the new list: got %d, %v", status, err)
	}
}

func TestAListThatDoesNotTellEverythingIsRefused(t *testing.T) {
	c := newClub(t)
	stranger := newIssuer(t, c.server.dir, "strangers")
	namesake := newIssuer(t, t.TempDir(), "members")
	tomorrow := time.Now().Add(24 * time.Hour)
	whole := func() *x509.RevocationList {
		return &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: tomorrow}
	}
	partial, delegated := whole(), whole()
	partial.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
	delegated.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: time.Now(),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}}}
	both := filepath.Join(c.server.dir, "both.pem")
	var text []byte
	for _, i := range []*issuer{c.members, stranger} {
		pem, err := os.ReadFile(i.file())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem...)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		t.Fatal(err)
	}
	der := filepath.Join(c.server.dir, "list.der")
	if err := os.WriteFile(der, c.members.listOf(whole()), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(i *issuer, name string, l *x509.RevocationList) string {
		return c.server.write(name, "X509 CRL", i.listOf(l))
	}
	for _, tt := range []struct {
		name, ca, crl, want string // want "": it is taken
	}{
		{"a whole one", c.members.file(), write(c.members, "whole.crl", whole()), ""},
		{"a whole one in DER", c.members.file(), der, ""},
		{"one of another authority", c.members.file(), write(stranger, "other.crl", whole()), "not signed by an authority"},
		{"one of a namesake", c.members.file(), write(namesake, "namesake.crl", whole()), "not signed by an authority"},
		{"a part", c.members.file(), write(c.members, "part.crl", partial), "not a whole one"},
		{"one that speaks for others", c.members.file(), write(c.members, "delegated.crl", delegated), "speaks for others"},
		{"one for one of two authorities", both, write(c.members, "one.crl", whole()), "there is no list of CN=strangers"},
		{"a certificate", c.members.file(), c.members.file(), "there is a CERTIFICATE in it"},
		{"garbage", c.members.file(), c.own.Key, "there is a PRIVATE KEY in it"},
		{"no authority but a member", c.members.pair("member", nil).Cert, der, "is not an authority"},
		{"an empty bundle of authorities", der, der, "there is no certificate in it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Config{ClientCA: tt.ca, CRL: tt.crl}, Options{})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestACertificateBelowAnAuthorityWithoutAListIsRefused(t *testing.T) {
	c := newClub(t)
	// An authority below the members' own signs a certificate; the list of the upper one does not speak of it.
	below := c.members.pair("below", func(x *x509.Certificate) {
		x.IsCA, x.BasicConstraintsValid, x.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	between := open(t, below)
	lower := &issuer{t: t, dir: c.server.dir, name: "below", cert: between.Leaf}
	var ok bool
	if lower.key, ok = between.PrivateKey.(*ecdsa.PrivateKey); !ok {
		t.Fatal("another kind of key")
	}
	member := open(t, lower.pair("member", nil))
	member.Certificate = append(member.Certificate, between.Leaf.Raw)
	conf := c.conf(t, Pair{})
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &member, nil }
	own := Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file()}
	if status, _, err := ask(t, behind(t, guard(t, own, Options{})), "api.example.org", conf); err != nil || status != http.StatusOK {
		t.Fatalf("without lists: got %d, %v", status, err)
	}
	own.CRL = c.members.list(time.Now().Add(time.Hour))
	if status, _, err := ask(t, behind(t, guard(t, own, Options{})), "api.example.org", conf); err == nil {
		t.Errorf("with a list of the upper one only: got %d", status)
	}
}
