// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway composes the practices into the gate: it builds a generation of a configuration, routes, proxies and
// serves. It is the only package that knows all practices, and the only one that turns a panic into an answer.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"yett/alert"
	"yett/api"
	"yett/config"
	"yett/exchange"
	"yett/internal/telemetry"
	"yett/internal/watch"
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
	// Load reads the configuration again, for Reload. Without it there is no reload.
	Load func() (*config.File, error)
	// Reloaded is called after every reload, done or refused.
	Reloaded func(*Change, error)
	// Draining is called once, when Run was asked to end and begins to drain; never if Run fails.
	Draining func()
}

// A Gateway is the gate in front of the APIs of one configuration at a time.
type Gateway struct {
	first     *config.File // as started: addresses and data stay
	options   Options
	log       *slog.Logger
	now       func() time.Time
	dir       *store.Dir
	db        *store.DB
	counters  store.Counters
	keeper    *practice.Keeper
	transport *http.Transport
	alerts    *alert.Board
	metrics   *telemetry.Metrics
	gen       atomic.Pointer[generation]
	ready     atomic.Bool
	probes    probes

	listener, admin net.Listener
	plain           plainServer
	broken          chan error // what must not end before its time

	watched atomic.Pointer[watch.Set] // the files that the latest configuration was read from
	older   generations               // with exchanges in flight

	reloading  sync.Mutex      // one reload at a time; guards what follows, and plain
	running    *running        // what the practices of the current generation run; nil: not yet, or no more
	background context.Context // of Run; ends when nothing is served any more
}

var errNoAPI = errors.New("no API is configured (name one under apis:, or start with: yett OPENAPI UPSTREAM)")

// New builds the gate: it takes the data directory, opens the store and compiles the descriptions. It does not listen
// and starts nothing; Run does.
func New(ctx context.Context, file *config.File, o Options) (*Gateway, error) {
	if len(file.APIs) == 0 {
		return nil, errNoAPI
	}
	return open(ctx, file, nil, o)
}

// Offline opens a data directory without any API, for commands that find no gateway running: its AdminHandler serves
// what needs none. The directory must exist. keys, which may be nil, is the configuration that says where the
// key-encryption key is; nothing else of it counts, so that a broken certificate keeps nobody from revoking a key.
func Offline(ctx context.Context, data string, keys *config.File) (*Gateway, error) {
	if _, err := os.Stat(data); err != nil {
		return nil, err
	}
	// A configuration names an API; here it is read for its defaults alone.
	file, err := config.Parse(config.CommandLine, config.Arguments{OpenAPI: "none", Upstream: "http://localhost", Data: data}.YAML(), Practices())
	if err != nil {
		return nil, err
	}
	file.APIs, file.PublicURL = nil, "https://localhost" // and no port is taken
	return open(ctx, file, keys, Options{})
}

func open(ctx context.Context, file, keys *config.File, o Options) (_ *Gateway, err error) {
	g := &Gateway{first: file, options: o, log: o.Log, now: o.Now, keeper: new(practice.Keeper), transport: newTransport(), broken: make(chan error, 8)}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.alerts = &alert.Board{Log: g.log, Now: g.now}
	g.metrics = telemetry.New(g.alerts, g.older.count)
	g.counters = memory.New(memory.Options{Now: g.now})
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	// Descriptions first: where one is wrong, nothing was started or changed.
	files := watch.Files(sources(file)...)
	gen, err := load(file)
	if err != nil {
		return nil, err
	}
	gen.keys = keys
	if g.dir, err = store.OpenDir(file.Data); err != nil {
		return nil, err
	}
	if g.db, err = sqlite.Open(ctx, g.dir.Path("yett.db")); err != nil {
		return nil, err
	}
	if file.PublicURL == "" { // the system chooses the port, so it must be known before anything is built on it
		if err := g.Listen(); err != nil {
			return nil, err
		}
	}
	if err := g.build(gen); err != nil {
		return nil, err
	}
	files.Add(gen.descriptions()...)
	g.watched.Store(files)
	g.gen.Store(gen)
	g.metrics.Running(gen.id, g.now())
	return g, nil
}

// build makes the practices of a loaded generation, with what outlives it.
func (g *Gateway) build(gen *generation) error {
	publicURL := gen.file.PublicURL
	if publicURL == "" {
		_, port, _ := net.SplitHostPort(g.Addr().String())
		publicURL = "https://localhost:" + port
	}
	env := practice.Env{
		Log: g.log, Now: g.now, Store: g.db, Data: g.dir, Counters: g.counters, PublicURL: publicURL,
		APIs: gen.apis, Alerts: g.alerts, Keeper: g.keeper, Shared: new(practice.Keeper),
	}
	if err := gen.build(env, g.transport); err != nil {
		return err
	}
	gen.server.Observe = append(gen.server.Observe, g.probes.observe)
	if g.options.Observe != nil {
		gen.server.Observe = append(gen.server.Observe, g.options.Observe)
	}
	gen.admin = g.adminRoutes(gen)
	return nil
}

// Close gives back the store and the data directory. It is called once, after Run has returned or in its place.
func (g *Gateway) Close() error {
	var all []error
	if gen := g.gen.Load(); gen != nil {
		all = append(all, gen.close())
	}
	all = append(all, g.older.close())
	all = append(all, g.keeper.Close())
	if g.db != nil {
		all = append(all, g.db.Close())
	}
	if g.dir != nil {
		all = append(all, g.dir.Close())
	}
	g.transport.CloseIdleConnections()
	for _, l := range []net.Listener{g.listener, g.admin, g.plain.listener} {
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

// Listen opens the public and the admin address, and the one for calls in clear if there is one. Run does it where it was not done before.
func (g *Gateway) Listen() error {
	var err error
	if g.listener == nil {
		if g.listener, err = net.Listen("tcp", g.first.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	if g.admin == nil {
		if g.admin, err = net.Listen("tcp", g.first.Admin.Listen); err != nil {
			return errors.Join(fmt.Errorf("admin.listen: %w", err), g.listener.Close())
		}
	}
	g.reloading.Lock()
	defer g.reloading.Unlock()
	if gen := g.gen.Load(); gen != nil && g.plain.listener == nil {
		g.plain, err = listenPlain(gen.plainListen)
	}
	return err
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
