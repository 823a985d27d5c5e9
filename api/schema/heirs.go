// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"net/url"
	"slices"
	"strings"

	"yett/internal/source"
	"yett/jsonstream"
)

// A family is a schema with a discriminator, but neither anyOf nor oneOf, and the schemas that inherit it: those whose allOf
// leads to it, among the components, by their names, and among those that mapping names. OpenAPI means them as alternatives.
//
// An heir composes what it inherits by itself, without its heirs: else it would be composed of itself, and of its siblings.
type family struct {
	property string
	alone    *Schema            // the schema without its heirs
	heirs    []*Schema          // each once
	meant    map[string]*Schema // heirs, and alone, by the value of property that stands for them
	shapes   map[*Schema]*Shape // of each of these by itself
	all      *Shape             // of all of them
}

// each calls f with all that the discriminator may mean.
func (f *family) each(do func(*Schema)) {
	if f == nil {
		return
	}
	do(f.alone)
	for _, h := range f.heirs {
		do(h)
	}
}

// maxHeirs is how many heirs the schemas of one description may have together. Who inherits from many counts for each.
const maxHeirs = 100_000

// A lineage is a family as it stands in the description.
type lineage struct {
	heirs []*source.Node
	names map[string]*source.Node
	ways  map[*source.Node]bool // the items of allOf that lead from an heir to the schema itself
}

// An heir is a schema and the item of its allOf that leads to what it inherits.
type heir struct{ node, way *source.Node }

// A kinship is who inherits from whom in the files that have discriminators.
type kinship struct {
	heirs    map[*source.Node][]heir
	names    map[*source.Node][]string // of components
	known    map[*source.Node]bool
	files    map[*source.File]bool
	lineages map[*source.Node]*lineage
	count    int
}

// inherit makes the family of s.
func (c *Compiler) inherit(s *Schema, property string) {
	l := c.lineage(s.node)
	if l == nil || len(l.heirs) == 0 {
		return
	}
	f := &family{property: property, alone: c.alone(s.node), meant: map[string]*Schema{}, shapes: map[*Schema]*Shape{}}
	for _, n := range l.heirs {
		f.heirs = append(f.heirs, c.schema(n))
	}
	for name, n := range l.names {
		if n == s.node {
			f.meant[name] = f.alone
		} else {
			f.meant[name] = c.schema(n)
		}
	}
	s.family = f
}

// alone returns the schema at n without its heirs.
func (c *Compiler) alone(n *source.Node) *Schema {
	s := c.lonely[n]
	if s == nil {
		s = &Schema{node: n, alone: true}
		c.lonely[n] = s
		c.fresh = append(c.fresh, s)
	}
	return s
}

// inherited returns the schema at to, which the $ref at from leads to: without its heirs where from is on the way from one.
func (c *Compiler) inherited(from, to *source.Node) *Schema {
	if l := c.lineage(to); l != nil && l.ways[from] {
		return c.alone(to)
	}
	return c.schema(to)
}

// lineage finds the heirs of the schema at n, nil if it can have none.
func (c *Compiler) lineage(n *source.Node) *lineage {
	if c.options.Dialect == Draft2020 || !isString(n.Get("discriminator").Get("propertyName")) || n.Get("anyOf") != nil || n.Get("oneOf") != nil {
		return nil
	}
	k := &c.kin
	if l := k.lineages[n]; l != nil {
		return l
	}
	if k.lineages == nil {
		k.heirs, k.names = map[*source.Node][]heir{}, map[*source.Node][]string{}
		k.known, k.files, k.lineages = map[*source.Node]bool{}, map[*source.File]bool{}, map[*source.Node]*lineage{}
	}
	l := &lineage{names: map[string]*source.Node{}, ways: map[*source.Node]bool{}}
	k.lineages[n] = l
	c.readKin(n.File)
	mapped := c.mapped(n)
	seen := map[*source.Node]bool{n: true}
	for queue := []*source.Node{n}; len(queue) > 0; queue = queue[1:] {
		for _, h := range k.heirs[queue[0]] {
			if len(k.heirs[h.node]) == 0 && adorns(h.node) && !slices.Contains(mapped.nodes, h.node) {
				continue
			}
			if queue[0] == n {
				l.ways[h.way] = true
			}
			if !seen[h.node] {
				seen[h.node] = true
				queue = append(queue, h.node)
				l.heirs = append(l.heirs, h.node)
			}
		}
		if k.count++; k.count > maxHeirs {
			c.fail(n, "schemas inherit from one another in more than %d ways", maxHeirs)
			return &lineage{}
		}
	}
	for to := range seen {
		for _, name := range k.names[to] {
			l.names[name] = to
		}
	}
	for i, to := range mapped.nodes {
		if seen[to] {
			l.names[mapped.values[i]] = to
		}
	}
	return l
}

