// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"slices"

	"yett/internal/source"
)

// A Compiler compiles the schemas of one description. It is not safe for concurrent use; what it makes is.
type Compiler struct {
	options Options
	made    map[*source.Node]*Schema
	lonely  map[*source.Node]*Schema // without their heirs
	roots   map[*source.Node]*Schema
	fresh   []*Schema // made by this Compile
	errs    []error
	shapes  shaper
	library library
	kin     kinship

	composed int // of how many schemas others are composed
	anchors  map[*source.File]map[string]*source.Node
}

// NewCompiler returns a compiler.
func NewCompiler(o Options) *Compiler {
	c := &Compiler{options: o, made: map[*source.Node]*Schema{}, lonely: map[*source.Node]*Schema{}, roots: map[*source.Node]*Schema{}}
	c.shapes = shaper{
		made: map[string]*Shape{}, ids: map[*Schema]uint64{},
		declares: map[*Schema]declares{}, types: map[*Schema]Types{},
	}
	return c
}

// Compile returns the schema at n, with all it refers to: the same one each time. The error is one or several
// *source.Error, joined.
func (c *Compiler) Compile(n *source.Node) (*Schema, error) {
	if s := c.roots[n]; s != nil {
		return s, nil
	}
	c.fresh, c.errs = nil, nil
	s := c.schema(n)
	for i := 0; i < len(c.fresh); i++ {
		c.fill(c.fresh[i])
	}
	if len(c.errs) == 0 {
		c.refuseLoops()
	}
	if len(c.errs) == 0 {
		for i := 0; i < len(c.fresh) && len(c.errs) == 0; i++ { // who is composed of too many is, mostly, by way of others that are
			c.settle(c.fresh[i])
		}
	}
	if len(c.errs) == 0 {
		s = c.finish(s)
	}
	if len(c.errs) > 0 {
		// Half-made schemas must not be met again by the next Compile.
		for _, s := range c.fresh {
			if s.alone {
				delete(c.lonely, s.node)
			} else {
				delete(c.made, s.node)
			}
		}
		return nil, errors.Join(c.errs...)
	}
	c.roots[n] = s
	return s, nil
}

// Shapes returns how many shapes there are so far: their IDs are below it.
func (c *Compiler) Shapes() int { return len(c.shapes.made) }

func (c *Compiler) fail(n *source.Node, format string, args ...any) {
	c.errs = append(c.errs, source.Errorf(n, format, args...))
}

func (c *Compiler) failHint(n *source.Node, hint, format string, args ...any) {
	c.errs = append(c.errs, &source.Error{Where: n.Where(), What: fmt.Sprintf(format, args...), Hint: hint})
}

// schema returns the schema at n, to be filled in later if it is new.
func (c *Compiler) schema(n *source.Node) *Schema {
	if s := c.made[n]; s != nil {
		return s
	}
	s := &Schema{node: n}
	c.made[n] = s
	c.fresh = append(c.fresh, s)
	return s
}

// boolean returns the schema of a boolean, in dialects too that do not have such schemas.
func (c *Compiler) boolean(n *source.Node) *Schema {
	s := c.made[n]
	if s == nil {
		s = &Schema{node: n, never: n.Text == "false"}
		c.made[n] = s
	}
	return s
}

func (c *Compiler) reference(s *Schema, ref *source.Node) {
	switch {
	case ref.Kind != source.String:
		c.fail(ref, "$ref is a string, not a %s", ref.Kind)
	case c.options.Resolve == nil:
		c.fail(ref, "$ref is not allowed here")
	default:
		if to := c.anchored(s.node); to != nil {
			s.ref = c.inherited(s.node, to)
			return
		}
		to, err := c.options.Resolve(ref, ref.Text)
		if err != nil {
			c.errs = append(c.errs, err)
			return
		}
		s.ref = c.inherited(s.node, to)
	}
}

