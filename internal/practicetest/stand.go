// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"yett/admin"
	"yett/config"
	"yett/examples/shop"
	"yett/exchange"
	"yett/gateway"
)

// A Shop is the demo shop as an upstream that counts.
type Shop struct {
	url     string
	reached atomic.Int64
}

// OpenShop starts the shop on a port of its own until the test ends.
func OpenShop(t testing.TB) *Shop {
	t.Helper()
	s, err := shop.New(shop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	up := new(Shop)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up.reached.Add(1)
		s.Handler().ServeHTTP(w, r)
	}))
	up.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return up
}

// A Stand is a gateway in front of a shop, with keys to call it.
type Stand struct {
	shop   *Shop
	g      *gateway.Gateway
	admin  *admin.Client
	roots  *x509.CertPool
	values map[string]string // of the placeholders
	forge  *Forge
	close  func() error

	mu      sync.Mutex
	records map[string]exchange.Record
}

// scopes are all that the description asks for.
func (s *Stand) scopes() []string {
	var all []string
	for _, a := range s.g.APIs() {
		for _, op := range a.Operations {
			for _, req := range op.Security {
				for _, use := range req {
					all = append(all, use.Scopes...)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// OpenStand starts a gateway on ports of its own. settings is the part of yett.yaml that a practice wants for its
// tests: blocks of practices at the gateway's level, and operations with theirs. described is the description of the shop,
// nil for its own. The practices in off are off.
func OpenStand(t testing.TB, up *Shop, settings map[string]any, described []byte, off ...string) (_ *Stand, err error) {
	t.Helper()
	dir := t.TempDir()
	text, err := configuration(up.url, settings, off)
	if err != nil {
		return nil, err
	}
	if described == nil {
		described = shop.Description()
	}
	if err := os.WriteFile(filepath.Join(dir, "shop.openapi.yaml"), described, 0o600); err != nil {
		return nil, err
	}
	forge, err := newForge()
	if err != nil {
		return nil, err
	}
	keys, err := forge.keys()
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{ForgedKeys: keys, ForgedCA: forge.ca} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	file, err := config.Parse(filepath.Join(dir, "yett.yaml"), text, gateway.Practices())
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	s := &Stand{shop: up, forge: forge, records: make(map[string]exchange.Record), close: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var behind atomic.Int64 // keys are made in the past, so that one has run out without waiting for it
	behind.Store(int64(2 * time.Second))
	now := func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
	if s.g, err = gateway.New(t.Context(), file, gateway.Options{Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Now: now, Observe: s.observe}); err != nil {
		return nil, err
	}
	s.close = s.g.Close
	if err := s.g.Listen(); err != nil {
		return nil, err
	}
	s.admin = admin.InProcess(s.g.AdminHandler())
	if s.values, err = s.keys(t.Context()); err != nil {
		return nil, err
	}
	behind.Store(0)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.g.Run(ctx) }()
	s.close = func() error {
		stop()
		return errors.Join(<-ended, s.g.Close())
	}
	pem, err := os.ReadFile(filepath.Join(dir, "data", "ca.pem"))
	if err != nil {
		return nil, err
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(pem)
	return s, nil
}

// configuration writes the yett.yaml of a stand.
func configuration(upstream string, settings map[string]any, off []string) ([]byte, error) {
	all := map[string]any{"listen": "127.0.0.1:0", "admin": map[string]any{"listen": "127.0.0.1:0"}, "data": "data"}
	api := map[string]any{"name": "shop", "openapi": "shop.openapi.yaml", "upstream": upstream}
	for name, block := range settings {
		if name == "operations" {
			api[name] = block
			continue
		}
		all[name] = block
	}
	for _, name := range off {
		block := map[string]any{"off": "attack test"}
		if own, ok := settings[name].(map[string]any); ok {
			for k, v := range own {
				block[k] = v
			}
		}
		all[name] = block
	}
	all["apis"] = []any{api}
	return yaml.Dump(all)
}

// Close ends the gateway.
func (s *Stand) Close() error { return s.close() }

// keys makes a key of each state.
func (s *Stand) keys(ctx context.Context) (map[string]string, error) {
	_, port, err := net.SplitHostPort(s.g.Addr().String())
	if err != nil {
		return nil, err
	}
	values := map[string]string{"host": "localhost:" + port} // the name of the handshake
	for _, name := range []string{"key", "revoked", "expired"} {
		in := map[string]any{"client": "tests", "owner": "practicetest", "scopes": s.scopes()}
		if name == "expired" {
			in["expires_in_s"] = 1
		}
		var made struct{ ID, Key string }
		if err := s.admin.Call(ctx, http.MethodPost, "/keys", in, &made); err != nil {
			return nil, err
		}
		if name == "revoked" {
			if err := s.admin.Call(ctx, http.MethodPost, "/keys/"+made.ID+"/revoke", nil, nil); err != nil {
				return nil, err
			}
		}
		values[name] = made.Key
	}
	return values, nil
}

func (s *Stand) observe(r exchange.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[r.ID] = r
}

// record returns the record of an exchange; it is made after the answer has left.
func (s *Stand) record(id string) (exchange.Record, bool) {
	for range 200 {
		s.mu.Lock()
		r, ok := s.records[id]
		s.mu.Unlock()
		if ok {
			return r, true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return exchange.Record{}, false
}

// dial opens a connection over which HTTP/1.1 is spoken.
func (s *Stand) dial(f *File) (net.Conn, error) {
	nc, err := net.DialTimeout("tcp", s.g.Addr().String(), 5*time.Second)
	if err != nil {
		return nil, err
	}
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	if f.Clear {
		return nc, nil
	}
	shown := map[string][]tls.Certificate{"own": {s.forge.own}, "strange": {s.forge.strange}}[f.Cert]
	c := tls.Client(nc, &tls.Config{RootCAs: s.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12, Certificates: shown})
	if err := c.Handshake(); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}
