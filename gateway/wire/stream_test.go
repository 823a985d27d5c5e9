// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Kinds of frames (RFC 9113 section 6), and field blocks of requests to shop.example.org (RFC 7541 appendix A).
const (
	dataFrame, headersFrame, resetFrame, settingsFrame, pingFrame, goAwayFrame, continuationFrame = 0, 1, 3, 4, 6, 7, 9

	getBlock  = "\x82\x84\x87\x01\x10shop.example.org"
	postBlock = "\x83\x84\x87\x01\x10shop.example.org"
	endStream = 1
	endHead   = 4
)

// A peer is an HTTP/2 client that does what no honest one does.
type peer struct {
	*tls.Conn
	t  testing.TB
	br *bufio.Reader
}

// meet connects to a server with limits and sends settings.
func meet(t testing.TB, s *Server, settings string) *peer {
	t.Helper()
	config, roots := certificate(t)
	s.TLS = config
	c := dialTLS(t, serve(t, s), roots, "h2")
	send(t, c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(settingsFrame, 0, 0, settings))
	return &peer{c, t, bufio.NewReader(c)}
}

// closedWindow is the setting that lets no stream begin with a window.
const closedWindow = "\x00\x04\x00\x00\x00\x00"

// until reads frames to the first of kind, and returns its payload; "" and false when the server hung up before.
func (p *peer) until(kind byte) (string, bool) {
	p.t.Helper()
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(p.br, head); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Fatal("the server does not hang up")
			}
			return "", false
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(p.br, payload); err != nil {
			return "", false
		}
		if head[3] == kind {
			return string(payload), true
		}
	}
}

// keepAlive sends PINGs until the connection is closed.
func (p *peer) keepAlive() {
	for {
		if _, err := io.WriteString(p, frame(pingFrame, 0, 0, "01234567")); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestSlowBodiesOverHTTP2(t *testing.T) {
	for _, tt := range []struct {
		name, block string
		first, drip string // of the body
	}{
		{"a body that never begins is refused", postBlock, "", ""},
		{"a body of no bytes that does not end is refused", postBlock + "\x0f\x0d\x010", "", ""},
		{"a body that stops is refused", postBlock, "hello", ""},
		{"a body that drips is refused", postBlock, "", strings.Repeat("x", 1000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limits := short
			limits.BodyRate = 1000
			p := meet(t, &Server{Limits: limits}, "")
			start := time.Now()
			send(t, p, frame(headersFrame, endHead, 1, tt.block))
			if tt.first != "" {
				send(t, p, frame(dataFrame, 0, 1, tt.first))
			}
			go func() {
				for i := range len(tt.drip) {
					if _, err := io.WriteString(p, frame(dataFrame, 0, 1, tt.drip[i:i+1])); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			got, _ := p.until(dataFrame)
			if d := time.Since(start); d < 100*time.Millisecond || d > 3*time.Second {
				t.Errorf("over after %v", d)
			}
			if !strings.HasPrefix(got, "refused body_timeout ") {
				t.Errorf("got %q", got)
			}
			// The connection is in order: another stream is served.
			send(t, p, frame(headersFrame, endHead|endStream, 3, getBlock))
			if got, _ := p.until(dataFrame); !strings.HasPrefix(got, "GET / ") {
				t.Errorf("the next stream got %q", got)
			}
		})
	}
}

// A body that comes steadily enough passes, and one that a handler does not ask for costs the client nothing.
func TestSteadyBodyOverHTTP2Passes(t *testing.T) {
	limits := short
	limits.BodyRate = 20
	p := meet(t, &Server{Limits: limits, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * limits.BodyIdle)
		tell(w, r)
	})}, "")
	send(t, p, frame(headersFrame, endHead, 1, postBlock))
	for i := range 30 {
		send(t, p, frame(dataFrame, byte(i/29), 1, "x"))
		time.Sleep(20 * time.Millisecond)
	}
	if got, _ := p.until(dataFrame); !strings.Contains(got, " body=29:") {
		t.Errorf("got %q", got)
	}
}

// A stream whose window stays closed ends, although its connection is alive.
func TestStalledAnswersOverHTTP2(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"while the handler writes", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }},
		{"while the handler flushes", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
		}},
		{"after the handler", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := meet(t, &Server{Limits: short, Handler: tt.handler}, closedWindow)
			start := time.Now()
			send(t, p, frame(headersFrame, endHead|endStream, 1, getBlock))
			go p.keepAlive()
			got, ok := p.until(resetFrame)
			if d := time.Since(start); !ok || d < 100*time.Millisecond || d > 3*time.Second {
				t.Errorf("reset %t (%x) after %v", ok, got, d)
			}
		})
	}
}

// A handler that waits between two writes stalls nobody, however long it takes.
func TestPausesInAnAnswerOverHTTP2(t *testing.T) {
	p := meet(t, &Server{Limits: Limits{WriteStall: short.WriteStall}, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			_, err := fmt.Fprint(w, i)
			if err = errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * short.WriteStall)
		}
	})}, "")
	send(t, p, frame(headersFrame, endHead|endStream, 1, getBlock))
	for i := range 3 {
		if got, _ := p.until(dataFrame); got != fmt.Sprint(i) {
			t.Errorf("piece %d is %q", i, got)
		}
	}
}

