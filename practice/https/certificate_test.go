// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yett/alert"
)

func TestTheNameThatIsCalledChoosesTheCertificate(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	files := dir(t, filepath.Join(t.TempDir(), "data"))
	ca, err := OpenLocalCA(files, files, time.Now, []string{"localhost", "local.example.org"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	first := i.pair("first", nil, "api.example.org", "127.0.0.9")
	g := guard(t, Config{Cert: first.Cert, Key: first.Key, Certificates: []Pair{
		i.pair("wild", nil, "*.example.org"), i.pair("shop", nil, "SHOP.example.org"), i.pair("twin", nil, "api.example.org"),
	}}, Options{Local: ca})
	for _, tt := range []struct {
		name, sni, local, want string
	}{
		{"its own name, which another has too", "api.example.org", "127.0.0.1", "first"},
		{"another case of the name", "API.Example.ORG", "127.0.0.1", "first"},
		{"a name beside a wildcard that fits too", "shop.example.org", "127.0.0.1", "shop"},
		{"a wildcard", "other.example.org", "127.0.0.1", "wild"},
		{"two labels are not one", "a.b.example.org", "127.0.0.1", "first"},
		{"the parent is not below the wildcard", "example.org", "127.0.0.1", "first"},
		{"an unknown name gets the first", "example.net", "127.0.0.1", "first"},
		{"the local root keeps its own names", "localhost", "127.0.0.1", "yett"},
		{"a configured wildcard comes before the local root", "local.example.org", "127.0.0.1", "wild"},
		{"no name at the loopback is the local root's", "", "127.0.0.1", "yett"},
		{"no name at an address that a certificate has", "", "127.0.0.9", "first"},
		{"no name at another address gets the first", "", "192.0.2.1", "first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := g.GetCertificate(&tls.ClientHelloInfo{ServerName: tt.sni, Conn: at{net.ParseIP(tt.local)}})
			if err != nil || got.Leaf.Subject.CommonName != tt.want {
				t.Errorf("got %v, %v, want %s", got.Leaf.Subject, err, tt.want)
			}
		})
	}
	address := behind(t, g)
	for host, want := range map[string]string{"shop.example.org": "shop", "x.example.org": "wild"} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: i.pool(), ServerName: host})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("%s: got %s", host, got)
		}
		_ = c.Close() // nothing was said
	}
}

// at is a connection that arrived at an address.
type at struct{ ip net.IP }

func (a at) LocalAddr() net.Addr { return &net.TCPAddr{IP: a.ip, Port: 443} }

func (at) RemoteAddr() net.Addr             { return nil }
func (at) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (at) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (at) Close() error                     { return nil }
func (at) SetDeadline(time.Time) error      { return nil }
func (at) SetReadDeadline(time.Time) error  { return nil }
func (at) SetWriteDeadline(time.Time) error { return nil }

func TestTheCertificateThatTheClientCanUseIsChosen(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "rsa"}, DNSNames: []string{"api.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	g := guard(t, Config{Certificates: []Pair{i.pair("ecdsa", nil, "api.example.org"), {i.write("rsa.crt", "CERTIFICATE", der), i.write("rsa.key", "PRIVATE KEY", private)}}}, Options{})
	address := behind(t, g)
	for suite, want := range map[uint16]string{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "rsa", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ecdsa"} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: i.pool(), ServerName: "api.example.org", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		_ = c.Close() // nothing was said
	}
}

func TestAStartWithUnusableFilesIsRefusedWithTheFileAndTheReason(t *testing.T) {
	d := t.TempDir()
	i := newIssuer(t, d, "root")
	good, other := i.pair("good", nil, "a.example.org"), i.pair("other", nil, "a.example.org")
	ended := i.pair("ended", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "a.example.org")
	early := i.pair("early", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, "a.example.org")
	garbage := filepath.Join(d, "garbage.pem")
	large := filepath.Join(d, "large.pem")
	for name, size := range map[string]int64{garbage: 100, large: maxFile + 1} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		pair Pair
		want []string
	}{
		{"no certificate file", Pair{filepath.Join(d, "none.crt"), good.Key}, []string{"none.crt: "}},
		{"no key file", Pair{good.Cert, filepath.Join(d, "none.key")}, []string{"none.key: "}},
		{"a folder", Pair{d, good.Key}, []string{d, "not a regular file"}},
		{"keys of another certificate", Pair{good.Cert, other.Key}, []string{good.Cert + " and " + other.Key, "does not match"}},
		{"the two files exchanged", Pair{good.Key, good.Cert}, []string{good.Key + " and " + good.Cert, "failed to find"}},
		{"garbage", Pair{garbage, good.Key}, []string{garbage, "failed to find"}},
		{"a file that is too large", Pair{large, good.Key}, []string{large, "32 MiB"}},
		{"a certificate that ended", ended, []string{ended.Cert, "ended on "}},
		{"a certificate that has not begun", early, []string{early.Cert, "begins on "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Config{Cert: tt.pair.Cert, Key: tt.pair.Key}, Options{})
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("it tells of the key: %v", err)
			}
		})
	}
	if err := usable(&x509.Certificate{PublicKey: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023)}}, time.Time{}); err == nil {
		t.Error("an RSA key of 1024 bits is taken")
	}
}

