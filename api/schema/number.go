// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math/bits"
	"strconv"
)

// A decimal is the exact value of a JSON number, 0.d₁d₂d₃… × 10^mag, without copying its digits and without computing
// with it: 1e-300 costs no more than 1. It has no zeros at either end; zero has no digits.
type decimal struct {
	whole, frac []byte // the digits, on the two sides of the point
	mag         int64
	neg         bool
}

// maxExponent stands for all larger exponents. No float64 comes near.
const maxExponent = 1 << 40

// parseDecimal reads a JSON number. Its syntax has been checked.
func parseDecimal(raw []byte) decimal {
	var x decimal
	if len(raw) > 0 && raw[0] == '-' {
		x.neg, raw = true, raw[1:]
	}
	point, exp := -1, int64(0)
	for i, c := range raw {
		if c == '.' {
			point = i
		} else if c|0x20 == 'e' {
			exp = parseExponent(raw[i+1:])
			raw = raw[:i]
			break
		}
	}
	x.whole = raw
	if point >= 0 {
		x.whole, x.frac = raw[:point], trimRight(raw[point+1:])
	}
	x.whole = trimLeft(x.whole)
	x.mag = exp + int64(len(x.whole))
	if len(x.whole) == 0 {
		n := len(x.frac)
		x.frac = trimLeft(x.frac)
		x.mag -= int64(n - len(x.frac))
	}
	if len(x.frac) == 0 {
		x.whole = trimRight(x.whole)
	}
	if x.len() == 0 {
		return decimal{}
	}
	return x
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && b[0] == '0' {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

func parseExponent(b []byte) (e int64) {
	neg := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		neg, b = b[0] == '-', b[1:]
	}
	for _, c := range b {
		if e = e*10 + int64(c-'0'); e > maxExponent {
			e = maxExponent
		}
	}
	if neg {
		return -e
	}
	return e
}

func (x *decimal) len() int { return len(x.whole) + len(x.frac) }

func (x *decimal) digit(i int) byte {
	if i < len(x.whole) {
		return x.whole[i]
	}
	if i -= len(x.whole); i < len(x.frac) {
		return x.frac[i]
	}
	return '0'
}

// integer reports whether x has no fraction: 1.0 and 1e2 have none.
func (x *decimal) integer() bool { return int64(x.len()) <= max(x.mag, 0) }

// compare returns -1, 0 or 1 as x is less than, equal to or more than y.
func (x *decimal) compare(y *decimal) int {
	switch {
	case x.neg && !y.neg:
		return -1
	case !x.neg && y.neg:
		return 1
	case x.neg:
		return -x.compareMagnitude(y)
	}
	return x.compareMagnitude(y)
}

func (x *decimal) compareMagnitude(y *decimal) int {
	switch {
	case x.len() == 0 && y.len() == 0:
		return 0
	case x.len() == 0:
		return -1
	case y.len() == 0:
		return 1
	case x.mag != y.mag:
		if x.mag < y.mag {
			return -1
		}
		return 1
	}
	for i := range max(x.len(), y.len()) {
		if a, b := x.digit(i), y.digit(i); a != b {
			if a < b {
				return -1
			}
			return 1
		}
	}
	return 0
}

// A divisor is a multipleOf: digits × 10^exp.
type divisor struct {
	digits uint64
	exp    int64
}

// newDivisor fails for numbers that are not positive or have more digits than fit in 64 bits.
func newDivisor(x *decimal) (divisor, bool) {
	if x.neg || x.len() == 0 {
		return divisor{}, false
	}
	n, err := strconv.ParseUint(string(x.whole)+string(x.frac), 10, 64)
	return divisor{n, x.mag - int64(x.len())}, err == nil
}

// divides reports whether x is a multiple of d.
func (d divisor) divides(x *decimal) bool {
	if x.len() == 0 {
		return true
	}
	shift := x.mag - int64(x.len()) - d.exp
	if shift < 0 {
		// The quotient's denominator holds a power of ten, and the digits of x do not end in zero.
		return false
	}
	rest := uint64(0)
	for i := range x.len() {
		hi, lo := bits.Mul64(rest, 10)
		lo, carry := bits.Add64(lo, uint64(x.digit(i)-'0'), 0)
		rest = bits.Rem64(hi+carry, lo, d.digits)
	}
	for base := 10 % d.digits; shift > 0 && rest != 0; shift >>= 1 {
		if shift&1 == 1 {
			rest = mulMod(rest, base, d.digits)
		}
		base = mulMod(base, base, d.digits)
	}
	return rest == 0
}

func mulMod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return bits.Rem64(hi, lo, m)
}
