// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math"
	"regexp"
	"strings"

	"yett/internal/source"
)

// fill reads the keywords of s, and queues the schemas it refers to. Unknown keywords are annotations.
func (c *Compiler) fill(s *Schema) {
	n := s.node
	switch {
	case n.Kind == source.Bool && c.options.Dialect != OpenAPI30:
		s.never = n.Text == "false"
		return
	case n.Kind != source.Mapping:
		c.fail(n, "a schema is a mapping, not a %s", n.Kind)
		return
	}
	if c.isForeign(s) {
		return
	}
	if ref := n.Get("$ref"); ref != nil {
		c.reference(s, ref)
		if c.options.Dialect == OpenAPI30 {
			return // siblings of $ref are ignored
		}
	}
	k := keywords{c: c, s: s, n: n}
	k.any()
	k.numbers()
	k.strings()
	k.arrays()
	k.objects()
	k.applicators()
	k.annotations()
}

// keywords reads the keywords of one schema. What is wrong is recorded and read as if it were absent.
type keywords struct {
	c *Compiler
	s *Schema
	n *source.Node
}

// only2020 returns the value of a keyword that OpenAPI 3.0 does not have.
func (k *keywords) only2020(keyword string) *source.Node {
	if k.c.options.Dialect == OpenAPI30 {
		return nil
	}
	return k.n.Get(keyword)
}

func (k *keywords) want(n *source.Node, keyword string, kind source.Kind) *source.Node {
	if n == nil || n.Kind == kind {
		return n
	}
	k.c.fail(n, "%s is a %s, not a %s", keyword, kind, n.Kind)
	return nil
}

func (k *keywords) flag(keyword string) bool {
	n := k.want(k.n.Get(keyword), keyword, source.Bool)
	return n != nil && n.Text == "true"
}

// count reads a number of things; absent is what it is without.
func (k *keywords) count(n *source.Node, keyword string, absent int) int {
	if n = k.want(n, keyword, source.Number); n == nil {
		return absent
	}
	x := parseDecimal([]byte(n.Text))
	if x.neg || !x.integer() {
		k.c.fail(n, "%s counts: it is a whole number from 0", keyword)
		return absent
	}
	if x.mag > 9 {
		return math.MaxInt32
	}
	v := 0
	for i := range int(x.mag) {
		v = v*10 + int(x.digit(i)-'0')
	}
	return v
}

func (k *keywords) decimal(keyword string) *decimal {
	n := k.want(k.n.Get(keyword), keyword, source.Number)
	if n == nil {
		return nil
	}
	x := parseDecimal([]byte(n.Text))
	return &x
}

func (k *keywords) schema(n *source.Node) *Schema {
	if n == nil {
		return nil
	}
	return k.c.schema(n)
}

func (k *keywords) schemas(keyword string) (list []*Schema) {
	n := k.want(k.n.Get(keyword), keyword, source.Sequence)
	if n == nil {
		return nil
	}
	if len(n.Items) == 0 {
		k.c.fail(n, "%s is empty", keyword)
	}
	for _, item := range n.Items {
		list = append(list, k.c.schema(item))
	}
	return list
}

func (k *keywords) names(n *source.Node, keyword string) (names []string) {
	if n = k.want(n, keyword, source.Sequence); n == nil {
		return nil
	}
	for _, item := range n.Items {
		if k.want(item, "a name in "+keyword, source.String) != nil {
			names = append(names, item.Text)
		}
	}
	return names
}

func (k *keywords) pattern(n *source.Node, src string) *regexp.Regexp {
	re, err := compilePattern(src)
	if err != nil {
		k.c.fail(n, "pattern: %v", err)
		return nil
	}
	return re
}

var typesByName = map[string]Types{
	"null": Null, "boolean": Boolean, "integer": Integer, "number": Number,
	"string": String, "array": Array, "object": Object,
}

func (k *keywords) any() {
	k.types()
	if n := k.want(k.n.Get("enum"), "enum", source.Sequence); n != nil {
		k.values("enum", n, n.Items)
	}
	if n := k.only2020("const"); n != nil {
		values := []*source.Node{n}
		if k.s.enum != nil {
			// Both: as if const stood in an allOf of its own.
			only := &Schema{node: k.n}
			k.s.allOf = append(k.s.allOf, only)
			e := keywords{c: k.c, s: only, n: k.n}
			e.values("const", n, values)
		} else {
			k.values("const", n, values)
		}
	}
}

func (k *keywords) values(keyword string, n *source.Node, values []*source.Node) {
	e, err := newEnum(keyword, values)
	if err != nil {
		k.c.fail(n, "%s: %v", keyword, err)
		return
	}
	k.s.enum = e
}

