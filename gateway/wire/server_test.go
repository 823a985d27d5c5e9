// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every ambiguous request, after an honest one on the same connection, over clear and TLS: the honest one is answered,
// the other is exactly one refusal, and the connection ends.
func TestServerRefusesAmbiguousRequests(t *testing.T) {
	config, roots := certificate(t)
	clear, secure := serve(t, &Server{}), serve(t, &Server{TLS: config})
	for _, tt := range ambiguousRequests(t) {
		for _, side := range []struct {
			name string
			dial func(*testing.T) io.ReadWriter
		}{
			{"clear", func(t *testing.T) io.ReadWriter { return dial(t, clear) }},
			{"TLS", func(t *testing.T) io.ReadWriter { return dialTLS(t, secure, roots) }},
		} {
			t.Run(tt.file+" over "+side.name, func(t *testing.T) {
				c := side.dial(t)
				send(t, c, get+"\r\n"+tt.bytes)
				got := answers(t, c)
				if len(got) != 2 || !strings.HasPrefix(got[0], "200 GET /orders ") || codeOf(got[1]) != tt.code {
					t.Errorf("got %q, want an answer and refusal %s", got, tt.code)
				}
			})
		}
	}
}

func TestServerAnswersHonestRequests(t *testing.T) {
	addr := serve(t, &Server{})
	for _, tt := range honest {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, addr)
			send(t, c, tt.bytes+"GET /last HTTP/1.1\r\n"+host+"Connection: close\r\n\r\n")
			got := answers(t, c)
			http10 := strings.Contains(tt.bytes, "HTTP/1.0") // answered, and then closed
			for _, a := range got {
				if !strings.HasPrefix(a, "200 ") && a != "100 " {
					t.Errorf("answer %q", a)
				}
			}
			if len(got) < 1 || !http10 && !strings.Contains(got[len(got)-1], "GET /last") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestStandInCannotBeForged(t *testing.T) {
	addr := serve(t, &Server{})
	c := dial(t, addr)
	send(t, c, "GET /refused-AAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n")
	if got := answers(t, c); len(got) != 1 || codeOf(got[0]) != "" {
		t.Errorf("got %q, want an ordinary answer", got)
	}
}

// The stand-in of one connection means nothing on another.
func TestStandInBelongsToItsConnection(t *testing.T) {
	seen := make(chan string, 2)
	addr := serve(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, refused := Refusal(r); refused {
			seen <- connOf(r.Context()).refusal.Load().target
		}
		tell(w, r)
	})})
	c := dial(t, addr)
	send(t, c, "\x00")
	if got := answers(t, c); len(got) != 1 || codeOf(got[0]) != "bad_request_line" {
		t.Fatalf("got %q", got)
	}
	c = dial(t, addr)
	send(t, c, "GET "+<-seen+" HTTP/1.1\r\nHost: refused.invalid\r\n\r\n\x00")
	if got := answers(t, c); len(got) != 2 || codeOf(got[0]) != "" || codeOf(got[1]) != "bad_request_line" {
		t.Errorf("got %q, want an ordinary answer and a refusal", got)
	}
}

// A handler that does not ask Refusal finds nothing to serve, however readable the refused request was.
func TestForgetfulHandlerServesNobody(t *testing.T) {
	config, _ := certificate(t)
	addr := serve(t, &Server{TLS: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %d %q %v", r.Method, r.RequestURI, r.URL, r.Host, len(r.Header), b, err)
	})})
	for name, bytes := range map[string]string{
		"a readable request in clear": "DELETE /orders/1 HTTP/1.1\r\n" + host + "Authorization: Bearer x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
		"bytes that are not admitted": "DELETE /orders/1 HTTP/1.1\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			send(t, c, bytes)
			if got := answers(t, c); len(got) != 1 || got[0] != `200 GET /refused /refused refused.invalid 0 "" <nil>` {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A client that is still sending finds its connection in order, and the answer when it looks for it.
func TestRefusalIsReadableWhileTheClientStillSends(t *testing.T) {
	addr := serve(t, &Server{})
	for name, first := range map[string]string{"in the head": get + "X : y\r\n\r\n", "in the body": body + "x\r\n"} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			send(t, c, first)
			for range 20 {
				time.Sleep(5 * time.Millisecond)
				send(t, c, strings.Repeat("x", 4<<10))
			}
			if got := answers(t, c); len(got) != 1 || !strings.HasPrefix(got[0], "400 refused bad_") {
				t.Fatalf("got %q", got)
			}
		})
	}
}

