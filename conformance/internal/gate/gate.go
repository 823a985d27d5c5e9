// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package gate starts the real binary for a conformance program: on free ports of the loopback, with a data directory of
// its own, and with the key that yett prints at its first start. It judges nothing.
package gate

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A Gate is a running yett.
type Gate struct {
	Addr  string        // where it serves, host and port
	Key   string        // admits to its operations, as X-API-Key
	Roots string        // file of the certificate authority that it made for itself
	TLS   *tls.Config   // trusts Roots
	Ready time.Duration // how long the start took

	cmd         *exec.Cmd
	binary      string
	dir         string
	description string // to be removed; "" if there is none
}

// startWithin bounds the start.
const startWithin = time.Minute

// Start runs binary before the upstream at a URL. The description is a file. End it with Stop.
func Start(ctx context.Context, binary, description, upstream string) (*Gate, error) {
	dir, err := os.MkdirTemp("", "yett")
	if err != nil {
		return nil, err
	}
	g := &Gate{dir: dir, binary: binary, Roots: filepath.Join(dir, "data", "ca.pem")}
	if err := g.start(ctx, binary, description, upstream); err != nil {
		return nil, errors.Join(fmt.Errorf("yett did not start: %w", err), g.Stop())
	}
	return g, nil
}

// StartDescribed is Start with the text of a description in YAML.
func StartDescribed(ctx context.Context, binary, description, upstream string) (*Gate, error) {
	f, err := os.CreateTemp("", "openapi*.yaml")
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(description)
	err = errors.Join(err, f.Close())
	var g *Gate
	if err == nil {
		g, err = Start(ctx, binary, f.Name(), upstream)
	}
	if g == nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	g.description = f.Name() // it is looked at as long as the gate serves
	return g, err
}

func (g *Gate) start(ctx context.Context, binary, description, upstream string) error {
	admin, err := free()
	if err != nil {
		return err
	}
	if g.Addr, err = free(); err != nil {
		return err
	}
	return g.launch(exec.CommandContext(ctx, binary, description, upstream, "--listen", g.Addr, "--admin", admin, "--data", filepath.Join(g.dir, "data")))
}

// launch starts the process and waits until it is ready.
func (g *Gate) launch(cmd *exec.Cmd) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	g.cmd = cmd
	late := time.AfterFunc(startWithin, func() { _ = cmd.Process.Kill() }) // ends the output, too
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if t := strings.TrimSpace(lines.Text()); strings.HasPrefix(t, "yett_") {
			g.Key = t
		}
		if strings.HasPrefix(lines.Text(), "Ready after") {
			break
		}
	}
	late.Stop()
	g.Ready = time.Since(began)
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	if g.Key == "" {
		return errors.New("it printed no key")
	}
	pem, err := os.ReadFile(g.Roots)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", g.Roots)
	}
	g.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return nil
}

// Client speaks to the gate. Redirects are answers: they lead to hosts outside.
func (g *Gate) Client() *http.Client {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Timeout: 30 * time.Second, CheckRedirect: stay, Transport: &http.Transport{TLSClientConfig: g.TLS.Clone()}}
}

// Port is that of Addr.
func (g *Gate) Port() string {
	_, port, _ := net.SplitHostPort(g.Addr)
	return port
}

// Stop ends the process and removes its data.
func (g *Gate) Stop() error {
	if g.cmd != nil {
		// An interrupt lets it drain; where the system has none, or it does not end, it is killed.
		late := time.AfterFunc(10*time.Second, func() { _ = g.cmd.Process.Kill() })
		if g.cmd.Process.Signal(os.Interrupt) != nil {
			_ = g.cmd.Process.Kill()
		}
		_ = g.cmd.Wait() // how it ends is not judged
		late.Stop()
	}
	err := os.RemoveAll(g.dir)
	if g.description != "" {
		err = errors.Join(err, os.Remove(g.description))
	}
	return err
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
