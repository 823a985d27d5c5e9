// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// A decoder turns nodes into Go values and collects what is wrong with them.
type decoder struct {
	doc    *document
	errs   Errors
	more   int                 // errors that were found when errs was full
	failed map[string]bool     // paths of keys in errs: what follows from an error is not worth another
	skip   map[*yaml.Node]bool // keys that are no keys
}

func newDecoder(doc *document) *decoder {
	return &decoder{doc: doc, failed: map[string]bool{}, skip: map[*yaml.Node]bool{}}
}

// full reports, and counts, an error that is not worth making because there are so many. It bounds the time that a
// file takes which is wrong in a million places.
func (d *decoder) full() bool {
	if len(d.errs) < 2*maxErrors {
		return false
	}
	d.more++
	return true
}

// fail adds an error about a value. What follows from it is not reported.
func (d *decoder) fail(path string, key, value *yaml.Node, format string, args ...any) {
	d.failed[path] = true
	d.note(path, key, value, format, args...)
}

// note adds an error about a part of what is at path; the rest is still judged.
func (d *decoder) note(path string, key, value *yaml.Node, format string, args ...any) {
	if !d.full() {
		d.errs = append(d.errs, d.doc.at(path, key, value, fmt.Sprintf(format, args...)))
	}
}

// result is what was found, nil if nothing was.
func (d *decoder) result() error {
	if len(d.errs) == 0 {
		return nil
	}
	return d.errs.sorted(d.more)
}

// unmarshaler is what a configuration's own scalar types implement. The text of its error follows file and key on the
// operator's line: `"1 minute" is not a duration (try 1m)`.
type unmarshaler = encoding.TextUnmarshaler

var (
	secretType   = reflect.TypeFor[practice.Secret]()
	durationType = reflect.TypeFor[time.Duration]()
	prefixType   = reflect.TypeFor[netip.Prefix]()
	addrType     = reflect.TypeFor[netip.Addr]()
	textType     = reflect.TypeFor[unmarshaler]()
)

// decode sets v, which holds its zero value, to what n says. key is the node to point at where n itself shows nothing.
func (d *decoder) decode(path string, key, n *yaml.Node, v reflect.Value) {
	t := v.Type()
	switch {
	case d.failed[path]:
	case isNull(n):
		d.fail(path, key, n, "nothing is given (give a value, or remove the key)")
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.decode(path, key, n, v.Elem())
	case t == secretType:
		d.secret(path, key, n, v)
	case t == conditionType:
		d.condition(path, key, n, v)
	case isScalar(t):
		if n.Kind != yaml.ScalarNode {
			d.fail(path, key, n, "%s stands where one value is wanted", kindOf(n))
			return
		}
		if err := scalar(d.doc.text(n), v); err != nil {
			d.refused(path, key, n, err.Error())
		}
	case t.Kind() == reflect.Slice:
		d.list(path, key, n, v)
	case n.Kind != yaml.MappingNode:
		d.wantKeys(path, key, n)
	case t.Kind() == reflect.Map:
		d.mapping(path, n, v)
	default:
		d.structure(path, n, v, nil, func(word string) string { return meant(word, fieldNames(t)) })
	}
}

// refused reports a value that its type or its practice refuses, without the values of variables in it.
func (d *decoder) refused(path string, key, n *yaml.Node, text string) {
	if value, ok := d.doc.filled[n]; ok {
		if strings.Contains(text, strconv.Quote(value)) {
			text = strings.ReplaceAll(text, strconv.Quote(value), strconv.Quote(n.Value))
		}
		text = conceal(text, value, n.Value)
	}
	d.fail(path, key, n, "%s", text)
}

// concealed is a text without what the environment gave to nodes.
func (d *document) concealed(text string, nodes []*yaml.Node) string {
	for _, n := range nodes {
		text = conceal(text, d.filled[n], n.Value)
	}
	return text
}

// conceal replaces each beginning of value in text, down to four characters, by what is written instead of it: texts
// quote and shorten what they complain about.
func conceal(text, value, written string) string {
	const least = 4
	quoted := strconv.Quote(value)
	for _, v := range []string{value, quoted[1 : len(quoted)-1]} {
		for n := min(len(v), len(text)); n >= min(least, max(len(v), 1)); n-- {
			if strings.Contains(text, v[:n]) {
				text = strings.ReplaceAll(text, v[:n], written)
				break
			}
		}
	}
	return text
}

