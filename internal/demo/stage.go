// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"yett/admin"
	"yett/config"
	"yett/examples/shop"
	"yett/gateway"
)

// A Stage is a careless shop and a gate before it, both on loopback, with their data in a directory of their own.
type Stage struct {
	Shop, Gate *Side
	Dir        string // holds yett.yaml, the description, the shop's log and the gate's data
	Admin      string // URL of the gate's admin address

	gateway *gateway.Gateway
	shop    *shop.Shop
	log     *os.File
	stop    context.CancelFunc
	ended   chan error // one for each of running
	running int
}

// office is the shop's back office, which its description leaves out. The gate admits the office's network only.
//
//go:embed office.yaml
var office string

//go:embed yett.yaml
var configuration string

// Open starts both sides. Close ends them and removes their data.
func Open(ctx context.Context) (*Stage, error) { return open(ctx, configuration) }

// open is Open with another yett.yaml.
func open(ctx context.Context, text string) (_ *Stage, err error) {
	dir, err := os.MkdirTemp("", "yett-demo-")
	if err != nil {
		return nil, err
	}
	s := &Stage{Dir: dir, ended: make(chan error, 2)}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openShop(background); err != nil {
		return nil, fmt.Errorf("the shop: %w", err)
	}
	if err := s.openGate(background, text); err != nil {
		return nil, fmt.Errorf("the gate: %w", err)
	}
	return s, nil
}

func (s *Stage) openShop(ctx context.Context) (err error) {
	logFile := filepath.Join(s.Dir, "shop.log")
	if s.log, err = os.OpenFile(logFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	// The shop logs all that it can: it is not to look worse than it is.
	if s.shop, err = shop.New(shop.Options{File: filepath.Join(s.Dir, "shop.db"), Log: slog.New(slog.NewTextHandler(s.log, nil))}); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.shop.Handler(), ReadHeaderTimeout: 10 * time.Second}
	s.run(func() error {
		context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody waits for what it still does
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	s.Shop = &Side{URL: "http://" + l.Addr().String(), client: client(nil), log: logFile, data: filepath.Join(s.Dir, "shop.db")}
	return nil
}

func (s *Stage) openGate(ctx context.Context, text string) error {
	description := strings.Replace(string(shop.Description()), "\npaths:\n", "\npaths:\n"+office, 1)
	text = strings.ReplaceAll(text, "http://127.0.0.1:9000", s.Shop.URL)
	name := filepath.Join(s.Dir, "yett.yaml")
	is, keys, err := newIssuer()
	if err != nil {
		return err
	}
	kek := make([]byte, 32)
	_, _ = rand.Read(kek) // never fails: crypto/rand ends the program first
	for file, content := range map[string][]byte{"shop.openapi.yaml": []byte(description), "yett.yaml": []byte(text), "keys.json": keys, "kek": kek} {
		if err := os.WriteFile(filepath.Join(s.Dir, file), content, 0o600); err != nil {
			return err
		}
	}
	file, err := config.Parse(name, []byte(text), gateway.Practices())
	if err != nil {
		return err
	}
	if s.gateway, err = gateway.New(ctx, file, gateway.Options{}); err != nil {
		return err
	}
	if err := s.gateway.Listen(); err != nil {
		return err
	}
	s.run(func() error { return s.gateway.Run(ctx) })
	pem, err := os.ReadFile(s.CA())
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("the local root cannot be read")
	}
	s.Admin = "https://" + s.gateway.AdminAddr().String()
	s.Gate = &Side{Gated: true, data: filepath.Join(s.Dir, "data"), issuer: is, URL: "https://" + s.gateway.Addr().String(), client: client(roots), admin: admin.InProcess(s.gateway.AdminHandler())}
	return nil
}

// CA is the file of the gate's root certificate.
func (s *Stage) CA() string { return filepath.Join(s.Dir, "data", "ca.pem") }

// client speaks HTTP/1.1 to both sides alike, follows no redirect and uses no proxy.
func client(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
			MaxIdleConnsPerHost: workers, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s *Stage) run(f func() error) {
	s.running++
	go func() { s.ended <- f() }()
}

// Close ends both sides and removes their data.
func (s *Stage) Close() error {
	for _, side := range []*Side{s.Shop, s.Gate} {
		if side != nil {
			side.client.CloseIdleConnections()
		}
	}
	s.stop()
	var all []error
	for range s.running {
		all = append(all, <-s.ended)
	}
	if s.gateway != nil {
		all = append(all, s.gateway.Close())
	}
	if s.shop != nil {
		all = append(all, s.shop.Close())
	}
	if s.log != nil {
		all = append(all, s.log.Close())
	}
	return errors.Join(append(all, os.RemoveAll(s.Dir))...)
}
