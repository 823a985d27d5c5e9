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

// Add gives the mapping n a key that it does not have, with a string, a bool, a []any or a map[string]any of these as its
// value. It is then as if the file of n had it, where n begins; only Where says w, the place at which the operator wrote
// it. Trees do not change once they are read; Add is for who completes one before anybody else reads it, and is not safe for
// concurrent use.
func (n *Node) Add(key string, value any, w Where) *Error {
	if n.Kind != Mapping {
		return &Error{Where: w, What: fmt.Sprintf("%s cannot be added to a %s", quote(key), n.Kind)}
	}
	if there := n.Key(key); there != nil {
		return (&Error{Where: w, What: fmt.Sprintf("%s stands there already", quote(key))}).WithHint("at %s", there.Where())
	}
	a := adder{to: n, where: &w}
	v, err := a.value(value)
	if err != nil {
		return err
	}
	k := a.node(String)
	k.Text = key
	if n.index != nil {
		n.index[key] = len(n.Keys)
	}
	n.Keys = append(n.Keys, k)
	a.add(n, v)
	return nil
}

// An adder makes the nodes of what is added to one mapping.
type adder struct {
	builder
	to    *Node
	where *Where
}

func (a *adder) node(kind Kind) *Node {
	return &Node{File: a.to.File, Line: a.to.Line, Column: a.to.Column, Kind: kind, added: a.where}
}

func (a *adder) value(value any) (*Node, *Error) {
	n := a.node(Null)
	switch v := value.(type) {
	case string:
		n.Kind, n.Text = String, v
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(v)
	case []any:
		n.Kind = Sequence
		for _, item := range v {
			c, err := a.value(item)
			if err != nil {
				return nil, err
			}
			a.add(n, c)
		}
	case map[string]any:
		n.Kind = Mapping
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c, err := a.value(v[key])
			if err != nil {
				return nil, err
			}
			k := a.node(String)
			k.Text = key
			n.Keys = append(n.Keys, k)
			a.add(n, c)
		}
	default:
		return nil, &Error{Where: *a.where, What: fmt.Sprintf("a %T cannot stand in a file", value)}
	}
	return n, nil
}
