// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A named connection says whose it is in a line before everything else, as with a PROXY header.
type named struct {
	net.Conn
	name string
}

func (n named) RemoteAddr() net.Addr { return name(n.name) }

type name string

func (n name) Network() string { return "tcp" }
func (n name) String() string  { return string(n) }

// readName reads the line byte by byte, so that nothing behind it is lost.
func readName(c net.Conn) (net.Conn, error) {
	line := ""
	for b := make([]byte, 1); len(line) < 64; line += string(b) {
		if _, err := c.Read(b); err != nil {
			return nil, err
		}
		if b[0] == '\n' {
			return named{c, line}, nil
		}
	}
	return nil, errors.New("no name")
}

func TestWrap(t *testing.T) {
	config, roots := certificate(t)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+" from "+r.RemoteAddr) })
	limits := Limits{HeaderTimeout: 300 * time.Millisecond}
	clear := serve(t, &Server{Handler: who, Wrap: readName, Limits: limits})
	secure := serve(t, &Server{Handler: who, Wrap: readName, TLS: config, Limits: limits})
	t.Run("what it returns says who is calling in clear", func(t *testing.T) {
		c := dial(t, clear)
		send(t, c, "192.0.2.1:7\n"+get+"Connection: close\r\n\r\n")
		if got := answers(t, c); len(got) != 1 || got[0] != "200 HTTP/1.1 from 192.0.2.1:7" {
			t.Errorf("got %q", got)
		}
	})
	for proto, want := range map[string]string{"http/1.1": "HTTP/1.1 from 192.0.2.2:7", "h2": "HTTP/2.0 from 192.0.2.2:7"} {
		t.Run("what it returns says who is calling over TLS with "+proto, func(t *testing.T) {
			nc := dial(t, secure)
			send(t, nc, "192.0.2.2:7\n")
			c := tls.Client(nc, &tls.Config{RootCAs: roots, ServerName: "shop.example.org", NextProtos: []string{proto}})
			if proto == "h2" {
				p := &peer{c, t, bufio.NewReader(c)}
				send(t, c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(settingsFrame, 0, 0, "")+frame(headersFrame, endHead|endStream, 1, getBlock))
				if got, _ := p.until(dataFrame); got != want {
					t.Errorf("got %q", got)
				}
				return
			}
			send(t, c, get+"Connection: close\r\n\r\n")
			if got := answers(t, c); len(got) != 1 || got[0] != "200 "+want {
				t.Errorf("got %q", got)
			}
		})
	}
	for side, addr := range map[string]string{"in clear": clear, "over TLS": secure} {
		t.Run("its error closes the connection "+side, func(t *testing.T) {
			c := dial(t, addr)
			send(t, c, strings.Repeat("x", 64))
			if got := answers(t, c); len(got) != 0 {
				t.Errorf("got %q", got)
			}
		})
		t.Run("it has the time of a head "+side, func(t *testing.T) {
			c, start := dial(t, addr), time.Now()
			if got := answers(t, c); len(got) != 0 || time.Since(start) > 5*time.Second {
				t.Errorf("got %q after %v", got, time.Since(start))
			}
		})
		t.Run("it keeps nobody else waiting "+side, func(t *testing.T) {
			slow := dial(t, addr)
			defer func() { _ = slow.Close() }()
			c := dial(t, addr)
			send(t, c, "192.0.2.3:7\n"+get+"Connection: close\r\n\r\n")
			if got := answers(t, c); len(got) != 1 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A deadline that Wrap leaves behind does not count, and the one that it lifts holds.
func TestDeadlinesThatWrapSets(t *testing.T) {
	wrap := func(d time.Duration) func(net.Conn) (net.Conn, error) {
		return func(c net.Conn) (net.Conn, error) {
			if d == 0 {
				return c, c.SetDeadline(time.Time{})
			}
			return c, c.SetDeadline(time.Now().Add(d))
		}
	}
	limits := Limits{HeaderTimeout: 200 * time.Millisecond, Idle: 5 * time.Second}
	t.Run("left behind", func(t *testing.T) {
		c := dial(t, serve(t, &Server{Limits: limits, Wrap: wrap(20 * time.Millisecond)}))
		br := bufio.NewReader(c)
		for range 2 {
			send(t, c, get+"\r\n")
			if got, err := answer(br); err != nil || !strings.HasPrefix(got, "200 ") {
				t.Fatalf("got %q, %v", got, err)
			}
			time.Sleep(300 * time.Millisecond)
		}
	})
	t.Run("lifted", func(t *testing.T) {
		config, _ := certificate(t)
		c := dial(t, serve(t, &Server{Limits: limits, TLS: config, Wrap: wrap(0)}))
		if got := answers(t, c); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	})
}

// After a refusal the end of our side reaches the client at once through what Wrap returned, whether that can tell it
// itself or not, and not only when the moment is over in which what it sends is read.
func TestWrapKeepsTheHalfClose(t *testing.T) {
	half := make(chan struct{}, 1)
	for name, wrap := range map[string]func(net.Conn) (net.Conn, error){
		"by the connection below": func(c net.Conn) (net.Conn, error) { return named{c, "192.0.2.1:7"}, nil },
		"by its own":              func(c net.Conn) (net.Conn, error) { return closer{c.(*net.TCPConn), half}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, serve(t, &Server{Wrap: wrap}))
			start := time.Now()
			send(t, c, get+"X : y\r\n\r\n")
			if got := answers(t, c); len(got) != 1 || !strings.HasPrefix(got[0], "400 refused bad_") {
				t.Fatalf("got %q", got)
			}
			if d := time.Since(start); d >= lingerTime {
				t.Errorf("the end came after %v", d)
			}
		})
	}
	select {
	case <-half:
	default:
		t.Error("its own CloseWrite was not called")
	}
}

type closer struct {
	*net.TCPConn
	half chan struct{}
}

func (c closer) CloseWrite() error {
	select {
	case c.half <- struct{}{}:
	default:
	}
	return c.TCPConn.CloseWrite()
}

func TestCloseEndsAWrapThatWaits(t *testing.T) {
	waiting, over := make(chan struct{}), make(chan struct{})
	s := &Server{Wrap: func(c net.Conn) (net.Conn, error) {
		close(waiting)
		_, err := c.Read(make([]byte, 1))
		close(over)
		return c, err
	}}
	dial(t, serve(t, s))
	<-waiting
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-over:
	case <-time.After(5 * time.Second):
		t.Error("Wrap still waits")
	}
}
