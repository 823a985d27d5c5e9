// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// longestValue is the length at which a shown value is cut, in characters.
const longestValue = 200

// showNode writes a value as it stands in the file, on one line; t is the type that it is decoded into.
func showNode(n *yaml.Node, t reflect.Type) string { return cut(nodeText(n, t)) }

// showValue writes a default as it would be written in the file.
func showValue(v reflect.Value) string { return cut(valueText(v)) }

func cut(s string) string {
	if r := []rune(s); len(r) > longestValue {
		return string(r[:longestValue]) + "…"
	}
	return s
}

func nodeText(n *yaml.Node, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == secretType {
		return practice.Secret{}.String()
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return word(n.Value)
	case yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, item := range n.Content {
			items[i] = nodeText(item, t.Elem())
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var items []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, inner := n.Content[i].Value, t
		if t.Kind() == reflect.Map {
			inner = t.Elem()
		} else if f, ok := fieldsOf(t).named(key); ok {
			inner = f.kind
		}
		items = append(items, word(key)+": "+nodeText(n.Content[i+1], inner))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func valueText(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "none"
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case practice.Secret:
		if x.IsZero() {
			return "none"
		}
		return x.String()
	case time.Duration:
		return durationText(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return "unknown"
		}
		return word(string(text))
	}
	var items []string
	switch v.Kind() {
	case reflect.String:
		return word(v.String())
	case reflect.Slice:
		for i := range v.Len() {
			items = append(items, valueText(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		for _, key := range v.MapKeys() {
			items = append(items, word(key.String())+": "+valueText(v.MapIndex(key)))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			items = append(items, f.name+": "+valueText(v.Field(f.index)))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// word quotes a text that would not read as one value.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, ",[]{}\"") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}

// durationText leaves out what is zero, and writes whole days as days: 1m, 90d.
func durationText(d time.Duration) string {
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