func (k *keywords) types() {
	n := k.n.Get("type")
	if n == nil {
		return
	}
	list := []*source.Node{n}
	if n.Kind == source.Sequence && k.c.options.Dialect != OpenAPI30 {
		if list = n.Items; len(list) == 0 {
			k.c.fail(n, "type is empty")
		}
	}
	for _, item := range list {
		t := typesByName[item.Text]
		switch {
		case item.Kind == source.Sequence:
			k.c.failHint(item, "one name, and nullable", "type is a list, which OpenAPI 3.0 does not have")
		case item.Kind != source.String, t == 0:
			k.c.fail(item, "%q is not a type", item.Text)
		case t == Null && k.c.options.Dialect == OpenAPI30:
			k.c.failHint(item, "nullable: true", "OpenAPI 3.0 does not have the type null")
		}
		k.s.types |= t
	}
	if k.c.options.Dialect == OpenAPI30 && k.flag("nullable") {
		k.s.types |= Null
	}
}

func (k *keywords) numbers() {
	r := numberRules{min: k.decimal("minimum"), max: k.decimal("maximum")}
	r.exclusiveMin, r.min = k.exclusive("exclusiveMinimum", r.min)
	r.exclusiveMax, r.max = k.exclusive("exclusiveMaximum", r.max)
	if x := k.decimal("multipleOf"); x != nil {
		d, ok := newDivisor(x)
		if !ok {
			k.c.fail(k.n.Get("multipleOf"), "multipleOf is a number above 0, of 19 digits at most")
		} else {
			r.multipleOf = &d
		}
	}
	r.format = k.numberFormat(&r)
	if r != (numberRules{}) {
		k.s.number = &r
	}
}

// exclusive reads a bound. In OpenAPI 3.0 the keyword is a boolean that qualifies the inclusive one.
func (k *keywords) exclusive(keyword string, inclusive *decimal) (ex, in *decimal) {
	if k.c.options.Dialect != OpenAPI30 {
		if n := k.n.Get(keyword); n != nil && n.Kind == source.Bool {
			k.c.failHint(n, "write the bound itself", "%s is a number since OpenAPI 3.1", keyword)
			return nil, inclusive
		}
		return k.decimal(keyword), inclusive
	}
	if k.flag(keyword) {
		return inclusive, nil
	}
	return nil, inclusive
}

// numberFormat bounds integers also where there is no format, unless the description has a bound of its own.
func (k *keywords) numberFormat(r *numberRules) *numberRange {
	dialect, name := k.c.options.Dialect, k.format()
	f, known := numberFormats[name]
	switch {
	case known && (k.c.options.AssertFormat || dialect != Draft2020):
	case k.s.types&Number == Integer && (k.c.options.AssertFormat || dialect != Draft2020):
		f, name = numberFormat{min: minSafe, max: maxSafe}, ""
		if r.min != nil || r.exclusiveMin != nil {
			f.min = ""
		}
		if r.max != nil || r.exclusiveMax != nil {
			f.max = ""
		}
	default:
		return nil
	}
	out := f.bounds()
	out.name = name
	return out
}

func (k *keywords) format() string {
	if n := k.want(k.n.Get("format"), "format", source.String); n != nil {
		return n.Text
	}
	return ""
}

func (k *keywords) strings() {
	r := textRules{
		min: k.count(k.n.Get("minLength"), "minLength", 0),
		max: k.count(k.n.Get("maxLength"), "maxLength", -1),
	}
	if n := k.want(k.n.Get("pattern"), "pattern", source.String); n != nil {
		r.pattern = k.pattern(n, n.Text)
	}
	if name := k.format(); k.c.options.AssertFormat && textFormats[name] != nil {
		r.name, r.format = name, textFormats[name]
	}
	if r.min > 0 || r.max >= 0 || r.pattern != nil || r.format != nil {
		k.s.text = &r
	}
}

func (k *keywords) arrays() {
	r := arrayRules{
		min:         k.count(k.n.Get("minItems"), "minItems", 0),
		max:         k.count(k.n.Get("maxItems"), "maxItems", -1),
		unique:      k.flag("uniqueItems"),
		contains:    k.schema(k.only2020("contains")),
		unevaluated: k.schema(k.only2020("unevaluatedItems")),
		maxContains: -1,
	}
	if k.only2020("prefixItems") != nil {
		r.prefix = k.schemas("prefixItems")
	}
	if n := k.n.Get("items"); n != nil && n.Kind == source.Sequence {
		k.c.failHint(n, "prefixItems holds a list", "items is one schema, not a list")
	} else {
		r.items = k.schema(n)
	}
	if r.contains != nil {
		r.minContains = k.count(k.n.Get("minContains"), "minContains", 1)
		r.maxContains = k.count(k.n.Get("maxContains"), "maxContains", -1)
	}
	if r.min > 0 || r.max >= 0 || r.unique || r.prefix != nil || r.items != nil || r.contains != nil || r.unevaluated != nil {
		k.s.array = &r
	}
}

