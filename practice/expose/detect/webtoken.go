// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// jsonToken finds a JSON Web Token: parts of base64url with dots between them, the first of which is a JSON object that
// names an algorithm. A signed one has three (RFC 7515), an encrypted one five (RFC 7516). One that ends with the text
// in its second part is Partial.
func (s *scan) jsonToken(from int) {
	if from < s.jwt || !s.fresh(from, isAlnum) {
		return
	}
	end := s.past(from, isURL)
	s.jwt = end // what else begins within this word is not looked at: it would cost its length each time
	if s.at(end) != '.' || end-from < shortestHeader {
		return
	}
	parts := 3
	s.steps += end - from
	switch alg, enc := header(s.text[from:end]); {
	case !alg:
		return
	case enc:
		parts = 5
	}
	for part := 2; ; part++ {
		begin := end + 1
		end = s.past(begin, isURL)
		switch {
		case part == parts, part == 3 && s.at(end) != '.':
			s.add(Token, from, end, false)
			return
		case end == len(s.text):
			if begin < end {
				s.add(Token, from, end, true)
			}
			return
		case s.text[end] != '.':
			return
		}
	}
}

// shortestHeader is how long {"alg":"none"} is in base64url.
const shortestHeader = 19

// header reports whether base64url text, which begins an object, is one with the member alg, and whether it has enc. It decodes a piece at
// a time, since a header may hold whole certificates.
func header(text []byte) (alg, enc bool) {
	const longest = len(`"alg"`) + 1
	var room [longest + 3*256]byte
	kept := 0
	for len(text) > 0 {
		piece := text[:min(len(text), 4*256)]
		text = text[len(piece):]
		n, ok := decode(room[kept:], piece)
		now := room[:kept+n]
		if !ok || len(now) == 0 {
			return false, false
		}
		alg = alg || bytes.Contains(now, []byte(`"alg"`))
		enc = enc || bytes.Contains(now, []byte(`"enc"`))
		if len(text) == 0 {
			now = bytes.TrimRight(now, " \t\r\n")
			return alg && len(now) > 0 && now[len(now)-1] == '}', enc
		}
		kept = copy(room[:longest], now[max(0, len(now)-longest):])
	}
	return false, false
}

// decode decodes base64url without padding. dst has room.
func decode(dst, src []byte) (n int, ok bool) {
	var sum uint32
	for i, c := range src {
		v := sextet[c]
		if v > 63 {
			return n, false
		}
		sum = sum<<6 | uint32(v)
		if i&3 == 3 {
			dst[n], dst[n+1], dst[n+2] = byte(sum>>16), byte(sum>>8), byte(sum)
			n += 3
		}
	}
	switch len(src) & 3 {
	case 1:
		return n, false
	case 2:
		dst[n] = byte(sum >> 4)
		n++
	case 3:
		dst[n], dst[n+1] = byte(sum>>10), byte(sum>>2)
		n += 2
	}
	return n, true
}

// sextet is the value of a byte in base64url; 255 where it has none.
var sextet = func() (t [256]uint8) {
	for i := range t {
		t[i] = 255
	}
	for i := range 26 {
		t['A'+i], t['a'+i] = uint8(i), uint8(26+i)
	}
	for i := range 10 {
		t['0'+i] = uint8(52 + i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()