func TestCutOffHeadIsRefused(t *testing.T) {
	addr := serve(t, &Server{})
	c := dial(t, addr)
	send(t, c, get)
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, c); len(got) != 1 || got[0] != `400 refused header_truncated "GET" "/orders"` {
		t.Errorf("got %q", got)
	}
}

// A body that ends with the connection must never look whole.
func TestCutOffBodyIsAnError(t *testing.T) {
	whole := body + "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
	addr := serve(t, &Server{})
	for end := len(body); end < len(whole); end++ {
		c := dial(t, addr)
		send(t, c, whole[:end])
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := answers(t, c); len(got) != 1 || !strings.HasPrefix(got[0], "500 body: ") {
			t.Errorf("cut at %q: got %q", whole[len(body):end], got)
		}
	}
}

func TestLargeBodiesArriveWhole(t *testing.T) {
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	want := fmt.Sprintf("body=%d:%x", len(content), sha256.Sum256(content))
	chunks := func(size int) string {
		var b strings.Builder
		for rest := content; len(rest) > 0; {
			n := min(size, len(rest))
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		return b.String() + "0\r\nX-Sum: 1\r\n\r\n"
	}
	config, roots := certificate(t)
	clear, secure := serve(t, &Server{}), serve(t, &Server{TLS: config})
	for _, tt := range []struct{ name, bytes string }{
		{"with a length", post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(content), content)},
		{"one chunk", body + chunks(len(content))},
		{"chunks of 64 KiB", body + chunks(64<<10)},
		{"chunks of 4095 bytes", body + chunks(4095)},
		{"chunks of 7 bytes", body + chunks(7)},
	} {
		for _, c := range []net.Conn{dial(t, clear), dialTLS(t, secure, roots)} {
			t.Run(tt.name, func(t *testing.T) {
				go func() { _, _ = io.WriteString(c, tt.bytes+get+"Connection: close\r\n\r\n") }()
				got := answers(t, c)
				if len(got) != 2 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[1], "200 GET /orders") {
					t.Errorf("got %q, want %s and the next answer", got, want)
				}
			})
		}
	}
}

