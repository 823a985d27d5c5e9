// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// isHostname is a host name of RFC 1123, section 2.1. Labels that encode Unicode (RFC 5890) must decode.
func isHostname(b []byte) bool {
	if len(b) > 253 {
		return false
	}
	for label := range bytes.SplitSeq(b, []byte{'.'}) {
		if !asciiLabel(label) {
			return false
		}
	}
	return true
}

func asciiLabel(b []byte) bool {
	if len(b) == 0 || len(b) > 63 || b[0] == '-' || b[len(b)-1] == '-' {
		return false
	}
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	if len(b) < 4 || b[2] != '-' || b[3] != '-' {
		return true
	}
	if b[0]|0x20 != 'x' || b[1]|0x20 != 'n' {
		// Hyphens in both places are reserved (RFC 5891, section 4.2.3.1), but names of that form are in use.
		return true
	}
	runes, ok := decodePunycode(bytes.ToLower(b[4:]))
	// Another encoding of the same name, or one of plain ASCII, would be a second spelling.
	return ok && punycodeLen(runes) == len(b)-4 && unicodeLabel(runes) &&
		slices.ContainsFunc(runes, func(r rune) bool { return r >= utf8.RuneSelf })
}

// isIDNHostname is a host name of RFC 5890: the code points of RFC 5892 by their Unicode category, the contextual
// rules of its appendix A. The rule about writing directions (RFC 5893) is not checked.
func isIDNHostname(b []byte) bool {
	if len(b) > 4*253 {
		return false
	}
	total := 0
	for len(b) > 0 || total == 0 {
		label, rest, dot := cutLabel(b)
		n, ok := idnLabel(label)
		if total += n + 1; !ok || total > 254 || dot && len(rest) == 0 {
			return false
		}
		b = rest
	}
	return true
}

// cutLabel cuts at a full stop, which RFC 3490, section 3.1, also knows in three wide forms.
func cutLabel(b []byte) (label, rest []byte, found bool) {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch r {
		case '.', '。', '．', '｡':
			return b[:i], b[i+size:], true
		}
		i += size
	}
	return b, nil, false
}

// idnLabel returns the length that the label has in ASCII.
func idnLabel(b []byte) (int, bool) {
	if bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return len(b), asciiLabel(b)
	}
	if len(b) > 4*63 {
		return 0, false
	}
	runes := bytes.Runes(b)
	n := len("xn--") + punycodeLen(runes)
	return n, n <= 63 && unicodeLabel(runes)
}

func unicodeLabel(r []rune) bool {
	if len(r) == 0 || r[0] == '-' || r[len(r)-1] == '-' || unicode.Is(unicode.M, r[0]) ||
		len(r) > 3 && r[2] == '-' && r[3] == '-' {
		return false
	}
	for i := range r {
		if !labelRune(r, i) {
			return false
		}
	}
	return true
}

// pvalid and disallowed are exceptions of RFC 5892, section 2.6.
var (
	pvalid     = []rune{0x06fd, 0x06fe, 0x0f0b, 0x3007}
	disallowed = []rune{0x0640, 0x07fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b}
)

func labelRune(all []rune, i int) bool {
	r := all[i]
	before, after := rune(0), rune(0)
	if i > 0 {
		before = all[i-1]
	}
	if i+1 < len(all) {
		after = all[i+1]
	}
	switch {
	case r == '-', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return true
	case 'A' <= r && r <= 'Z':
		return true // compared without case
	case slices.Contains(disallowed, r):
		return false
	case slices.Contains(pvalid, r):
		return true
	case r == 0x00b7: // middle dot
		return before == 'l' && after == 'l'
	case r == 0x0375: // keraia
		return unicode.Is(unicode.Greek, after)
	case r == 0x05f3, r == 0x05f4: // geresh, gershayim
		return unicode.Is(unicode.Hebrew, before)
	case r == 0x30fb: // katakana middle dot
		return slices.ContainsFunc(all, func(r rune) bool {
			return r != 0x30fb && unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han)
		})
	case 0x0660 <= r && r <= 0x0669: // two sets of Arabic digits do not mix
		return !slices.ContainsFunc(all, func(r rune) bool { return 0x06f0 <= r && r <= 0x06f9 })
	case r == 0x200d: // joiner
		return isVirama(before)
	case r == 0x200c: // non-joiner; between joining letters, of which Arabic's are by far the most used
		return isVirama(before) || unicode.Is(unicode.Arabic, before) && unicode.Is(unicode.Arabic, after)
	}
	return unicode.In(r, unicode.Ll, unicode.Lo, unicode.Lm, unicode.Mn, unicode.Mc, unicode.Nd)
}

func isVirama(r rune) bool {
	switch r {
	case 0x094d, 0x09cd, 0x0a4d, 0x0acd, 0x0b4d, 0x0bcd, 0x0c4d, 0x0ccd, 0x0d4d, 0x0dca, 0x0e3a, 0x0f84, 0x1039:
		return true
	}
	return false
}

// Punycode, RFC 3492, section 5.
const (
	pBase, pMin, pMax, pSkew, pDamp = 36, 1, 26, 38, 700
	pBias, pFirst                   = 72, 128
)

func adapt(delta, count int, first bool) int {
	if first {
		delta /= pDamp
	} else {
		delta /= 2
	}
	delta += delta / count
	k := 0
	for ; delta > (pBase-pMin)*pMax/2; k += pBase {
		delta /= pBase - pMin
	}
	return k + (pBase-pMin+1)*delta/(delta+pSkew)
}

func threshold(k, bias int) int { return min(max(k-bias, pMin), pMax) }

// decodePunycode decodes the part of a lower-case label after xn--. The label is at most 63 bytes long.
func decodePunycode(b []byte) ([]rune, bool) {
	var out []rune
	if i := bytes.LastIndexByte(b, '-'); i >= 0 {
		out, b = bytes.Runes(b[:i]), b[i+1:]
	}
	n, bias := pFirst, pBias
	for i := 0; len(b) > 0; i++ {
		before, weight := i, 1
		for k := pBase; ; k += pBase {
			if len(b) == 0 || weight > math.MaxInt32 {
				return nil, false
			}
			d := int(b[0]-'0') + 26
			if isLetter(b[0]) {
				d = int(b[0] - 'a')
			} else if !isDigit(b[0]) {
				return nil, false
			}
			b = b[1:]
			i += d * weight
			t := threshold(k, bias)
			if d < t {
				break
			}
			weight *= pBase - t
		}
		if i > math.MaxInt32 {
			return nil, false
		}
		bias = adapt(i-before, len(out)+1, before == 0)
		n += i / (len(out) + 1)
		i %= len(out) + 1
		if n > utf8.MaxRune {
			return nil, false
		}
		out = slices.Insert(out, i, rune(n))
	}
	return out, true
}

// punycodeLen returns how many bytes the encoding of runes has.
func punycodeLen(runes []rune) int {
	length, done := 0, 0
	for _, r := range runes {
		if r < utf8.RuneSelf {
			done++
		}
	}
	if done > 0 {
		length = done + 1
	}
	first, n, delta, bias := done, rune(pFirst), 0, pBias
	for done < len(runes) {
		next := rune(math.MaxInt32)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		delta += int(next-n) * (done + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := pBase; ; k += pBase {
				length++
				t := threshold(k, bias)
				if q < t {
					break
				}
				q = (q - t) / (pBase - t)
			}
			bias = adapt(delta, done+1, done == first)
			delta = 0
			done++
		}
		delta++
		n++
	}
	return length
}
