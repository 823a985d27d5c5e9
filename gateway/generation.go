// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"yett/api"
	"yett/config"
	"yett/exchange"
	"yett/gateway/wire"
	"yett/internal/source"
	"yett/practice"
	"yett/problem"
	"yett/store"
	"yett/view"
)

// A generation is one configuration, built whole. It never changes; a new configuration is a new generation.
type generation struct {
	id          string // short, of the files it was read from
	file        *config.File
	keys        *config.File // of which only the block of the practice that seals counts; nil: file
	apis        []*api.API
	warnings    []api.Warning
	router      *api.Router
	chains      map[*api.Operation]*exchange.Chain
	preflights  map[*api.Operation]*exchange.Chain
	views       view.Views
	undeclared  map[*api.API]*exchange.Chain         // what is said of calls of nothing
	settings    map[*api.Operation][]*config.Setting // in the order of Practices, for explain
	layers      map[string][]config.Layer            // by the place of the block, to tell what a reload changes
	server      exchange.Server
	tls         *tls.Config
	accept      []func(net.Conn) (net.Conn, error)
	plainListen string
	limits      practice.Limits
	sealing     store.Sealing // of the practice that is built first
	routes      []practice.Route
	admin       http.Handler
	acting      []func() error
	acts        []func(practice.Action)
	checks      []practice.Check
	run         []func(context.Context) error
	closers     []func() error

	inside   atomic.Int64 // exchanges that use it
	replaced atomic.Bool
	emptied  func() // set before replaced
}

// level is the parts that practices take at one place, by their name.
type level map[string]*built

type built struct {
	part    *practice.Part
	setting *config.Setting
}

// build makes the practices and the chains of a generation. Nothing of it runs yet.
func (gen *generation) build(env practice.Env, transport *http.Transport) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, gen.close())
		}
	}()
	gen.closers = append(gen.closers, env.Shared.Close)
	env.Views = &gen.views
	gate, err := gen.buildLevel(env, gen.gateSetting)
	if err != nil {
		return err
	}
	gen.note("", gate)
	if err := gen.gateLevel(gate); err != nil {
		return err
	}
	var all []error
	for i, a := range gen.apis {
		all = append(all, gen.buildAPI(gen.file.APIs[i], a, env, transport))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	gen.server.Route = gen.route
	gen.server.Opened = opened
	gen.server.Panicked = func(x *exchange.Exchange, value any, stack []byte) error {
		env.Log.Error("panic while serving", "id", x.ID.String(), "panic", fmt.Sprint(value), "stack", string(stack))
		return problem.From(fmt.Errorf("panic: %v", value))
	}
	return nil
}

// gateSetting returns the configuration of p at the gateway's level.
func (gen *generation) gateSetting(p *practice.Practice) (*config.Setting, error) {
	if gen.keys != nil && p.Name == sealing {
		return gen.keys.Gateway(p)
	}
	return gen.file.Gateway(p)
}

