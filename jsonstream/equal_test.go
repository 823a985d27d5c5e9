// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yett/jsonstream"
)

func TestEqual(t *testing.T) {
	long := func(digit string) string { return "0." + strings.Repeat("1", 1000) + digit }
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"a fraction of zero does not count", "1", "1.000", true},
		{"an exponent is another way to write a number", "1200", "1.2E+3", true},
		{"a negative exponent too", "0.012", "12e-3", true},
		{"signs count", "1", "-1", false},
		{"zero has no sign", "0", "-0.0e5", true},
		{"integers are compared beyond float64", "9007199254740993", "9007199254740992", false},
		{"large integers in two spellings", "123456789012345678901234567890", "1.2345678901234567890123456789e29", true},
		{"the thousandth digit counts", long("2"), long("3"), false},
		{"huge exponents count", "1e-999999999999999999", "1e-999999999999999998", false},
		{"huge exponents in two spellings", "10e-999999999999999999", "1e-999999999999999998", true},
		{"a tiny number is not zero", "1e-400", "0", false},
		{"a number is no string", "1", `"1"`, false},
		{"zero is not false", "0", "false", false},
		{"true is not false", "true", "false", false},
		{"null is null", "null", "null", true},
		{"null is not the empty object", "null", "{}", false},
		{"an empty array is no empty object", "[]", "{}", false},
		{"strings are compared decoded", `"caf\u00e9\/"`, `"café/"`, true},
		{"strings are not normalised", `"e\u0301"`, `"é"`, false},
		{"case counts", `"A"`, `"a"`, false},
		{"a string is not its beginning", `"ab"`, `"a"`, false},
		{"order in arrays counts", "[1,2]", "[2,1]", false},
		{"an array is not its beginning", "[1,2]", "[1]", false},
		{"order in objects does not count", `{"a":1,"b":[2.0]}`, `{"b":[2],"\u0061":1.0}`, true},
		{"names count", `{"a":1}`, `{"b":1}`, false},
		{"an object is not a part of it", `{"a":1}`, `{"a":1,"b":1}`, false},
		{"a member null is not an absent one", `{"a":null}`, `{"b":null}`, false},
		{"large objects", string(members(100)), strings.Replace(string(members(100)), `{"member-0":0,`, `{`, 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, e := parse(t, tt.a), parse(t, tt.b)
			if got := jsonstream.Equal(d, d.Root(), e, e.Root()); got != tt.want {
				t.Errorf("%.60s = %.60s: got %t, want %t", tt.a, tt.b, got, tt.want)
			}
			if got := jsonstream.Equal(e, e.Root(), d, d.Root()); got != tt.want {
				t.Errorf("%.60s = %.60s: got %t, want %t", tt.b, tt.a, got, tt.want)
			}
			if got := d.Hash(d.Root()) == e.Hash(e.Root()); got != tt.want {
				t.Errorf("hashes of %.60s and %.60s: equal is %t, want %t", tt.a, tt.b, got, tt.want)
			}
			both := parse(t, "["+tt.a+","+tt.b+"]")
			a := both.First(both.Root())
			if got := both.Equal(a, both.Next(a)); got != tt.want {
				t.Errorf("within one document: got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestNoneEqualsNothing(t *testing.T) {
	d := parse(t, "null")
	if d.Equal(jsonstream.None, jsonstream.None) || d.Equal(d.Root(), jsonstream.None) || d.Equal(jsonstream.None, d.Root()) {
		t.Error("None is equal to something")
	}
}

// number draws a JSON number from few digits, so that equal ones in different spellings are frequent.
var number = rapid.Custom(func(t *rapid.T) string {
	return rapid.StringMatching(`-?(0|[12][0-2]{0,4})(\.[0-2]{1,4})?([eE][+-]?[0-4])?`).Draw(t, "number")
})

func TestNumbersAreEqualWhenTheirExactValuesAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := number.Draw(t, "a")
		x, _ := new(big.Rat).SetString(a)
		b := number.Draw(t, "b")
		if rapid.Bool().Draw(t, "same value") {
			b = respell(t, x)
		}
		y, _ := new(big.Rat).SetString(b)
		var d, e jsonstream.Doc
		if err := d.Parse([]byte(a), jsonstream.Limits{}); err != nil {
			t.Fatal(err)
		}
		if err := e.Parse([]byte(b), jsonstream.Limits{}); err != nil {
			t.Fatal(err)
		}
		want := x.Cmp(y) == 0
		if got := jsonstream.Equal(&d, 0, &e, 0); got != want {
			t.Errorf("%s = %s: got %t, want %t", a, b, got, want)
		}
		if got := d.Hash(0) == e.Hash(0); got != want {
			t.Errorf("hashes of %s and %s: equal is %t, want %t", a, b, got, want)
		}
	})
}

// respell writes x times ten to the power of n, and then the exponent that takes it back.
func respell(t *rapid.T, x *big.Rat) string {
	n := rapid.IntRange(-5, 5).Draw(t, "shift")
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		power.Inv(power)
	}
	return fmt.Sprintf("%se%+03d", new(big.Rat).Mul(x, power).FloatString(16), -n)
}

func TestNumbersWithHugeExponentsCostNothing(t *testing.T) {
	d := parse(t, "["+strings.Repeat("1e-999999999999999999,1.0e-999999999999999999,", 10_000)+"0]")
	start := time.Now()
	for a := d.First(d.Root()); d.Next(a) != jsonstream.None; a = d.Next(a) {
		d.Equal(a, d.Next(a))
		d.Hash(a)
		if got := jsonstream.Any(d, a); got != json.Number("0") {
			t.Fatalf("Any hands %v to libraries", got)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("20,000 numbers took %v", took)
	}
}

func TestAnyKeepsNumbersThatAFloatCanTell(t *testing.T) {
	for in, want := range map[string]json.Number{
		"5e-324": "5e-324", "3e-324": "3e-324", "0.9e-324": "0", "-1e-999": "0", "0e99": "0", "-0.0": "0", "1.50": "1.50",
		"12345678901234567890": "12345678901234567890", "1E308": "1E308",
	} {
		d := parse(t, in)
		if got := jsonstream.Any(d, d.Root()); got != want {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}
