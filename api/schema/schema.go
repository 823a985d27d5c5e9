// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema checks JSON against the schemas of OpenAPI descriptions: JSON Schema 2020-12, which OpenAPI 3.1
// uses, and OpenAPI 3.0's own dialect.
//
// It stops documents that do not fit the description (OWASP API3:2023, broken object property level authorization,
// and API8:2023): wrong types and values, members that are not declared, read-only members in requests (mass
// assignment). It stops schemas that cannot be checked in bounded time: patterns that need backtracking, references
// that lead round in a circle and references to the network are refused when compiled, and a check that takes too
// many steps fails. It does not read documents (package jsonstream does), and it cannot tell whether a schema is
// loose: an object that lists no properties takes any.
//
// Schemas are compiled once, with the file and line of every fault, and checked over an index of the document:
//
//	c := schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, AssertFormat: true, Resolve: set.Resolve})
//	s, err := c.Compile(node)
//	findings := s.Check(&doc, doc.Root(), &schema.Check{Direction: schema.Request, Closed: true})
//
// Most keywords are checked here, without allocating while the document fits. Schemas that use $dynamicRef, that name
// one another by $id, or that declare another dialect by $schema are handed to the library jsonschema/v6 as a whole. It
// knows nothing of Direction and counts no steps; what a foreign part declares, Closed leaves open (see Unknown).
package schema

import (
	"regexp"
	"strings"

	"yett/internal/source"
)

// A Dialect says which keywords there are and what they mean.
type Dialect uint8

// The dialects.
const (
	Draft2020 Dialect = iota // JSON Schema 2020-12
	OpenAPI31                // the same; formats of OpenAPI are known, integers are bounded
	OpenAPI30                // the schema object of OpenAPI 3.0
)

// Options say how schemas are compiled.
type Options struct {
	Dialect Dialect
	// AssertFormat makes format a rule. Formats that are not known stay annotations.
	AssertFormat bool
	// Resolve returns what a $ref points to. Nil refuses references.
	Resolve func(from *source.Node, ref string) (*source.Node, error)
	// Remote returns the document at an absolute URI that $id, $schema or a reference names, decoded as
	// source.Node.Any does. Nil refuses whatever is not in the description itself.
	Remote func(uri string) (any, error)
}

// A Schema is a compiled schema. It does not change and is safe for concurrent use.
type Schema struct {
	node *source.Node

	never bool  // the schema false
	types Types // 0: any
	enum  *enum // also const
	ref   *Schema
	allOf []*Schema
	anyOf []*Schema
	oneOf []*Schema
	not   *Schema
	cond  *condition
	disc  *discriminator

	family *family // those that inherit it
	alone  bool    // stands for its node without these

	number *numberRules
	text   *textRules
	array  *arrayRules
	object *objectRules

	readOnly, writeOnly, password bool

	foreign *foreign // judges in place of all keywords
	certain *certain // what else applies wherever this does; nil: nothing
	dynamic bool     // has a reference whose target depends on the way here: see Compile
	root    *root    // of schemas that Compile has returned
}

// A condition is if, then and else; the latter two may be nil.
type condition struct{ when, then, otherwise *Schema }

// A discriminator tells which branch of a list was meant. It chooses what is reported, never what is accepted.
type discriminator struct {
	property string
	branches map[string]*Schema
}

// A root is what Compile finds out about a schema with all that is below it.
type root struct {
	shape    *Shape
	readOnly bool // somewhere below
}

type numberRules struct {
	min, max                   *decimal
	exclusiveMin, exclusiveMax *decimal
	multipleOf                 *divisor
	format                     *numberRange
}

// A numberRange is what the format says, or the absence of one.
type numberRange struct {
	name     string // "" for integers without a format
	integer  bool
	min, max *decimal
}

type textRules struct {
	min, max int // code points; max -1: none
	pattern  *regexp.Regexp
	format   func([]byte) bool
	name     string // of the format
}

type arrayRules struct {
	min, max    int // max -1: none
	unique      bool
	prefix      []*Schema
	items       *Schema // after prefix
	contains    *Schema
	minContains int
	maxContains int // -1: none
	unevaluated *Schema
}

type objectRules struct {
	min, max int // max -1: none
	// names are those of properties and required, both in the order of the description; schemas are parallel to
	// them, nil for what is only required.
	names    []string
	schemas  []*Schema
	index    map[string]int
	required []int // in names

	patterns    []patternRule
	additional  *Schema
	nameRule    *Schema // propertyNames
	unevaluated *Schema
	dependent   []dependency
}

type patternRule struct {
	re     *regexp.Regexp
	schema *Schema
}

// A dependency is what the presence of a member asks for: dependentRequired or dependentSchemas.
type dependency struct {
	name   string
	needs  []string
	schema *Schema
}

// Node returns where the schema stands in the description.
func (s *Schema) Node() *source.Node { return s.node }

// where returns the node of a keyword, or that of the schema.
func (s *Schema) where(keyword string) *source.Node {
	if n := s.node.Get(keyword); n != nil {
		return n
	}
	return s.node
}

// Types is a set of JSON types. As in JSON Schema, 1.0 is an integer.
type Types uint8

// The types. Number holds Integer: numbers in general are Number, those without a fraction only are Integer.
const (
	Null Types = 1 << iota
	Boolean
	Integer
	fraction // a number with a fraction
	String
	Array
	Object

	Number  = Integer | fraction
	AnyType = Null | Boolean | Number | String | Array | Object
)

// Has reports whether t holds all of u.
func (t Types) Has(u Types) bool { return t&u == u }

var typeNames = []struct {
	t    Types
	name string
}{
	{Null, "null"}, {Boolean, "boolean"}, {Number, "number"}, {Integer, "integer"},
	{String, "string"}, {Array, "array"}, {Object, "object"},
}

// String lists the types as JSON Schema names them: "string, null".
func (t Types) String() string {
	var names []string
	for _, n := range typeNames {
		if t.Has(n.t) {
			names = append(names, n.name)
			t &^= n.t
		}
	}
	return strings.Join(names, ", ")
}
