// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package practice is the contract between the gateway and the practices it carries out.
//
// A practice package exports one literal, var Practice = practice.Define(practice.Spec[Config]{…}), which says all that
// the gateway, the command line, the auditor and the documentation know of it. The gateway lists the practices in one
// file; nothing registers itself.
package practice

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"yett/alert"
	"yett/api"
	"yett/exchange"
	"yett/store"
	"yett/view"
)

// Config is what an operator writes for a practice. Validate does no I/O.
type Config interface{ Validate() error }

// A Spec describes a practice whose configuration is a C.
type Spec[C Config] struct {
	Name     string // package, configuration key, metric label and command line word
	Number   int    // its row among the twenty
	Protects string // one line: what it does for the operator
	Readme   string // the embedded README.md
	// MayObserve says whether `mode: observe` may be set. Practices that decide who is calling may not observe.
	MayObserve bool
	Defaults   func() C // a fresh value each time
	// Build makes the part that the practice takes at one level: once for the gateway (env.API is nil), once for each
	// API, and once for each operation that has a block of its own. It may do I/O.
	Build func(C, *Env) (*Part, error)
}

// A Practice is a Spec whose configuration type is hidden.
type Practice struct {
	Name, Protects, Readme string
	Number                 int
	MayObserve             bool

	newConfig func() any
	validate  func(any) error
	build     func(any, *Env) (*Part, error)
}

// Define makes a Practice of its description.
func Define[C Config](s Spec[C]) *Practice {
	return &Practice{
		Name: s.Name, Protects: s.Protects, Readme: s.Readme, Number: s.Number, MayObserve: s.MayObserve,
		newConfig: func() any { c := s.Defaults(); return &c },
		validate:  func(c any) error { return (*c.(*C)).Validate() },
		build:     func(c any, env *Env) (*Part, error) { return s.Build(*c.(*C), env) },
	}
}

// NewConfig returns a pointer to a fresh configuration that holds the defaults.
func (p *Practice) NewConfig() any { return p.newConfig() }

// Validate judges a configuration made by NewConfig.
func (p *Practice) Validate(config any) error { return p.validate(config) }

// Build makes the practice's part for one level.
func (p *Practice) Build(config any, env *Env) (*Part, error) { return p.build(config, env) }

// A Part is what a practice does at one level. A nil field takes no part there. TLS, Accept, PlainListen, Limits, Sealing,
// Edge, Routes, Observe, Acting, Act and Checks count only at the gateway's level, Upstream only at an API's, Preflight, Request, Response,
// Edits, Judge and Header only at an API's or operation's; Header also at the gateway's, for answers to calls of no API. What is kept
// for the process takes new settings in Run, never in Build: a generation may be refused after it was built.
type Part struct {
	TLS         func(*tls.Config) error          // once per generation, before it serves
	Accept      func(net.Conn) (net.Conn, error) // each connection, before its first byte is read; may replace it
	PlainListen string                           // one more address, for calls in clear
	Limits      Limits                           // of connections
	Sealing     store.Sealing                    // seals what the other practices keep; the one that has it is built first
	Upstream    func() *tls.Config               // for calls to the API's service; asked for each connection
	Edge        exchange.Step                    // before the operation is known
	Preflight   exchange.Step                    // a browser asks whether it may call the operation; before credentials
	Request     exchange.Step                    // before the upstream is called
	Response    exchange.Step                    // status and header of the upstream's answer
	Header      func(*exchange.Exchange)         // on every answer, refusals included
	Edits       func(view.Place) []*view.Edit    // at load: what becomes of the values at a place of the bodies
	Judge       view.Judge                       // of answers that do not fit their schema
	Observe     func(exchange.Record)            // after every exchange; must not wait
	Acting      func() error                     // before anything is done to the gateway; a returned problem refuses it
	Act         func(Action)                     // after everything that was done to the gateway; must not wait
	Routes      []Route                          // own paths of the admin API
	Checks      []Check                          // is the practice effective?
	Run         func(context.Context) error      // as long as the generation serves; the old one's ends before the new one's begins
	Close       func() error                     // when the last exchange of the generation is over
}

