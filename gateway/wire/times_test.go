// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// short limits, far enough apart that a loaded machine does not confuse them.
var short = Limits{HeaderTimeout: 150 * time.Millisecond, BodyIdle: 150 * time.Millisecond, WriteStall: 150 * time.Millisecond, Idle: 600 * time.Millisecond}

// drip sends b byte by byte until it is sent or the server hangs up.
func drip(w io.Writer, b string, every time.Duration) {
	for i := range len(b) {
		if _, err := io.WriteString(w, b[i:i+1]); err != nil {
			return
		}
		time.Sleep(every)
	}
}

func TestSlowClients(t *testing.T) {
	slow := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		name        string
		first, drip string
		want        []string // answers, by their beginnings
		min, max    time.Duration
	}{
		{"a silent client is closed without a word", "", "", nil, 100 * time.Millisecond, 2 * time.Second},
		{"a slow first head is refused", "", get + "X: " + slow, []string{"408 refused header_timeout"}, 100 * time.Millisecond, 2 * time.Second},
		{"a slow second head is refused", get + "\r\n", get + "X: " + slow, []string{"200 ", "408 refused header_timeout"}, 100 * time.Millisecond, 2 * time.Second},
		{"a slow head behind a slow empty line is refused", get + "\r\n", "\r\n" + get + "X: " + slow, []string{"200 ", "408 refused header_timeout"}, 100 * time.Millisecond, 3 * time.Second},
		{"an idle connection is closed without a word", get + "\r\n", "", []string{"200 "}, 500 * time.Millisecond, 3 * time.Second},
		{"an empty line keeps nobody waiting for a head", get + "\r\n\r\n", "", []string{"200 "}, 500 * time.Millisecond, 3 * time.Second},
		{"a body that stops is refused", post + "Content-Length: 1000\r\n\r\nhello", "", []string{"408 refused body_timeout"}, 100 * time.Millisecond, 2 * time.Second},
		{"a chunked body that stops is refused", body + "5\r\nhel", "", []string{"408 refused body_timeout"}, 100 * time.Millisecond, 2 * time.Second},
		{"a body that drips is refused", post + "Content-Length: 1000\r\n\r\n", slow, []string{"408 refused body_timeout"}, 100 * time.Millisecond, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limits := short
			limits.BodyRate = 1000
			c := dial(t, serve(t, &Server{Limits: limits}))
			start := time.Now()
			send(t, c, tt.first)
			go drip(c, tt.drip, 10*time.Millisecond)
			got := answers(t, c)
			if d := time.Since(start); d < tt.min || d > tt.max {
				t.Errorf("over after %v, want %v to %v", d, tt.min, tt.max)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("answer %d is %q, want %q", i, got[i], tt.want[i])
				}
			}
		})
	}
}

// A body that comes slowly but steadily enough passes, however long it takes in all.
func TestSteadyBodyPasses(t *testing.T) {
	limits := short
	limits.BodyRate = 20
	c := dial(t, serve(t, &Server{Limits: limits}))
	send(t, c, post+"Connection: close\r\nContent-Length: 30\r\n\r\n")
	go drip(c, strings.Repeat("x", 30), 20*time.Millisecond)
	if got := answers(t, c); len(got) != 1 || !strings.Contains(got[0], " body=30:") {
		t.Errorf("got %q", got)
	}
}

// While a handler works nobody's patience runs out: not for the body it does not read, not for the next head.
func TestBusyHandlerCostsTheClientNothing(t *testing.T) {
	addr := serve(t, &Server{Limits: short, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(400 * time.Millisecond)
		if r.Context().Err() != nil {
			t.Error("the request was called off")
		}
		tell(w, r)
	})})
	t.Run("an unread body", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		send(t, c, post+"Connection: close\r\nContent-Length: 5\r\n\r\nhello")
		if got := answers(t, c); len(got) != 1 || !strings.Contains(got[0], " body=5:") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("half a head behind it is refused afterwards", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		send(t, c, get+"\r\n"+get)
		if got := answers(t, c); len(got) != 2 || !strings.HasPrefix(got[0], "200 ") || codeOf(got[1]) != "header_timeout" {
			t.Errorf("got %q", got)
		}
	})
}

func TestClientThatDoesNotReadIsGivenUp(t *testing.T) {
	failed := make(chan error, 1)
	addr := serve(t, &Server{Limits: short, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		for b := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(b)
		}
		failed <- err
	})})
	send(t, dial(t, addr), get+"\r\n")
	select {
	case <-failed:
	case <-time.After(8 * time.Second):
		t.Error("still writing")
	}
}

// A client that leaves is noticed while the handler works, as with the bare engine.
func TestClientThatLeavesCancelsItsRequest(t *testing.T) {
	cancelled := make(chan struct{})
	started := make(chan struct{})
	addr := serve(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(cancelled)
	})})
	c := dial(t, addr)
	send(t, c, get+"\r\n")
	<-started
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-cancelled:
	case <-time.After(8 * time.Second):
		t.Error("the request was not called off")
	}
}

// A handler's own deadline holds for its body, also where reading it has begun.
func TestHandlersReadDeadline(t *testing.T) {
	addr := serve(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		_, err := io.ReadAll(r.Body)
		_, refused := BodyRefusal(r)
		if err == nil || refused {
			t.Errorf("read ended with %v, refused %t", err, refused)
		}
	})})
	c := dial(t, addr)
	start := time.Now()
	send(t, c, post+"Content-Length: 10\r\n\r\n")
	time.Sleep(20 * time.Millisecond)
	send(t, c, "hello")
	if _, err := answer(bufio.NewReader(c)); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("over after %v", d)
	}
}
