// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	audience     = "https://api.example.org"
	clientSecret = "a-secret-of-the-test-alone"
)

// An issuer is oidc-provider behind a door that counts who asks for keys, and can be closed for them.
type issuer struct {
	url    string
	door   *httptest.Server
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	keys   atomic.Int64 // how often keys were asked for
	asked  atomic.Int64 // introspections
	closed atomic.Pointer[http.HandlerFunc]
	mu     sync.Mutex
}

func startIssuer(ctx context.Context, folder string) (_ *issuer, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	is := new(issuer)
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		r.Out.Host = r.In.Host // its addresses are those of the door
	}}
	is.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/jwks":
			is.keys.Add(1)
		case r.URL.Path == "/token/introspection":
			is.asked.Add(1)
		case r.URL.Path != "/.well-known/openid-configuration":
			behind.ServeHTTP(w, r) // tokens are always to be had
			return
		}
		if closed := is.closed.Load(); closed != nil {
			(*closed)(w, r)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	is.url = is.door.URL
	is.cmd = exec.CommandContext(ctx, "node", "issuer.mjs", is.url, fmt.Sprint(port)) // #nosec G204 -- a port
	is.cmd.Dir, is.cmd.Stderr = folder, io.Discard
	if is.in, err = is.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := is.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	is.out = bufio.NewScanner(out)
	if err := is.cmd.Start(); err != nil {
		is.door.Close()
		return nil, fmt.Errorf("node: %w", err)
	}
	if err := is.hears("ready"); err != nil {
		return nil, errors.Join(err, is.stop())
	}
	return is, nil
}

func (is *issuer) hears(word string) error {
	for is.out.Scan() {
		if is.out.Text() == word {
			return nil
		}
	}
	return fmt.Errorf("oidc-provider ended before it said %q", word)
}

// rotate has the issuer sign with a new key.
func (is *issuer) rotate() error {
	is.mu.Lock()
	defer is.mu.Unlock()
	if _, err := io.WriteString(is.in, "rotate\n"); err != nil {
		return err
	}
	return is.hears("rotated")
}

// close lets nobody ask for keys any more; nil opens the door again.
func (is *issuer) close(as http.HandlerFunc) {
	if as == nil {
		is.closed.Store(nil)
		return
	}
	is.closed.Store(&as)
}

func (is *issuer) stop() error {
	is.door.CloseClientConnections()
	is.door.Close()
	err := is.in.Close() // which ends it
	late := time.AfterFunc(10*time.Second, func() { _ = is.cmd.Process.Kill() })
	defer late.Stop()
	_ = is.cmd.Wait() // how it ends is not judged
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return err
}

// token gets an access token, with fields of the request beside the usual ones.
func (is *issuer) token(ctx context.Context, header http.Header, fields ...string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {clientSecret}, "scope": {"things:read"}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	body, err := is.post(ctx, "/token", header, form)
	if err != nil {
		return "", err
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.AccessToken == "" {
		return "", fmt.Errorf("no token: %s", body)
	}
	return out.AccessToken, nil
}

func (is *issuer) post(ctx context.Context, path string, header http.Header, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, is.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return body, errors.Join(err, res.Body.Close())
}
