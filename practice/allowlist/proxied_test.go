// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"bufio"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"yett/exchange"
	"yett/gateway/wire"
	"yett/problem"
)

// serveProxied runs the strict reader with a list before it, on a real port. An answer says who called, or how the
// bytes were refused and from whom.
func serveProxied(t *testing.T, c Config) string {
	t.Helper()
	l := newList(t, c)
	inner := exchange.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, _ := exchange.From(r.Context())
		addr, err := x.ClientAddr()
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, addr.String()) // the client is gone; the test sees that itself
	}), l.Resolve, l.Check)
	s := &wire.Server{Wrap: l.Accept, Limits: wire.Limits{HeaderTimeout: 300 * time.Millisecond}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ref, ok := wire.Refusal(r); ok {
			_ = problem.Write(w, "", &problem.Error{Status: ref.Status, Code: "refused from " + host(r.RemoteAddr)}) // as above
			return
		}
		inner.ServeHTTP(w, r)
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(context.Background(), listener) }() // ends with Close
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func host(addr string) string {
	h, _, _ := net.SplitHostPort(addr)
	return h
}

// say sends pieces one after the other, and returns what comes back until the end: a status and the body's text, "" for
// nothing.
func say(t *testing.T, addr string, pieces ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(30 * time.Millisecond)
		}
		if _, err := io.WriteString(c, p); err != nil {
			return ""
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return ""
	}
	body, _ := io.ReadAll(res.Body) // what came is what is compared
	_ = res.Body.Close()
	return res.Status[:3] + " " + string(body)
}

const call = "GET / HTTP/1.1\r\nHost: shop.example.org\r\nConnection: close\r\n\r\n"

// version2 makes a header: command and family, addresses, extensions.
func version2(command, family byte, rest string) string {
	return string(proxyproto.SIGV2) + string([]byte{command, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(rest)))) + rest
}

// summed adds a checksum to the extensions of a version 2 header for IPv4; wrong is added to it.
func summed(wrong uint32) string {
	h := []byte(version2(0x21, 0x11, v4+"\x03\x00\x04\x00\x00\x00\x00"+"\x04\x00\x01\x00"))
	at := 16 + len(v4) + 3
	binary.BigEndian.PutUint32(h[at:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli))+wrong)
	return string(h)
}

const (
	v4 = "\xc0\x00\x02\x07" + "\xcb\x00\x71\x01" + "\x12\x67" + "\x01\xbb"
	v6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x12\x67" + "\x01\xbb"
	// mapped is IPv4 in IPv6.
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xcb\x00\x71\x01" + "\x12\x67" + "\x01\xbb"
	v1     = "PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\r\n"
)

