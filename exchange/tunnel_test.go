// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

const upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

// tunnelBackend switches protocols and hands the connection to talk.
func tunnelBackend(talk func(c *net.TCPConn, in *bufio.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\nSec-Accept: yes\r\n\r\n")
		talk(conn.(*net.TCPConn), rw.Reader)
	}
}

func openTunnel(t *testing.T, r *rig, early string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, in := r.raw(t, upgrade+early)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Upgrade") != "websocket" || res.Header.Get("Sec-Accept") != "yes" || res.Header.Get("Hsts") != "on" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	return c.(*net.TCPConn), in
}

var hsts = []func(*Exchange){func(x *Exchange) { x.Answer.Header.Set("Hsts", "on") }}

func testTunnel(t *testing.T, e engineKind) {
	ended := make(chan bool, 1)
	r := newRig(t, e, setup{
		chain: Chain{Header: hsts, Request: step(func(x *Exchange) error { x.Defer(func() { ended <- true }); return nil })},
		backend: tunnelBackend(func(c *net.TCPConn, in *bufio.Reader) {
			heard, _ := io.ReadAll(in) // until the client's half close has come through
			_, _ = c.Write(append([]byte("heard "), heard...))
		}),
	})
	c, in := openTunnel(t, r, "early ")
	if _, err := io.WriteString(c, "and late"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
		t.Fatal("what was deferred ran while the tunnel was open")
	case <-time.After(20 * time.Millisecond):
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); string(got) != "heard early and late" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	receive(t, ended)
	if rec := r.record(t); rec.Status != 101 || rec.BytesIn != 14 || rec.BytesOut != 20 || rec.Aborted || rec.Code != "" {
		t.Errorf("record: %+v", rec)
	}

	// The other way round: the backend says its last first, and still listens.
	heard := make(chan string, 1)
	r = newRig(t, e, setup{chain: Chain{Header: hsts}, backend: tunnelBackend(func(c *net.TCPConn, in *bufio.Reader) {
		_, _ = io.WriteString(c, "bye")
		_ = c.CloseWrite()
		text, _ := io.ReadAll(in)
		heard <- string(text)
	})})
	c, in = openTunnel(t, r, "")
	if got, err := io.ReadAll(in); string(got) != "bye" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := io.WriteString(c, "last word"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, heard); got != "last word" {
		t.Errorf("the backend heard %q", got)
	}
}

func testTunnelClientGone(t *testing.T, e engineKind) {
	gone := make(chan bool, 1)
	r := newRig(t, e, setup{chain: Chain{Header: hsts}, backend: tunnelBackend(func(_ *net.TCPConn, in *bufio.Reader) {
		_, _ = io.ReadAll(in)
		gone <- true
	})})
	c, _ := openTunnel(t, r, "")
	if err := c.SetLinger(0); err != nil { // a reset
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	receive(t, gone)
	r.record(t)
}

func testTunnelLinger(t *testing.T, e engineKind) {
	stop := make(chan bool)
	defer close(stop)
	short := step(func(x *Exchange) error { x.linger = 50 * time.Millisecond; return nil })
	r := newRig(t, e, setup{chain: Chain{Header: hsts, Request: short}, backend: tunnelBackend(func(*net.TCPConn, *bufio.Reader) { <-stop })})
	c, in := openTunnel(t, r, "")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Error(err)
	}
	r.record(t)
}