func TestContinueIsSentWhenTheBodyIsAskedFor(t *testing.T) {
	asked := make(chan struct{})
	addr := serve(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-asked
		tell(w, r)
	})})
	c := dial(t, addr)
	br := bufio.NewReader(c)
	send(t, c, post+"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\n")
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := br.Peek(1); err == nil {
		t.Fatalf("got %q before the handler asked", b)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	close(asked)
	if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	send(t, c, "hello")
	if got, err := answer(br); err != nil || !strings.Contains(got, " body=5:") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestThousandRequestsOnOneConnection(t *testing.T) {
	config, roots := certificate(t)
	clear, secure := serve(t, &Server{}), serve(t, &Server{TLS: config})
	for _, c := range []net.Conn{dial(t, clear), dialTLS(t, secure, roots)} {
		br := bufio.NewReader(c)
		for i := range 1000 {
			send(t, c, fmt.Sprintf("POST /%d HTTP/1.1\r\n%sContent-Length: 5\r\n\r\nhello", i, host))
			if got, err := answer(br); err != nil || !strings.HasPrefix(got, fmt.Sprintf("200 POST /%d ", i)) {
				t.Fatalf("request %d: got %q, %v", i, got, err)
			}
		}
	}
}

// Requests sent together are answered in order, each once, and a large head between small ones takes nothing with it.
func TestPipelinedRequests(t *testing.T) {
	addr := serve(t, &Server{})
	c := dial(t, addr)
	var all strings.Builder
	for i := range 100 {
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\n%sX-Pad: %s\r\nContent-Length: 3\r\n\r\nabc", i, host, strings.Repeat("x", i%10*2000))
	}
	go func() { _, _ = io.WriteString(c, all.String()+"\x00") }()
	got := answers(t, c)
	if len(got) != 101 || codeOf(got[100]) != "bad_request_line" {
		t.Fatalf("%d answers, the last %q", len(got), got[len(got)-1])
	}
	for i, a := range got[:100] {
		if !strings.HasPrefix(a, fmt.Sprintf("200 POST /%d ", i)) {
			t.Errorf("answer %d is %q", i, a)
		}
	}
}

func TestOtherProtocolsAreClosedAfterTheHandshake(t *testing.T) {
	config, roots := certificate(t)
	config.NextProtos = []string{"h2", "http/1.1", "acme-tls/1"}
	addr := serve(t, &Server{TLS: config})
	c := dialTLS(t, addr, roots, "acme-tls/1")
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	config, _ := certificate(t)
	for _, tt := range []struct {
		name  string
		admit bool
		bytes string
		want  string
	}{
		{"is refused", false, get, `400 refused plain_http "GET" "/orders"`},
		{"is admitted where the Handler wants it", true, get, "200 GET /orders host=shop.example.org tls=false plain=true body=0:"},
		{"is screened all the same", true, get + "X : y\r\n", "400 refused bad_header"},
		{"is refused when it is not HTTP either", true, "\x15\x03\x01", "400 refused bad_request_line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, serve(t, &Server{TLS: config, AdmitPlain: tt.admit}))
			send(t, c, tt.bytes+"Connection: close\r\n\r\n")
			if got := answers(t, c); len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-finish
		tell(w, r)
	})}
	addr := serve(t, s)
	idle, busy := dial(t, addr), dial(t, addr)
	send(t, busy, get+"\r\n")
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown with a running request: %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the listener still accepts")
	}
	close(finish)
	if got := answers(t, busy); len(got) != 1 || !strings.HasPrefix(got[0], "200 ") {
		t.Errorf("the running request got %q", got)
	}
	_ = idle
}

func TestServeEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			t.Errorf("the request was called off: %v", err)
		}
		tell(w, r)
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	c := dial(t, ln.Addr().String())
	send(t, c, get+"\r\n")
	br := bufio.NewReader(c)
	if _, err := answer(br); err != nil {
		t.Fatal(err)
	}
	over := errors.New("over")
	cancel(over)
	if err := <-done; !errors.Is(err, over) {
		t.Errorf("Serve: %v", err)
	}
	send(t, c, get+"\r\n")
	if got, err := answer(br); err != nil || !strings.HasPrefix(got, "200 ") {
		t.Errorf("an open connection got %q, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := br.ReadByte(); err == nil {
		t.Error("the connection outlived Close")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	addr := serve(t, &Server{Limits: Limits{Connections: 2}})
	ask := func(c net.Conn) string {
		if _, err := io.WriteString(c, get+"\r\n"); err != nil {
			return err.Error()
		}
		got, err := answer(bufio.NewReader(c))
		if err != nil {
			return err.Error()
		}
		return got[:3]
	}
	first, second, third := dial(t, addr), dial(t, addr), dial(t, addr)
	if a, b, c := ask(first), ask(second), ask(third); a != "200" || b != "200" || c == "200" {
		t.Errorf("got %q, %q and beyond the limit %q", a, b, c)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ask(dial(t, addr)) != "200"; {
		if time.Now().After(deadline) {
			t.Fatal("the place of a closed connection stays taken")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got := ask(second); got != "200" {
		t.Errorf("the connection that stayed got %q", got)
	}
}