// readKin finds who inherits from whom among the components of a file, once.
func (c *Compiler) readKin(f *source.File) {
	if c.kin.files[f] {
		return
	}
	c.kin.files[f] = true
	components := f.Root.Get("components").Get("schemas")
	if components == nil || components.Kind != source.Mapping {
		return
	}
	for i, key := range components.Keys {
		if n := c.follow(components.Items[i]); n != nil {
			c.kin.names[n] = append(c.kin.names[n], key.Text)
			c.addKin(n)
		}
	}
}

// addKin notes what the schema at n inherits.
func (c *Compiler) addKin(n *source.Node) {
	if c.kin.known[n] {
		return
	}
	c.kin.known[n] = true
	seen := map[*source.Node]bool{}
	var look func(list *source.Node)
	look = func(list *source.Node) {
		if list == nil || list.Kind != source.Sequence {
			return
		}
		for _, item := range list.Items {
			if item.Kind != source.Mapping || seen[item] {
				continue
			}
			seen[item] = true
			if ref := item.Get("$ref"); isString(ref) {
				if to := c.follow(c.at(ref, ref.Text)); to != nil && to != n {
					c.kin.heirs[to] = append(c.kin.heirs[to], heir{n, item})
				}
			}
			look(item.Get("allOf"))
		}
	}
	look(n.Get("allOf"))
}

// A mapping is what the values of a discriminator are said to stand for.
type mapping struct {
	values []string
	nodes  []*source.Node
}

func (c *Compiler) mapped(n *source.Node) (m mapping) {
	list := n.Get("discriminator").Get("mapping")
	if list == nil || list.Kind != source.Mapping {
		return m
	}
	components := n.File.Root.Get("components").Get("schemas")
	for i, key := range list.Keys {
		item := list.Items[i]
		if item.Kind != source.String {
			continue
		}
		to := components.Get(item.Text) // a name, or else a reference
		if to == nil {
			to = c.at(item, item.Text)
		}
		if to = c.follow(to); to != nil {
			c.addKin(to)
			m.values, m.nodes = append(m.values, key.Text), append(m.nodes, to)
		}
	}
	return m
}

// maxAliases is how many references may lead to one another before a schema is met.
const maxAliases = 16

// follow returns what a schema that is nothing but a reference stands for, nil if that is not to be found: who compiles the
// reference says so.
func (c *Compiler) follow(n *source.Node) *source.Node {
	for range maxAliases {
		if n == nil || n.Kind != source.Mapping || len(n.Keys) != 1 || !isString(n.Get("$ref")) {
			return n
		}
		n = c.at(n.Items[0], n.Items[0].Text)
	}
	return nil
}

// at returns what a reference leads to. Within a file it does not ask Resolve: to look is not to refer.
func (c *Compiler) at(from *source.Node, ref string) *source.Node {
	if pointer, ok := strings.CutPrefix(ref, "#"); ok {
		pointer, err := url.PathUnescape(pointer)
		if err != nil {
			return nil
		}
		n, _ := from.File.Root.At(pointer)
		return n
	}
	if c.options.Resolve == nil {
		return nil
	}
	n, err := c.options.Resolve(from, ref)
	if err != nil {
		return nil
	}
	return n
}

// adorns reports whether a schema says no more than what its one allOf leads to, as is usual where a description or nullable is
// to stand beside a $ref. Unless a discriminator names it, it is no heir but the same by another name.
func adorns(n *source.Node) bool {
	all := n.Get("allOf")
	if all == nil || len(all.Items) != 1 {
		return false
	}
	for _, k := range n.Keys {
		if !slices.Contains(adornments, k.Text) && !strings.HasPrefix(k.Text, "x-") {
			return false
		}
	}
	return true
}

var adornments = []string{"allOf", "type", "nullable", "title", "description", "deprecated", "readOnly", "writeOnly",
	"default", "example", "examples", "externalDocs", "xml"}

// drop takes an heir out of the family.
func (f *family) drop(h *Schema) {
	f.heirs = slices.DeleteFunc(f.heirs, func(o *Schema) bool { return o == h })
	for name, o := range f.meant {
		if o == h {
			delete(f.meant, name)
		}
	}
}

// evalFamily evaluates of a family the schema that the discriminator means, which composes s; where it means none, s alone. What
// only the others declare is not declared in a closed request: nobody would have judged it.
func (k *checker) evalFamily(s *Schema, n jsonstream.Node, m marks) bool {
	f := s.family
	k.spend(k.doc.Len(n))
	meant := f.alone
	if v := k.doc.Member(n, f.property); v != jsonstream.None && k.doc.Kind(v) == jsonstream.String {
		if h := f.meant[string(k.doc.Text(v))]; h != nil {
			meant = h
		}
	}
	ok := k.eval(meant, n, m)
	if !k.check.Closed || k.check.Direction != Request || k.stop(ok) {
		return ok
	}
	own := f.shapes[meant]
	for c := k.doc.First(n); c != jsonstream.None && !own.Open() && !k.stop(ok); c = k.doc.Next(c) {
		name := k.doc.Name(c)
		if _, here := own.Find(name); here {
			continue
		}
		if _, there := f.all.Find(name); there {
			ok = k.fail(s, c, "undeclared", "is not declared")
		}
	}
	return ok
}
