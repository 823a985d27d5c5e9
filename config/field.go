// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Field holds the twins of the x-yett words that a description has for fields, for who cannot touch it. What the words
// mean, and whether the description has such a field, is not judged here.
type Field struct {
	Name        string      `yaml:"-"`       // Customer.card
	Visible     []Condition `yaml:"visible"` // any of them; an empty list that is given: nobody
	Mask        string      `yaml:"mask"`
	Contains    []string    `yaml:"contains"`
	Encrypt     string      `yaml:"encrypt"`
	EncryptBind string      `yaml:"encrypt_bind"`
	EqualsClaim string      `yaml:"equals_claim"`

	path string
	doc  *document
	node *yaml.Node
}

// A Condition is a scope, or an expression, that lets a caller see a field. One of the two is empty.
type Condition struct {
	Scope string
	If    string
}

// A FieldWord is one word of a Field as a description has it: "x-yett-equals-claim".
type FieldWord struct {
	Word  string
	Value any // a string, or a []any of strings and of map[string]any{"if": string}
	File  string
	Line  int
}

// Where is the place of the field's name.
func (f *Field) Where() (file string, line int) {
	e := f.doc.errorf(f.path, "")
	return e.File, e.Line
}

// Words lists what is given, each with its place, in the order of the file.
func (f *Field) Words() []FieldWord {
	var words []FieldWord
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		key := f.node.Content[i]
		w := FieldWord{Word: "x-yett-" + strings.ReplaceAll(key.Value, "_", "-"), File: f.doc.name, Line: key.Line}
		switch key.Value {
		case "visible":
			list := make([]any, len(f.Visible))
			for i, c := range f.Visible {
				if list[i] = c.Scope; c.If != "" {
					list[i] = map[string]any{"if": c.If}
				}
			}
			w.Value = list
		case "contains":
			list := make([]any, len(f.Contains))
			for i, c := range f.Contains {
				list[i] = c
			}
			w.Value = list
		case "mask":
			w.Value = f.Mask
		case "encrypt":
			w.Value = f.Encrypt
		case "encrypt_bind":
			w.Value = f.EncryptBind
		case "equals_claim":
			w.Value = f.EqualsClaim
		default:
			continue
		}
		words = append(words, w)
	}
	return words
}

var fieldKeys = fieldNames(reflect.TypeFor[Field]())

func (r *reader) fields(a *API, key, n *yaml.Node) {
	path := a.path + ".fields"
	if isNull(n) {
		r.fail(path, key, n, "nothing is given (give a value, or remove the key)")
		return
	}
	if n.Kind != yaml.MappingNode {
		r.wantKeys(path, key, n)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if r.skip[name] || seen[name.Value] {
			continue // reported: no key, or given twice
		}
		seen[name.Value] = true
		f := &Field{Name: name.Value, path: join(path, name.Value), doc: r.doc, node: value}
		switch {
		case isNull(value) || value.Kind == yaml.MappingNode && len(value.Content) == 0:
			r.fail(f.path, name, value, "nothing is said of the field (%s)", meant("", fieldKeys))
			continue
		case value.Kind != yaml.MappingNode:
			r.wantKeys(f.path, name, value)
			continue
		}
		a.Fields = append(a.Fields, f)
		r.structure(f.path, value, reflect.ValueOf(f).Elem(), nil, func(word string) string { return meant(word, fieldKeys) })
		r.checkField(f)
	}
}

// checkField refuses what is given but says nothing.
func (r *reader) checkField(f *Field) {
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		key, value := f.node.Content[i], f.node.Content[i+1]
		path := join(f.path, key.Value)
		if r.skip[key] || r.failed[path] || !slices.Contains(fieldKeys, key.Value) {
			continue
		}
		if value.Kind == yaml.SequenceNode && len(value.Content) == 0 && key.Value != "visible" { // visible to nobody
			r.fail(path, key, value, "an empty list says nothing (remove the key)")
		}
		if value.Kind == yaml.ScalarNode && strings.TrimSpace(r.doc.text(value)) == "" {
			r.fail(path, key, value, "an empty text says nothing (remove the key)")
		}
	}
	for i, c := range f.Visible {
		path := fmt.Sprintf("%s[%d]", join(f.path, "visible"), i)
		if c.If == "" && !r.failed[path] {
			r.checkScope(path, c.Scope)
		}
	}
}

var conditionType = reflect.TypeFor[Condition]()

// condition decodes a scope, or {if: expression}.
func (d *decoder) condition(path string, key, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.ScalarNode {
		v.Set(reflect.ValueOf(Condition{Scope: d.doc.text(n)}))
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wantKeys(path, key, n)
		return
	}
	var c struct {
		If string `yaml:"if"`
	}
	before := len(d.errs)
	d.structure(path, n, reflect.ValueOf(&c).Elem(), nil, func(word string) string { return meant(word, []string{"if"}) })
	switch {
	case len(d.errs) > before:
		d.failed[path] = true
	case strings.TrimSpace(c.If) == "":
		d.fail(path, key, n, `a condition has an expression (write { if: "…" }, or a scope)`)
	}
	v.Set(reflect.ValueOf(Condition{If: c.If}))
}
