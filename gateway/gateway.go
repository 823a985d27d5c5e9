// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway composes the practices into the gate: it builds a generation of a configuration, routes, proxies and
// serves. It is the only package that knows all practices, and the only one that turns a panic into an answer.
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"yett/api"
	"yett/config"
	"yett/exchange"
	"yett/gateway/wire"
	"yett/practice"
	"yett/store"
	"yett/store/memory"
	"yett/store/sqlite"
)

// Options are what a program supplies; the zero value works.
type Options struct {
	Log *slog.Logger     // default: nowhere
	Now func() time.Time // default: time.Now
	// Observe is called after every exchange, for instance to tell refusals on a terminal. It must not wait.
	Observe func(exchange.Record)
}

// A Gateway is the gate in front of the APIs of one configuration.
type Gateway struct {
	file      *config.File
	log       *slog.Logger
	dir       *store.Dir
	db        *store.DB
	keeper    *practice.Keeper
	transport *http.Transport
	gen       atomic.Pointer[generation]
	ready     atomic.Bool
	probes    probes

	listener, admin net.Listener
}

var errNoAPI = errors.New("no API is configured (name one under apis:, or start with: yett OPENAPI UPSTREAM)")

// New builds the gate: it takes the data directory, opens the store and compiles the descriptions. It does not listen
// and starts nothing; Run does.
func New(ctx context.Context, file *config.File, o Options) (*Gateway, error) {
	if len(file.APIs) == 0 {
		return nil, errNoAPI
	}
	return open(ctx, file, o)
}

// Offline opens a data directory without any API, for commands that find no gateway running: its AdminHandler serves
// what needs none. The directory must exist.
func Offline(ctx context.Context, data string) (*Gateway, error) {
	if _, err := os.Stat(data); err != nil {
		return nil, err
	}
	// A configuration names an API; here it is read for its defaults alone.
	file, err := config.Parse(config.CommandLine, config.Arguments{OpenAPI: "none", Upstream: "http://localhost", Data: data}.YAML(), Practices())
	if err != nil {
		return nil, err
	}
	file.APIs, file.PublicURL = nil, "https://localhost" // and no port is taken
	return open(ctx, file, Options{})
}

func open(ctx context.Context, file *config.File, o Options) (_ *Gateway, err error) {
	g := &Gateway{file: file, log: o.Log, keeper: new(practice.Keeper), transport: newTransport()}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	now := o.Now
	if now == nil {
		now = time.Now
	}
	// Descriptions first: where one is wrong, nothing was started or changed.
	gen, err := load(file)
	if err != nil {
		return nil, err
	}
	if g.dir, err = store.OpenDir(file.Data); err != nil {
		return nil, err
	}
	if g.db, err = sqlite.Open(ctx, g.dir.Path("yett.db")); err != nil {
		return nil, err
	}
	publicURL := file.PublicURL
	if publicURL == "" { // the system chooses the port, so it must be known before anything is built on it
		if err := g.Listen(); err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(g.Addr().String())
		publicURL = "https://localhost:" + port
	}
	env := practice.Env{
		Log: g.log, Now: now, Store: g.db, Data: g.dir, Counters: memory.New(memory.Options{Now: now}),
		PublicURL: publicURL, Keeper: g.keeper,
	}
	if err := gen.build(env, g.transport); err != nil {
		return nil, err
	}
	gen.server.Observe = append(gen.server.Observe, g.probes.observe)
	if o.Observe != nil {
		gen.server.Observe = append(gen.server.Observe, o.Observe)
	}
	g.gen.Store(gen)
	return g, nil
}

// Close gives back the store and the data directory. It is called once, after Run has returned or in its place.
func (g *Gateway) Close() error {
	var all []error
	if gen := g.gen.Load(); gen != nil {
		all = append(all, gen.close())
	}
	all = append(all, g.keeper.Close())
	if g.db != nil {
		all = append(all, g.db.Close())
	}
	if g.dir != nil {
		all = append(all, g.dir.Close())
	}
	g.transport.CloseIdleConnections()
	for _, l := range []net.Listener{g.listener, g.admin} {
		if l != nil {
			_ = l.Close() // already closed where Run has ended
		}
	}
	return errors.Join(all...)
}

// APIs returns the described APIs.
func (g *Gateway) APIs() []*api.API { return g.gen.Load().apis }

// Warnings returns what loads but its owner should know.
func (g *Gateway) Warnings() []api.Warning { return g.gen.Load().warnings }

// Listen opens the public and the admin address. Run does it where it was not done before.
func (g *Gateway) Listen() error {
	var err error
	if g.listener == nil {
		if g.listener, err = net.Listen("tcp", g.file.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	if g.admin == nil {
		if g.admin, err = net.Listen("tcp", g.file.Admin.Listen); err != nil {
			return errors.Join(fmt.Errorf("admin.listen: %w", err), g.listener.Close())
		}
	}
	return nil
}

// Addr returns the public address; nil before Listen.
func (g *Gateway) Addr() net.Addr { return addr(g.listener) }

// AdminAddr returns the address of liveness, readiness and dashboard; nil before Listen.
func (g *Gateway) AdminAddr() net.Addr { return addr(g.admin) }

func addr(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// drainFor is how long exchanges in flight may take after the end was asked for.
const drainFor = 30 * time.Second

// Run serves until ctx ends, and then drains: it accepts nothing new, and waits for what is in flight.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.Listen(); err != nil {
		return err
	}
	gen := g.gen.Load()
	conf, err := gen.tlsConfig()
	if err != nil {
		return err
	}
	public := &wire.Server{Handler: http.HandlerFunc(g.serve), TLS: conf, ErrorLog: g.log, AdmitPlain: true}
	admin := &wire.Server{Handler: g.adminHandler(), TLS: conf.Clone(), ErrorLog: g.log}
	socket, err := g.listenSocket()
	if err != nil {
		return err
	}
	control := &http.Server{Handler: g.AdminHandler(), ReadHeaderTimeout: 10 * time.Second}

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	practices, broken := make(chan error, 1), make(chan error, 3)
	go func() { practices <- gen.runAll(background) }()
	serve := func(what string, f func() error) {
		go func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("%s: %w", what, err)
			}
		}()
	}
	serve("listen", func() error { return public.Serve(background, g.listener) })
	serve("admin", func() error { return admin.Serve(background, g.admin) })
	serve("socket", func() error { return control.Serve(socket) })
	g.ready.Store(true)

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-broken:
	case err := <-practices: // before their time: nothing may be served without them
		failed = fmt.Errorf("the practices ended: %w", err)
		practices <- nil
	}
	if failed != nil {
		g.log.Error("a part of the gateway ended", "error", failed.Error())
	}
	g.ready.Store(false)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	err = errors.Join(failed, public.Shutdown(drain), admin.Shutdown(drain), control.Shutdown(drain))
	stop()
	return errors.Join(err, settled(practices))
}

// settled waits for what the practices run to flush and end.
func settled(practices <-chan error) error {
	select {
	case err := <-practices:
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-time.After(drainFor):
		return errors.New("the practices did not end in time")
	}
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) { g.gen.Load().server.ServeHTTP(w, r) }

// tlsConfig lets the practices shape the TLS of the public and the admin address.
func (gen *generation) tlsConfig() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	for _, f := range gen.tls {
		if err := f(conf); err != nil {
			return nil, err
		}
	}
	if len(conf.Certificates) == 0 && conf.GetCertificate == nil {
		return nil, errors.New("https is off: yett serves no API in clear")
	}
	return conf, nil
}
