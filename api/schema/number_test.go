// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimalsAreComparedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?`)
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, y := parseDecimal([]byte(a)), parseDecimal([]byte(b))
		p, q := rat(t, a), rat(t, b)
		if got, want := x.compare(&y), p.Cmp(q); got != want {
			t.Errorf("%s against %s: %d, want %d", a, b, got, want)
		}
		if got, want := x.integer(), p.IsInt(); got != want {
			t.Errorf("%s is an integer: %v, want %v", a, got, want)
		}
		d, ok := newDivisor(&y)
		if ok != (q.Sign() > 0) {
			t.Fatalf("%s divides: %v", b, ok)
		}
		if ok {
			if got, want := d.divides(&x), new(big.Rat).Quo(p, q).IsInt(); got != want {
				t.Errorf("%s is a multiple of %s: %v, want %v", a, b, got, want)
			}
		}
	})
}

func rat(t *rapid.T, s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("no number: %s", s)
	}
	return r
}

func TestHugeExponentsCostNothing(t *testing.T) {
	huge, tiny, one := parseDecimal([]byte("1e999999999999999999")), parseDecimal([]byte("-1e-999999999999999999")), parseDecimal([]byte("1"))
	three := parseDecimal([]byte("3"))
	if huge.compare(&one) != 1 || tiny.compare(&one) != -1 || !huge.integer() || tiny.integer() {
		t.Error("out of order")
	}
	d, _ := newDivisor(&three)
	if d.divides(&huge) || d.divides(&tiny) {
		t.Error("a power of ten is no multiple of three")
	}
}
