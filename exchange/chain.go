// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"yett/api"
	"yett/problem"
)

// A Link is a step in a chain, with the practice it belongs to.
type Link struct {
	Practice string
	Step     Step
	Observe  bool // record what the step would refuse, and go on
}

// A Chain is what the requests of one operation go through.
type Chain struct {
	Operation *api.Operation
	Request   []Link            // before the upstream is asked
	Response  []Link            // status and header of the upstream's answer
	Header    []func(*Exchange) // on every answer, refusals included
	Upstream  Upstream
	Allow     api.Ambiguity // spellings of the path that this operation needs
}

// An Upstream asks for the answer: it sets Answer.Status, Header, Length and the body. Its error is a *problem.Error.
type Upstream interface{ Do(*Exchange) error }

// A Server runs exchanges. It is fixed while it serves.
type Server struct {
	Edge []Link // before the operation is known
	// Route finds the chain of a request. A chain together with an error is a refusal that still gets the chain's
	// Header steps; a nil chain gets those of the Server.
	Route   func(*Exchange) (*Chain, error)
	Header  []func(*Exchange)
	Observe []func(Record)
	// Opened adapts an exchange whose request net/http has read: the real peer, TLS, bytes refused before the engine.
	Opened func(*Exchange, *http.Request) error
	// Panicked turns a panic into the answer. Nil: the panic goes on after everything deferred has run.
	Panicked func(x *Exchange, value any, stack []byte) error
}

// serve takes x through its life.
func (s *Server) serve(x *Exchange, err error) {
	defer s.close(x)
	defer func() {
		if x.over {
			return
		}
		if s.Panicked == nil {
			x.decide("gateway", Failed, "panic", 0)
			return // the panic goes on; the record says that the answer was cut off
		}
		switch v := recover(); v {
		case nil, http.ErrAbortHandler: // a handler's way to break the connection
			x.eng.abort()
		default:
			x.decide("gateway", Failed, "panic", 0)
			x.finish(s, s.Panicked(x, v, debug.Stack()))
			x.over = true
		}
	}()
	if err == nil {
		err = s.request(x)
	}
	if err == nil {
		err = x.answer()
	}
	x.finish(s, err)
	x.over = true
}

// request takes x up to the upstream's answer.
func (s *Server) request(x *Exchange) error {
	if err := x.run(s.Edge); err != nil {
		return err
	}
	chain, err := s.Route(x)
	x.chain = chain
	if chain != nil {
		x.Operation = chain.Operation
	}
	if r, ok := errors.AsType[*reply](err); ok {
		x.decide("route", Replied, "", 0)
		return r
	}
	if err != nil {
		x.decide("route", Refused, problem.Code(err), 0)
		return err
	}
	if bad := x.Request.Ambiguity &^ chain.Allow; bad != 0 {
		x.decide("route", Refused, "ambiguous_path", 0)
		return Ambiguous(bad)
	}
	x.decide("route", Passed, "", 0)
	if err := x.run(chain.Request); err != nil {
		return err
	}
	// Behind a handler more practices may follow, with limits of their own: there the body fails when it is read.
	if _, handler := chain.Upstream.(handlerUpstream); !handler {
		if err := x.Request.Body.refused(); err != nil {
			x.decide("gateway", Refused, problem.Code(err), 0)
			return err
		}
	}
	start := time.Now()
	x.reached = true
	err = chain.Upstream.Do(x)
	x.Answer.upstream = time.Since(start)
	return err
}

// Ambiguous is the refusal of a path that has more than one reading.
func Ambiguous(a api.Ambiguity) error {
	return &problem.Error{Status: http.StatusBadRequest, Code: "ambiguous_path",
		Detail: "The path can be understood in more than one way.", Cause: errors.New("path holds " + a.String())}
}

// answer judges the upstream's answer and sends it.
func (x *Exchange) answer() error {
	if a := &x.Answer; a.tunnel == nil && (a.Status < 200 || a.Status > 599) {
		return &problem.Error{Status: http.StatusBadGateway, Code: "upstream_status",
			Detail: "The service behind this gateway gave an answer that cannot be passed on.", Cause: fmt.Errorf("status %d", a.Status)}
	}
	if err := x.responses(); err != nil {
		return err
	}
	if x.Answer.tunnel != nil {
		return x.tunnel()
	}
	x.headers(x.chain.Header)
	return x.forward()
}

func (x *Exchange) responses() error {
	for i := len(x.nested) - 1; i >= 0; i-- {
		if err := x.run(x.nested[i].Response); err != nil {
			return err
		}
	}
	return x.run(x.chain.Response)
}

