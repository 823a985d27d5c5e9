// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "bytes"

const (
	maxChunkLine = 8 + len("\r\n") // a chunk below 4 GiB
	maxTrailer   = 2 << 10         // bytes; net/http cannot read more than its own buffer of 4 KiB
)

// A screen follows the bytes of one client through request after request. It does no I/O: it is shown what has
// arrived and says how much of it is in order.
type screen struct {
	phase phase
	head  head
	left  int64 // bytes of the body, or of the chunk, still to come
	gap   bool  // the one empty line before a request line has been seen
}

// A phase is what the next byte belongs to.
type phase int

const (
	inHead phase = iota
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	atUpgrade // a request with Upgrade is complete: what follows may not be HTTP
)

func newScreen(l Limits) screen {
	var s screen
	s.head.limits.bytes, s.head.limits.fields = l.HeaderBytes, l.Headers
	return s
}

// judge looks at b, the bytes that follow those admitted or dropped so far. It returns how many of them to drop, or
// how many to admit, or what is wrong; all zero means that it must see more. It never admits beyond the end of a request.
func (s *screen) judge(b []byte) (admit, drop int, v violation) {
	switch s.phase {
	case inHead:
		if s.head.at == 0 && !s.gap && first(b) == '\r' {
			return s.emptyLine(b)
		}
		admit, v = s.head.read(b)
		if admit > 0 && v == none {
			s.startBody()
		}
	case inBody, inChunk:
		admit = int(min(s.left, int64(len(b))))
		s.took(admit)
	case inChunkSize:
		admit, v = s.chunkSize(b)
	case inChunkEnd:
		admit, v = lineEnd(b)
		if admit > 0 {
			s.phase = inChunkSize
		}
	case inTrailer:
		admit, v = s.trailer(b)
		if admit > 0 && v == none {
			s.endMessage()
		}
	case atUpgrade:
	}
	if v != none {
		admit = 0
	}
	return admit, 0, v
}

// emptyLine drops one empty line before a request line, which old clients send after a body (RFC 9112 section 2.2).
func (s *screen) emptyLine(b []byte) (admit, drop int, v violation) {
	n, _ := lineEnd(b)
	switch {
	case n > 0:
		s.gap = true
		return 0, n, none
	case len(b) > 1:
		return 0, 0, bareCarriageReturn
	}
	return 0, 0, none
}

// took notes that n bytes of a body or chunk went by, n at most s.left.
func (s *screen) took(n int) {
	if s.left -= int64(n); s.left > 0 {
		return
	}
	if s.phase == inChunk {
		s.phase = inChunkEnd
		return
	}
	s.endMessage()
}

// bulk returns how many of the next bytes need no judgement.
func (s *screen) bulk() int64 {
	if s.phase == inBody || s.phase == inChunk {
		return s.left
	}
	return 0
}

// fresh reports whether nothing of the next request has been judged.
func (s *screen) fresh() bool { return s.phase == inHead && s.head.at == 0 }

func (s *screen) startBody() {
	switch {
	case s.head.codings > 0:
		s.phase = inChunkSize
	case s.head.length > 0:
		s.phase, s.left = inBody, s.head.length
	default:
		s.endMessage()
	}
}

func (s *screen) endMessage() {
	if s.head.upgrades > 0 {
		s.phase = atUpgrade
		return
	}
	s.nextHead()
}

func (s *screen) nextHead() {
	*s = screen{head: head{limits: s.head.limits}}
}

// chunkSize judges a chunk-size line. An extension is refused: nobody needs one, and readers disagree about its end.
func (s *screen) chunkSize(b []byte) (int, violation) {
	var size int64
	for i, c := range b {
		switch d := hexValue(c); {
		case d >= 0 && i < maxChunkLine-len("\r\n"):
			size = size<<4 | d
		case i > 0 && c == '\r':
			n, v := lineEnd(b[i:])
			if n == 0 {
				return 0, v
			}
			if s.left, s.phase = size, inChunk; size == 0 {
				s.phase = inTrailer
			}
			return i + n, none
		case i > 0 && (c == ';' || c == ' ' || c == '\t'):
			return 0, chunkExtension
		case c == '\n':
			return 0, bareLineFeed
		default:
			return 0, badChunk
		}
	}
	return 0, none
}

// trailer judges the section after the last chunk, which is admitted whole.
func (s *screen) trailer(b []byte) (int, violation) {
	for at, fields := 0, 0; ; fields++ {
		i := bytes.IndexByte(b[at:], '\n')
		if at+max(i, 0) >= maxTrailer || i < 0 && len(b) >= maxTrailer || fields > s.head.limits.fields {
			return 0, badTrailer
		}
		if i < 0 {
			return 0, none
		}
		line, v := wholeLine(b[at : at+i])
		at += i + 1
		if v != none {
			return 0, v
		}
		if len(line) == 0 {
			return at, none
		}
		name, _, v := splitField(line)
		if v != none {
			return 0, v
		}
		if framingName(name) != "" {
			return 0, badTrailer
		}
	}
}

// trailerNames reports whether none of the names in value is one that frames or routes (RFC 9110 section 6.5.1).
func trailerNames(value []byte) bool {
	for name := range bytes.SplitSeq(value, []byte(",")) {
		if framingName(trim(name)) != "" {
			return false
		}
	}
	return true
}

// lineEnd returns the length of the line end that b begins with, or 0 with none while it is not whole.
func lineEnd(b []byte) (int, violation) {
	switch {
	case len(b) == 0:
		return 0, none
	case b[0] != '\r':
		return 0, badChunk
	case len(b) == 1:
		return 0, none
	case b[1] != '\n':
		return 0, bareCarriageReturn
	}
	return len("\r\n"), none
}
