// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// The classes of bytes.
const (
	isDigit uint8 = 1 << iota
	isUpper
	isLower
	isHex // a to f, with the digits
	isLine
	isHyphen
	isPlus // and the slash
	isDot  // and the tilde

	isLetter = isUpper | isLower
	isAlnum  = isLetter | isDigit
	isWord   = isAlnum | isLine
	isURL    = isWord | isHyphen // of base64url
	isBase64 = isAlnum | isPlus
	isToken  = isURL | isPlus | isDot // of token68, RFC 9110
	isLabel  = isURL | isDot
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch c := byte(c); {
		case c >= '0' && c <= '9':
			t[c] = isDigit | isHex
		case c >= 'A' && c <= 'Z':
			t[c] = isUpper
		case c >= 'a' && c <= 'f':
			t[c] = isLower | isHex
		case c >= 'g' && c <= 'z':
			t[c] = isLower
		}
	}
	t['_'], t['-'], t['+'], t['/'], t['.'], t['~'] = isLine, isHyphen, isPlus, isPlus, isDot, isDot
	return t
}()

func digit(c byte) bool { return c-'0' < 10 }

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// is reports whether the byte at i is of a class; there is none outside the text.
func (s *scan) is(i int, of uint8) bool {
	return uint(i) < uint(len(s.text)) && class[s.text[i]]&of != 0
}

// at returns the byte at i, or 0 outside the text.
func (s *scan) at(i int) byte {
	if uint(i) < uint(len(s.text)) {
		return s.text[i]
	}
	return 0
}

// past returns the first place from i on that is not of a class.
func (s *scan) past(i int, of uint8) int {
	end := i
	for end < len(s.text) && class[s.text[end]]&of != 0 {
		end++
	}
	s.steps += end - i
	return end
}

// A stretch is bytes of one class in a row, as far as they were read.
type stretch struct {
	span
	of uint8
}

// run is past for what may be as long as the text and may hold another beginning of itself: where it ends is remembered, so
// that a run is read once however many begin in it.
func (s *scan) run(i int, of uint8) int {
	slot := &s.runs[0]
	for n := range s.runs {
		if slot = &s.runs[n]; slot.of == of || slot.of == 0 {
			break
		}
	}
	if slot.of != of || i < slot.from || i > slot.to {
		*slot = stretch{span{i, s.past(i, of)}, of}
	}
	return slot.to
}

// within returns the first place from i on that is not of a class, or is more than n bytes on.
func (s *scan) within(i, n int, of uint8) int {
	end := i
	for end < len(s.text) && end-i <= n && class[s.text[end]]&of != 0 {
		end++
	}
	s.steps += end - i
	return end
}

// classes returns all classes of the bytes between from and to.
func (s *scan) classes(from, to int) (all uint8) {
	s.steps += to - from
	for _, c := range s.text[from:to] {
		all |= class[c]
	}
	return all
}

// escape reports whether the letter at i belongs to an escape that was left as it is, as in \n.
func (s *scan) escape(i int) bool {
	c := s.at(i)
	return (c == 'n' || c == 't' || c == 'r') && s.at(i-1) == '\\'
}

// fresh reports whether a word can begin at i: no byte of a class runs into it, and no mask. Behind a match it always can.
func (s *scan) fresh(i int, not uint8) bool {
	return s.behind(i) || (!s.is(i-1, not) || s.escape(i-1)) && !s.stars(i)
}

// over reports whether something ends at i: no byte of a class follows, and no mask, under which there may have been one.
func (s *scan) over(i int, not uint8) bool {
	return !s.is(i, not) && !s.has(i, redacted) && !s.has(i, "****")
}

// behind reports whether a match ends at i.
func (s *scan) behind(i int) bool {
	return len(s.found) > s.own && s.found[len(s.found)-1].To == i
}

// stars reports whether text up to i ends as Mask leaves a card or an IBAN. Two or three stars are emphasis.
func (s *scan) stars(i int) bool {
	return i >= 4 && s.text[i-1] == '*' && s.text[i-2] == '*' && s.text[i-3] == '*' && s.text[i-4] == '*'
}

// shaped reports whether text has a shape at i: d is a digit, a a letter, anything else itself.
func (s *scan) shaped(i int, shape string) bool {
	if i < 0 || i+len(shape) > len(s.text) {
		return false
	}
	for j := range len(shape) {
		switch c := s.text[i+j]; shape[j] {
		case 'd':
			if !digit(c) {
				return false
			}
		case 'a':
			if class[c]&isLetter == 0 {
				return false
			}
		default:
			if c != shape[j] {
				return false
			}
		}
	}
	return true
}

// has reports whether word stands at i.
func (s *scan) has(i int, word string) bool {
	return i >= 0 && i+len(word) <= len(s.text) && string(s.text[i:i+len(word)]) == word
}

// figures appends the values of the digits between from and to.
func (s *scan) figures(dst []uint8, from, to int) []uint8 {
	for _, c := range s.text[from:to] {
		if digit(c) {
			dst = append(dst, c-'0')
		}
	}
	return dst
}

// value is the number that figures make.
func value(figures []uint8) (n uint64) {
	for _, f := range figures {
		n = n*10 + uint64(f)
	}
	return n
}
