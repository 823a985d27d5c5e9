// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"
)

// A tree holds the path templates of one API, one node per segment.
type tree struct {
	api  *API
	root node
}

// A node is reached by a prefix of a path. Its edges are tried in the order of the fields.
type node struct {
	literal map[string]*node // by decoded segment
	mixed   []mixedEdge      // most literal bytes first
	param   *node            // a whole segment
	leaf    *leaf
}

// A mixedEdge is a segment of literals and parameters, as in /compare/{base}...{head}.
type mixedEdge struct {
	literals []string // n+1 for n parameters; first and last may be ""
	to       *node
}

// A leaf is a declared path.
type leaf struct {
	template string   // of the first operation: others may call the same path by other names
	names    []string // of its parameters, left to right
	ops      [len(methods)]*Operation
	allow    string
}

// maxSteps bounds the backtracking of one match. A path that needs more is undeclared: the bound depends on
// how often a literal and a parameter stand side by side, and no known description comes near.
const maxSteps = 1024

func newTree(a *API) (*tree, error) {
	t := &tree{api: a}
	for _, op := range a.Operations {
		if err := t.add(op); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op.ID, err)
		}
	}
	return t, nil
}

func (t *tree) add(op *Operation) error {
	n := &t.root
	var names []string
	for rest := op.Path; rest != ""; {
		var text string
		text, rest = cut(rest)
		seg, err := parseSegment(text)
		if err != nil {
			return err
		}
		n = n.child(seg)
		names = append(names, seg.names...)
	}
	if n.leaf == nil {
		n.leaf = &leaf{template: op.Path, names: names}
	}
	i := methodIndex(op.Method)
	if i < 0 {
		return fmt.Errorf("method %s is never served", op.Method)
	}
	if other := n.leaf.ops[i]; other != nil {
		return fmt.Errorf("%s %s and %s match the same requests", op.Method, other.Path, op.Path)
	}
	n.leaf.ops[i] = op
	n.leaf.allow = allow(&n.leaf.ops)
	return nil
}

func allow(ops *[len(methods)]*Operation) string {
	var s []string
	for i, m := range methods {
		if ops[i] != nil || m == "OPTIONS" || m == "HEAD" && ops[0] != nil {
			s = append(s, m)
		}
	}
	return strings.Join(s, ", ")
}

func (n *node) child(s segment) *node {
	switch {
	case len(s.names) == 0:
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[s.literals[0]] == nil {
			n.literal[s.literals[0]] = &node{}
		}
		return n.literal[s.literals[0]]
	case s.whole():
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	for _, e := range n.mixed {
		if slices.Equal(e.literals, s.literals) {
			return e.to
		}
	}
	to := &node{}
	n.mixed = append(n.mixed, mixedEdge{s.literals, to})
	slices.SortStableFunc(n.mixed, func(a, b mixedEdge) int { return weight(b.literals) - weight(a.literals) })
	return to
}

func weight(literals []string) (n int) {
	for _, l := range literals {
		n += len(l)
	}
	return n
}

// match finds the leaf of path and appends its parameters.
func (t *tree) match(path string, params []Param) (*leaf, []Param) {
	w := walk{params: params, steps: maxSteps}
	l := w.node(&t.root, path)
	if l == nil {
		return nil, params
	}
	found := w.params[len(params):]
	for i := range found {
		found[i].Name = l.names[i]
		// A broken escape cannot be here: the path is canonical.
		found[i].Value, _ = unescape(found[i].Raw)
	}
	return l, w.params
}

type walk struct {
	params []Param
	steps  int
}

func (w *walk) node(n *node, path string) *leaf {
	if path == "" {
		return n.leaf
	}
	if w.steps < 0 {
		return nil
	}
	w.steps--
	raw, rest := cut(path)
	text, _ := unescape(raw)
	if to := n.literal[text]; to != nil {
		if l := w.node(to, rest); l != nil {
			return l
		}
	}
	if raw == "" {
		return nil // a parameter is never empty
	}
	mark := len(w.params)
	for i := range n.mixed {
		e := &n.mixed[i]
		if w.split(e.literals, raw, text) {
			if l := w.node(e.to, rest); l != nil {
				return l
			}
		}
		w.params = w.params[:mark]
	}
	if n.param != nil {
		w.params = append(w.params, Param{Raw: raw})
		if l := w.node(n.param, rest); l != nil {
			return l
		}
		w.params = w.params[:mark]
	}
	return nil
}

// split matches one mixed segment. Each parameter takes as little as it can, and at least one byte.
func (w *walk) split(literals []string, raw, text string) bool {
	first, last := literals[0], literals[len(literals)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	from, end := len(first), len(text)-len(last)
	for _, sep := range literals[1 : len(literals)-1] {
		if from >= end {
			return false
		}
		i := strings.Index(text[from+1:end], sep)
		if i < 0 {
			return false
		}
		w.params = append(w.params, Param{Raw: rawSlice(raw, text, from, from+1+i)})
		from += 1 + i + len(sep)
	}
	if from >= end {
		return false
	}
	w.params = append(w.params, Param{Raw: rawSlice(raw, text, from, end)})
	return true
}

// rawSlice is the escaped form of text[from:to], where raw is the escaped form of text.
func rawSlice(raw, text string, from, to int) string {
	if len(raw) == len(text) {
		return raw[from:to]
	}
	start := 0
	for i, n := 0, 0; ; n++ {
		if n == from {
			start = i
		}
		if n == to {
			return raw[start:i]
		}
		if raw[i] == '%' {
			i += 2
		}
		i++
	}
}