// What http2.go says of the engine holds with the configuration it gets here.
func TestFloodsOverHTTP2(t *testing.T) {
	t.Run("opening and resetting streams starts no more handlers than streams are allowed", func(t *testing.T) {
		t.Parallel()
		var running, most atomic.Int64
		done := make(chan struct{})
		p := meet(t, &Server{Limits: Limits{Streams: 10}, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-done
			running.Add(-1)
		})}, "")
		defer close(done)
		for id := byte(1); id < 200; id += 2 {
			if _, err := io.WriteString(p, frame(headersFrame, endHead|endStream, id, getBlock)+frame(resetFrame, 0, id, "\x00\x00\x00\x08")); err != nil {
				break
			}
		}
		got, _ := p.until(goAwayFrame)
		if len(got) < 8 || binary.BigEndian.Uint32([]byte(got[4:])) != 11 {
			t.Errorf("got GOAWAY %x, want ENHANCE_YOUR_CALM", got)
		}
		if m := most.Load(); m > 10 {
			t.Errorf("%d handlers ran at a time", m)
		}
	})
	t.Run("a stream too many is reset", func(t *testing.T) {
		t.Parallel()
		done := make(chan struct{})
		p := meet(t, &Server{Limits: Limits{Streams: 2}, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done })}, "")
		defer close(done)
		for id := byte(1); id <= 5; id += 2 {
			send(t, p, frame(headersFrame, endHead|endStream, id, getBlock))
		}
		if _, ok := p.until(resetFrame); !ok {
			t.Error("it was not reset")
		}
	})
	t.Run("a head in endless CONTINUATION frames ends the connection", func(t *testing.T) {
		t.Parallel()
		p := meet(t, &Server{}, "")
		send(t, p, frame(headersFrame, 0, 1, getBlock))
		field := "\x00\x01x\x7f\x80\x01" + strings.Repeat("y", 255) // a literal of 255 bytes, never indexed
		sent := 0
		for ; sent < 64<<20; sent += 16 * len(field) {
			if _, err := io.WriteString(p, frame(continuationFrame, 0, 1, strings.Repeat(field, 16))); err != nil {
				break
			}
		}
		if sent > 8<<20 {
			t.Errorf("%d MiB were read", sent>>20)
		}
	})
	for name, more := range map[string]string{"that stops": "", "in CONTINUATION frames of no bytes": frame(continuationFrame, 0, 1, "")} {
		t.Run("a head "+name+" ends the connection", func(t *testing.T) {
			t.Parallel()
			p := meet(t, &Server{Limits: short}, "")
			start := time.Now()
			send(t, p, frame(headersFrame, 0, 1, getBlock))
			go func() {
				for more != "" {
					if _, err := io.WriteString(p, more); err != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
			if _, ok := p.until(255); ok || time.Since(start) > 4*time.Second {
				t.Errorf("over after %v", time.Since(start))
			}
		})
	}
	for name, flood := range map[string]string{"PING": frame(pingFrame, 0, 0, "01234567"), "SETTINGS": frame(settingsFrame, 0, 0, "")} {
		t.Run("a client that sends "+name+" and reads nothing is given up", func(t *testing.T) {
			t.Parallel()
			p := meet(t, &Server{Limits: short}, "")
			flood := strings.Repeat(flood, 1000)
			for {
				if _, err := io.WriteString(p, flood); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the server goes on")
					}
					return
				}
			}
		})
	}
	t.Run("a client that takes an answer byte by byte is given up", func(t *testing.T) {
		t.Parallel()
		failed := make(chan error, 1)
		p := meet(t, &Server{Limits: short, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for b := make([]byte, 1<<20); err == nil; {
				_, err = w.Write(b)
			}
			failed <- err
		})}, "\x00\x04\x7f\xff\xff\xff")
		if err := p.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		send(t, p, frame(8, 0, 0, "\x7f\x00\x00\x00")+frame(headersFrame, endHead|endStream, 1, getBlock))
		go func() {
			for b := make([]byte, 1); ; time.Sleep(10 * time.Millisecond) {
				if _, err := p.NetConn().Read(b); err != nil {
					return
				}
			}
		}()
		select {
		case <-failed:
		case <-time.After(8 * time.Second):
			t.Error("still writing")
		}
	})
	t.Run("a frame beyond what is announced ends the connection", func(t *testing.T) {
		t.Parallel()
		p := meet(t, &Server{}, "")
		send(t, p, "\x00\x40\x01\x00\x00\x00\x00\x00\x01")
		if got, _ := p.until(goAwayFrame); len(got) < 8 || got[7] != 6 {
			t.Errorf("got GOAWAY %x, want FRAME_SIZE_ERROR", got)
		}
	})
}
