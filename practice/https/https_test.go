// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"yett/store"
)

func dir(t testing.TB, path string) *store.Dir {
	t.Helper()
	d, err := store.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // once more, where a test closed it itself
	return d
}

func authority(t testing.TB, d *store.Dir, now func() time.Time) *LocalCA {
	t.Helper()
	names, ips := localNames("https://API.example.org:8443")
	ca, err := OpenLocalCA(d, d, now, names, ips)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func roots(t testing.TB, d *store.Dir) *x509.CertPool {
	t.Helper()
	pem, err := d.ReadFile(RootName)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in " + RootName)
	}
	return pool
}

func guard(t testing.TB, c Config, o Options) *Guard {
	t.Helper()
	g, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// serve serves a handler with the local CA.
func serve(t testing.TB, ca *LocalCA) *httptest.Server {
	t.Helper()
	g := guard(t, Config{HSTS: 24 * time.Hour}, Options{Local: ca})
	s := httptest.NewUnstartedServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") })))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are expected
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := g.TLS(conf); err != nil {
		t.Fatal(err)
	}
	s.Listener = tls.NewListener(s.Listener, conf)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestOnlyModernTLSIsSpoken(t *testing.T) {
	d := dir(t, filepath.Join(t.TempDir(), "data"))
	s := serve(t, authority(t, d, time.Now))
	pool := roots(t, d)
	for _, tt := range []struct {
		name string
		conf *tls.Config
		ok   bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2 with an AEAD suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, true},
		{"the post-quantum hybrid alone", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}, true},
		{"by the public name", &tls.Config{ServerName: "api.example.org"}, true},
		{"by the IPv6 loopback", &tls.Config{ServerName: "::1"}, true},
		{"by an unknown name", &tls.Config{ServerName: "other.example.org"}, false},
		{"TLS 1.2 with CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"P-521 alone", &tls.Config{MaxVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.CurveP521}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conf := tt.conf.Clone()
			conf.RootCAs = pool
			if conf.ServerName == "" {
				conf.ServerName = "localhost"
			}
			c, err := tls.Dial("tcp", s.Listener.Addr().String(), conf)
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if err == nil {
				_ = c.Close() // nothing was said
			}
		})
	}
}

func TestCurlTrustsTheRoot(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here; the test above asks the same of Go")
	}
	d := dir(t, filepath.Join(t.TempDir(), "data"))
	s := serve(t, authority(t, d, time.Now))
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(curl, "-sS", "-i", "--http1.1", "--noproxy", "*", "--cacert", d.Path(RootName), "https://localhost:"+port+"/").CombinedOutput() // #nosec G204
	if err != nil || !strings.HasSuffix(string(out), "in") || !strings.Contains(string(out), "Strict-Transport-Security: max-age=86400\r\n") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheRootOutlivesARestartAndItsKeyIsForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := dir(t, path)
	first := authority(t, d, time.Now)
	for _, name := range []string{RootName, rootKeyName} {
		if info, err := os.Stat(d.Path(name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	second := authority(t, dir(t, path), time.Now)
	if !first.root.Equal(second.root) {
		t.Error("there is another root after a restart")
	}
	if c := first.root; !c.IsCA || c.MaxPathLen != 0 || !c.MaxPathLenZero || c.KeyUsage&x509.KeyUsageCertSign == 0 {
		t.Errorf("the root may do other things: %+v", c)
	}
}

func TestCertificatesAreRenewedInTime(t *testing.T) {
	now := time.Now()
	ca := authority(t, dir(t, filepath.Join(t.TempDir(), "data")), func() time.Time { return now })
	start := now
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	leaf := func() *x509.Certificate {
		t.Helper()
		c, err := ca.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool, CurrentTime: now}); err != nil {
			t.Errorf("at %v: %v", now, err)
		}
		return c.Leaf
	}
	first := leaf()
	for _, tt := range []struct {
		name  string
		after time.Duration
		same  bool // as the one before
	}{
		{"an hour later it is the same", time.Hour, true},
		{"with half its life left too", 45 * 24 * time.Hour, true},
		{"with less than a third it is new", 61 * 24 * time.Hour, false},
		{"a clock that was set back makes another", 0, false},
		{"near the end of the root it is short", rootLifetime - 24*time.Hour, false},
		{"and not made anew each time", rootLifetime - 23*time.Hour, true},
		{"until little of that is left", rootLifetime - 7*time.Hour, false},
	} {
		now = start.Add(tt.after)
		c := leaf()
		if c.Equal(first) != tt.same {
			t.Errorf("%s: same %v", tt.name, !tt.same)
		}
		if c.NotAfter.After(ca.root.NotAfter) {
			t.Errorf("%s: it outlives the root", tt.name)
		}
		first = c
	}
	now = start.Add(rootLifetime + time.Hour)
	if _, err := ca.GetCertificate(nil); err == nil {
		t.Error("a certificate of an ended root")
	}
}

