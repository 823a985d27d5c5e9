// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"yett/internal/source"
	"yett/jsonstream"
)

// An enum is the values of enum or const.
type enum struct {
	keyword string
	strings map[string]struct{}
	doc     jsonstream.Doc // one array of all other values
	others  []jsonstream.Node
}

// enumLimits admit whatever a description can hold.
var enumLimits = jsonstream.Limits{
	Depth: 1000, Members: 4_000_000, Items: 4_000_000, Values: 4_000_000, String: 64 << 20,
}

func newEnum(keyword string, values []*source.Node) (*enum, error) {
	e := &enum{keyword: keyword, strings: map[string]struct{}{}}
	text := []byte{'['}
	for _, v := range values {
		if v.Kind == source.String {
			e.strings[v.Text] = struct{}{}
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		var err error
		if text, err = appendJSON(text, v); err != nil {
			return nil, err
		}
	}
	if err := e.doc.Parse(append(text, ']'), enumLimits); err != nil {
		return nil, err
	}
	for n := e.doc.First(e.doc.Root()); n != jsonstream.None; n = e.doc.Next(n) {
		e.others = append(e.others, n)
	}
	return e, nil
}

func (e *enum) has(d *jsonstream.Doc, n jsonstream.Node) bool {
	if d.Kind(n) == jsonstream.String {
		_, ok := e.strings[string(d.Text(n))]
		return ok
	}
	for _, v := range e.others {
		if jsonstream.Equal(d, n, &e.doc, v) {
			return true
		}
	}
	return false
}

// types are those of the values.
func (e *enum) types() (t Types) {
	if len(e.strings) > 0 {
		t = String
	}
	for _, v := range e.others {
		t |= typeOf(&e.doc, v)
	}
	return t
}

func appendJSON(dst []byte, n *source.Node) ([]byte, error) {
	var err error
	switch n.Kind {
	case source.Null:
		return append(dst, "null"...), nil
	case source.Bool, source.Number:
		return append(dst, n.Text...), nil
	case source.String:
		return jsontext.AppendQuote(dst, n.Text)
	case source.Sequence:
		dst = append(dst, '[')
		for i, c := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, c); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	default:
		dst = append(dst, '{')
		for i, c := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = jsontext.AppendQuote(dst, n.Keys[i].Text); err != nil {
				return nil, err
			}
			if dst, err = appendJSON(append(dst, ':'), c); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
}

// typeOf returns the type of a value: one bit of Types.
func typeOf(d *jsonstream.Doc, n jsonstream.Node) Types {
	switch d.Kind(n) {
	case jsonstream.Null:
		return Null
	case jsonstream.False, jsonstream.True:
		return Boolean
	case jsonstream.String:
		return String
	case jsonstream.Array:
		return Array
	case jsonstream.Object:
		return Object
	case jsonstream.Number:
		if x := parseDecimal(d.Raw(n)); x.integer() {
			return Integer
		}
		return fraction
	}
	return 0
}

// plural returns "1 item", "2 items".
func plural(n int, what string) string {
	s := strconv.Itoa(n) + " " + what
	if n != 1 {
		s += "s"
	}
	return s
}
