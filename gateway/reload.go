// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"yett/config"
	"yett/exchange"
	"yett/internal/watch"
)

// reloadFailed is the alert that the configuration which was asked for is not the one that runs.
const reloadFailed = "reload_failed"

// A Change says what a reload did.
type Change struct {
	From    string        `json:"from"` // ids of configurations
	To      string        `json:"to"`
	Added   []string      `json:"added"` // operations: "shop createOrder"
	Removed []string      `json:"removed"`
	Changed []string      `json:"changed"` // settings of practices, where they stand: "ratelimit", "shop: cors"
	Took    time.Duration `json:"took_ns"`
}

var (
	errNoReload   = errors.New("this gateway was started without a configuration to read again")
	errNotServing = errors.New("the gateway does not serve")
)

// Reload reads the configuration again, builds a whole new generation, has it prove that it answers, and only then lets
// it serve. Exchanges in flight end as they began. Whatever fails leaves the running generation as it is, raises the
// alert reload_failed and counts in the metrics.
func (g *Gateway) Reload() (*Change, error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	change, err := g.reload()
	g.acted(change, err)
	g.metrics.Reloaded(err == nil)
	if err != nil {
		g.alerts.Raise(reloadFailed, "", fmt.Sprintf("%v; still running configuration %s", err, g.gen.Load().id))
	} else {
		g.alerts.Clear(reloadFailed, "")
		g.metrics.Running(change.To, g.now())
	}
	if g.options.Reloaded != nil {
		g.options.Reloaded(change, err)
	}
	return change, err
}

func (g *Gateway) reload() (*Change, error) {
	start := time.Now()
	switch {
	case g.options.Load == nil:
		return nil, errNoReload
	case g.running == nil:
		return nil, errNotServing
	}
	old := g.gen.Load()
	files := watch.Files(sources(old.file)...)
	defer func() { g.watched.Store(files) }() // a refused configuration is looked at until it is well
	file, err := g.options.Load()
	if err != nil {
		return nil, err
	}
	files.Add(sources(file)...)
	if len(file.APIs) == 0 {
		return nil, errNoAPI
	}
	if err := g.stays(file); err != nil {
		return nil, err
	}
	next, err := load(file)
	if err != nil {
		return nil, err
	}
	files.Add(next.descriptions()...)
	if err := g.build(next); err != nil {
		return nil, err
	}
	plain, err := g.examine(old, next)
	if err != nil {
		return nil, errors.Join(err, next.close())
	}
	g.swap(old, next, plain)
	change := old.difference(next)
	change.Took = time.Since(start)
	return change, nil
}

// stays refuses to change what a process has from its start to its end.
func (g *Gateway) stays(file *config.File) error {
	var all []error
	for _, v := range []struct{ key, was, is string }{
		{"listen", g.first.Listen, file.Listen},
		{"admin.listen", g.first.Admin.Listen, file.Admin.Listen},
		{"data", g.first.Data, file.Data},
	} {
		if v.was != v.is {
			all = append(all, file.Errorf(v.key, "a running gateway keeps %q (restart it to change this)", v.was))
		}
	}
	return errors.Join(all...)
}

// examine has the next generation prove that it can serve, and opens the address for calls in clear where that is
// another one. nil: it stays.
func (g *Gateway) examine(old, next *generation) (*plainServer, error) {
	if next.limits != old.limits {
		return nil, next.file.Errorf("https", "a running gateway keeps its limits of connections (restart it to change them)")
	}
	if err := next.examine(); err != nil {
		return nil, fmt.Errorf("the new configuration does not serve: %w", err)
	}
	if next.plainListen == g.plain.address {
		return nil, nil
	}
	p, err := listenPlain(next.plainListen)
	return &p, err
}

// examine shakes hands and asks each API for a path that it does not declare: an answer of the gateway's own must come.
func (gen *generation) examine() error {
	if err := handshake(gen.tls); err != nil {
		return fmt.Errorf("no handshake: %w", err)
	}
	server := gen.server
	// It is nobody's call, which nothing records: that records cannot be written now is no fault of the configuration, which
	// may be the cure.
	server.Observe = nil
	server.Edge = slices.DeleteFunc(slices.Clone(server.Edge), func(l exchange.Link) bool { return l.Practice == recording })
	for _, a := range gen.apis {
		host := "localhost"
		if len(a.Hosts) > 0 {
			host = a.Hosts[0]
		}
		r, err := http.NewRequest(http.MethodGet, "https://"+host+a.BasePath+"/.well-known/yett-self-check", http.NoBody)
		if err != nil {
			return err
		}
		r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: host}
		var w statusWriter
		server.ServeHTTP(&w, r)
		if w.status < 400 || w.status > 499 {
			return fmt.Errorf("%s: a call of nothing was answered %d", a.Name, w.status)
		}
	}
	return nil
}