func TestReplacingCertificatesFailsNoHandshake(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	p := i.pair("api", nil, "api.example.org")
	g := guard(t, Config{Cert: p.Cert, Key: p.Key}, Options{})
	address := behind(t, g)
	var asking sync.WaitGroup
	var asked, failed atomic.Int64
	serials := make([]map[string]bool, 4)
	over := make(chan struct{})
	for n := range serials {
		serials[n] = make(map[string]bool)
		asking.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: i.pool(), ServerName: "api.example.org"})
				asked.Add(1)
				if err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				serials[n][c.ConnectionState().PeerCertificates[0].SerialNumber.String()] = true
				_ = c.Close() // nothing was said
			}
		})
	}
	for range 20 {
		i.pair("api", nil, "api.example.org")
		if err := g.certs[0].load(time.Now()); err != nil {
			t.Error(err)
		}
		before := asked.Load()
		eventually(t, "handshakes", func() bool { return asked.Load() > before+8 || failed.Load() > 0 })
	}
	close(over)
	asking.Wait()
	seen := make(map[string]bool)
	for _, s := range serials {
		for serial := range s {
			seen[serial] = true
		}
	}
	t.Logf("%d of %d handshakes failed; %d certificates were seen", failed.Load(), asked.Load(), len(seen))
	if failed.Load() > 0 || len(seen) < 20 {
		t.Errorf("%d failed, %d of 21 certificates were seen", failed.Load(), len(seen))
	}
}

// holding returns the names of the alerts that hold, with what they are about.
func holding(b *alert.Board) []string {
	var all []string
	for _, a := range b.All() {
		if a.Over.IsZero() {
			all = append(all, a.Name+" "+filepath.Base(a.About))
		}
	}
	slices.Sort(all)
	return all
}

// running runs f until the test ends, or until what it returns is called.
func running(t testing.TB, f func(context.Context) error) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestFilesThatCannotBeUsedAreNotTaken(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	p := i.pair("api", nil, "api.example.org")
	board := new(alert.Board)
	g := guard(t, Config{Cert: p.Cert, Key: p.Key}, Options{Alerts: board})
	stop := running(t, g.Run)
	address := behind(t, g)
	serial := func() *big.Int {
		t.Helper()
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: i.pool(), ServerName: "api.example.org"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }() // nothing was said
		return c.ConnectionState().PeerCertificates[0].SerialNumber
	}
	first := serial()
	other := i.pair("other", nil, "api.example.org")
	if err := os.Rename(other.Cert, p.Cert); err != nil { // its key is the old one's
		t.Fatal(err)
	}
	eventually(t, "the alert", func() bool { return slices.Equal(holding(board), []string{"certificate_kept api.crt"}) })
	if s := board.All()[0].Summary; !strings.Contains(s, p.Cert+" and "+p.Key+": ") || !strings.Contains(s, "does not match") {
		t.Errorf("the alert says %q", s)
	}
	if got := serial(); got.Cmp(first) != 0 {
		t.Errorf("after a certificate without its key: serial %v, want %v", got, first)
	}
	if err := os.Rename(other.Key, p.Key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the alert", func() bool { return len(holding(board)) == 0 })
	if got := serial(); got.Cmp(first) == 0 {
		t.Error("the whole pair was not taken")
	}
	if err := os.Remove(p.Cert); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alert", func() bool { return len(holding(board)) == 1 })
	stop()
	if got := holding(board); len(got) != 0 {
		t.Errorf("after the end: %v", got)
	}
}

func TestAnOperatorIsWarnedInTime(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	start := time.Now()
	for _, tt := range []struct {
		name  string
		lives time.Duration
		after time.Duration
		want  string // "" for no warning
	}{
		{"fifteen days before the end there is none", 90 * 24 * time.Hour, 75 * 24 * time.Hour, ""},
		{"thirteen days before there is one", 90 * 24 * time.Hour, 77*24*time.Hour - time.Minute, "in 13 days"},
		{"on the last day", 90 * 24 * time.Hour, 89*24*time.Hour + time.Hour, "within a day"},
		{"after the end", 90 * 24 * time.Hour, 91 * 24 * time.Hour, "ended on"},
		{"a short life has no warning in its first half", 6 * 24 * time.Hour, 3 * 24 * time.Hour, ""},
		{"and one in its last third", 6 * 24 * time.Hour, 5 * 24 * time.Hour, "in 1 day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := i.pair("api", func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = start.Add(-time.Second), start.Add(tt.lives+time.Minute)
			}, "a.example.org")
			c := &certificate{pair: p}
			if err := c.load(start); err != nil {
				t.Fatal(err)
			}
			got := c.warnings(start.Add(tt.after))
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || got[0].name != "certificate_expiring" || !strings.Contains(got[0].summary, tt.want)) {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

func TestAKeyThatEverybodyMayReadIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode there")
	}
	i := newIssuer(t, t.TempDir(), "root")
	p := i.pair("api", nil, "a.example.org")
	board := new(alert.Board)
	if err := os.Chmod(p.Key, 0o604); err != nil {
		t.Fatal(err)
	}
	running(t, guard(t, Config{Cert: p.Cert, Key: p.Key}, Options{Alerts: board}).Run)
	eventually(t, "the alert", func() bool { return slices.Equal(holding(board), []string{"key_readable api.key"}) })
}
