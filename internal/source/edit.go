// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"maps"
	"slices"
)

// Own returns the i-th value of n as one that stands at this place alone. What an alias or a merge key made several places
// share is copied before: whoever adds to it adds to this place only. As Add, it is for who completes a tree before
// anybody else reads it.
func (n *Node) Own(i int) *Node {
	c := n.Items[i]
	if c.parent == n && c.place == i && !c.shared {
		return c
	}
	own := *c
	own.parent, own.place, own.shared = n, i, false
	own.Keys, own.Items, own.index = slices.Clone(c.Keys), slices.Clone(c.Items), maps.Clone(c.index)
	n.Items[i] = &own
	return &own
}

// Add gives the mapping n a key that it does not have, as if it were written at w: with a string, a bool, a []any or a
// map[string]any of these as its value. Trees do not change once they are read; Add is for who completes one before
// anybody else reads it, and is not safe for concurrent use.
func (n *Node) Add(key string, value any, w Where) *Error {
	if n.Kind != Mapping {
		return &Error{Where: w, What: fmt.Sprintf("%s cannot be added to a %s", quote(key), n.Kind)}
	}
	if there := n.Key(key); there != nil {
		return (&Error{Where: w, What: fmt.Sprintf("%s stands there already", quote(key))}).WithHint("at %s", there.Where())
	}
	b := builder{file: &File{Name: w.Name, Path: w.Name}}
	v, err := b.made(value, w)
	if err != nil {
		return err
	}
	k := b.node(w.Line, 0, String)
	k.Text = key
	if n.index != nil {
		n.index[key] = len(n.Keys)
	}
	n.Keys = append(n.Keys, k)
	b.add(n, v)
	return nil
}

// made makes nodes of what Add takes.
func (b *builder) made(value any, w Where) (*Node, *Error) {
	n := b.node(w.Line, 0, Null)
	switch v := value.(type) {
	case string:
		n.Kind, n.Text = String, v
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(v)
	case []any:
		n.Kind = Sequence
		for _, item := range v {
			c, err := b.made(item, w)
			if err != nil {
				return nil, err
			}
			b.add(n, c)
		}
	case map[string]any:
		n.Kind = Mapping
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c, err := b.made(v[key], w)
			if err != nil {
				return nil, err
			}
			k := b.node(w.Line, 0, String)
			k.Text = key
			n.Keys = append(n.Keys, k)
			b.add(n, c)
		}
	default:
		return nil, &Error{Where: w, What: fmt.Sprintf("a %T cannot stand in a file", value)}
	}
	return n, nil
}