// handshake agrees with itself over a pipe. Whose certificate it is, clients judge.
func handshake(conf *tls.Config) (err error) {
	conf = conf.Clone()
	conf.ClientAuth = tls.NoClientCert // nobody's certificate is at hand here
	conf.VerifyConnection, conf.VerifyPeerCertificate, conf.GetConfigForClient = nil, nil, nil
	near, far := net.Pipe()
	defer func() { err = errors.Join(err, near.Close(), far.Close()) }()
	end := time.Now().Add(10 * time.Second)
	if err := errors.Join(near.SetDeadline(end), far.SetDeadline(end)); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() { answered <- tls.Server(near, conf).Handshake() }()
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) // #nosec G402 -- nothing is sent
	return errors.Join(client.Handshake(), <-answered)
}

// A statusWriter keeps the status of an answer.
type statusWriter struct {
	header http.Header
	status int
}

// Header returns the fields of the answer, which nobody reads.
func (w *statusWriter) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader keeps the status.
func (w *statusWriter) WriteHeader(status int) { w.status = status }

// Write takes the body.
func (w *statusWriter) Write(b []byte) (int, error) { return len(b), nil }

// swap lets next serve in the place of old. What the practices of the two run never runs at the same time.
func (g *Gateway) swap(old, next *generation, plain *plainServer) {
	if err := g.settle(); err != nil {
		g.log.Error("the practices of the old configuration did not end well", "error", err.Error())
	}
	g.gen.Store(next)
	g.run(next)
	g.older.retire(old, func(err error) {
		if err != nil {
			g.log.Error("closing an old configuration", "id", old.id, "error", err.Error())
		}
	})
	if plain == nil {
		return
	}
	before := g.plain.server
	g.plain = *plain
	g.servePlain(g.background, next, &g.plain)
	if before != nil {
		go func() {
			ctx, cancel := context.WithTimeout(g.background, drainFor)
			defer cancel()
			if err := before.Shutdown(ctx); err != nil {
				g.log.Warn("the old address for calls in clear", "error", err.Error())
			}
		}()
	}
}

// watch reloads when a file of the configuration has changed, until ctx ends.
func (g *Gateway) watch(ctx context.Context) {
	if g.options.Load == nil {
		return
	}
	for ctx.Err() == nil {
		files := g.watched.Load()
		round, next := context.WithCancel(ctx)
		files.Run(round, func() {
			if g.watched.Load() == files { // else somebody has reloaded meanwhile
				_, _ = g.Reload() // told by Reload itself
			}
			next()
		})
		next()
	}
}

// sources lists the files that a configuration is read from, before its descriptions say which others they refer to.
func sources(file *config.File) []string {
	names := []string{file.Path}
	for _, a := range file.APIs {
		names = append(names, a.OpenAPI)
	}
	return names
}

// descriptions lists every file that the descriptions were read from.
func (gen *generation) descriptions() []string {
	var names []string
	for _, a := range gen.apis {
		for _, f := range a.Files() {
			names = append(names, f.Name)
		}
	}
	return names
}

// identify gives the configuration its id: the same files, the same id.
func (gen *generation) identify() {
	h := sha256.New()
	sum := gen.file.Digest()
	h.Write(sum[:])
	for _, a := range gen.apis {
		for _, f := range a.Files() {
			sum := f.Digest()
			h.Write(sum[:])
		}
	}
	gen.id = hex.EncodeToString(h.Sum(nil)[:3])
}

// difference tells what is not the same in next.
func (gen *generation) difference(next *generation) *Change {
	c := &Change{From: gen.id, To: next.id, Added: []string{}, Removed: []string{}, Changed: []string{}}
	was, is := gen.operations(), next.operations()
	for name := range is {
		if !was[name] {
			c.Added = append(c.Added, name)
		}
	}
	for name := range was {
		if !is[name] {
			c.Removed = append(c.Removed, name)
		}
	}
	for place, layers := range next.layers {
		before, known := gen.layers[place]
		if known && !slices.EqualFunc(before, layers, func(a, b config.Layer) bool { return a.Key == b.Key && a.Value == b.Value }) {
			c.Changed = append(c.Changed, place)
		}
	}
	slices.Sort(c.Added)
	slices.Sort(c.Removed)
	slices.Sort(c.Changed)
	return c
}

func (gen *generation) operations() map[string]bool {
	all := make(map[string]bool)
	for _, a := range gen.apis {
		for _, op := range a.Operations {
			all[a.Name+" "+op.ID] = true
		}
	}
	return all
}
