// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"slices"
	"strconv"
	"strings"
)

// structural changes know what a request is made of. They are what research on request smuggling found some reader to
// understand in another way than the next. More than one may meet the same request.
var structural = []struct {
	name  string
	apply func(*maker, *draft)
}{
	// The length of the body.
	{"length twice, equal", func(m *maker, d *draft) {
		d.fields = append(d.fields, *d.field("Content-Length", strconv.Itoa(len(d.content))))
	}},
	{"length twice, different", func(m *maker, d *draft) {
		l := *d.field("Content-Length", strconv.Itoa(len(d.content)))
		l.value = pick(m, "0", "1", "5", "60")
		d.fields = slices.Insert(d.fields, m.IntN(len(d.fields)+1), l)
	}},
	{"length in another form", func(m *maker, d *draft) {
		l := d.field("Content-Length", strconv.Itoa(len(d.content)))
		v := l.value
		l.value = pick(m, "+"+v, "-"+v, "0"+v, v+", "+v, v+",0", "0x"+v, v+".0", v+"e0", " "+v+"\v", v+";", "\""+v+"\"", "", v+" 0", "1_0", "18446744073709551616", "4294967296", "٣", v+"\x00")
	}},
	{"length too small", func(m *maker, d *draft) {
		d.field("Content-Length", "0").value = strconv.Itoa(m.IntN(len(d.content) + 1))
	}},
	{"length too large", func(m *maker, d *draft) {
		d.field("Content-Length", "0").value = strconv.Itoa(len(d.content) + 1 + m.IntN(100))
	}},
	{"length and encoding", func(m *maker, d *draft) {
		if d.chunked {
			d.add("Content-Length", pick(m, "0", "4", "5", "30"))
			return
		}
		d.field("Content-Length", strconv.Itoa(len(d.content)))
		d.add("Transfer-Encoding", pick(m, "chunked", "identity", "x"))
	}},
	{"encoding and length, in chunks", func(m *maker, d *draft) {
		d.drop("Content-Length")
		d.drop("Transfer-Encoding")
		d.chunk(m, m.data())
		n := 0
		for _, c := range d.chunks {
			n += len(c.size + c.sizeEnd + c.data + c.dataEnd)
		}
		d.add("Content-Length", strconv.Itoa(n+len(d.last)+len(d.bodyEnd)))
		d.add("Transfer-Encoding", "chunked")
	}},
	{"encoding twice", func(m *maker, d *draft) {
		d.chunked = true
		d.field("Transfer-Encoding", "chunked")
		d.add("Transfer-Encoding", pick(m, "chunked", "identity", "x", "", "gzip"))
	}},
	{"encoding in another form", func(m *maker, d *draft) {
		if !d.chunked && m.one(50) {
			d.drop("Content-Length")
			d.chunk(m, m.data())
		}
		d.field("Transfer-Encoding", "chunked").value = pick(m, "Chunked", "CHUNKED", "xchunked", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked,", ",chunked",
			"\"chunked\"", "chunked;q=1", "chunked\v", "\vchunked", "\fchunked", "chunked\x00", "\x00chunked", "chunked \x85", "\xa0chunked", "chunked\r", "chun\tked", "identity", "", "chunked chunked", "ch\u0075nked")
	}},
	{"encoding in another name", func(m *maker, d *draft) {
		f := d.field("Transfer-Encoding", "chunked")
		f.name = pick(m, "Transfer_Encoding", "Transfer-Encoding\x00", "\vTransfer-Encoding", "Transfer Encoding", "Transfer-Encodin\xc4\x9f", "X-Transfer-Encoding", "TE", "Transfer--Encoding", "Transfer-Encoding-", "Transfer\x00-Encoding", "Tr\u017fansfer-Encoding")
	}},
	{"length in another name", func(m *maker, d *draft) {
		f := d.field("Content-Length", strconv.Itoa(len(d.content)))
		f.name = pick(m, "Content_Length", "content_length", "Content Length", "Content-Length\x00", "\x0bContent-Length", "Content--Length", "Content-\u0130ength", "\xa0Content-Length", "X\"Content-Length", "Content\\-Length")
	}},
	{"encoding on HTTP/1.0", func(m *maker, d *draft) {
		d.version = "HTTP/1.0"
		d.drop("Content-Length")
		d.field("Transfer-Encoding", "chunked")
		d.chunk(m, m.data())
	}},
	{"body of a request without one", func(m *maker, d *draft) {
		d.drop("Content-Length")
		d.drop("Transfer-Encoding")
	}},

	// Lines and fields.
	{"space before a colon", func(m *maker, d *draft) {
		f := d.some(m)
		f.colon = pick(m, " :", "\t:", " : ", "\x00:", "\v: ", "::", ":\v", ":\x00", " ")
	}},
	{"space before the colon of a length", func(m *maker, d *draft) {
		if d.chunked {
			d.field("Transfer-Encoding", "chunked").colon = pick(m, " : ", "\t:", ":\v", ": \f", "\xa0: ")
			return
		}
		d.field("Content-Length", strconv.Itoa(len(d.content))).colon = pick(m, " : ", "\t:", ":\v", ": \f", "\xa0: ")
	}},
	{"a line ends in another way", func(m *maker, d *draft) {
		d.some(m).end = pick(m, "\n", "\r", "\r\r\n", "\n\r", "\r\n\r", "\x0b", "\u2028", "\x85", "\x00\r\n", " \r\n", "\\r\\n", "")
	}},
	{"the head ends in another way", func(m *maker, d *draft) {
		d.headEnd = pick(m, "\n", "\r", "\r\r\n", " \r\n", "\t\r\n", "\x00\r\n", "\n\n", "", "\v\r\n")
	}},
	{"the request line ends in another way", func(m *maker, d *draft) {
		d.end = pick(m, "\n", "\r", "\r\r\n", " \r\n", "\r\n ", "\r\n\t", "\t\r\n", "", "\r\n\r\n")
	}},
	{"line feeds alone", func(m *maker, d *draft) {
		d.end, d.headEnd = "\n", "\n"
		for i := range d.fields {
			d.fields[i].end = "\n"
		}
	}},
	{"a folded field", func(m *maker, d *draft) {
		f := d.some(m)
		f.value = pick(m, f.value+"\r\n ", "\r\n "+f.value, f.value+"\r\n\tx", "x\r\n Content-Length: 5", f.value+"\n ", "\r\n\r\n "+f.value)
	}},
	{"a field before the first is folded", func(m *maker, d *draft) { d.some(m); d.fields[0].name = " " + d.fields[0].name }},
	{"a field hidden in another", func(m *maker, d *draft) {
		d.add("X-Hides", pick(m, "a\nContent-Length: 5", "a\rTransfer-Encoding: chunked", "a\nHost: smuggled.example", "a\r\n\r\n"+m.prefix(), "a\n\n"+m.prefix(), "a\x00\r\nX: 1"))
	}},
	{"a strange byte in a field", func(m *maker, d *draft) {
		f := d.some(m)
		c := pick(m, "\x00", "\v", "\f", "\x85", "\xa0", "\x7f", "\x1f", "\b", "\xff", "\u00a0", "\ufeff", "\r", "\n")
		if m.one(50) {
			f.value = pick(m, c+f.value, f.value+c)
			return
		}
		f.name = pick(m, c+f.name, f.name+c)
	}},
	{"a line without a colon", func(m *maker, d *draft) {
		d.fields = slices.Insert(d.fields, m.IntN(len(d.fields)+1), line{pick(m, "X-Nothing", "Content-Length 5", " ", "GET /smuggled HTTP/1.1", "chunked"), "", "", "\r\n"})
	}},
	{"a field without a name", func(m *maker, d *draft) { d.add("", "1") }},
	{"many fields", func(m *maker, d *draft) {
		for range pick(m, 80, 99, 101, 200) {
			d.add("X", "1")
		}
	}},
	{"a long field", func(m *maker, d *draft) {
		d.add("X-Long", strings.Repeat("a", pick(m, 4000, 4096, 8190, 16000, 70000)))
	}},
	{"a field twice", func(m *maker, d *draft) {
		d.fields = append(d.fields, *d.some(m))
	}},

	// Chunks.
	{"a chunk size in another form", func(m *maker, d *draft) {
		c := d.someChunk(m)
		c.size = pick(m, "0x"+c.size, "+"+c.size, "-"+c.size, " "+c.size, c.size+" ", c.size+"\t", "000000000"+c.size, "10000000"+c.size, "FFFFFFFFFFFFFFFF", "100000000000000"+c.size, "", "g", c.size+"h", c.size+"_0", "\v"+c.size, c.size+".", c.size+"\x00", "\n"+c.size, c.size+"\r")
	}},
	{"a chunk extension", func(m *maker, d *draft) {
		c := d.someChunk(m)
		c.size += pick(m, ";", ";a", ";a=b", ";a=\"b\"", " ;a", ";a=\"\r\n\"", ";a\n", ";a\r", ";\nX", ";a=b\x00", ";a=\"\n5\r\n\"", " a", ";"+strings.Repeat("a", 5000))
	}},
	{"a chunk line ends in another way", func(m *maker, d *draft) {
		d.someChunk(m).sizeEnd = pick(m, "\n", "\r", "\r\r\n", "", " \r\n", "\r\n\r\n", "\rX", "\n\n")
	}},
	{"chunk data ends in another way", func(m *maker, d *draft) {
		d.someChunk(m).dataEnd = pick(m, "", "\n", "\r", "X\r\n", "\r\r\n", "  ", "\r\n\r\n", "\rX", "XX", "0\r\n")
	}},
	{"a chunk longer or shorter than it says", func(m *maker, d *draft) {
		c := d.someChunk(m)
		c.data = pick(m, c.data+"x", c.data[:len(c.data)/2], c.data+"\r\n0\r\n\r\n"+m.prefix())
	}},
	{"the last chunk in another form", func(m *maker, d *draft) {
		d.someChunk(m)
		d.last = pick(m, "", "0\n", "0;a\r\n", "0 \r\n", "0x0\r\n", "-0\r\n", "+0\r\n", "0\r", "0000000000000000000\r\n", "\r\n", "0\x00\r\n", "00000000000000000", "0\r\n0\r\n")
	}},
	{"the body ends in another way", func(m *maker, d *draft) {
		d.someChunk(m)
		d.bodyEnd = pick(m, "", "\n", "\r", "\r\n\r\n", "X\r\n", " \r\n", "\r\r\n", "\x00\r\n")
	}},
	{"a trailer that frames or routes", func(m *maker, d *draft) {
		d.someChunk(m)
		d.trailers = append(d.trailers, pick(m,
			line{"Content-Length", ": ", "5", "\r\n"}, line{"Transfer-Encoding", ": ", "chunked", "\r\n"}, line{"Host", ": ", "smuggled.example", "\r\n"},
			line{"X-Http-Method-Override", ": ", "DELETE", "\r\n"}, line{"content_length", ":", "5", "\r\n"}, line{"X", " : ", "1", "\r\n"},
			line{"X", ": ", "1\r\n folded", "\r\n"}, line{"X", ": ", "1", "\n"}, line{"no colon", "", "", "\r\n"}, line{"X", ": ", strings.Repeat("a", 5000), "\r\n"}))
	}},
	{"a trailer that is announced", func(m *maker, d *draft) { d.add("Trailer", pick(m, "Content-Length", "Host, X", "X-Sum")) }},

	// The request line.
	{"another version", func(m *maker, d *draft) {
		d.version = pick(m, "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/2", "http/1.1", "HTTP/01.1", "HTTP/1.1 ", "HTTP/1.10", "HTTP/1,1", "HTTP/1.", "HTTP/ 1.1", "HTTPS/1.1", "ICAP/1.0", "HTTP/1.1\x00", "HTTP/1.1\v", "")
	}},
	{"HTTP/0.9", func(m *maker, d *draft) { d.version, d.gaps[1] = "", "" }},
	{"HTTP/1.0 kept alive", func(m *maker, d *draft) {
		d.version = "HTTP/1.0"
		d.add("Connection", pick(m, "keep-alive", "Keep-Alive, close", "close", "keep-alive, Content-Length"))
	}},
	{"another method", func(m *maker, d *draft) {
		d.method = pick(m, "get", "Post", "GET\t", "TRACE", "CONNECT", "PRI", "PATCH", "G\x00ET", "GET,POST", "\"GET\"", "A"+strings.Repeat("B", 40), "", "QUERY", " GET", "\vGET", "GET:", "M-SEARCH", "\xffGET")
	}},
	{"other gaps", func(m *maker, d *draft) {
		d.gaps[m.IntN(2)] = pick(m, "  ", "\t", "\v", "\x00", "\r", "", "\xa0", " \t", "\f", "\n ")
	}},
	{"absolute target and another host", func(m *maker, d *draft) {
		d.target = pick(m, "http://smuggled.example", "https://localhost:1", "http://localhost@smuggled.example", "http://smuggled.example@localhost", "HTTP://localhost", "http:/localhost", "http:///", "ftp://localhost", "//smuggled.example", "http://localhost\\", "http://[::1", "http://localhost%2f", "http://localhost?", "http://localhost#", "http://") + m.path()
	}},
	{"absolute target without a host", func(m *maker, d *draft) { d.drop("Host"); d.target = "http://localhost" + m.path() }},
	{"an authority for a target", func(m *maker, d *draft) {
		d.target = pick(m, "localhost:443", "*", "orders", "", "?", "@localhost/", ":80/")
	}},
	{"dots and slashes", func(m *maker, d *draft) {
		d.target = pick(m, "/orders/../smuggled/", "/orders/%2e%2e/smuggled/", "/./orders/", "//orders/", "/orders//", "/orders/..%2fsmuggled/", "/orders\\..\\smuggled\\", "/orders/%5c..%5csmuggled/", "/orders/..;/smuggled/", "/orders/.%2e/", "/orders/%252e%252e/", "/orders/.", "/orders/..", "/orders/%2f", "/orders;x/") + m.id()
	}},
	{"escapes", func(m *maker, d *draft) {
		d.target = "/orders/" + pick(m, "%00", "%", "%4", "%zz", "%0d%0aX:1", "%c0%af", "%u002f", "%25", "%3f", "%23", "%C3", "%ff", "%41", "%09", "%20", "%3B", "%26", "%80") + m.id()
	}},
	{"strange bytes in the target", func(m *maker, d *draft) {
		d.target += pick(m, "#f", "\xe9", " x", "\t", "\x00", "?a b", "?a#b", "?\xff", "\x7f", "?a\x00", "\\", "<>", "\"", "^`{|}", " HTTP/1.1\r\nX: 1", "\nX", "\r", "?a\u0010")
	}},
	{"a long target", func(m *maker, d *draft) {
		d.target = "/orders/" + strings.Repeat("a", pick(m, 200, 4000, 8190, 70000)) + m.id()
	}},
	{"bytes before the request line", func(m *maker, d *draft) {
		d.before = pick(m, "\n", "\r\n\r\n", "\r", " ", "\x00", "\r\n \r\n", "\ufeff", "0\r\n\r\n", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n")
	}},

	// Host, and fields that make another request.
	{"host twice", func(m *maker, d *draft) {
		f := *d.field("Host", "localhost")
		f.value = pick(m, f.value, "smuggled.example", "")
		d.fields = slices.Insert(d.fields, m.IntN(len(d.fields)+1), f)
	}},
	{"no host", func(m *maker, d *draft) { d.drop("Host") }},
	{"host in another form", func(m *maker, d *draft) {
		d.field("Host", "localhost").value = pick(m, "", "local host", "localhost, smuggled.example", "user@localhost", "localhost@smuggled.example", "localhost:", "localhost:80a", "localhost:-1", "localhost/smuggled", "localhost\\x", "localhost#", "localhost?", "[::1", "[::1%25eth0]", "[127.0.0.1]", "local\thost", "localhost\x00", "localh\xf6st", "%6cocalhost", "http://localhost", "localhost:443:80", "localhost;x", "'", "*", ".", "localhost:999999")
	}},
	{"host in another name", func(m *maker, d *draft) {
		d.add(pick(m, "Host ", "\tHost", "Ho\xb7t", "H\x00ost", "X-Host", "HOST", ":authority", "Host\v"), "smuggled.example")
	}},
	{"a field that rewrites", func(m *maker, d *draft) {
		name := pick(m, "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Original-URL", "X-Rewrite-URL", "X_Original_Url")
		d.add(name, pick(m, "DELETE", "/smuggled/"+m.id()))
	}},
	{"an expectation", func(m *maker, d *draft) {
		d.add("Expect", pick(m, "100-continue", "100-continue, x", "x", "", "100-continue\v", " 100-continue", "200-ok"))
	}},
	{"an upgrade", func(m *maker, d *draft) {
		d.target = pick(m, d.target, "/socket")
		d.add("Connection", pick(m, "Upgrade", "upgrade, keep-alive", "Upgrade, HTTP2-Settings"))
		d.add("Upgrade", pick(m, "websocket", "h2c", "WebSocket\v", "websocket, h2c", ""))
		d.add("Sec-WebSocket-Version", pick(m, "13", "777"))
		d.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		if m.one(50) {
			d.after = m.prefix()
		}
	}},
	{"a connection that drops a field", func(m *maker, d *draft) {
		d.add("Connection", pick(m, "Content-Length", "Transfer-Encoding, close", "Host", "close, keep-alive", "Content-Type, X-Forwarded-For", "\x00", "close\v", "a b"))
	}},

	// Behind the request.
	{"a prefix behind", func(m *maker, d *draft) {
		d.after = pick(m, m.prefix(), "\n"+m.prefix(), "\r\n\r\n"+m.prefix(), "GPOST / HTTP/1.1\r\n", "x", "\x00", "0\r\n\r\n")
	}},
	{"a body that is a request", func(m *maker, d *draft) {
		d.drop("Content-Length")
		d.drop("Transfer-Encoding")
		d.chunked, d.content = false, []byte(m.prefix())
		d.add("Content-Length", strconv.Itoa(len(d.content)))
	}},
}

// someChunk returns a chunk of a request that is chunked, at least from now on.
func (d *draft) someChunk(m *maker) *chunk {
	if !d.chunked || len(d.chunks) == 0 {
		d.drop("Content-Length")
		d.field("Transfer-Encoding", "chunked")
		d.chunk(m, "hello "+m.prefix())
	}
	return &d.chunks[m.IntN(len(d.chunks))]
}

// bytewise changes know nothing of HTTP.
var bytewise = []struct {
	name  string
	apply func(*maker, []byte) []byte
}{
	{"a bit is flipped", func(m *maker, b []byte) []byte {
		if len(b) > 0 {
			b[m.IntN(len(b))] ^= 1 << m.IntN(8)
		}
		return b
	}},
	{"a byte is replaced", func(m *maker, b []byte) []byte {
		if len(b) > 0 {
			b[m.IntN(len(b))] = m.strange()
		}
		return b
	}},
	{"a byte is put in", func(m *maker, b []byte) []byte { return slices.Insert(b, m.IntN(len(b)+1), m.strange()) }},
	{"bytes are taken out", func(m *maker, b []byte) []byte {
		from := m.IntN(len(b) + 1)
		return slices.Delete(b, from, min(len(b), from+1+m.IntN(4)))
	}},
	{"a stretch comes twice", func(m *maker, b []byte) []byte {
		from := m.IntN(len(b) + 1)
		return slices.Insert(b, from, slices.Clone(b[from:min(len(b), from+1+m.IntN(60))])...)
	}},
	{"the end is missing", func(m *maker, b []byte) []byte { return b[:m.IntN(len(b)+1)] }},
	{"goes on as another stream", func(m *maker, b []byte) []byte {
		other := m.draft().append(nil)
		return append(b[:m.IntN(len(b)+1)], other[m.IntN(len(other)):]...)
	}},
}

// strange returns a byte that means something to some reader.
func (m *maker) strange() byte {
	if m.one(20) {
		return byte(m.Uint32())
	}
	return pick(m, []byte("\r\n\r\n\x00\t\v\f :;,/\\\"%#?&=0123456789\x7f\x85\xa0\xff")...)
}
