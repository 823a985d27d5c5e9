// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestAStreamDependsOnItsSeedAlone(t *testing.T) {
	kinds := make(map[string]int)
	ordinary := 0
	for seed := range uint64(5_000) {
		s := NewStream(seed)
		if again := NewStream(seed); again.String() != s.String() || !bytes.Equal(again.Bytes, s.Bytes) {
			t.Fatalf("the seed makes another stream:\n%s\n%s", s, again)
		}
		if got := bytes.Join(s.Pieces(), nil); !bytes.Equal(got, s.Bytes) {
			t.Fatalf("the pieces are not the whole: %q of %s", got, s)
		}
		for _, name := range s.Marks {
			kinds[name]++
		}
		if len(s.Marks) == 0 {
			ordinary++
			if rest := leftover(s.Bytes); rest != "" {
				t.Fatalf("an ordinary stream is not plain: %s\n%s", rest, s)
			}
		}
	}
	for _, c := range structural {
		if kinds[c.name] == 0 {
			t.Errorf("no stream of 5,000 has %q", c.name)
		}
	}
	for _, c := range bytewise {
		if kinds[c.name] == 0 {
			t.Errorf("no stream of 5,000 has %q", c.name)
		}
	}
	if ordinary < 1000 || ordinary > 2000 {
		t.Errorf("%d of 5,000 streams are ordinary, want a fifth to two fifths", ordinary)
	}
}

// leftover says why b is not plain to its end, "" if it is.
func leftover(b []byte) string {
	for len(b) > 0 {
		_, rest, err := ReadPlain(b)
		if err != nil {
			return err.Error()
		}
		b = rest
	}
	return ""
}

func TestPlainRequestsAreThoseWithOneReading(t *testing.T) {
	const head = "POST /orders HTTP/1.1\r\nHost: localhost\r\n"
	for _, tt := range []struct {
		name, bytes string
		want        string // method, target, host and body; "" is not plain, "cut" ends too early
	}{
		{"no body", "GET /a?b HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /a?b localhost "},
		{"an empty line before it", "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / localhost "},
		{"a length", head + "Content-Length: 3\r\n\r\na,b", "POST /orders localhost a,b"},
		{"chunks and a trailer", head + "Transfer-Encoding: chunked\r\n\r\n2\r\na,\r\n1\r\nb\r\n0\r\nX: 1\r\n\r\n", "POST /orders localhost a,b"},
		{"absolute form", "GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /a localhost "},
		{"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", "GET /  "},
		{"any server", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS * localhost "},
		{"cut in its head", "GET / HTTP/1.1\r\nHost: loc", "cut"},
		{"cut behind a carriage return", "GET / HTTP/1.1\r", "cut"},
		{"cut in its body", head + "Content-Length: 3\r\n\r\na", "cut"},
		{"cut in a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", "cut"},
		{"cut in a chunk size", head + "Transfer-Encoding: chunked\r\n\r\n5\r", "cut"},
		{"cut before the end of the chunks", head + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", "cut"},
		{"two lengths", head + "Content-Length: 3\r\nContent-Length: 3\r\n\r\na,b", ""},
		{"a list of lengths", head + "Content-Length: 3, 3\r\n\r\na,b", ""},
		{"length and encoding", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
		{"encoding on HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
		{"an underscore", head + "Content_Length: 3\r\n\r\n", ""},
		{"a space before the colon", head + "Content-Length : 3\r\n\r\na,b", ""},
		{"a line feed alone", "GET / HTTP/1.1\nHost: localhost\r\n\r\n", ""},
		{"a folded field", head + " x\r\n\r\n", ""},
		{"a vertical tab", head + "Transfer-Encoding: \vchunked\r\n\r\n", ""},
		{"a chunk extension", head + "Transfer-Encoding: chunked\r\n\r\n1;a\r\nb\r\n0\r\n\r\n", ""},
		{"a chunk size that is no number", head + "Transfer-Encoding: chunked\r\n\r\n0x1\r\nb\r\n0\r\n\r\n", ""},
		{"a chunk that is too long", head + "Transfer-Encoding: chunked\r\n\r\n1\r\nbb\r\n0\r\n\r\n", ""},
		{"a trailer that frames", head + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n", ""},
		{"two hosts", head + "Host: localhost\r\n\r\n", ""},
		{"no host", "GET / HTTP/1.1\r\n\r\n", ""},
		{"two names", "GET http://other/ HTTP/1.1\r\nHost: localhost\r\n\r\n", ""},
		{"HTTP/0.9", "GET /\r\n\r\n", ""},
		{"a fragment", "GET /#a HTTP/1.1\r\nHost: localhost\r\n\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			more := "next"
			if tt.want == "cut" {
				more = ""
			}
			p, rest, err := ReadPlain([]byte(tt.bytes + more))
			got := ""
			switch {
			case err == nil:
				got = fmt.Sprintf("%s %s %s %s", p.Method, p.Target, p.Host, p.Body)
				if string(rest) != "next" || !p.Whole {
					t.Errorf("%q is left, whole %t", rest, p.Whole)
				}
			case errors.Is(err, ErrCut):
				got = "cut"
			}
			if got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
