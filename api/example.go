// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/url"
	"strings"

	"yett/internal/source"
)

// An Example is one documented value of a request, a parameter or a body, or of an answer's body.
type Example struct {
	Operation *Operation
	Name      string     // the key under examples, "example", or "schema"
	Parameter *Parameter // nil for a body
	Response  *Response  // nil for what belongs to the request
	Media     *Media     // nil for a parameter
	Value     *source.Node
}

// Examples gathers the documented request examples of an operation: those of its parameters in their order, then
// those of its bodies. Examples that are only linked to (externalValue) are left out. Nothing is checked.
func (o *Operation) Examples() []Example {
	var out []Example
	add := func(p *Parameter, m *Media, holder, schema *source.Node) {
		for _, e := range o.API.examples(holder, schema) {
			e.Operation, e.Parameter, e.Media = o, p, m
			out = append(out, e)
		}
	}
	for _, p := range o.Params {
		add(p, nil, p.Where, p.node)
	}
	if o.Body != nil {
		for _, m := range o.Body.Media {
			add(nil, m, m.Where, m.Where.Get("schema"))
		}
	}
	return out
}

// AnswerExamples gathers the documented examples of an operation's answers.
func (o *Operation) AnswerExamples() []Example {
	var out []Example
	for _, r := range o.Responses {
		for _, m := range r.Media {
			for _, e := range o.API.examples(m.Where, m.Where.Get("schema")) {
				e.Operation, e.Response, e.Media = o, r, m
				out = append(out, e)
			}
		}
	}
	return out
}

// examples reads example and examples beside a schema and, where there are none, those of the schema itself.
func (a *API) examples(holder, schema *source.Node) []Example {
	var out []Example
	if v := holder.Get("example"); v != nil {
		out = append(out, Example{Name: "example", Value: v})
	}
	if list := holder.Get("examples"); list != nil && list.Kind == source.Mapping {
		for i, k := range list.Keys {
			n, err := a.set.Follow(list.Items[i])
			if err != nil {
				continue // an example that cannot be found is no rule
			}
			if v := n.Get("value"); v != nil {
				out = append(out, Example{Name: k.Text, Value: v})
			}
		}
	}
	if len(out) > 0 || schema == nil {
		return out
	}
	if n, err := a.set.Follow(schema); err == nil {
		schema = n
	}
	if v := schema.Get("example"); v != nil {
		out = append(out, Example{Name: "schema", Value: v})
	}
	for _, v := range itemsOf(schema.Get("examples")) { // 3.1
		out = append(out, Example{Name: "schema", Value: v})
	}
	return out
}

// Encode writes a value as a body of this media type, for replaying examples: JSON and text. false: it does not fit, or
// the type is another.
func (m *Media) Encode(v *source.Node) ([]byte, bool) {
	if formOf(m.Type) == JSON || m.Type == "*/*" {
		body, err := json.Marshal(v.Any())
		return body, err == nil
	}
	form := formOf(m.Type)
	return []byte(v.Text), (form == Text || form == Opaque) && v.Kind == source.String
}

// Encode writes a value of a parameter as an honest client would, in the parameter's style, for replaying examples:
// name=value pairs for query and cookie, the text alone for path and header. false: the value does not
// fit the style.
func (p *Parameter) Encode(v *source.Node) (pairs []string, ok bool) {
	escape := func(s string) string {
		if p.In == "header" {
			return s
		}
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	named := func(text string) []string {
		if p.In == "query" || p.In == "cookie" {
			return []string{escape(p.Name) + "=" + text}
		}
		return []string{text}
	}
	if p.Media != "" {
		return nil, false
	}
	if v.Kind < source.Sequence {
		return named(p.prefix() + escape(v.Text)), true
	}
	var items []string
	for i, item := range v.Items {
		if item.Kind >= source.Sequence {
			return nil, false
		}
		text := escape(item.Text)
		switch {
		case v.Kind == source.Sequence && p.Explode && (p.In == "query" || p.In == "cookie"):
			text = escape(p.Name) + "=" + text
		case v.Kind == source.Sequence && p.Explode && p.Style == "matrix":
			text = p.Name + "=" + text
		case v.Kind == source.Sequence:
		case p.Style == "deepObject":
			text = escape(p.Name+"["+v.Keys[i].Text+"]") + "=" + text
		case p.Explode:
			text = escape(v.Keys[i].Text) + "=" + text
		default:
			sep, _ := p.delimiter()
			text = escape(v.Keys[i].Text) + sep + text
		}
		items = append(items, text)
	}
	if p.Style == "deepObject" || p.Explode && (p.In == "query" || p.In == "cookie") {
		return items, true
	}
	sep, _ := p.delimiter()
	return named(p.prefix() + strings.Join(items, sep)), true
}

// prefix is what strip takes off.
func (p *Parameter) prefix() string {
	switch {
	case p.Style == "label":
		return "."
	case p.Style == "matrix" && p.Explode && p.shape.kinds&(kindArray|kindObject) != 0:
		return ";"
	case p.Style == "matrix":
		return ";" + p.Name + "="
	}
	return ""
}