// Limits bounds what one connection can make the gateway hold or wait for. Zero is the gateway's own default. They
// are taken when the gateway starts; a reload that changes them is refused.
type Limits struct {
	HeaderBytes   int           // request line and fields
	Headers       int           // fields in one head
	HeaderTimeout time.Duration // for the handshake, and for a head from its first byte to its last
	BodyIdle      time.Duration // longest wait for the next bytes of a body
	BodyRate      int           // bytes a second which a body must reach once BodyIdle is used up
	WriteStall    time.Duration // longest wait for a client to take what is being written
	Idle          time.Duration // a connection without a request
	Connections   int           // at the same time
	Streams       int           // HTTP/2 streams of one connection at the same time
}

// A Route is an own path of the practice on the admin API (RFC 9110 method and path as http.ServeMux takes them).
type Route struct {
	Pattern string
	Handler http.Handler
}

// Env is what the gateway hands a practice at Build.
type Env struct {
	Log       *slog.Logger
	Now       func() time.Time // the only clock
	Store     *store.DB
	Counters  store.Counters
	Sealing   store.Sealing // of secrets at rest; nil only where encrypt itself is built
	Data      *store.Dir
	PublicURL string         // never the Host header of a request
	Upstream  string         // address of the API's service; "" at the gateway's level
	API       *api.API       // nil at the gateway's level
	Operation *api.Operation // set at an operation's level
	APIs      []*api.API     // all of the generation, at every level
	Observe   bool           // only look: what is not a step or an edit must see to it that nothing is changed or refused
	Alerts    *alert.Board   // what an operator should know now
	Views     *view.Views    // what all practices together make of answers; filled when all are built
	Keeper    *Keeper        // of the process: Keep
	Shared    *Keeper        // of the generation: Share
}

// Sealer returns the sealer of a class of secrets, whose values lie where kept says.
func (e *Env) Sealer(class string, kept ...store.Kept) (store.Sealer, error) {
	if e.Sealing == nil {
		return nil, fmt.Errorf("nothing seals %s", class)
	}
	ctx, cancel := context.WithTimeout(context.Background(), sealingTime)
	defer cancel()
	return e.Sealing.Class(ctx, class, kept...)
}

// sealingTime bounds how long a start waits for the keys of a class.
const sealingTime = 30 * time.Second

// Files returns the data directory with the files of a class of secrets, sealed. Files in clear from before there was
// sealing are sealed in place when they are read.
func (e *Env) Files(class string, names ...string) (store.Files, error) {
	if e.Data == nil {
		return nil, fmt.Errorf("no data directory for %s", class)
	}
	kept := make([]store.Kept, len(names))
	for i, name := range names {
		kept[i] = store.Kept{File: name}
	}
	s, err := e.Sealer(class, kept...)
	if err != nil {
		return nil, err
	}
	return e.Data.Sealed(s), nil
}

// Keep returns what the practice keeps under name for as long as the process lives: counters, caches, open records. It
// outlives a reload and is shared by all levels; new makes it on first use. A value with a Close() error method is
// closed when the process ends.
func Keep[T any](env *Env, name string, new func() (T, error)) (T, error) {
	v, err := env.Keeper.keep(name, func() (any, error) { return new() })
	if err != nil {
		var none T
		return none, err
	}
	t, ok := v.(T)
	if !ok {
		return t, fmt.Errorf("practice: %q is kept as a %T", name, v)
	}
	return t, nil
}

// Share returns what the practice's levels have in common in one generation, as Keep does for the process. The gateway's
// level is built first and the APIs' follow, so a table that they fill is whole when the generation begins to serve.
// It is closed after the parts are.
func Share[T any](env *Env, name string, new func() (T, error)) (T, error) {
	shared := *env
	shared.Keeper = env.Shared
	return Keep(&shared, name, new)
}

// A Keeper holds what lives longer than one level: as long as a generation, or as long as the process. The zero Keeper is
// ready for use.
type Keeper struct {
	mu    sync.Mutex
	named map[string]any
	order []any
}

func (k *Keeper) keep(name string, new func() (any, error)) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.named[name]; ok {
		return v, nil
	}
	v, err := new()
	if err != nil {
		return nil, err
	}
	if k.named == nil {
		k.named = make(map[string]any)
	}
	k.named[name] = v
	k.order = append(k.order, v)
	return v, nil
}

// Close closes what is kept, the newest first, and returns the first error.
func (k *Keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var first error
	for i := len(k.order) - 1; i >= 0; i-- {
		if c, ok := k.order[i].(interface{ Close() error }); ok {
			if err := c.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	k.named, k.order = nil, nil
	return first
}
