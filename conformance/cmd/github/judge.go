// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A judge knows the description as nothing but JSON, and reads of it which members an answer may have: properties and
// additionalProperties, in the union of what $ref, allOf, anyOf and oneOf lead to. It shares no code with the gate, so that a
// fault in how the gate reads schemas does not excuse itself.
type judge struct{ root map[string]any }

func readJudge(name string) (*judge, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	j := &judge{}
	if err := json.Unmarshal(b, &j.root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return j, nil
}

// follow returns what a chain of references ends at.
func (j *judge) follow(v any) map[string]any {
	m, _ := v.(map[string]any)
	for range 100 {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		m = j.root
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
		}
	}
	return nil
}

// schema returns the schema of what stands at a pointer, nil if there is none.
func (j *judge) schema(pointer string) any {
	return j.follow(map[string]any{"$ref": "#" + pointer})["schema"]
}

// A spoken is a schema that applies, for certain or as one of several.
type spoken struct {
	schema      map[string]any
	alternative bool
}

// applying returns the schemas that apply where these do.
func (j *judge) applying(schemas ...any) (all []spoken) {
	var add func(v any, alternative bool)
	add = func(v any, alternative bool) {
		s := j.follow(v)
		if s == nil || slices.ContainsFunc(all, func(o spoken) bool { return same(o.schema, s) && o.alternative == alternative }) {
			return
		}
		all = append(all, spoken{s, alternative})
		for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
			list, _ := s[keyword].([]any)
			for _, t := range list {
				add(t, alternative || keyword != "allOf")
			}
		}
	}
	for _, s := range schemas {
		add(s, false)
	}
	return all
}

func same(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// takes reports whether values of a type may stand where these apply: all that are certain take it, and any of the others.
func takes(all []spoken, kind string) bool {
	some, any := false, false
	for _, s := range all {
		t, typed := s.schema["type"].(string)
		fits := !typed || t == kind
		if !s.alternative && !fits {
			return false
		}
		some, any = some || s.alternative, any || s.alternative && fits
	}
	return any || !some
}

// member returns what applies to a member, and whether an object may have it.
func member(all []spoken, name string) (next []any, ok bool) {
	lists, certainly, open, silent := false, false, false, false
	for _, s := range all {
		properties, _ := s.schema["properties"].(map[string]any)
		more, said := s.schema["additionalProperties"]
		lists = lists || len(properties) > 0 || more == false
		certainly = certainly || !s.alternative && (len(properties) > 0 || more == false)
		open = open || said && more != false
		t, typed := s.schema["type"].(string)
		silent = silent || s.alternative && len(properties) == 0 && !said && (!typed || t == "object") && !composed(s.schema)
		if p, there := properties[name]; there {
			next, ok = append(next, p), true
		} else if more, is := more.(map[string]any); is {
			next = append(next, more)
		}
	}
	return next, ok || open || !lists || silent && !certainly
}

func composed(s map[string]any) bool {
	return s["allOf"] != nil || s["anyOf"] != nil || s["oneOf"] != nil
}

func items(all []spoken) (next []any) {
	for _, s := range all {
		if more, ok := s.schema["items"]; ok {
			next = append(next, more)
		}
	}
	return next
}

// excuses reports whether the schema at a place of a document does not allow what is missing there: a member that it does not
// declare, members and items where no object or array may be, or a text where an object or array must be.
func (j *judge) excuses(schema, doc any, at []string, what string) bool {
	all := j.applying(schema)
	for i, name := range at {
		last := i == len(at)-1
		switch v := doc.(type) {
		case map[string]any:
			next, ok := member(all, name)
			if !takes(all, "object") || !ok {
				return last && what == lost
			}
			if len(next) == 0 {
				return false // whatever is here may be
			}
			all, doc = j.applying(next...), v[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(v) {
				return false
			}
			all, doc = j.applying(items(all)...), v[n]
		}
	}
	if _, text := doc.(string); text && what == becameNull {
		return !takes(all, "string") && (takes(all, "object") || takes(all, "array"))
	}
	return what == otherItems && !takes(all, "array")
}

// undeclared names the places of members that an answer has and may not have.
func (j *judge) undeclared(all []spoken, doc any, at string) (found []string) {
	if len(all) == 0 {
		return nil
	}
	switch v := doc.(type) {
	case map[string]any:
		for name, m := range v {
			next, ok := member(all, name)
			if !ok || !takes(all, "object") {
				found = append(found, at+"/"+name)
				continue
			}
			found = append(found, j.undeclared(j.applying(next...), m, at+"/"+name)...)
		}
	case []any:
		for i, item := range v {
			found = append(found, j.undeclared(j.applying(items(all)...), item, fmt.Sprintf("%s/%d", at, i))...)
		}
	}
	return found
}
