// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"path/filepath"
	"strings"
)

func (f *File) errorAt(line int, format string, args ...any) *Error {
	return &Error{Where: Where{f.Name, line}, What: fmt.Sprintf(format, args...)}
}

func isYAML(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// A builder makes the nodes of one file: in slabs, since a file has many and all live as long as it does.
type builder struct {
	file  *File
	slab  []Node
	names map[string]string // spellings of keys, each kept once
}

func (b *builder) node(line, column int, kind Kind) *Node {
	if len(b.slab) == 0 {
		b.slab = make([]Node, 512)
	}
	n := &b.slab[0]
	b.slab = b.slab[1:]
	*n = Node{File: b.file, Line: line, Column: column, Kind: kind}
	return n
}

// add appends a value to n, which becomes its parent.
func (b *builder) add(n, value *Node) {
	value.parent, value.place = n, len(n.Items)
	n.Items = append(n.Items, value)
}

// unique indexes a mapping and refuses a key that is there twice.
func (b *builder) unique(n *Node) *Error {
	if len(n.Keys) < indexFrom {
		for i, k := range n.Keys {
			for _, l := range n.Keys[:i] {
				if l.Text == k.Text {
					return duplicate(k, l)
				}
			}
		}
		return nil
	}
	n.index = make(map[string]int, len(n.Keys))
	for i, k := range n.Keys {
		if j, ok := n.index[k.Text]; ok {
			return duplicate(k, n.Keys[j])
		}
		n.index[k.Text] = i
	}
	return nil
}

func duplicate(again, first *Node) *Error {
	return Errorf(again, "key %s is here twice", quote(again.Text)).WithHint("first on line %d", first.Line)
}

// quote shows a piece of a file in a message, cut short.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
