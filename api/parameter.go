// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"

	"yett/api/schema"
	"yett/internal/source"
)

// A Parameter is one described parameter, with OpenAPI's defaults filled in.
type Parameter struct {
	Name          string
	In            string // path, query, header or cookie
	Style         string // simple, label, matrix, form, spaceDelimited, pipeDelimited, deepObject; "" with Media
	Explode       bool
	Required      bool
	AllowReserved bool // for senders: reserved characters are always taken
	AllowEmpty    bool
	Deprecated    bool
	Sensitive     bool           // format: password, or a credential: never echoed, never logged
	Credential    bool           // the place of a scheme's key, which is judged and taken off before parameters are
	Schema        *schema.Schema // nil: any text
	Media         string         // set where the value is a document of this media type (content)
	Where         *source.Node

	shape *shape
	node  *source.Node // the schema
}

// Words returns the values of a word of yett's ("x-yett-equals-claim") on the parameter and on its schema; where the
// parameter is a list, also on the schema of its items.
func (p *Parameter) Words(word string) []*source.Node {
	var all []*source.Node
	if n := p.Where.Get(word); n != nil {
		all = append(all, n)
	}
	if p.Schema == nil {
		return all
	}
	own := p.Schema.Shape()
	all = append(all, own.Words(word)...)
	own.Each(func(below *schema.Shape, _ string, item, _ bool) {
		if !item {
			return
		}
		for _, n := range below.Words(word) {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	})
	return all
}

// A Param is one path parameter as the router found it.
type Param struct {
	Name, Value string // Value is decoded
	Raw         string // as in the canonical path, still escaped
}

// A ParamFinding is one thing wrong with one parameter. Nothing in it but Value repeats a value.
type ParamFinding struct {
	Parameter string // name; "" where the query as a whole is meant, or an unknown name is not fit to print
	In        string
	// Code is fixed: missing, repeated, unknown_parameter, malformed, empty, or schema.
	Code string
	// Detail is for the caller and follows the parameter's name: "must stand only once".
	Detail  string
	Pointer string       // where in an array or object; "" for the value itself
	Param   *Parameter   // nil for unknown parameters and the query as a whole
	Where   *source.Node // the rule, in the description; nil where Param is
	Value   string       // as schema.Finding.Value
}

// Needs is what the described styles ask of the path: a matrix parameter begins with a semicolon. Whoever judges the
// Ambiguity of a path has to admit it for this operation.
func (o *Operation) Needs() (a Ambiguity) {
	for _, p := range o.Params {
		if p.In == "path" && p.Style == "matrix" {
			a |= Semicolon
		}
	}
	return a
}

// maxFindings is how many findings one request gets, maxPairs how many name=value pairs a query or form body may hold.
const (
	maxFindings = 10
	maxPairs    = 1000
)
