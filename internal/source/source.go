// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package source reads YAML and JSON files into trees whose every node knows its file and line.
//
// It stops files that mean different things to different readers (a key twice in one mapping, several documents in
// one file, custom tags, text that is not UTF-8), files made to exhaust a reader (size, depth, aliases that multiply),
// and references that leave the folder of the file they stand in, or the machine. It does not judge what a file says.
//
// YAML is read by the core schema of YAML 1.2: no, off and 2024-05-01 are strings, keys are always strings. The merge
// key << of YAML 1.1 is honoured, since descriptions use it. JSON is read as JSON, which is many times faster.
//
// Alone it is used through Open, which reads a file and serves the files it refers to, or through Parse:
//
//	set, file, err := source.Open("api/shop.openapi.yaml")
//	schema, err := set.Resolve(file.Root, "#/components/schemas/Order")
//	fmt.Println(schema.Where()) // api/shop.openapi.yaml:88
//
// Trees do not change once they are read and are safe for concurrent use. Whoever completes one (Add, Own) does so before
// anybody else reads it.
package source

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A Kind is the type of a node. Bool and Number are decided by YAML 1.2's core schema, or by JSON.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	Bool
	Number
	String
	Sequence
	Mapping
)

var kindNames = [...]string{"null", "boolean", "number", "string", "sequence", "mapping"}

// String names the kind as an operator would.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// A Node is one value in a file. What a YAML alias stands for is the very node that bears the anchor, so a node can
// be reached in several ways; there are no cycles. A nil Node is an absent value: all methods but Any take it.
type Node struct {
	File   *File
	Line   int // from 1
	Column int // from 1, in characters
	Kind   Kind
	// Text is a string's value, a number as JSON spells it, "true" or "false", and "" for all else.
	Text string
	Keys []*Node // of a mapping, all of Kind String, in file order; merged keys follow
	// Items are the values of a mapping, parallel to Keys, or the items of a sequence.
	Items []*Node

	parent *Node
	place  int            // in parent.Items
	shared bool           // an alias or a merge key stands for it
	added  *Where         // where it was written, if it was added: see Add
	index  map[string]int // of large mappings
}

// indexFrom is the size from which a mapping looks its keys up in a map.
const indexFrom = 16

// find returns the position of key among the keys of n.
func (n *Node) find(key string) (int, bool) {
	if n.index != nil {
		i, ok := n.index[key]
		return i, ok
	}
	for i, k := range n.Keys {
		if k.Text == key {
			return i, true
		}
	}
	return 0, false
}

// Find returns the position of key in n, a mapping.
func (n *Node) Find(key string) (i int, ok bool) {
	if n == nil || n.Kind != Mapping {
		return 0, false
	}
	return n.find(key)
}

// Get returns the value of key, nil if n is no mapping or lacks it.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	if i, ok := n.find(key); ok {
		return n.Items[i]
	}
	return nil
}

// Key returns the node of the key itself, for errors about the key rather than its value; nil if there is none.
func (n *Node) Key(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	if i, ok := n.find(key); ok {
		return n.Keys[i]
	}
	return nil
}

// At follows a JSON Pointer (RFC 6901) from n: "" is n itself, "/a/0" the first item of a.
func (n *Node) At(pointer string) (*Node, bool) {
	if n == nil || pointer == "" {
		return n, n != nil
	}
	if pointer[0] != '/' {
		return nil, false
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		switch n.Kind {
		case Mapping:
			i, ok := n.find(unescape(token))
			if !ok {
				return nil, false
			}
			n = n.Items[i]
		case Sequence:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(n.Items) || strconv.Itoa(i) != token {
				return nil, false
			}
			n = n.Items[i]
		default:
			return nil, false
		}
	}
	return n, true
}

var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

func unescape(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return unescaper.Replace(token)
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer returns the JSON Pointer of n inside its file. For what an alias stands for it is the place of the anchor.
func (n *Node) Pointer() string {
	if n == nil {
		return ""
	}
	return string(n.appendPointer(nil))
}

func (n *Node) appendPointer(dst []byte) []byte {
	p := n.parent
	if p == nil {
		return dst
	}
	dst = append(p.appendPointer(dst), '/')
	if p.Kind == Mapping {
		return append(dst, escaper.Replace(p.Keys[n.place].Text)...)
	}
	return strconv.AppendInt(dst, int64(n.place), 10)
}

// Parent returns the mapping or sequence that n stands in, nil for the root of a file and for nil.
func (n *Node) Parent() *Node {
	if n == nil {
		return nil
	}
	return n.parent
}

// Where returns file and line of n.
func (n *Node) Where() Where {
	if n == nil || n.File == nil {
		return Where{}
	}
	if n.added != nil {
		return *n.added
	}
	return Where{n.File.Name, n.Line}
}

// Any returns n as map[string]any, []any, json.Number, string, bool or nil. A node that is reached in several ways
// becomes one map or slice reached in several ways: whoever writes to the result writes to all of them.
func (n *Node) Any() any { return n.any(map[*Node]any{}) }

func (n *Node) any(seen map[*Node]any) any {
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case Null:
		return nil
	}
	if v, ok := seen[n]; ok {
		return v
	}
	var v any
	if n.Kind == Mapping {
		m := make(map[string]any, len(n.Keys))
		for i, k := range n.Keys {
			m[k.Text] = n.Items[i].any(seen)
		}
		v = m
	} else {
		s := make([]any, len(n.Items))
		for i, c := range n.Items {
			s[i] = c.any(seen)
		}
		v = s
	}
	seen[n] = v
	return v
}
