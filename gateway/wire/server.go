// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A Server accepts connections, shakes hands, screens HTTP/1 bytes and hands them to net/http; HTTP/2 goes to net/http
// as it comes. It serves one listener, once. Fields must not change after Serve.
type Server struct {
	// Handler answers every request, and every refusal: it asks Refusal before anything else.
	Handler http.Handler
	// TLS is the configuration of a TLS listener; nil: the listener is in clear. With no NextProtos, HTTP/2 and
	// HTTP/1.1 are offered. A connection that agrees on any other protocol is closed after the handshake, which is
	// all that an ACME TLS-ALPN-01 check needs.
	TLS *tls.Config
	// AdmitPlain passes requests in clear on a TLS listener to Handler, marked by PlainOnTLS, so that it can redirect
	// or warn. False: they are refused (plain_http).
	AdmitPlain bool
	Limits     Limits
	// Wrap may replace a connection before its first byte is read, as for a PROXY header: it is called once for each,
	// on a goroutine of its own, and what it returns is read, written, closed and asked for RemoteAddr from then on. It
	// must close the connection that it was given when it is closed, and have a CloseWrite if it holds back what is
	// written. A deadline is set when it is called: HeaderTimeout for all that it reads together with the TLS
	// handshake. An error closes the connection without a word. Nil: connections are served as accepted.
	Wrap func(net.Conn) (net.Conn, error)
	// ErrorLog takes what concerns no exchange: failed handshakes (debug), connections beyond the limit, faults of the
	// engine (warn). Nil: slog.Default.
	ErrorLog *slog.Logger
	// ConnContext may add to the context of a connection's requests, as in net/http. May be nil.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	limits  Limits
	tls     *tls.Config
	log     *slog.Logger
	engine  *http.Server
	accepts handoff
	places  atomic.Int64 // taken by open connections
	hurry   atomic.Bool  // Close was called

	mu       sync.Mutex
	stopped  bool
	listener net.Listener
	greeting map[*link]bool // connections that are not handed over yet
}

// Serve accepts connections from ln until ctx ends, Shutdown or Close, and closes ln. It returns the cause of
// ctx, http.ErrServerClosed, or what stopped the listener or the engine. Connections outlive ctx: end them with Shutdown or Close.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if err := s.start(ctx, ln); err != nil {
		return errors.Join(err, ln.Close())
	}
	stop := context.AfterFunc(ctx, func() { s.closeListener() })
	defer stop()
	engine := make(chan error, 1)
	go func() {
		engine <- s.engine.Serve(&s.accepts)
		s.closeListener() // nothing can be accepted without an engine
	}()

	err := s.accept(ctx)
	s.closeListener()
	select {
	case err = <-engine:
	default:
		if s.isStopped() {
			err = <-engine // http.ErrServerClosed, soon
		}
	}
	return err
}

// start makes the engine.
func (s *Server) start(ctx context.Context, ln net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return http.ErrServerClosed
	case s.listener != nil:
		return errors.New("wire: Serve was called twice")
	}
	s.listener = ln
	s.greeting = make(map[*link]bool)
	s.limits = s.Limits.withDefaults()
	if s.log = s.ErrorLog; s.log == nil {
		s.log = slog.Default()
	}
	if s.TLS != nil {
		s.tls = s.TLS.Clone()
		if len(s.tls.NextProtos) == 0 {
			s.tls.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	s.accepts = handoff{conns: make(chan net.Conn), done: make(chan struct{}), addr: ln.Addr()}

	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // over TLS only; UnencryptedHTTP2 stays off
	requests := context.WithoutCancel(ctx)
	s.engine = &http.Server{
		Handler:                      http.HandlerFunc(s.serveHTTP),
		DisableGeneralOptionsHandler: true, // OPTIONS * is an exchange like any other
		Protocols:                    protocols,
		MaxHeaderBytes:               s.limits.HeaderBytes + 4096, // never reached on HTTP/1: the screen refuses before
		IdleTimeout:                  s.limits.Idle,               // other times are kept by conn and stream
		WriteTimeout:                 forever,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: s.limits.Streams,
			MaxReadFrameSize:     maxFrame,
			SendPingTimeout:      s.limits.Idle / 2,
			PingTimeout:          s.limits.HeaderTimeout,
			WriteByteTimeout:     s.limits.WriteStall,
		},
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return requests },
		ConnContext: s.connContext,
		ConnState:   s.connState,
	}
	return nil
}

// connContext puts a screened connection where Refusal finds it.
func (s *Server) connContext(ctx context.Context, nc net.Conn) context.Context {
	if c := screened(nc); c != nil {
		ctx = context.WithValue(ctx, connKey, c)
	}
	if s.ConnContext != nil {
		ctx = s.ConnContext(ctx, nc)
	}
	return ctx
}

// connState follows the engine: only it knows when a request with Upgrade was answered, and how.
func (s *Server) connState(nc net.Conn, state http.ConnState) {
	c := screened(nc)
	if c == nil {
		return
	}
	switch state {
	case http.StateIdle:
		c.answered()
	case http.StateHijacked:
		if err := c.release(); err != nil {
			s.log.Debug("release of a hijacked connection", "error", err)
		}
	}
}

func screened(nc net.Conn) *conn {
	switch c := nc.(type) {
	case *conn:
		return c
	case secureConn:
		return c.conn
	}
	return nil
}

// serveHTTP puts a stand-in for what must be refused, and calls the Handler.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if connOf(r.Context()) == nil {
		a := newStreamAnswer(w, s.limits)
		defer a.end()
		w = a
		watchBody(r, s.limits)
	}
	if ref, refused := s.refuse(r); refused {
		r = standFor(r, ref)
	}
	s.Handler.ServeHTTP(w, r)
}

func (s *Server) refuse(r *http.Request) (Refused, bool) {
	c := connOf(r.Context())
	if c == nil {
		v := judgeHTTP2(r, s.limits)
		if v == none {
			return Refused{}, false
		}
		return v.refused(r.Method, pathOf(r.RequestURI)), true
	}
	if ref, ok := c.refused(r.RequestURI); ok {
		return ref, true
	}
	if c.plainOnTLS && !s.AdmitPlain {
		return plainHTTP.refused(r.Method, pathOf(r.RequestURI)), true
	}
	return Refused{}, false
}

// Shutdown stops accepting, gives up handshakes, lets running requests end and closes idle connections. It returns
// ctx's error if they have not all ended by then. Hijacked connections are their handlers' own.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.stop() {
		return nil
	}
	return s.engine.Shutdown(ctx)
}

// Close stops accepting and closes all connections but hijacked ones.
func (s *Server) Close() error {
	s.hurry.Store(true)
	if !s.stop() {
		return nil
	}
	return s.engine.Close()
}

// stop ends accepting and greeting. It reports whether there is an engine to stop.
func (s *Server) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.engine == nil {
		return false
	}
	s.closeListenerLocked()
	for l := range s.greeting {
		s.closeQuietly(l)
	}
	return true
}

func (s *Server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

func (s *Server) closeListener() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeListenerLocked()
}

func (s *Server) closeListenerLocked() {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("listener did not close", "error", err)
	}
}

// closeQuietly closes what nobody is waiting for.
func (s *Server) closeQuietly(c net.Conn) {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("connection did not close", "error", err)
	}
}
