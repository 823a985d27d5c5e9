// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
)

// A part is one piece of a decoded value: an item of a list, or a member of an object.
type part struct {
	key  []byte // nil for items
	text []byte
}

// A writer turns decoded text into JSON as a shape asks for. Text becomes a number or a boolean only where the
// shape admits one and the text is exactly one; everything else becomes a string, which the schema then judges.
type writer struct {
	json []byte
	// strings is set for the second try: text that a shape admits as a string too stays one.
	strings bool
	// chose is set when there was such text: only then is a second try worth making.
	chose bool
}

func (w *writer) scalar(s *shape, text []byte) {
	k := kindString
	if s != nil {
		k = s.kinds
	}
	typed := k&kindNumber != 0 && isNumber(text) ||
		k&kindBoolean != 0 && (string(text) == "true" || string(text) == "false") ||
		k&kindNull != 0 && k&kindString == 0 && string(text) == "null"
	if typed && k&kindString != 0 {
		w.chose = true
		typed = !w.strings
	}
	if typed {
		w.json = append(w.json, text...)
		return
	}
	w.json = appendQuoted(w.json, text)
}

func (w *writer) list(s *shape, parts []part) {
	w.json = append(w.json, '[')
	for i, p := range parts {
		if i > 0 {
			w.json = append(w.json, ',')
		}
		w.scalar(s.items, p.text)
	}
	w.json = append(w.json, ']')
}

func (w *writer) object(s *shape, parts []part) {
	w.json = append(w.json, '{')
	for i, p := range parts {
		if i > 0 {
			w.json = append(w.json, ',')
		}
		w.json = append(appendQuoted(w.json, p.key), ':')
		w.scalar(s.at(p.key), p.text)
	}
	w.json = append(w.json, '}')
}

// at is the shape of a member, of undeclared ones too.
func (s *shape) at(key []byte) *shape {
	for i := range s.members {
		if s.members[i].name == string(key) {
			return s.members[i].shape
		}
	}
	return s.open
}

// A deep is one pair of an object whose members are written out: what is left of its name, and its value.
type deep struct {
	path string // "[a][b]", "[]" or ""
	raw  []byte // already JSON; nil: text
	text []byte
}

// maxDeepPairs and maxDeepLevel bound a deepObject: its pairs, and the brackets of one name.
const (
	maxDeepPairs = 200
	maxDeepLevel = 4
)

// deep writes a value from pairs with brackets in their names. false: the names contradict each other or are
// broken, or one that takes a single value stands twice.
func (w *writer) deep(s *shape, all []deep, level int) bool {
	if s == nil {
		s = textShape
	}
	leaves := 0
	for _, d := range all {
		if d.path == "" || d.path == "[]" {
			leaves++
		}
	}
	switch {
	case leaves == 0:
	case leaves < len(all) || level == 0:
		return false
	case s.kinds&kindArray != 0 && (len(all) > 1 || all[0].path == "[]" || s.kinds&kindScalar == 0):
		w.json = append(w.json, '[')
		for i, d := range all {
			if i > 0 {
				w.json = append(w.json, ',')
			}
			w.leaf(s.items, d)
		}
		w.json = append(w.json, ']')
		return true
	default:
		w.leaf(s, all[0])
		return len(all) == 1 && all[0].path == ""
	}
	if level > maxDeepLevel || len(all) > maxDeepPairs {
		return false
	}
	return w.members(s, all, bracket, level)
}

// members writes an object of the pairs, each under the name that split takes off its path.
func (w *writer) members(s *shape, all []deep, split func(path string) (name, rest string, ok bool), level int) bool {
	var names []string
	groups := map[string][]deep{}
	for _, d := range all {
		name, rest, ok := split(d.path)
		if !ok {
			return false
		}
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], deep{rest, d.raw, d.text})
	}
	w.json = append(w.json, '{')
	for i, name := range names {
		if i > 0 {
			w.json = append(w.json, ',')
		}
		w.json = append(appendQuoted(w.json, []byte(name)), ':')
		if !w.deep(s.at([]byte(name)), groups[name], level+1) {
			return false
		}
	}
	w.json = append(w.json, '}')
	return true
}

// flat splits off a whole name, and brackets only where s lists a member that they can belong to.
func (s *shape) flat(path string) (name, rest string, ok bool) {
	if i := strings.IndexByte(path, '['); i > 0 && s.member(path) == nil {
		if m := s.member(path[:i]); m != nil && m.kinds&(kindObject|kindArray) != 0 {
			return path[:i], path[i:], true
		}
	}
	return path, "", true
}

func (w *writer) leaf(s *shape, d deep) {
	if d.raw != nil {
		w.json = append(w.json, d.raw...)
		return
	}
	w.scalar(s, d.text)
}

// bracket splits "[a][b]" into "a" and "[b]".
func bracket(path string) (name, rest string, ok bool) {
	if !strings.HasPrefix(path, "[") {
		return "", "", false
	}
	i := strings.IndexByte(path, ']')
	if i < 2 || strings.ContainsRune(path[1:i], '[') {
		return "", "", false
	}
	return path[1:i], path[i+1:], true
}
