// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import "encoding/json"

// Any returns n as the Go values that libraries expect: map[string]any, []any, json.Number, string, bool and nil. They are
// copies and may be kept. None gives nil, as null does.
//
// A json.Number is the text that was sent, but "0" for zero and for numbers below 1e-324, which each float64 takes for
// zero: a library that computes with big numbers would turn the few bytes of 1e-999999 into megabytes.
func Any(d *Doc, n Node) any {
	switch d.Kind(n) {
	case False:
		return false
	case True:
		return true
	case Number:
		return number(d.Raw(n))
	case String:
		return string(d.Text(n))
	case Array:
		items := make([]any, 0, d.Len(n))
		for c := d.First(n); c != None; c = d.Next(c) {
			items = append(items, Any(d, c))
		}
		return items
	case Object:
		members := make(map[string]any, d.Len(n))
		for c := d.First(n); c != None; c = d.Next(c) {
			members[string(d.Name(c))] = Any(d, c)
		}
		return members
	default:
		return nil
	}
}

func number(raw []byte) json.Number {
	const smallest = -323 // the magnitude of 2.5e-324, half the smallest float64
	if x, _ := parseDecimal(raw); x.len() == 0 || x.magnitude() < smallest {
		return "0"
	}
	return json.Number(raw)
}
