// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"bytes"
	"strconv"
)

// A decimal is a JSON number taken apart, exactly: the digits of whole and frac, read as one integer, times 10 to the
// power of exp. There are no zeros at either end of the digits, so each value has one form; zero has no digits.
// It points into the text of the number, so even 1e-999999999 costs no more than its twelve bytes.
type decimal struct {
	neg         bool
	whole, frac []byte
	exp         int64
}

// maxExponentDigits is how many digits an exponent may have, so that an int64 holds it with room for the fraction.
const maxExponentDigits = 18

// parseDecimal takes apart a number that follows the grammar of JSON. It is false for an exponent of too many digits,
// which Parse refuses.
func parseDecimal(raw []byte) (x decimal, ok bool) {
	if raw[0] == '-' {
		x.neg, raw = true, raw[1:]
	}
	mantissa, exponent := raw, []byte(nil)
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		mantissa, exponent = raw[:i], raw[i+1:]
	}
	x.whole, x.frac, _ = bytes.Cut(mantissa, []byte{'.'})
	x.exp = -int64(len(x.frac))

	if x.whole = bytes.TrimLeft(x.whole, "0"); len(x.whole) == 0 {
		x.frac = bytes.TrimLeft(x.frac, "0")
	}
	before := len(x.whole) + len(x.frac)
	if x.frac = bytes.TrimRight(x.frac, "0"); len(x.frac) == 0 {
		x.whole = bytes.TrimRight(x.whole, "0")
	}
	if x.len() == 0 {
		return decimal{}, true // zero, with any exponent and either sign
	}
	x.exp += int64(before - x.len())

	if len(exponent) > 0 {
		minus := exponent[0] == '-'
		exponent = bytes.TrimLeft(bytes.TrimLeft(exponent, "+-"), "0")
		if len(exponent) > maxExponentDigits {
			return decimal{}, false
		}
		var e int64
		for _, c := range exponent {
			e = e*10 + int64(c-'0')
		}
		if minus {
			e = -e
		}
		x.exp += e
	}
	return x, true
}

func (x *decimal) len() int { return len(x.whole) + len(x.frac) }

// magnitude returns how many digits stand before the point when x is written out; below 1 the zeros after it count down.
func (x *decimal) magnitude() int64 { return x.exp + int64(x.len()) }

func (x *decimal) digit(i int) byte {
	if i < len(x.whole) {
		return x.whole[i]
	}
	return x.frac[i-len(x.whole)]
}

// equalNumbers reports whether two JSON numbers are the same number, however they are written.
func equalNumbers(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okx := parseDecimal(a)
	y, oky := parseDecimal(b)
	if !okx || !oky || x.neg != y.neg || x.exp != y.exp || x.len() != y.len() {
		return false
	}
	for i := range x.len() {
		if x.digit(i) != y.digit(i) {
			return false
		}
	}
	return true
}

// inRange reports whether a float64 holds the number, if rounded; a number too small for one rounds to zero and is in
// range. Only at the very edge the number is converted.
func inRange(raw []byte) bool {
	const largest = 309 // digits of math.MaxFloat64 before the point
	if len(raw) < largest && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return true
	}
	x, ok := parseDecimal(raw)
	if !ok {
		return false
	}
	switch m := x.magnitude(); {
	case m < largest:
		return true
	case m > largest:
		return false
	}
	_, err := strconv.ParseFloat(string(raw), 64)
	return err == nil
}
