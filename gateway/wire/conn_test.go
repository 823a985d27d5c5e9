// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRefusalTellsWhatCouldBeRead(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, tt := range []struct{ name, bytes, method, target string }{
		{"the query is left out", "GET /orders?token=secret HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n", "GET", "/orders"},
		{"what is not visible ASCII becomes a question mark", "GET /caf\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", "GET", "/caf??"},
		{"long targets are cut off", "GET /" + long + " HTTP/1.2\r\n", "GET", "/" + long[:255]},
		{"nothing is made up", "\x16\x03\x01", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, c := pipe(t)
			send(t, client, tt.bytes)
			stand := make([]byte, 4096)
			n, err := c.Read(stand)
			if err != nil {
				t.Fatal(err)
			}
			ref, ok := c.refused(strings.Fields(string(stand[:n]))[1])
			if !ok || ref.Method != tt.method || ref.Target != tt.target {
				t.Errorf("refused %t as %q %q, want %q %q", ok, ref.Method, ref.Target, tt.method, tt.target)
			}
			// A request that was admitted before is not meant, although the connection holds a refusal.
			if _, ok := c.refused("/orders"); ok {
				t.Error("the refusal holds for another target, too")
			}
		})
	}
}

// The engine must not be able to take the end of the connection for the end of a body.
func TestConnNeverEndsWithinABody(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		want        error
	}{
		{"between requests", get + "\r\n", io.EOF},
		{"in a body with a length", post + "Content-Length: 5\r\n\r\nhell", io.ErrUnexpectedEOF},
		{"in a large body with a length", post + "Content-Length: 99999\r\n\r\nhell", io.ErrUnexpectedEOF},
		{"before a chunk", body, io.ErrUnexpectedEOF},
		{"in a chunk size", body + "5", io.ErrUnexpectedEOF},
		{"in a chunk", body + "5\r\nhell", io.ErrUnexpectedEOF},
		{"after a chunk", body + "5\r\nhello", io.ErrUnexpectedEOF},
		{"before the trailer", body + "0\r\n", io.ErrUnexpectedEOF},
		{"in the trailer", body + "0\r\nX-Sum: 1\r\n", io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, c := pipe(t)
			send(t, client, tt.bytes)
			if err := client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			for b := make([]byte, 64); ; {
				if _, err := c.Read(b); err != nil {
					if !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					return
				}
			}
		})
	}
}
