// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
)

// A message is what the screen admitted of one request, as its bytes.
type message struct{ head, rest string }

// feed shows b to a screen in pieces that end at cuts, and returns what it admitted, whether the last message is whole,
// and the verdict.
func feed(b string, limits Limits, cuts ...int) (admitted []message, whole bool, v violation) {
	s := newScreen(limits.withDefaults())
	at := 0
	for _, end := range append(cuts, len(b)) {
		for at < end {
			head := s.phase == inHead
			admit, drop, v := s.judge([]byte(b[at:end]))
			if v != none {
				return admitted, whole, v
			}
			if admit == 0 && drop == 0 {
				if s.phase == atUpgrade {
					s.nextHead()
					continue
				}
				break
			}
			switch piece := b[at : at+admit]; {
			case admit == 0:
			case head:
				admitted = append(admitted, message{head: piece})
			default:
				admitted[len(admitted)-1].rest += piece
			}
			at += admit + drop
			whole = s.fresh() || s.phase == atUpgrade
		}
	}
	return admitted, whole && at == len(b), none
}

const (
	host = "Host: shop.example.org\r\n"
	get  = "GET /orders HTTP/1.1\r\n" + host
	post = "POST /orders HTTP/1.1\r\n" + host
	body = post + "Transfer-Encoding: chunked\r\n\r\n"
)

