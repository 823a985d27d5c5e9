// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func seeds(f *testing.F) {
	for _, tt := range honest {
		f.Add(tt.bytes)
		f.Add(get + "\r\n" + tt.bytes + body + "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
	}
	for _, tt := range ambiguousRequests(f) {
		f.Add(tt.bytes)
		f.Add(tt.bytes + get + "\r\n")
	}
}

// FuzzScreen compares what the screen admits with what net/http reads from the same bytes: the number of requests,
// their methods, targets, hosts, bodies and trailers must be the same, and how the bytes were cut must not matter.
func FuzzScreen(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b string) {
		b = b[:min(len(b), 4096)] // byte by byte costs the square
		admitted, whole, v := feed(b, Limits{})
		everywhere := make([]int, len(b))
		for i := range b {
			everywhere[i] = i
		}
		if again, w, v2 := feed(b, Limits{}, everywhere...); fmt.Sprintf("%q", again) != fmt.Sprintf("%q", admitted) || v != v2 || w != whole {
			t.Fatalf("byte by byte the screen admits %q %t %s, at once %q %t %s", again, w, rules[v2].code, admitted, whole, rules[v].code)
		}
		var all strings.Builder
		for _, m := range admitted {
			all.WriteString(m.head + m.rest)
		}
		r := bufio.NewReader(strings.NewReader(all.String()))
		for i, m := range admitted {
			req, err := http.ReadRequest(r)
			if err != nil {
				t.Fatalf("net/http refuses %q: %v", m.head, err)
			}
			line := strings.Split(strings.SplitN(m.head, "\r\n", 2)[0], " ")
			if len(line) != 3 || req.Method != line[0] || req.RequestURI != line[1] || req.Proto != line[2] {
				t.Fatalf("net/http reads %q as %s %s %s", m.head, req.Method, req.RequestURI, req.Proto)
			}
			if h := hostOf(m.head); !strings.EqualFold(req.Host, h) {
				t.Fatalf("net/http reads %q as for %q, we for %q", m.head, req.Host, h)
			}
			want, trailer, complete := decode(m)
			got, err := io.ReadAll(req.Body)
			if complete != (err == nil) || !complete && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "EOF") {
				t.Fatalf("request %d of %q: complete %t, but net/http says %v", i, all.String(), complete, err)
			}
			if complete && (!bytes.Equal(got, want) || len(req.Trailer) < trailer) {
				t.Fatalf("net/http reads the body of %q as %q %v", m, got, req.Trailer)
			}
			if !complete && i != len(admitted)-1 {
				t.Fatalf("request %d of %q is cut off, and another follows", i, all.String())
			}
		}
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Fatalf("net/http leaves %q of %q", rest, all.String())
		}
	})
}

// hostOf reads the host as RFC 9112 section 3.3 puts it together, from a head that was admitted.
func hostOf(head string) string {
	lines := strings.Split(head, "\r\n")
	if _, after, absolute := strings.Cut(strings.Split(lines[0], " ")[1], "://"); absolute && !strings.HasPrefix(strings.Split(lines[0], " ")[1], "/") {
		return strings.SplitN(after, "/", 2)[0]
	}
	return fieldOf(head, "Host")
}

func fieldOf(head, name string) string {
	for _, l := range strings.Split(head, "\r\n")[1:] {
		if n, v, _ := strings.Cut(l, ":"); strings.EqualFold(n, name) {
			return strings.Trim(v, " \t")
		}
	}
	return ""
}

// decode reads a body the plain way.
func decode(m message) (content []byte, trailers int, complete bool) {
	if fieldOf(m.head, "Transfer-Encoding") == "" {
		n, err := strconv.Atoi(fieldOf(m.head, "Content-Length"))
		return []byte(m.rest), 0, err != nil || n == len(m.rest)
	}
	for rest := m.rest; ; {
		size, after, ok := strings.Cut(rest, "\r\n")
		if !ok {
			return nil, 0, false
		}
		n, err := strconv.ParseUint(size, 16, 32)
		if err != nil {
			return nil, 0, false
		}
		if n == 0 {
			trailers := map[string]bool{}
			for {
				line, next, ok := strings.Cut(after, "\r\n")
				if !ok {
					return nil, 0, false
				}
				if line == "" {
					return content, len(trailers), next == ""
				}
				name, _, _ := strings.Cut(line, ":")
				trailers[strings.ToLower(name)] = true
				after = next
			}
		}
		if uint64(len(after)) < n+2 {
			return nil, 0, false
		}
		content = append(content, after[:n]...)
		rest = after[n+2:]
	}
}

// FuzzServer sends bytes to a whole server. Whatever they are, every final answer is one that the Handler gave: the
// engine never finds anything that it would answer on its own, which would be an exchange without a record.
func FuzzServer(f *testing.F) {
	seeds(f)
	addr := serve(f, &Server{Limits: Limits{Connections: 100}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Handler", "yes")
		tell(w, r)
	})})
	f.Fuzz(func(t *testing.T, b string) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c := nc.(*net.TCPConn)
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, b); err != nil {
			return // refused before all was sent
		}
		if err := c.CloseWrite(); err != nil {
			return
		}
		for br := bufio.NewReader(c); ; {
			if _, err := br.Peek(1); err != nil {
				if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
					t.Fatalf("no end of answers to %q", b)
				}
				return
			}
			res, err := http.ReadResponse(br, &http.Request{Method: "GET"})
			if err != nil {
				return // an answer to HEAD read as to GET, or cut off by the end
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				return
			}
			if res.StatusCode != http.StatusContinue && res.Header.Get("X-Handler") == "" {
				t.Fatalf("the engine answered %s on its own to %q", res.Status, b)
			}
		}
	})
}