func (d *decoder) list(path string, key, n *yaml.Node, v reflect.Value) {
	switch n.Kind {
	case yaml.ScalarNode:
		d.fail(path, key, n, "%.40q is one value where a list is wanted (try [%.40q])", n.Value, n.Value)
		return
	case yaml.MappingNode:
		d.fail(path, key, n, "keys stand where a list is wanted (begin each entry with a dash)")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(fmt.Sprintf("%s[%d]", path, i), item, item, v.Index(i))
	}
}

func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value) {
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Content)/2))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if d.skip[key] {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(join(path, key.Value), key, n.Content[i+1], value)
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), value)
	}
}

// structure decodes the keys of n into the fields of v. A key that is no field is offered to extra, if there is one;
// hint says what was perhaps meant by a key that nobody takes.
func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value, extra func(key, value *yaml.Node) bool, hint func(string) string) {
	fields := fieldsOf(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f, ok := fields.named(key.Value)
		switch {
		case d.skip[key]:
		case ok:
			d.field(join(path, key.Value), key, value, v, f)
		case extra == nil || !extra(key, value):
			if d.full() {
				continue
			}
			if f, _ := fields.named(Nearest(key.Value, fields.names())); f.kind == secretType {
				d.hide(key, value)
			}
			d.unknown(path, key, hint(key.Value))
		}
	}
}

// field replaces what a field holds by what value says.
func (d *decoder) field(path string, key, value *yaml.Node, v reflect.Value, f field) {
	to := v.Field(f.index)
	to.SetZero()
	d.decode(path, key, value, to)
	if f.file {
		switch p := to.Addr().Interface().(type) {
		case *string:
			*p = d.doc.resolve(*p)
		case *[]string:
			for i := range *p {
				(*p)[i] = d.doc.resolve((*p)[i])
			}
		}
	}
}

func (d *decoder) unknown(path string, key *yaml.Node, hint string) {
	if hint != "" {
		hint = " (" + hint + ")"
	}
	d.note(path, key, nil, "unknown key %.60q%s", key.Value, hint)
}

// secret decodes {file: …} or {env: …}.
func (d *decoder) secret(path string, key, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.hide(key, n)
		d.fail(path, key, nil, "%s", new(practice.Secret).UnmarshalText(nil))
		return
	}
	var place struct {
		File string `yaml:"file" config:"file"`
		Env  string `yaml:"env"`
	}
	before := len(d.errs)
	d.structure(path, n, reflect.ValueOf(&place).Elem(), nil, func(word string) string { return meant(word, []string{"file", "env"}) })
	if len(d.errs) > before {
		d.hide(key, n) // {value: hunter2} is unknown, and secret
		return
	}
	switch {
	case (place.File == "") == (place.Env == ""):
		d.fail(path, key, n, "a secret is in one place (use {file: …} or {env: …})")
	case place.File != "":
		v.Set(reflect.ValueOf(practice.SecretFile(place.File)))
	default:
		v.Set(reflect.ValueOf(practice.SecretEnv(place.Env)))
	}
}

// hide keeps the lines of a value out of every excerpt, those of errors already found included.
func (d *decoder) hide(key, n *yaml.Node) {
	from, to := key.Line, lastLine(n)
	for line := from; line <= to; line++ {
		d.doc.hidden[line] = true
	}
	for _, e := range d.errs {
		if e.Line >= from && e.Line <= to {
			e.text = ""
		}
	}
}

// lastLine is the last line that a value may reach. A line break in a value may have become a space.
func lastLine(n *yaml.Node) int {
	last := n.Line + strings.Count(n.Value, "\n") + strings.Count(n.Value, " ")
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

func (d *decoder) wantKeys(path string, key, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.fail(path, key, n, "%.40q stands where keys are wanted", n.Value)
		return
	}
	d.fail(path, key, n, "%s stands where keys are wanted", kindOf(n))
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a block of keys"
	}
	return "one value"
}
