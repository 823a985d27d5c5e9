// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"

	"yett/api/schema"
	"yett/jsonstream"
)

// replay sends one documented example through our own checks, and says what is wrong with it.
func replay(e Example) []string {
	if e.Parameter != nil {
		return replayParameter(e)
	}
	body, ok := e.Media.Encode(e.Value)
	if !ok {
		return []string{"cannot be sent as " + e.Media.Type}
	}
	var doc jsonstream.Doc
	if err := e.Media.Decode(e.Media.Type, body, &doc, Limits{}); err != nil {
		return []string{err.Error()}
	}
	if e.Media.Schema == nil || doc.Root() == jsonstream.None {
		return nil
	}
	var out []string
	for _, f := range e.Media.Schema.Check(&doc, doc.Root(), &schema.Check{Direction: schema.Request, Closed: true}) {
		out = append(out, fmt.Sprintf("%s %s %s", f.Keyword, f.Pointer, f.Detail))
	}
	return out
}

func replayParameter(e Example) []string {
	p := e.Parameter
	pairs, ok := p.Encode(e.Value)
	if !ok {
		return []string{"cannot be written in the style " + p.Style}
	}
	joined := strings.Join(pairs, "&")
	path := make([]Param, len(e.Operation.names))
	query, fields := "", map[string][]string{}
	switch p.In {
	case "path":
		for i, name := range e.Operation.names {
			if path[i].Name = name; name == p.Name {
				path[i].Raw = joined
			}
		}
	case "query":
		query = joined
	case "header":
		fields[p.Name] = pairs
	case "cookie":
		fields["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
	var out []string
	for _, f := range e.Operation.CheckParams(query, path, func(name string) []string { return fields[name] }, new(Scratch)) {
		if f.Parameter == p.Name && f.In == p.In || f.Code == "unknown_parameter" {
			out = append(out, f.Code+" "+f.Pointer+" "+f.Detail)
		}
	}
	return out
}

func TestExamples(t *testing.T) {
	a := mustLoad(t, keyed+`paths:
	'/a/{id}':
		post:
			parameters:
				- {name: id, in: path, required: true, schema: {type: integer}, example: 7}
				- {name: q, in: query, schema: {type: array, items: {type: string}}, examples: {two: {value: [a, 'b c']}, none: {externalValue: /x}}}
				- {name: s, in: query, schema: {type: string, example: from the schema}}
				- {name: d, in: query, style: deepObject, schema: {type: object, properties: {x: {type: integer}}}, example: {x: 1}}
				- {name: h, in: header, schema: {type: string, examples: [one, two]}}
			requestBody:
				content:
					application/json:
						schema: {type: object, properties: {n: {type: integer}}, required: [n]}
						examples: {good: {value: {n: 1}}, undeclared: {value: {n: 1, m: 2}}, wrong: {value: {n: a}}}
`)
	var good, bad []string
	for _, e := range a.Operations[0].Examples() {
		if f := replay(e); len(f) == 0 {
			good = append(good, e.Name)
		} else {
			bad = append(bad, e.Name)
		}
	}
	if got, want := strings.Join(good, " "), "example two schema example schema schema good"; got != want {
		t.Errorf("good examples: %s, want %s", got, want)
	}
	if got, want := strings.Join(bad, " "), "undeclared wrong"; got != want {
		t.Errorf("bad examples: %s, want %s", got, want)
	}
}
