// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tell answers in one line what the server made of a request: refusals by their code, others by what was read.
func tell(w http.ResponseWriter, r *http.Request) {
	ref, refused := Refusal(r)
	body, err := io.ReadAll(r.Body)
	if err != nil && !refused {
		if ref, refused = BodyRefusal(r); !refused {
			http.Error(w, "body: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if refused {
		w.WriteHeader(ref.Status)
		fmt.Fprintf(w, "refused %s %q %q", ref.Code, ref.Method, ref.Target)
		return
	}
	fmt.Fprintf(w, "%s %s host=%s tls=%t plain=%t body=%d:%x", r.Method, r.RequestURI, r.Host, r.TLS != nil, PlainOnTLS(r), len(body), sha256.Sum256(body))
	for name, v := range r.Trailer {
		fmt.Fprintf(w, " %s=%s", name, strings.Join(v, ","))
	}
}

// serve runs s until the test ends and returns its address. Without a Handler it tells.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Handler == nil {
		s.Handler = http.HandlerFunc(tell)
	}
	if s.ErrorLog == nil {
		s.ErrorLog = slog.New(slog.DiscardHandler)
	}
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("Serve did not return after Close")
		}
	})
	return ln.Addr().String()
}

// dial connects and gives up after ten seconds, so that no test hangs.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return nc.(*net.TCPConn)
}

// dialTLS shakes hands over dial.
func dialTLS(t testing.TB, addr string, roots *x509.CertPool, protos ...string) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, addr), &tls.Config{RootCAs: roots, ServerName: "shop.example.org", NextProtos: protos})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t testing.TB, w io.Writer, b string) {
	t.Helper()
	if _, err := io.WriteString(w, b); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// answers reads answers until the server hangs up, each as "status body".
func answers(t testing.TB, r io.Reader) []string {
	t.Helper()
	var all []string
	for br := bufio.NewReader(r); ; {
		a, err := answer(br)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("after %d answers %q: %v", len(all), all, err)
		}
		all = append(all, a)
	}
}

// answer reads one; io.EOF means that the server hung up before it.
func answer(br *bufio.Reader) (string, error) {
	if _, err := br.Peek(1); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		return "", fmt.Errorf("answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("answer's body: %v", err)
	}
	return fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(body))), nil
}

// codeOf returns the code of an answer of tell's, or "" if it was no refusal.
func codeOf(answer string) string {
	_, rest, ok := strings.Cut(answer, " refused ")
	if !ok {
		return ""
	}
	code, _, _ := strings.Cut(rest, " ")
	return code
}

// certificate makes a server's TLS configuration and the roots that trust it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wire test"}, DNSNames: []string{"shop.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, roots
}

// An ambiguous request of testdata, with the code that its table asks for.
type ambiguous struct{ file, code, bytes string }

func ambiguousRequests(t testing.TB) []ambiguous {
	t.Helper()
	const dir = "testdata/ambiguous/"
	readme, err := os.ReadFile(dir + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []ambiguous
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(string(readme), -1) {
		b, err := os.ReadFile(dir + row[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ambiguous{row[1], row[2], string(b)})
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 || len(all) != len(files)-1 {
		t.Fatalf("the table of %sREADME.md has %d rows for %d files", dir, len(all), len(files)-1)
	}
	return all
}

// pipe returns a client and its screened connection.
func pipe(t testing.TB) (*net.TCPConn, *conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client := dial(t, ln.Addr().String())
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	l := &link{Conn: nc, leave: func() {}}
	return client, newConn(l, l, Limits{}.withDefaults())
}