func (k *keywords) objects() {
	r := objectRules{
		min:         k.count(k.n.Get("minProperties"), "minProperties", 0),
		max:         k.count(k.n.Get("maxProperties"), "maxProperties", -1),
		additional:  k.additional(),
		nameRule:    k.schema(k.only2020("propertyNames")),
		unevaluated: k.schema(k.only2020("unevaluatedProperties")),
		index:       map[string]int{},
	}
	k.properties(&r)
	if n := k.want(k.only2020("patternProperties"), "patternProperties", source.Mapping); n != nil {
		for i, key := range n.Keys {
			re := k.pattern(key, key.Text)
			r.patterns = append(r.patterns, patternRule{re, k.schema(n.Items[i])})
		}
	}
	k.dependencies(&r)
	k.oldDependencies(&r)
	if r.min > 0 || r.max >= 0 || len(r.names) > 0 || r.patterns != nil || r.additional != nil || r.nameRule != nil ||
		r.unevaluated != nil || r.dependent != nil {
		k.s.object = &r
	}
}

// additional reads additionalProperties. OpenAPI 3.0 has no boolean schemas but allows a boolean here.
func (k *keywords) additional() *Schema {
	n := k.n.Get("additionalProperties")
	if n != nil && n.Kind == source.Bool {
		return k.c.boolean(n)
	}
	return k.schema(n)
}

func (k *keywords) properties(r *objectRules) {
	add := func(name string, s *Schema) int {
		i, ok := r.index[name]
		if !ok {
			i = len(r.names)
			r.index[name] = i
			r.names, r.schemas = append(r.names, name), append(r.schemas, s)
		}
		return i
	}
	if n := k.want(k.n.Get("properties"), "properties", source.Mapping); n != nil {
		for i, key := range n.Keys {
			add(key.Text, k.schema(n.Items[i]))
		}
	}
	required := k.n.Get("required")
	if required != nil && required.Kind == source.Bool {
		k.c.failHint(required, "the object around lists its required properties", "required is a list of names")
		return
	}
	for _, name := range k.names(required, "required") {
		i := add(name, nil)
		r.required = append(r.required, i)
	}
}

func (k *keywords) dependencies(r *objectRules) {
	if n := k.want(k.only2020("dependentRequired"), "dependentRequired", source.Mapping); n != nil {
		for i, key := range n.Keys {
			r.dependent = append(r.dependent, dependency{name: key.Text, needs: k.names(n.Items[i], "dependentRequired")})
		}
	}
	if n := k.want(k.only2020("dependentSchemas"), "dependentSchemas", source.Mapping); n != nil {
		for i, key := range n.Keys {
			r.dependent = append(r.dependent, dependency{name: key.Text, schema: k.schema(n.Items[i])})
		}
	}
}

// oldDependencies reads dependencies, which 2020-12 has split in two but asks readers to go on knowing.
func (k *keywords) oldDependencies(r *objectRules) {
	n := k.want(k.only2020("dependencies"), "dependencies", source.Mapping)
	if n == nil {
		return
	}
	for i, key := range n.Keys {
		d := dependency{name: key.Text}
		if item := n.Items[i]; item.Kind == source.Sequence {
			d.needs = k.names(item, "dependencies")
		} else {
			d.schema = k.schema(item)
		}
		r.dependent = append(r.dependent, d)
	}
}

func (k *keywords) applicators() {
	k.s.allOf = append(k.s.allOf, k.schemas("allOf")...)
	k.s.anyOf = k.schemas("anyOf")
	k.s.oneOf = k.schemas("oneOf")
	k.s.not = k.schema(k.n.Get("not"))
	if when := k.schema(k.only2020("if")); when != nil {
		k.s.cond = &condition{when, k.schema(k.n.Get("then")), k.schema(k.n.Get("else"))}
	}
	if k.c.options.Dialect != Draft2020 {
		k.discriminator()
	}
}

// discriminator pairs the values of the property with branches: those that mapping names, and the names of schemas.
func (k *keywords) discriminator() {
	n := k.n.Get("discriminator")
	property := n.Get("propertyName")
	if property == nil || property.Kind != source.String {
		return
	}
	d := &discriminator{property: property.Text, branches: map[string]*Schema{}}
	byRef := map[string]*Schema{}
	for _, b := range append(k.s.anyOf[:len(k.s.anyOf):len(k.s.anyOf)], k.s.oneOf...) {
		ref := b.node.Get("$ref")
		if ref == nil {
			continue
		}
		byRef[ref.Text] = b
		d.branches[ref.Text[strings.LastIndexByte(ref.Text, '/')+1:]] = b
	}
	if mapping := n.Get("mapping"); mapping != nil && mapping.Kind == source.Mapping {
		for i, key := range mapping.Keys {
			to := mapping.Items[i].Text
			if b := byRef[to]; b != nil {
				d.branches[key.Text] = b
			} else if b := d.branches[to]; b != nil {
				d.branches[key.Text] = b
			}
		}
	}
	k.s.disc = d
	if !k.s.alone {
		k.c.inherit(k.s, d.property)
	}
}

func (k *keywords) annotations() {
	k.s.readOnly = k.flag("readOnly")
	k.s.writeOnly = k.flag("writeOnly")
	k.s.password = k.format() == "password"
}