func TestHeadersOfTrustedProxies(t *testing.T) {
	required := serveProxied(t, Config{TrustedProxies: prefixes("127.0.0.0/8"), ProxyProtocol: proxyRequired})
	optional := serveProxied(t, Config{TrustedProxies: prefixes("127.0.0.0/8"), ProxyProtocol: proxyOptional})
	for _, tt := range []struct {
		name string
		sent []string
		want string // "" closes the connection
	}{
		{"version 1", []string{v1 + call}, "200 192.0.2.7"},
		{"version 1 and the request later", []string{v1, call}, "200 192.0.2.7"},
		{"version 1 for IPv6", []string{"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n" + call}, "200 2001:db8::7"},
		{"version 1 with IPv4 in IPv6", []string{"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:203.0.113.1 4711 443\r\n" + call}, "200 192.0.2.7"},
		{"version 2", []string{version2(0x21, 0x11, v4) + call}, "200 192.0.2.7"},
		{"version 2 in pieces", []string{version2(0x21, 0x11, v4)[:5], version2(0x21, 0x11, v4)[5:20], version2(0x21, 0x11, v4)[20:], call}, "200 192.0.2.7"},
		{"version 2 for IPv6", []string{version2(0x21, 0x21, v6) + call}, "200 2001:db8::7"},
		{"version 2 with IPv4 in IPv6", []string{version2(0x21, 0x21, mapped) + call}, "200 192.0.2.7"},
		{"version 2 with extensions", []string{version2(0x21, 0x11, v4+"\x05\x00\x03abc\xe0\x00\x00") + call}, "200 192.0.2.7"},
		{"version 2 with a checksum", []string{summed(0) + call}, "200 192.0.2.7"},
		{"a health check is the proxy's own call", []string{version2(0x20, 0x00, "") + call}, "200 127.0.0.1"},
		{"with addresses too", []string{version2(0x20, 0x11, v4) + call}, "200 127.0.0.1"},
		{"its fields are not read for somebody else", []string{v1 + strings.Replace(call, "\r\n\r\n", "\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n", 1)}, "200 192.0.2.7"},
		{"a proxy behind the proxy speaks through fields", []string{strings.Replace(v1, "192.0.2.7", "127.0.0.9", 1) + strings.Replace(call, "\r\n\r\n", "\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n", 1)}, "200 198.51.100.9"},

		{"a wrong checksum", []string{summed(1) + call}, ""},
		{"a checksum of two bytes", []string{version2(0x21, 0x11, v4+"\x03\x00\x02ab") + call}, ""},
		{"an extension that is cut off", []string{version2(0x21, 0x11, v4+"\x05\x00\x09abc") + call}, ""},
		{"an extension without a length", []string{version2(0x21, 0x11, v4+"\x05\x00") + call}, ""},
		{"more extensions than are read", []string{version2(0x21, 0x11, v4+"\x05\x20\x00"+strings.Repeat("x", 0x2000)) + call}, ""},
		{"a caller who is not known", []string{"PROXY UNKNOWN\r\n" + call}, ""},
		{"a caller who is not known, with addresses", []string{"PROXY UNKNOWN 192.0.2.7 203.0.113.1 4711 443\r\n" + call}, ""},
		{"a caller of no family", []string{version2(0x21, 0x00, "") + call}, ""},
		{"a caller on a Unix socket", []string{version2(0x21, 0x31, strings.Repeat("a", 216)) + call}, ""},
		{"a caller over UDP", []string{version2(0x21, 0x12, v4) + call}, ""},
		{"a family that there is not", []string{version2(0x21, 0x13, v4) + call}, ""},
		{"a command that there is not", []string{version2(0x22, 0x11, v4) + call}, ""},
		{"another version", []string{version2(0x31, 0x11, v4) + call}, ""},
		{"addresses that are too short", []string{version2(0x21, 0x11, v4[:11]) + call}, ""},
		{"an address of nobody", []string{strings.Replace(v1, "192.0.2.7", "0.0.0.0", 1) + call}, ""},
		{"leading zeros", []string{strings.Replace(v1, "192.0.2.7", "192.0.02.7", 1) + call}, ""},
		{"a zone", []string{"PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443\r\n" + call}, ""},
		{"a name", []string{strings.Replace(v1, "192.0.2.7", "localhost", 1) + call}, ""},
		{"a line without CR", []string{strings.Replace(v1, "\r\n", "\n", 1) + call}, ""},
		{"a line without end", []string{"PROXY TCP4 " + strings.Repeat("1", 200)}, ""},
		{"a header that never ends", []string{version2(0x21, 0x11, v4)[:20]}, ""},
		{"a second header is no request", []string{v1 + v1 + call}, "400 refused from 192.0.2.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for mode, addr := range map[string]string{proxyRequired: required, proxyOptional: optional} {
				if got := code(say(t, addr, tt.sent...)); got != tt.want {
					t.Errorf("%s: got %q, want %q", mode, got, tt.want)
				}
			}
		})
	}
	t.Run("none where one is required", func(t *testing.T) {
		if got := say(t, required, call); got != "" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("none where one may be", func(t *testing.T) {
		if got := say(t, optional, strings.Replace(call, "GET", "PUT", 1)); got != "200 127.0.0.1" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("nothing at all ends in time", func(t *testing.T) {
		start := time.Now()
		if got := say(t, required); got != "" || time.Since(start) > 5*time.Second {
			t.Errorf("got %q after %v", got, time.Since(start))
		}
	})
}

// code shortens a refusal to status and code.
func code(answer string) string {
	status, body, _ := strings.Cut(answer, " ")
	if _, rest, ok := strings.Cut(body, `"code":"`); ok {
		c, _, _ := strings.Cut(rest, `"`)
		return status + " " + c
	}
	return answer
}

// A header of somebody whom nobody trusts is never read: it is no request, and the record names who really sent it.
func TestHeadersOfStrangers(t *testing.T) {
	for mode, c := range map[string]Config{
		"required": {TrustedProxies: prefixes("192.0.2.0/24"), ProxyProtocol: proxyRequired},
		"optional": {TrustedProxies: prefixes("192.0.2.0/24"), ProxyProtocol: proxyOptional},
		"off":      {TrustedProxies: prefixes("127.0.0.0/8"), ProxyProtocol: proxyOff},
	} {
		addr := serveProxied(t, c)
		for name, header := range map[string]string{
			"version 1": v1, "version 2": version2(0x21, 0x11, v4), "a health check": version2(0x20, 0x00, ""), "nobody": "PROXY UNKNOWN\r\n",
		} {
			if got := code(say(t, addr, header+call)); got != "400 refused from 127.0.0.1" {
				t.Errorf("%s, %s: got %q", mode, name, got)
			}
		}
		if got := say(t, addr, call); got != "200 127.0.0.1" {
			t.Errorf("%s: a call without a header: got %q", mode, got)
		}
	}
}

// FuzzHeader looks for headers that make a caller of what is none.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{v1, version2(0x21, 0x11, v4), version2(0x21, 0x21, v6), version2(0x21, 0x21, mapped), version2(0x20, 0, ""), summed(0), "PROXY UNKNOWN\r\n", "\r\n\r\n", "P"} {
		f.Add([]byte(s + call))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := bufio.NewReaderSize(strings.NewReader(string(sent)), fixedV2+maxV2)
		client, err := readHeader(r)
		if a := client.Addr(); err != nil && client.IsValid() || a.Is4In6() || a.Zone() != "" {
			t.Errorf("%v, %v", client, err)
		}
	})
}