// honest requests stand next to the ambiguous ones of testdata: each is admitted.
var honest = []struct{ name, bytes string }{
	{"a plain GET", get + "\r\n"},
	{"a field without a value", get + "X-Note:\r\n\r\n"},
	{"a value with tabs and spaces around and inside", get + "X-Note: \t a\tb c \t\r\n\r\n"},
	{"a value with UTF-8", get + "X-Note: caf\xc3\xa9\r\n\r\n"},
	{"no space after the colon", get + "Accept:*/*\r\n\r\n"},
	{"a name with every sign of a token", get + "a!#$%&'*+-.^_`|~9: x\r\n\r\n"},
	{"a field with an underscore", get + "api_key: x\r\n\r\n"},
	{"a name as long as Content-Length", get + "Content-Digest: x\r\n\r\n"},
	{"a name as long as Content-Length with an underscore", get + "Content_Digest: x\r\n\r\n"},
	{"a length of zero", post + "Content-Length: 0\r\n\r\n"},
	{"a length in capitals", post + "CONTENT-LENGTH: 5\r\n\r\nhello"},
	{"a body with a length", post + "Content-Length: 5\r\n\r\nhello"},
	{"a body that looks like a request", post + "Content-Length: 51\r\n\r\nGET /orders HTTP/1.1\r\nContent-Length: 5\n\nTransfer-E"},
	{"a GET with a body", get + "Content-Length: 5\r\n\r\nhello"},
	{"chunks", body + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
	{"a chunk size with zeros and capitals", body + "0000000A\r\n0123456789\r\n000\r\n\r\n"},
	{"chunks with a trailer", post + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"},
	{"a body that waits for 100 Continue", post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"},
	{"HTTP/1.0 with a host", "GET / HTTP/1.0\r\n" + host + "\r\n"},
	{"HTTP/1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"},
	{"a host with a port", "GET / HTTP/1.1\r\nHost: shop.example.org:8443\r\n\r\n"},
	{"a host that is an IPv4 address", "GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"},
	{"a host that is an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n"},
	{"an IPv6 address without a port", "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n"},
	{"the absolute form of the same host", "GET http://SHOP.example.org/orders?a=b HTTP/1.1\r\n" + host + "\r\n"},
	{"OPTIONS for the whole server", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
	{"a target with a query in visible ASCII", "GET /a//b?q=100%&x[]={}|\\^\" HTTP/1.1\r\n" + host + "\r\n"},
	{"a path with escapes", "GET /caf%C3%A9/%2e HTTP/1.1\r\n" + host + "\r\n"},
	{"a method of one's own", "BREW /pot HTTP/1.1\r\n" + host + "\r\n"},
	{"an empty line before the request line", "\r\n" + get + "\r\n"},
	{"two requests", get + "\r\n" + get + "\r\n"},
	{"an empty line between two requests", post + "Content-Length: 5\r\n\r\nhello\r\n" + get + "\r\n"},
	{"an Upgrade that is declined, and the next request", get + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + get + "\r\n"},
}

func TestHonestRequestsAreAdmitted(t *testing.T) {
	for _, tt := range honest {
		t.Run(tt.name, func(t *testing.T) {
			admitted, whole, v := feed(tt.bytes, Limits{})
			if v != none || !whole {
				t.Fatalf("admitted %q, whole %t, refused with %q", admitted, whole, rules[v].code)
			}
			var all strings.Builder
			for _, m := range admitted {
				all.WriteString(m.head + m.rest)
			}
			if want := strings.TrimPrefix(strings.ReplaceAll(tt.bytes, "hello\r\nGET", "helloGET"), "\r\n"); all.String() != want {
				t.Errorf("admitted %q, want %q", all.String(), want)
			}
		})
	}
}

func TestAmbiguousRequestsAreRefused(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range ambiguousRequests(t) {
		t.Run(tt.file, func(t *testing.T) {
			if _, _, v := feed(tt.bytes, Limits{}); rules[v].code != tt.code {
				t.Errorf("refused with %q, want %q", rules[v].code, tt.code)
			}
		})
		seen[tt.code] = true
	}
	// These need a clock, a limit, an end of the connection or TLS; other tests have them.
	for _, code := range []string{"too_many_headers", "header_too_large", "target_too_long", "bad_method", "header_timeout", "header_truncated", "body_timeout", "plain_http"} {
		seen[code] = true
	}
	for _, code := range Codes() {
		if !seen[code] {
			t.Errorf("no request is refused with %s", code)
		}
	}
}

// However the bytes are cut, the outcome is the same.
func TestCutsMakeNoDifference(t *testing.T) {
	outcome := func(b string, cuts ...int) string {
		admitted, whole, v := feed(b, Limits{}, cuts...)
		return fmt.Sprintf("%q %t %s", admitted, whole, rules[v].code)
	}
	check := func(name, b string) {
		t.Run(name, func(t *testing.T) {
			want := outcome(b)
			everywhere := make([]int, 0, len(b))
			for i := 1; i < len(b); i++ {
				everywhere = append(everywhere, i)
				if got := outcome(b, i); got != want {
					t.Fatalf("cut at %d: got %s, want %s", i, got, want)
				}
			}
			if got := outcome(b, everywhere...); got != want {
				t.Errorf("byte by byte: got %s, want %s", got, want)
			}
		})
	}
	for _, tt := range honest {
		check(tt.name, tt.bytes)
	}
	for _, tt := range ambiguousRequests(t) {
		check(tt.file, tt.bytes)
	}
}

func TestControlCharactersAreRefusedWhereverTheyStand(t *testing.T) {
	for c := range 256 {
		for at := range 24 {
			value := []byte("abcdefghijklmnopqrstuvwx")
			value[at] = byte(c)
			_, whole, v := feed(get+"X-Note: "+string(value)+"\r\n\r\n", Limits{})
			if control := c < ' ' && c != '\t' || c == 0x7f; control == whole || control == (v == none) {
				t.Errorf("byte %#x at %d: whole %t, refused with %q", c, at, whole, rules[v].code)
			}
		}
	}
}

func TestHeadsAreBounded(t *testing.T) {
	limits := Limits{HeaderBytes: 1000, Headers: 5}
	fields := func(n int) string { return strings.Repeat("A: b\r\n", n) }
	pad := func(total int) string { // a head of exactly total bytes
		head := get + "X-Pad: \r\n\r\n"
		return strings.Replace(head, "X-Pad: ", "X-Pad: "+strings.Repeat("x", total-len(head)), 1)
	}
	for _, tt := range []struct{ name, bytes, code string }{
		{"as many fields as allowed", get + fields(4) + "\r\n", ""},
		{"one field too many", get + fields(5) + "\r\n", "too_many_headers"},
		{"as many bytes as allowed", pad(1000), ""},
		{"one byte too many", pad(1001), "header_too_large"},
		{"a field that does not end", get + "X: " + strings.Repeat("x", 1000), "header_too_large"},
		{"a target that does not end", "GET /" + strings.Repeat("x", 1000), "target_too_long"},
		{"a target that fills the head", "GET /" + strings.Repeat("x", 1000) + " HTTP/1.1\r\n" + host + "\r\n", "target_too_long"},
		{"a method of 32 bytes", strings.Repeat("M", 32) + " / HTTP/1.1\r\n" + host + "\r\n", ""},
		{"a method of 33 bytes", strings.Repeat("M", 33) + " / HTTP/1.1\r\n" + host + "\r\n", "bad_method"},
		{"as many trailer fields as allowed", body + "0\r\n" + fields(5) + "\r\n", ""},
		{"a trailer field too many", body + "0\r\n" + fields(6) + "\r\n", "bad_trailer"},
		{"a trailer that is too large", body + "0\r\nX: " + strings.Repeat("x", maxTrailer) + "\r\n\r\n", "bad_trailer"},
		{"a trailer that does not end", body + "0\r\nX: " + strings.Repeat("x", maxTrailer), "bad_trailer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, whole, v := feed(tt.bytes, limits)
			if rules[v].code != tt.code || whole != (tt.code == "") {
				t.Errorf("whole %t, refused with %q, want %q", whole, rules[v].code, tt.code)
			}
		})
	}
}