func TestFilesThatDoNotBelongTogetherAreRefused(t *testing.T) {
	other := dir(t, filepath.Join(t.TempDir(), "data"))
	authority(t, other, time.Now)
	for _, tt := range []struct {
		name string
		do   func(d *store.Dir) error
		want string
	}{
		{"key of another root", func(d *store.Dir) error { return give(d, rootKeyName, other) }, "does not match"},
		{"root of another key", func(d *store.Dir) error { return give(d, RootName, other) }, "does not match"},
		{"garbage for a key", func(d *store.Dir) error { return d.WriteFile(rootKeyName, []byte("x")) }, "restore both"},
		{"garbage for a root", func(d *store.Dir) error { return d.WriteFile(RootName, []byte("x")) }, "restore both"},
		{"no key", func(d *store.Dir) error { return os.Remove(d.Path(rootKeyName)) }, "is not (restore it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := dir(t, filepath.Join(t.TempDir(), "data"))
			authority(t, d, time.Now)
			if err := tt.do(d); err != nil {
				t.Fatal(err)
			}
			_, err := OpenLocalCA(d, d, time.Now, []string{"localhost"}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	ended := func() time.Time { return time.Now().Add(rootLifetime + time.Hour) }
	if _, err := OpenLocalCA(other, other, ended, []string{"localhost"}, nil); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("an ended root: %v", err)
	}
}

func give(d *store.Dir, name string, from *store.Dir) error {
	data, err := from.ReadFile(name)
	return errors.Join(err, d.WriteFile(name, data))
}

func TestNamesThatCannotStandInACertificateAreRefusedAtTheStart(t *testing.T) {
	d := dir(t, filepath.Join(t.TempDir(), "data"))
	for _, names := range [][]string{nil, {""}, {"a..b"}, {"a_b"}, {"-a"}, {"*.example.org"}, {strings.Repeat("a", 64)}, {"a b"}} {
		if _, err := OpenLocalCA(d, d, time.Now, names, nil); err == nil {
			t.Errorf("%q was taken", names)
		}
	}
	if names, ips := localNames("https://192.0.2.7/"); len(ips) != 3 || names[0] != "localhost" {
		t.Errorf("got %v, %v", names, ips)
	}
}

func TestRequestsInClear(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, field, value string
		status                             int
		want                               string // code or location
	}{
		{"a safe request is sent to https", "GET", "/products?limit=3", "", "", 308, "https://api.example.org:8443/products?limit=3"},
		{"HEAD too", "HEAD", "/products", "", "", 308, "https://api.example.org:8443/products"},
		{"never to where the Host field says", "GET", "/", "X-Forwarded-Host", "evil.example.org", 308, "https://api.example.org:8443/"},
		{"an ordinary query is no credential", "GET", "/?q=monkey&keyboard=1", "", "", 308, "https://api.example.org:8443/?q=monkey&keyboard=1"},
		{"a body has been read already", "POST", "/", "", "", 403, "https_required"},
		{"so has a deletion", "DELETE", "/", "", "", 403, "https_required"},
		{"a key", "GET", "/", "X-API-Key", "k", 403, "credential_in_clear"},
		{"a bearer", "GET", "/", "Authorization", "Bearer x", 403, "credential_in_clear"},
		{"a cookie", "GET", "/", "Cookie", "a=b", 403, "credential_in_clear"},
		{"a token of any name", "GET", "/", "X-Session-Token", "t", 403, "credential_in_clear"},
		{"our own key under any name", "GET", "/", "X-Other", "yett_abc", 403, "credential_in_clear"},
		{"a JWT under any name", "GET", "/", "X-Other", "eyJhbGciOiJFUzI1NiJ9.e30.x", 403, "credential_in_clear"},
		{"a key in the query", "GET", "/?api_key=x", "", "", 403, "credential_in_clear"},
		{"its name in escapes", "GET", "/?%61pi%2Dkey=x", "", "", 403, "credential_in_clear"},
		{"its value in escapes", "GET", "/?x=%79ett_abc", "", "", 403, "credential_in_clear"},
		{"a credential with a change", "POST", "/", "X-API-Key", "k", 403, "credential_in_clear"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := guard(t, Config{HSTS: time.Hour}, Options{PublicURL: "https://api.example.org:8443/"}).Handler(http.NotFoundHandler())
			r := httptest.NewRequest(tt.method, "http://shop.example.org/", nil)
			r.RequestURI = tt.target
			if tt.field != "" {
				r.Header.Set(tt.field, tt.value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header().Get("Location")
			if w.Code == tt.status && got != tt.want && !strings.Contains(w.Body.String(), `"code":"`+tt.want+`"`) || w.Code != tt.status {
				t.Errorf("got %d %q %s, want %d %q", w.Code, got, w.Body, tt.status, tt.want)
			}
			if w.Code == 403 && got != "" || w.Header().Get("Strict-Transport-Security") != "" {
				t.Errorf("fields that have no place here: %v", w.Header())
			}
		})
	}
	w := httptest.NewRecorder()
	guard(t, Config{}, Options{}).Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "http://x/", nil))
	if w.Code != 403 {
		t.Errorf("without a public address: got %d", w.Code)
	}
}

func TestHSTSIsInSeconds(t *testing.T) {
	if got := hsts(Config{HSTS: 90 * time.Second}); got != "max-age=90" {
		t.Errorf("got %q", got)
	}
	if got := hsts(Config{}); got != "" {
		t.Errorf("got %q", got)
	}
}
