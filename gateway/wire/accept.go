// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// recordTypeHandshake is the first byte of every TLS connection (RFC 8446 section 5.1) and of no HTTP request.
const recordTypeHandshake = 0x16

// accept takes connections until the listener is closed.
func (s *Server) accept(ctx context.Context) error {
	var pause time.Duration
	var complained time.Time
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, net.ErrClosed):
				return err
			}
			// Out of file descriptors, or a client that left the queue: others may still be served.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("accepting failed", "error", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if s.places.Add(1) > int64(s.limits.Connections) {
			s.places.Add(-1)
			s.closeQuietly(nc)
			if now := time.Now(); now.Sub(complained) > time.Second {
				complained = now
				s.log.Warn("connection refused: too many are open", "limit", s.limits.Connections)
			}
			continue
		}
		l := &link{Conn: nc, leave: func() { s.places.Add(-1) }, hurry: &s.hurry}
		if s.tls == nil && s.Wrap == nil {
			s.accepts.push(newConn(l, l, s.limits))
			continue
		}
		go s.greet(ctx, l)
	}
}

// greet wraps the connection, finds out what the client of a TLS listener speaks, and hands the connection over.
func (s *Server) greet(ctx context.Context, l *link) {
	if !s.track(l) {
		s.closeQuietly(l)
		return
	}
	nc, err := s.handshake(ctx, l)
	s.untrack(l)
	if err != nil {
		s.log.Debug("no handshake", "peer", l.RemoteAddr(), "error", err)
		s.closeQuietly(l)
		return
	}
	s.accepts.push(nc)
}

var errNotServed = errors.New("wire: the agreed protocol is not served here")

// handshake returns what the engine is to serve: a screened connection, or a *tls.Conn that agreed on HTTP/2.
func (s *Server) handshake(ctx context.Context, l *link) (net.Conn, error) {
	deadline := time.Now().Add(s.limits.HeaderTimeout)
	if err := l.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if s.Wrap != nil {
		if err := s.wrap(l, deadline); err != nil {
			return nil, err
		}
	}
	if s.tls == nil {
		return newConn(l, l, s.limits), l.SetDeadline(time.Time{})
	}
	b, err := l.peek()
	if err != nil {
		return nil, err
	}
	if b != recordTypeHandshake {
		c := newConn(l, l, s.limits)
		c.plainOnTLS = true
		return c, l.SetDeadline(time.Time{})
	}
	t := tls.Server(l, s.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if err := l.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	switch t.ConnectionState().NegotiatedProtocol {
	case "h2":
		return t, nil
	case "", "http/1.1":
		return secureConn{newConn(t, l, s.limits)}, nil
	}
	return nil, errNotServed
}

// wrap puts what Wrap returns in the place of the accepted connection.
func (s *Server) wrap(l *link, deadline time.Time) error {
	nc, err := s.Wrap(l.Conn)
	if err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	s.mu.Lock() // stop may be closing l
	l.Conn, l.accepted = nc, l.Conn
	s.mu.Unlock()
	return l.SetDeadline(deadline) // whatever Wrap has made of it
}

func (s *Server) track(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.greeting[l] = true
	return true
}

func (s *Server) untrack(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.greeting, l)
}

// A handoff is the listener of the engine: it accepts what push gives.
type handoff struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

// push gives c to the engine, or closes it if the engine has stopped.
func (h *handoff) push(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		_ = c.Close() // nobody was served on it
	}
}

// Accept returns the next connection.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and push.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr is that of the real listener.
func (h *handoff) Addr() net.Addr { return h.addr }
