// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yett/practice/https"
)

func TestWhoTrustsTheRootIsGreeted(t *testing.T) { greeted(t, https.Config{}, t.TempDir()) }

// A root that the program made before is at once a certificate in files: it signs itself.
func TestACertificateFromFilesIsServed(t *testing.T) {
	dir := t.TempDir()
	greeted(t, https.Config{}, dir)
	c := https.Config{Cert: filepath.Join(dir, "data", "ca.pem"), Key: filepath.Join(dir, "data", "ca.key")}
	greeted(t, c, dir)
	c.Key = c.Cert
	if err := run(t.Context(), "127.0.0.1:0", filepath.Join(dir, "data"), c, nil); err == nil || !strings.Contains(err.Error(), "ca.pem and ") {
		t.Errorf("a certificate without its key: got %v", err)
	}
}

// greeted asks a program with c once. A certificate in c is asked for under a name that the program's own has not.
func greeted(t *testing.T, c https.Config, dir string) {
	t.Helper()
	path := filepath.Join(dir, "data")
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", path, c, ready) }()
	var url string
	select {
	case addr := <-ready:
		url = "https://" + addr.String() + "/"
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(path, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(body) != "hello over TLS 1.3\n" || res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %q over %s, %v, %v", body, res.Proto, res.Header, err)
	}
	nc, err := tls.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/"), &tls.Config{InsecureSkipVerify: true, ServerName: "other.example.org"}) // #nosec G402 -- it is looked at, nothing is sent
	if err != nil {
		t.Fatal(err)
	}
	if got := nc.ConnectionState().PeerCertificates[0].IsCA; got != (c.Cert != "") {
		t.Errorf("the certificate from the files was served: %v", got)
	}
	_ = nc.Close() // nothing was said
	if _, err := (&http.Client{Transport: &http.Transport{}}).Get(url); err == nil {
		t.Error("a client that does not trust the root was served")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/https"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