// inPlace calls f with the schemas that apply to the very value that s applies to.
func (s *Schema) inPlace(f func(*Schema)) {
	if s.ref != nil {
		f(s.ref)
	}
	for _, list := range [][]*Schema{s.allOf, s.anyOf, s.oneOf} {
		for _, t := range list {
			f(t)
		}
	}
	if s.not != nil {
		f(s.not)
	}
	if s.cond != nil {
		for _, t := range []*Schema{s.cond.when, s.cond.then, s.cond.otherwise} {
			if t != nil {
				f(t)
			}
		}
	}
	if s.object != nil {
		for _, d := range s.object.dependent {
			if d.schema != nil {
				f(d.schema)
			}
		}
	}
}

// below calls f with the schemas that apply to members, their names, and items.
func (s *Schema) below(f func(*Schema)) {
	var list []*Schema
	if o := s.object; o != nil {
		list = append(append(list, o.schemas...), o.additional, o.nameRule, o.unevaluated)
		for _, p := range o.patterns {
			list = append(list, p.schema)
		}
	}
	if a := s.array; a != nil {
		list = append(append(list, a.prefix...), a.items, a.contains, a.unevaluated)
	}
	for _, t := range list {
		if t != nil {
			f(t)
		}
	}
}

// A hop is a step from one schema to another that applies to the same value; family is set where the other is an heir.
type hop struct {
	to     *Schema
	family *family
}

// refuseLoops refuses schemas that come back to themselves without going deeper into the document: to check them
// would never end. Where it is an heir that leads back, it is none.
func (c *Compiler) refuseLoops() {
	const open, done = 1, 2
	state := map[*Schema]int{}
	var way []hop
	var visit func(next hop)
	visit = func(next hop) {
		s := next.to
		state[s] = open
		way = append(way, next)
		step := func(next hop) {
			switch state[next.to] {
			case open:
				if !cut(append(way, next)) {
					c.fail(s.node, "the schema refers to itself without going deeper (by way of line %d)", next.to.node.Line)
				}
			case done:
			default:
				visit(next)
			}
		}
		s.inPlace(func(t *Schema) { step(hop{to: t}) })
		if f := s.family; f != nil {
			step(hop{to: f.alone})
			for _, h := range slices.Clone(f.heirs) {
				step(hop{h, f})
			}
		}
		way = way[:len(way)-1]
		state[s] = done
	}
	for _, s := range c.fresh {
		if state[s] == 0 {
			visit(hop{to: s})
		}
	}
}

// cut ends a loop, whose last hop leads to a schema on the way, at the last heir in it. It reports whether there is one.
func cut(way []hop) bool {
	last := len(way) - 1
	for i := last; i == last || way[i].to != way[last].to; i-- {
		if f := way[i].family; f != nil {
			f.drop(way[i].to)
			return true
		}
	}
	return false
}

// finish makes s a root. A schema with a dynamic reference anywhere below is foreign as a whole, since the target of
// such a reference depends on the whole way to it; so is one that must know what a foreign part has evaluated.
func (c *Compiler) finish(s *Schema) *Schema {
	r := &root{}
	dynamic, foreign, unevaluated := false, false, false
	seen := map[*Schema]bool{s: true}
	queue := []*Schema{s}
	for i := 0; i < len(queue); i++ {
		t := queue[i]
		dynamic = dynamic || t.dynamic
		foreign = foreign || t.foreign != nil
		r.readOnly = r.readOnly || t.readOnly
		unevaluated = unevaluated || t.object != nil && t.object.unevaluated != nil ||
			t.array != nil && t.array.unevaluated != nil
		add := func(u *Schema) {
			if !seen[u] {
				seen[u] = true
				queue = append(queue, u)
			}
		}
		t.inPlace(add)
		t.below(add)
		t.family.each(add)
	}
	whole := *s
	whole.root = r
	if dynamic || foreign && unevaluated {
		f, err := c.hand(s.node)
		if err != nil {
			c.errs = append(c.errs, err)
			return nil
		}
		whole.foreign, whole.certain = f, nil
	}
	shape, err := c.shapes.of(s)
	if err != nil {
		c.errs = append(c.errs, err)
		return nil
	}
	r.shape = shape
	for _, t := range queue {
		if err := c.shapes.family(t); err != nil {
			c.errs = append(c.errs, err)
			return nil
		}
	}
	return &whole
}
