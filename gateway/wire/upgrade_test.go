// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// echo speaks WebSocket where it is asked to.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/echo" {
		tell(w, r)
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = ws.CloseNow() }()
	for {
		kind, b, err := ws.Read(r.Context())
		if err != nil || ws.Write(r.Context(), kind, b) != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	config, roots := certificate(t)
	for name, s := range map[string]*Server{"clear": {}, "TLS": {TLS: config}} {
		t.Run(name, func(t *testing.T) {
			s.Handler = http.HandlerFunc(echo)
			s.Limits.BodyIdle, s.Limits.HeaderTimeout, s.Limits.WriteStall = 50*time.Millisecond, 500*time.Millisecond, 50*time.Millisecond
			addr := serve(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			scheme := "ws"
			if s.TLS != nil {
				scheme = "wss"
			}
			ws, _, err := websocket.Dial(ctx, scheme+"://"+addr+"/echo", &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "shop.example.org", NextProtos: []string{"http/1.1"}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ws.CloseNow() }()
			for i, m := range []string{"\r\n\r\n", "GET / HTTP/1.1\n\n", strings.Repeat("x", 30_000)} {
				if err := ws.Write(ctx, websocket.MessageBinary, []byte(m)); err != nil {
					t.Fatal(err)
				}
				if _, got, err := ws.Read(ctx); err != nil || string(got) != m {
					t.Fatalf("message %d: got %q, %v", i, got, err)
				}
				time.Sleep(100 * time.Millisecond) // no limit of HTTP holds any more
			}
			if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// Bytes sent behind a request with Upgrade, before its answer, reach whoever the answer says: the tunnel as they are,
// or the screen as the next request.
func TestBytesBehindAnUpgrade(t *testing.T) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: raw\r\n\r\n"
	accept := make(chan bool, 1)
	addr := serve(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			tell(w, r)
			return
		}
		time.Sleep(50 * time.Millisecond) // the early bytes arrive while nobody reads them
		if !<-accept {
			tell(w, r)
			return
		}
		c, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		got, err := io.ReadAll(buf)
		_, _ = fmt.Fprintf(c, "%q %v", got, err)
	})})
	for _, tt := range []struct {
		name   string
		accept bool
		early  string
		want   string
	}{
		{"a tunnel gets them unchanged", true, "\x81\x00\n\nG", "HTTP/1.1 101 Switching Protocols\r\n\r\n\"\\x81\\x00\\n\\nG\" <nil>"},
		{"a declined upgrade leaves an honest request", false, get + "Connection: close\r\n\r\n", "200 GET"},
		{"a declined upgrade leaves a refused request", false, "\x81\x00\n\nG", "400 refused bad_request_line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, addr)
			accept <- tt.accept
			send(t, c, get+upgrade+tt.early)
			if tt.accept {
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(c)
				if err != nil || string(got) != tt.want {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
				return
			}
			got := answers(t, c)
			if len(got) != 2 || !strings.HasPrefix(got[0], "200 GET /orders") || !strings.Contains(got[1], tt.want) {
				t.Errorf("got %q, want an answer and %q", got, tt.want)
			}
		})
	}
}