func (x *Exchange) headers(own []func(*Exchange)) {
	for _, f := range own {
		f(x)
	}
	for _, c := range x.nested {
		for _, f := range c.Header {
			f(x)
		}
	}
}

// run takes x through links until one refuses.
func (x *Exchange) run(links []Link) error {
	if len(links) == 0 {
		return nil
	}
	at := time.Now()
	for i := range links {
		l := &links[i]
		err := l.Step(x)
		now := time.Now()
		took := now.Sub(at)
		at = now
		if err == nil {
			x.decide(l.Practice, Passed, "", took)
			continue
		}
		if r, ok := errors.AsType[*reply](err); ok {
			x.decide(l.Practice, Replied, "", took)
			return r
		}
		p := problem.From(err)
		if l.Observe && x.Request.Body.excuse(p) {
			x.decide(l.Practice, Observed, p.Code, took)
			continue
		}
		o := Refused
		if p.Status >= 500 {
			o = Failed
		}
		x.decide(l.Practice, o, p.Code, took)
		return p
	}
	return nil
}

// errClientGone marks what failed because nobody reads any more.
var errClientGone = errors.New("the client is gone")

// ClientGone marks err as the end of an exchange that has nobody left to answer.
func ClientGone(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errClientGone, err)
}

// finish sends what err stands for: nothing if it is nil, an own answer, a refusal, or a broken connection where the
// head has already left.
func (x *Exchange) finish(s *Server, err error) {
	if err == nil || errors.Is(err, errAnswered) {
		return
	}
	if x.passing.committed || errors.Is(err, errClientGone) {
		// Never a truncated answer that looks whole, never a problem document behind half a body.
		if !errors.Is(err, errClientGone) {
			x.outcome = problem.From(err)
		} else if !x.passing.committed {
			x.Answer.Status = 0
		}
		x.Answer.aborted = true
		x.eng.abort()
		return
	}
	x.keepOriginal(err)
	x.dropAnswer()
	own := s.Header
	if x.chain != nil {
		own = x.chain.Header
	}
	var body []byte
	if r, ok := errors.AsType[*reply](err); ok {
		x.Answer.Status, body = r.status, r.body
		for _, f := range r.header {
			x.Answer.Header.Add(f.Name, f.Value)
		}
	} else {
		p := problem.From(err)
		x.outcome = p
		x.Answer.Status = p.Status
		for _, f := range p.Header {
			x.Answer.Header.Add(f.Name, f.Value)
		}
		x.Answer.Header.Set("Content-Type", problem.ContentType)
		x.Answer.Header.Set("Cache-Control", "no-store")
		body = p.AppendJSON(nil, x.Instance())
	}
	x.headers(own)
	if err := x.commit(int64(len(body))); err != nil {
		x.Answer.aborted = true
		return
	}
	if len(body) > 0 && !bodiless(x.Request.Method, x.Answer.Status) {
		if err := x.send(body); err != nil {
			x.Answer.aborted = true
		}
	}
}

// dropAnswer forgets the upstream's answer, so that nothing of it stands in ours.
func (x *Exchange) dropAnswer() {
	a := &x.Answer
	x.closeAnswer()
	a.Header.Reset()
	clear(a.filters)
	a.filters, a.Length = a.filters[:0], -1
	x.passing.held = x.passing.held[:0]
}

func (x *Exchange) closeAnswer() {
	a := &x.Answer
	if a.body != nil {
		// The answer is not ours any more; an error in closing it changes nothing for the client.
		_ = a.body.Close()
		a.body = nil
	}
	if a.tunnel != nil {
		_ = a.tunnel.Close()
		a.tunnel = nil
	}
}

// close ends x on every way out. The engine's own abort comes after it.
func (s *Server) close(x *Exchange) {
	x.closeAnswer()
	x.release()
	if len(s.Observe) > 0 {
		rec := x.record()
		for _, f := range s.Observe {
			f(rec)
		}
	}
	x.recycle()
}

const copyBuffer = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// engine is what carries an exchange: net/http today. Its errors are ClientGone, unless the fault is ours.
type engine interface {
	context() context.Context
	writeHead(status int, h *Header, length int64) error
	write([]byte) (int, error)
	flush() error
	abort() // marks; the adapter breaks the connection as its last act
	// hijack sends a 101 and hands over the connection; from client also come bytes that were already read.
	hijack(h *Header, protocol string) (client io.ReadWriteCloser, err error)
}
