// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
)

// A head collects what the lines of one request head say. The zero head is at its start.
type head struct {
	at   int // where the line begins that is read next
	scan int // there is no line feed between at and scan

	fields, hosts    int
	lengths, codings int
	expectations     int
	upgrades         int
	http10           bool
	length           int64 // of the body; 0 without Content-Length
	authority, host  span  // authority: of a target in absolute form, else empty
	method, target   span  // for records
	limits           struct{ bytes, fields int }
}

// A span is a part of the head, by position: the bytes themselves may move in their buffer while the head grows.
type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

// read judges the lines of b, which begins where the head begins and grows from call to call. It returns the length
// of the head, or 0 while its end is not in b.
func (h *head) read(b []byte) (int, violation) {
	for {
		i := bytes.IndexByte(b[h.scan:], '\n')
		if i < 0 {
			return 0, h.unfinished(b)
		}
		start, end := h.at, h.scan+i
		if end >= h.limits.bytes {
			return 0, h.tooLarge()
		}
		line, v := wholeLine(b[start:end])
		switch {
		case start == 0:
			v = h.requestLine(line, v)
		case v != none:
		case len(line) == 0:
			h.at = end + 1
			return h.at, h.end(b)
		default:
			v = h.field(line, start)
		}
		if v != none {
			return 0, v
		}
		h.at, h.scan = end+1, end+1
	}
}

// unfinished judges what can be judged of a line whose end is not there yet, so that a sender of anything else than
// HTTP is told at once and not after a time-out.
func (h *head) unfinished(b []byte) violation {
	if len(b) >= h.limits.bytes {
		return h.tooLarge()
	}
	if len(b) > 0 && h.at == 0 && !isToken[b[0]] {
		return badRequestLine
	}
	line := b[h.scan:]
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1] // its line feed may be on the way
	}
	v := onlyText(line)
	if v == badField && h.at == 0 {
		v = badRequestLine
	}
	h.scan += len(line)
	return v
}

func (h *head) tooLarge() violation {
	if h.at == 0 {
		return targetTooLong
	}
	return headTooLarge
}

// requestLine judges "method target version" (RFC 9112 section 3); v is what wholeLine says of the line.
func (h *head) requestLine(line []byte, v violation) violation {
	switch {
	case !isToken[first(line)], v == badField:
		return badRequestLine
	case v != none:
		return v
	}
	m := bytes.IndexByte(line, ' ')
	if m < 0 {
		h.method = span{0, len(line)}
		return badRequestLine
	}
	h.method = span{0, m}
	t := bytes.IndexByte(line[m+1:], ' ')
	if t < 0 {
		h.target = span{m + 1, len(line)}
		return badRequestLine
	}
	t += m + 1
	h.target = span{m + 1, t}
	method, target, version := line[:m], line[m+1:t], line[t+1:]
	if v := judgeMethod(method); v != none {
		return v
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.http10 = true
	case "HTTP/2.0":
		return http2Preface
	default:
		if !bytes.HasPrefix(version, []byte("HTTP/")) || bytes.IndexByte(version, ' ') >= 0 {
			return badRequestLine
		}
		return badVersion
	}
	authority, v := judgeTarget(method, target)
	h.authority = span{m + 1 + authority.from, m + 1 + authority.to}
	return v
}

// field judges one field and notes what it says of framing and host. start is where the line begins in the head.
func (h *head) field(line []byte, start int) violation {
	if h.fields++; h.fields > h.limits.fields {
		return tooManyFields
	}
	name, value, v := splitField(line)
	if v != none {
		return v
	}
	switch f := framingName(name); f {
	case "":
	case "host":
		h.hosts++
		from := start + len(line) - len(bytes.TrimLeft(line[len(name)+1:], " \t"))
		h.host = span{from, from + len(value)}
	case "content-length":
		if h.lengths++; h.lengths > 1 {
			return repeatedLength
		}
		var ok bool
		if h.length, ok = parseLength(value); !ok {
			return badLength
		}
	case "transfer-encoding":
		if h.codings++; h.codings > 1 {
			return repeatedEncoding
		}
		// Only the common spelling is taken: a reader in front of us that compares case would see no body here.
		if string(value) != "chunked" {
			return unknownEncoding
		}
	case "expect":
		if h.expectations++; h.expectations > 1 || !bytes.EqualFold(value, []byte("100-continue")) {
			return badExpectation
		}
	case "trailer":
		if !trailerNames(value) {
			return badTrailer
		}
	case "upgrade":
		h.upgrades++
	case lookalikeName:
		return lookalike
	}
	return none
}

