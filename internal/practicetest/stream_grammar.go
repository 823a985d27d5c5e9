// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"fmt"
	"strconv"
	"strings"
)

// draft makes a request that every reader understands in the same way, in ordinary and in odd but legal forms.
func (m *maker) draft() *draft {
	d := &draft{version: "HTTP/1.1", gaps: [2]string{" ", " "}, end: "\r\n", headEnd: "\r\n"}
	d.method = pick(m, "GET", "GET", "GET", "GET", "POST", "POST", "POST", "POST", "PUT", "PUT", "DELETE", "HEAD", "OPTIONS")
	d.target = m.path()
	host := m.host()
	d.add(pick(m, "Host", "Host", "Host", "host", "HOST", "hOsT"), host)
	switch {
	case m.one(8):
		d.target = pick(m, "http://", "https://") + host + d.target
	case d.method == "OPTIONS" && m.one(20):
		d.target = "*"
	}
	for range m.IntN(5) {
		d.oddField(m)
	}
	if m.one(5) {
		d.version = "HTTP/1.0"
		if m.one(60) {
			d.add("Connection", "keep-alive")
		}
	}
	if d.method == "POST" || d.method == "PUT" || d.method == "DELETE" && m.one(20) || m.one(3) {
		d.addBody(m)
	}
	if m.one(50) { // the place of a field means nothing
		m.Shuffle(len(d.fields), func(i, j int) { d.fields[i], d.fields[j] = d.fields[j], d.fields[i] })
	}
	if m.one(2) {
		d.before = "\r\n" // what some clients send behind a body
	}
	return d
}

func (m *maker) path() string {
	p := pick(m, "/orders/", "/orders/", "/orders/", "/orders/", "/orders/", "/orders/", "/orders", "/", "/socket", "/nothing/")
	if strings.HasSuffix(p, "s/") {
		p += pick(m, "", "", "", "", "%7e", "%c3%a9", "a,b;c=1:", "(1)", "@", "a%20b", "$&+='", "x|y", "a%2Cb", "~.-_") + m.id()
	}
	if m.one(25) {
		p += "?" + pick(m, "q=1", "q=a%20b", "", "q", "a=1&a=2", "q=%00", "q=%0d%0aX:%201", "/../smuggled", "q=?", "a[]=1", "q=http://localhost/smuggled", "%zz", `q="|{}`)
	}
	return p
}

func (m *maker) host() string {
	return pick(m, "localhost", "localhost", "localhost", "localhost", "localhost", "localhost", "localhost",
		"LOCALHOST", "localhost:443", "localhost:8080", "127.0.0.1", "[::1]", "[::1]:8443", "shop.example.org", "a_b.example.org", "localhost.")
}

// oddField adds one field of those that proxies treat in a way of their own.
func (d *draft) oddField(m *maker) {
	f := pick(m,
		line{"Accept", ": ", "*/*", "\r\n"},
		line{"User-Agent", ":", "x", "\r\n"},
		line{"X-Empty", ":", "", "\r\n"},
		line{"X-Tabs", ":\t \t", "a\tb \t", "\r\n"},
		line{"X-Latin", ": ", "caf\xe9 \x85\xa0", "\r\n"},
		line{"X-Colon", ": ", ": GET /smuggled HTTP/1.1", "\r\n"},
		line{"x_under_score", ": ", "1", "\r\n"},
		line{"X.Dot!#$%&'*+-^`|~", ": ", "1", "\r\n"},
		line{"Cookie", ": ", "a=1; b=\"2\"", "\r\n"},
		line{"Connection", ": ", pick(m, "keep-alive", "close", "Keep-Alive, X-Drop", "X-Drop,,x-empty ,", "close, Host", "Content-Length", "Transfer-Encoding", "Upgrade", "TE"), "\r\n"},
		line{"X-Drop", ": ", "1", "\r\n"},
		line{"Keep-Alive", ": ", "timeout=1, max=1", "\r\n"},
		line{"Proxy-Connection", ": ", "close", "\r\n"},
		line{"TE", ": ", pick(m, "trailers", "chunked", "trailers, deflate;q=0.5"), "\r\n"},
		line{"Upgrade", ": ", pick(m, "h2c", "websocket", "TLS/1.0, HTTP/2.0", "foo/2"), "\r\n"},
		line{"HTTP2-Settings", ": ", "AAMAAABkAAQAoAAAAAIAAAAA", "\r\n"},
		line{"Sec-WebSocket-Key", ": ", "dGhlIHNhbXBsZSBub25jZQ==", "\r\n"},
		line{"Accept-Encoding", ": ", "gzip, br", "\r\n"},
		line{"X-Forwarded-For", ": ", "10.0.0.1", "\r\n"},
		line{"X-Forwarded-Host", ": ", "smuggled.example", "\r\n"},
		line{"Idempotency-Key", ": ", "1", "\r\n"},
		line{"Max-Forwards", ": ", "0", "\r\n"},
		line{"Via", ": ", "1.0 x", "\r\n"},
		line{"Range", ": ", "bytes=0-1", "\r\n"},
		line{"Date", ": ", "Thu, 01 Jan 1970 00:00:00 GMT", "\r\n"},
	)
	d.fields = append(d.fields, f)
}

// addBody gives the request a body: with a length or in chunks, and sometimes one that looks like a request.
func (d *draft) addBody(m *maker) {
	data := m.data()
	d.add("Content-Type", pick(m, "text/csv", "application/json", "application/octet-stream", "message/http"))
	if m.one(10) {
		d.add("Expect", pick(m, "100-continue", "100-Continue"))
	}
	if m.one(55) || d.version == "HTTP/1.0" {
		d.add(pick(m, "Content-Length", "content-length", "CONTENT-LENGTH"), strconv.Itoa(len(data)))
		d.content = []byte(data)
		return
	}
	d.add(pick(m, "Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING"), "chunked")
	d.chunk(m, data)
}

// chunk makes data the chunked body.
func (d *draft) chunk(m *maker, data string) {
	d.chunked, d.content, d.chunks, d.last, d.bodyEnd = true, nil, nil, pick(m, "0", "0", "0", "00", "00000000")+"\r\n", "\r\n"
	for len(data) > 0 {
		n := min(len(data), 1+m.IntN(max(1, len(data))))
		d.chunks = append(d.chunks, chunk{fmt.Sprintf(pick(m, "%x", "%x", "%X", "%04x", "%08X"), n), "\r\n", data[:n], "\r\n"})
		data = data[n:]
	}
	if m.one(20) {
		d.trailers = append(d.trailers, line{"X-Sum", ": ", "1", "\r\n"})
		if m.one(30) {
			d.add("Trailer", "X-Sum")
		}
	}
}

func (m *maker) data() string {
	switch m.IntN(8) {
	case 0, 1:
		return m.prefix()
	case 2:
		return "0\r\n\r\n" + m.prefix()
	case 3:
		return ""
	case 4:
		b := make([]byte, 1+m.IntN(200))
		for i := range b {
			b[i] = byte(m.Uint32())
		}
		return string(b)
	case 5:
		if m.one(30) {
			return strings.Repeat("0123456789abcdef", 1+m.IntN(1500)) // more than one buffer
		}
	}
	return `{"a":1}` + strings.Repeat("\r\n", m.IntN(3))
}

// prefix is the request that an attack smuggles in. Nobody may ever serve it.
func (m *maker) prefix() string {
	return "GET /smuggled/" + m.id() + " HTTP/1.1\r\nHost: smuggled.example\r\n" + pick(m, "\r\n", "\r\n", "X-Rest: ", "Content-Length: 40\r\n\r\n")
}
