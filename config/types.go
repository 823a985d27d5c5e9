// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"yett/practice"
)

// A field is a key that a struct takes.
type field struct {
	name  string
	index int
	kind  reflect.Type
	file  bool // a path, relative to the configuration
	wide  bool // counts at the gateway's level only
}

type fields []field

// fieldsOf lists the keys of a struct: its exported fields, by their yaml tag or in lower case.
func fieldsOf(t reflect.Type) fields {
	var all fields
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		marks := strings.Split(f.Tag.Get("config"), ",")
		all = append(all, field{name, i, f.Type, slices.Contains(marks, "file"), slices.Contains(marks, "gateway")})
	}
	return all
}

func (all fields) named(name string) (field, bool) {
	for _, f := range all {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (all fields) names() []string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.name
	}
	return names
}

// fieldNames lists the keys of a struct type.
func fieldNames(t reflect.Type) []string { return fieldsOf(t).names() }

// configType is the struct that a practice is configured by.
func configType(p *practice.Practice) reflect.Type { return reflect.TypeOf(p.NewConfig()).Elem() }

// checkPractice panics if a practice's configuration cannot be decoded: that is a mistake in the practice, which the
// first test that lists it shows.
func checkPractice(p *practice.Practice) {
	t := configType(p)
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: the configuration of %s is a %s, not a struct", p.Name, t))
	}
	for _, f := range fieldsOf(t) {
		if f.name == "mode" || f.name == "off" {
			panic(fmt.Sprintf("config: %s.%s is a key that every practice has", p.Name, f.name))
		}
	}
	checkType(p.Name, t, nil)
}

func checkType(path string, t reflect.Type, above []reflect.Type) {
	for _, a := range above {
		if a == t {
			panic(fmt.Sprintf("config: %s: the type %s holds itself", path, t))
		}
	}
	above = append(above[:len(above):len(above)], t)
	switch {
	case t == secretType || isScalar(t):
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
		checkType(path, t.Elem(), above)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		checkType(path, t.Elem(), above)
	case t.Kind() == reflect.Struct:
		for _, f := range fieldsOf(t) {
			if f.file && f.kind.Kind() != reflect.String && f.kind != reflect.TypeFor[[]string]() {
				panic(fmt.Sprintf(`config: %s.%s: config:"file" marks a string or a list of them`, path, f.name))
			}
			checkType(path+"."+f.name, f.kind, above)
		}
	default:
		panic(fmt.Sprintf("config: %s: a configuration cannot hold a %s", path, t))
	}
}