// end judges the head as a whole; b begins with it.
func (h *head) end(b []byte) violation {
	switch {
	case h.codings > 0 && h.lengths > 0:
		return lengthAndEncoding
	case h.codings > 0 && h.http10:
		return encodingOnHTTP10
	case h.hosts > 1:
		return repeatedHost
	case h.hosts == 0 && !h.http10:
		return missingHost
	case h.hosts == 1 && !validAuthority(h.host.of(b)):
		return badHost
	}
	// RFC 9112 section 3.2.2 lets the target's authority win silently; a Host that says otherwise is for another reader.
	if a := h.authority.of(b); h.hosts == 1 && len(a) > 0 && !bytes.EqualFold(a, h.host.of(b)) {
		return repeatedHost
	}
	return none
}

// wholeLine takes the carriage return off a line that was found before a line feed. What is wrong first is told first,
// so that the verdict does not depend on how the line arrived.
func wholeLine(b []byte) ([]byte, violation) {
	line, ended := bytes.CutSuffix(b, []byte("\r"))
	if v := onlyText(line); v != none {
		return line, v
	}
	if !ended {
		return line, bareLineFeed
	}
	return line, none
}

// onlyText admits what may stand in a line. Eight bytes at a time are looked at for a control character; only if there
// may be one are they looked at one by one.
func onlyText(line []byte) violation {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(line) >= 8 {
		x := binary.LittleEndian.Uint64(line)
		del := x ^ 0x7f*ones // a zero byte where there is DEL
		if ((x-' '*ones)&^x|(del-ones)&^del)&highs != 0 {
			if v := onlyTextBytes(line[:8]); v != none {
				return v
			}
		}
		line = line[8:]
	}
	return onlyTextBytes(line)
}

func onlyTextBytes(line []byte) violation {
	for _, c := range line {
		if !isText[c] {
			if c == '\r' {
				return bareCarriageReturn
			}
			return badField
		}
	}
	return none
}

// trim takes spaces and tabs off both ends (OWS).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// splitField cuts a field line of text into name and trimmed value (RFC 9112 section 5, RFC 9110 section 5.5).
func splitField(line []byte) (name, value []byte, v violation) {
	if c := first(line); c == ' ' || c == '\t' {
		return nil, nil, foldedField
	}
	i := 0
	for i < len(line) && isToken[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, badField
	}
	return line[:i], trim(line[i+1:]), none
}

// lookalikeName stands for a name that some readers take for a framing field: CGI and its descendants read '_' as '-'.
const lookalikeName = "_"

// framingName returns the name in lower case if this package reads the field, lookalikeName for an imitation, or "".
func framingName(name []byte) string {
	var known string
	switch len(name) {
	case 4:
		known = "host"
	case 6:
		known = "expect"
	case 7:
		if known = "trailer"; name[0]|0x20 == 'u' {
			known = "upgrade"
		}
	case 14:
		known = "content-length"
	case 17:
		known = "transfer-encoding"
	default:
		return ""
	}
	imitation := false
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		} else if c == '_' {
			c, imitation = '-', true
		}
		if c != known[i] {
			return ""
		}
	}
	if imitation {
		return lookalikeName
	}
	return known
}

// parseLength reads 1*DIGIT without leading zeros, below 10^18.
func parseLength(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 || (b[0] == '0' && len(b) > 1) {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// first returns the first byte of b, or 0.
func first(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

var (
	// isToken: what names and methods are made of (RFC 9110 section 5.6.2).
	isToken = table(func(c byte) bool {
		return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
	})
	// isText: what may stand in a field value: no control characters but the tab (RFC 9110 section 5.5).
	isText = table(func(c byte) bool { return c == '\t' || c >= ' ' && c != 0x7f })
	// isHost: what a name in Host is made of: letters, digits, and the signs seen in DNS names.
	isHost = table(func(c byte) bool {
		return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '-' || c == '.' || c == '_'
	})
)

func table(is func(byte) bool) (t [256]bool) {
	for i := range t {
		t[i] = is(byte(i))
	}
	return t
}