// load begins a generation: it reads the descriptions and makes one router of them. It changes nothing.
func load(file *config.File) (*generation, error) {
	gen := &generation{
		file: file, chains: make(map[*api.Operation]*exchange.Chain), preflights: make(map[*api.Operation]*exchange.Chain),
		undeclared: make(map[*api.API]*exchange.Chain), settings: make(map[*api.Operation][]*config.Setting), layers: make(map[string][]config.Layer),
	}
	var all []error
	for _, c := range file.APIs {
		a, warnings, err := api.Load(c.OpenAPI, api.Options{Name: c.Name, Hosts: c.Hosts, Twins: twins(c), Fields: fieldTwins(c)})
		if err != nil {
			all = append(all, err)
			continue
		}
		gen.apis = append(gen.apis, a)
		gen.warnings = append(gen.warnings, warnings...)
		for _, id := range c.OperationIDs() {
			if !slices.ContainsFunc(a.Operations, func(o *api.Operation) bool { return o.ID == id }) {
				all = append(all, c.UnknownOperation(id, operationIDs(a)))
			}
		}
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	r, err := api.NewRouter(gen.apis...)
	gen.router = r
	gen.identify()
	return gen, err
}

// twins says what the configuration adds to the description.
func twins(c *config.API) map[string]api.Twin {
	all := make(map[string]api.Twin, len(c.Operations))
	for id, o := range c.Operations {
		at := c.Errorf("operations["+strconv.Quote(id)+"]", "")
		all[id] = api.Twin{Public: o.Public, Scopes: o.Scopes, WebSocket: o.WebSocket, Where: source.Where{Name: at.File, Line: at.Line}}
	}
	return all
}

// fieldTwins says what the configuration adds to the fields of the description.
func fieldTwins(c *config.API) []api.FieldTwin {
	all := make([]api.FieldTwin, len(c.Fields))
	for i, f := range c.Fields {
		file, line := f.Where()
		all[i] = api.FieldTwin{Name: f.Name, Where: source.Where{Name: file, Line: line}}
		for _, w := range f.Words() {
			all[i].Words = append(all[i].Words, api.FieldWord{Word: w.Word, Value: w.Value, Where: source.Where{Name: w.File, Line: w.Line}})
		}
	}
	return all
}

// allowed reads which spellings of the path an operation needs.
func allowed(c *config.API, id string) (api.Ambiguity, error) {
	o := c.Operations[id]
	if o == nil {
		return 0, nil
	}
	var all api.Ambiguity
	for i, name := range o.AllowPath {
		a, ok := api.ParseAmbiguity(name)
		if !ok {
			return 0, c.Errorf(fmt.Sprintf("operations.%s.allow_path[%d]", id, i), "%q is no spelling of a path (did you mean %s?)",
				name, config.Nearest(name, api.AmbiguityNames()))
		}
		all |= a
	}
	return all, nil
}

func operationIDs(a *api.API) []string {
	ids := make([]string, len(a.Operations))
	for i, o := range a.Operations {
		ids[i] = o.ID
	}
	return ids
}

// buildLevel builds every practice that is on at one place, and returns all that is wrong there.
func (gen *generation) buildLevel(env practice.Env, setting func(*practice.Practice) (*config.Setting, error)) (level, error) {
	l := make(level)
	var all []error
	for _, p := range buildOrder() {
		env.Sealing = gen.sealing
		s, err := setting(p)
		if err != nil {
			return nil, err
		}
		b, err := gen.buildPart(p, s, env)
		switch {
		case err == nil:
			l[p.Name] = b
		case p.Name == sealing:
			return nil, err // what it would seal is not worth a line
		default:
			all = append(all, err)
		}
	}
	return l, errors.Join(all...)
}

func (gen *generation) buildPart(p *practice.Practice, s *config.Setting, env practice.Env) (*built, error) {
	// The gateway's own level is always built: keys can be managed even where no request needs one.
	if s.Off != "" && env.API != nil {
		return &built{part: &practice.Part{}, setting: s}, nil
	}
	env.Log, env.Observe = env.Log.With("practice", p.Name), s.Observe
	part, err := p.Build(s.Config, &env)
	if err != nil {
		return nil, s.Placed(err)
	}
	if part.Sealing != nil {
		gen.sealing = part.Sealing
	}
	if part.Close != nil {
		gen.closers = append(gen.closers, part.Close)
	}
	if part.Run != nil {
		gen.run = append(gen.run, part.Run)
	}
	return &built{part: part, setting: s}, nil
}

// note remembers the settings of the blocks at one place.
func (gen *generation) note(place string, l level) {
	for name, b := range l {
		at := name
		if place != "" {
			at = place + ": " + name
		}
		gen.layers[at] = b.setting.Layers
	}
}

// gateLevel takes what counts once for the whole gateway.
func (gen *generation) gateLevel(l level) error {
	gen.tls = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	for _, p := range Practices() {
		b := l[p.Name]
		gen.routes = append(gen.routes, b.part.Routes...)
		if b.setting.Off != "" {
			continue
		}
		if b.part.TLS != nil {
			if err := b.part.TLS(gen.tls); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
		if b.part.Accept != nil {
			gen.accept = append(gen.accept, b.part.Accept)
		}
		if b.part.PlainListen != "" {
			gen.plainListen = b.part.PlainListen
		}
		if b.part.Limits != (practice.Limits{}) {
			gen.limits = b.part.Limits
		}
		if b.part.Observe != nil {
			gen.server.Observe = append(gen.server.Observe, b.part.Observe)
		}
		if b.part.Acting != nil {
			gen.acting = append(gen.acting, b.part.Acting)
		}
		if b.part.Act != nil {
			gen.acts = append(gen.acts, b.part.Act)
		}
		gen.checks = append(gen.checks, b.part.Checks...)
	}
	for _, name := range edgeOrder {
		if b := l[name]; b.setting.Off == "" && b.part.Edge != nil {
			gen.server.Edge = append(gen.server.Edge, exchange.Link{Practice: name, Step: b.part.Edge, Observe: b.setting.Observe})
		}
	}
	gen.server.Header = headers(l)
	return nil
}

func headers(l level) []func(*exchange.Exchange) {
	var all []func(*exchange.Exchange)
	for _, name := range headerOrder {
		if b := l[name]; b.setting.Off == "" && b.part.Header != nil {
			all = append(all, b.part.Header)
		}
	}
	return all
}

// buildAPI compiles a chain for every operation of a.
func (gen *generation) buildAPI(c *config.API, a *api.API, env practice.Env, transport *http.Transport) error {
	env.API, env.Upstream = a, c.Upstream
	base, err := gen.buildLevel(env, func(p *practice.Practice) (*config.Setting, error) { return gen.file.ForAPI(c, p) })
	if err != nil {
		return err
	}
	gen.note(a.Name, base)
	up, err := newUpstream(c, a, gen.transport(base, transport))
	if err != nil {
		return err
	}
	gen.undeclared[a] = &exchange.Chain{Header: headers(base)}
	common := rules(a, base)
	for _, op := range a.Operations {
		l := base
		if c.Operations[op.ID] != nil {
			if l, err = gen.buildOperation(c, op, env, base); err != nil {
				return err
			}
			gen.note(a.Name+" "+op.ID, l)
		}
		allow, err := allowed(c, op.ID)
		if err != nil {
			return err
		}
		chain := &exchange.Chain{Operation: op, Upstream: up, Header: headers(l), Allow: allow | op.Needs()}
		chain.Request = links(l, requestOrder, func(p *practice.Part) exchange.Step { return p.Request })
		if op.WebSocket && l["cors"].setting.Off != "" {
			chain.Request = append([]exchange.Link{{Practice: "route", Step: ownSocket}}, chain.Request...)
		}
		edits := common
		if !sameEdits(l, base) {
			edits = rules(a, l)
		}
		gen.answers(chain, l, edits)
		gen.chains[op] = chain
		gen.preflights[op] = preflight(op, l, chain)
		for _, p := range Practices() {
			gen.settings[op] = append(gen.settings[op], l[p.Name].setting)
		}
	}
	return nil
}

// transport returns the one that all APIs share, or one of the API's own where a practice shapes its TLS.
func (gen *generation) transport(l level, shared *http.Transport) *http.Transport {
	for _, p := range Practices() {
		if b := l[p.Name]; b.part.Upstream != nil && b.setting.Off == "" {
			t := newTransport()
			t.DialTLSContext = dialTLS(t, b.part.Upstream)
			gen.closers = append(gen.closers, func() error { t.CloseIdleConnections(); return nil })
			return t
		}
	}
	return shared
}

// preflight is the chain of a browser's question whether it may call op; nil where nobody answers such questions.
func preflight(op *api.Operation, l level, chain *exchange.Chain) *exchange.Chain {
	answers := links(l, preflightAnswer, func(p *practice.Part) exchange.Step { return p.Preflight })
	if len(answers) == 0 {
		return nil
	}
	before := links(l, preflightOrder, func(p *practice.Part) exchange.Step { return p.Request })
	return &exchange.Chain{Operation: op, Upstream: chain.Upstream, Header: chain.Header, Allow: chain.Allow, Request: append(before, answers...)}
}

// buildOperation builds the practices that have a block of their own at op, and shares the others.
func (gen *generation) buildOperation(c *config.API, op *api.Operation, env practice.Env, base level) (level, error) {
	l := make(level, len(base))
	env.Operation, env.Sealing = op, gen.sealing
	for _, p := range Practices() {
		s, err := gen.file.ForOperation(c, op.ID, p)
		if err != nil {
			return nil, err
		}
		if !s.Own {
			l[p.Name] = base[p.Name]
			continue
		}
		if l[p.Name], err = gen.buildPart(p, s, env); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func links(l level, order []string, step func(*practice.Part) exchange.Step) []exchange.Link {
	var all []exchange.Link
	for _, name := range order {
		b := l[name]
		if s := step(b.part); s != nil && b.setting.Off == "" {
			all = append(all, exchange.Link{Practice: name, Step: s, Observe: b.setting.Observe})
		}
	}
	return all
}

func newUpstream(c *config.API, a *api.API, transport *http.Transport) (*upstream, error) {
	u, err := url.Parse(c.Upstream)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, c.Errorf("upstream", "%q is not an address like http://localhost:9000", c.Upstream)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, c.Errorf("upstream", "an upstream has a scheme, a host and a path, nothing else")
	}
	prefix, _, doubt, err := api.Canonical(orSlash(u.EscapedPath()))
	if err != nil || doubt != 0 && doubt != api.EmptySegment {
		return nil, c.Errorf("upstream", "the path of %q can be understood in more than one way", c.Upstream)
	}
	for len(prefix) > 0 && prefix[len(prefix)-1] == '/' {
		prefix = prefix[:len(prefix)-1]
	}
	return &upstream{target: u, prefix: prefix, preserveHost: c.PreserveHost, wait: c.Timeout, idle: c.Timeout * 2, transport: transport}, nil
}

func orSlash(p string) string {
	if p == "" {
		return "/"
	}
	return p
}

// opened makes an exchange of bytes that were refused before the engine, and tells why a body broke off.
func opened(x *exchange.Exchange, r *http.Request) error {
	if ref, ok := wire.Refusal(r); ok {
		x.Request.Method, x.Request.Path, x.Request.Query = ref.Method, ref.Target, ""
		return refusedBytes(ref)
	}
	x.Request.Body.Wrap(func(src io.ReadCloser) io.ReadCloser { return &screenedBody{src, r} })
	return nil
}

func refusedBytes(ref wire.Refused) error {
	return &problem.Error{Status: ref.Status, Code: ref.Code, Detail: ref.Reason, Cause: ref}
}

// screenedBody says why the client's bytes ended early, where the strict reader knows.
type screenedBody struct {
	io.ReadCloser
	r *http.Request
}

func (b *screenedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		if ref, ok := wire.BodyRefusal(b.r); ok {
			err = refusedBytes(ref)
		}
	}
	return n, err
}

// close gives back what build took. The generation serves no more.
func (gen *generation) close() error {
	var all []error
	for _, c := range slices.Backward(gen.closers) {
		all = append(all, c())
	}
	gen.closers = nil
	return errors.Join(all...)
}

// runAll runs what the practices run, until ctx ends or one of them fails.
func (gen *generation) runAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range gen.run {
		group.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
				}
			}()
			return run(ctx)
		})
	}
	group.Go(func() error { <-ctx.Done(); return nil }) // where none runs anything, it still lasts as long as it serves
	return group.Wait()
}
