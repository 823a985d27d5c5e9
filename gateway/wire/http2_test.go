// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestHTTP2(t *testing.T) {
	config, roots := certificate(t)
	addr := serve(t, &Server{TLS: config, Limits: Limits{Headers: 20}})
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "shop.example.org"},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		name string
		edit func(*http.Request)
		want string
	}{
		{"an honest request passes", func(r *http.Request) {}, "200 POST /orders host=shop.example.org tls=true plain=false body=5:"},
		{"a target that is not ASCII is refused", func(r *http.Request) { r.URL.Opaque = "/caf\xc3\xa9" }, "400 refused bad_target"},
		{"a fragment is refused", func(r *http.Request) { r.URL.Opaque = "/orders#x" }, "400 refused bad_target"},
		{"a strange host is refused", func(r *http.Request) { r.Host = "shop.example.org,x" }, "400 refused bad_host"},
		{"too many fields are refused", func(r *http.Request) { r.Header["X-Note"] = strings.Split(strings.Repeat("x", 21), "") }, "431 refused too_many_headers"},
		{"an imitation of a framing field is refused", func(r *http.Request) { r.Header["Content_Length"] = []string{"5"} }, "400 refused lookalike_field"},
		{"an unknown expectation is refused", func(r *http.Request) { r.Header.Set("Expect", "more") }, "417 refused bad_expectation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example.org/orders", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			tt.edit(req)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%d %s", res.StatusCode, b); res.ProtoMajor != 2 || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got HTTP/%d %q, want %q", res.ProtoMajor, got, tt.want)
			}
		})
	}
}

// HTTP/2 that was not negotiated is not HTTP/2.
func TestHTTP2PriorKnowledgeIsRefusedOnTLS(t *testing.T) {
	config, roots := certificate(t)
	addr := serve(t, &Server{TLS: config})
	c := dialTLS(t, addr, roots, "http/1.1")
	send(t, c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if got := answers(t, c); len(got) != 1 || codeOf(got[0]) != "http2_preface" {
		t.Errorf("got %q", got)
	}
}

// frame is an HTTP/2 frame (RFC 9113 section 4.1).
func frame(kind, flags, stream byte, payload string) string {
	return string([]byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, stream}) + payload
}

// Clients do not send these; the bytes are made by hand.
func TestHTTP2RequestsThatNoClientSends(t *testing.T) {
	config, roots := certificate(t)
	addr := serve(t, &Server{TLS: config})
	// Indices of the static table of HPACK (RFC 7541 appendix A).
	const (
		methodGET, pathRoot, schemeHTTP, schemeHTTPS = "\x82", "\x84", "\x86", "\x87"
		authority                                    = "\x01\x10shop.example.org"
		otherHost                                    = "\x0f\x17\x11other.example.org"
	)
	for _, tt := range []struct{ name, block, want string }{
		{"the neighbour is answered", methodGET + pathRoot + schemeHTTPS + authority, "GET / host=shop.example.org tls=true"},
		{"a scheme that says otherwise does not hide TLS", methodGET + pathRoot + schemeHTTP + authority, "GET / host=shop.example.org tls=true"},
		{"a Host beside another authority is refused", methodGET + pathRoot + schemeHTTPS + authority + otherHost, "refused repeated_host"},
		{"a method of 33 bytes is refused", "\x02\x21" + strings.Repeat("M", 33) + pathRoot + schemeHTTPS + authority, "refused bad_method"},
		{"an absolute form is refused", methodGET + "\x04\x19http://shop.example.org/x" + schemeHTTPS + authority, "refused bad_target"},
		{"CONNECT is refused", "\x02\x07CONNECT" + authority, "refused connect_method"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dialTLS(t, addr, roots, "h2")
			send(t, c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(4, 0, 0, "")+frame(1, 5, 1, tt.block))
			for head := make([]byte, 9); ; {
				if _, err := io.ReadFull(c, head); err != nil {
					t.Fatal(err)
				}
				payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
				if _, err := io.ReadFull(c, payload); err != nil {
					t.Fatal(err)
				}
				switch head[3] {
				case 3, 7: // RST_STREAM, GOAWAY
					t.Fatalf("the engine ended the stream: %x", payload)
				case 0: // DATA
					if !strings.HasPrefix(string(payload), tt.want) {
						t.Errorf("got %q, want %q", payload, tt.want)
					}
					return
				}
			}
		})
	}
}
