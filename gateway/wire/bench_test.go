// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// ordinary is a GET with eight fields, as a client of an API sends it.
const ordinary = "GET /v1/orders/4711?expand=lines HTTP/1.1\r\nHost: shop.example.org\r\nUser-Agent: shop-client/2.3 (linux)\r\n" +
	"Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer 0123456789012345678901234567890123456789\r\n" +
	"X-Request-Id: 7b0d3e0c-4d0e-4b43-9f0c-7a1f5d6c8e11\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" +
	"Cache-Control: no-cache\r\n\r\n"

func BenchmarkScreenHead(b *testing.B) {
	s := newScreen(Limits{}.withDefaults())
	head := []byte(ordinary)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if n, _, v := s.judge(head); n != len(head) || v != none {
			b.Fatal(n, v)
		}
	}
}

func BenchmarkScreenChunks(b *testing.B) {
	s := newScreen(Limits{}.withDefaults())
	stream := []byte(body + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 64) + "0\r\n\r\n")
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		for at := 0; at < len(stream); {
			n, _, v := s.judge(stream[at:])
			if n == 0 || v != none {
				b.Fatal(n, v)
			}
			at += n
		}
	}
}

// The same requests in turns through the screen and to the bare engine with its own time-outs set. What matters is the ratio of the two, of the
// medians over all turns: it holds on a busy machine, too.
func BenchmarkServer(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for _, load := range []struct {
		name, bytes string
		turn        int
	}{
		{"GET", ordinary, 50},
		{"POST1MB", post + "Content-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20), 2},
		{"Chunks1MB", body + strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 256) + "0\r\n\r\n", 2},
	} {
		b.Run(load.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			bare := &http.Server{Handler: answer, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 60 * time.Second}
			go func() { _ = bare.Serve(ln) }() // until Close
			b.Cleanup(func() { _ = bare.Close() })
			sides := []*asker{newAsker(b, ln.Addr().String(), load.bytes), newAsker(b, serve(b, &Server{Handler: answer}), load.bytes)}
			for b.Loop() {
				for _, side := range sides {
					side.turn(b, load.turn)
				}
			}
			plain, screened := sides[0].median(), sides[1].median()
			b.ReportMetric(float64(plain.Nanoseconds())/float64(load.turn), "ns/bare")
			b.ReportMetric(float64(screened.Nanoseconds())/float64(load.turn), "ns/screened")
			b.ReportMetric(float64(screened)/float64(plain), "screened/bare")
		})
	}
}

// An asker sends the same request again and again.
type asker struct {
	c       net.Conn
	br      *bufio.Reader
	request []byte
	took    []time.Duration
}

func newAsker(b *testing.B, addr, request string) *asker {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return &asker{c: c, br: bufio.NewReader(c), request: []byte(request)}
}

func (a *asker) turn(b *testing.B, n int) {
	start := time.Now()
	for range n {
		if _, err := a.c.Write(a.request); err != nil {
			b.Fatal(err)
		}
		for { // an answer of 204 ends with its head
			line, err := a.br.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if bytes.Equal(line, []byte("\r\n")) {
				break
			}
		}
	}
	a.took = append(a.took, time.Since(start))
}

func (a *asker) median() time.Duration {
	slices.Sort(a.took)
	return a.took[len(a.took)/2]
}
