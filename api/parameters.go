// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"yett/internal/source"
)

// styles lists, per place, the styles that OpenAPI admits there; the first is the default.
var styles = map[string][]string{
	"path":   {"simple", "label", "matrix"},
	"query":  {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
	"header": {"simple"},
	"cookie": {"form"},
}

// parameters reads a list of parameters. Those that OpenAPI tells to ignore are left out.
func (l *loader) parameters(list *source.Node, what string) []*Parameter {
	if list == nil {
		return nil
	}
	if list.Kind != source.Sequence {
		l.fail(list, "", "%sparameters is a %s, want a list", what, list.Kind)
		return nil
	}
	var out []*Parameter
	for _, item := range list.Items {
		n, ok := l.follow(item, what+"parameter: ")
		if !ok {
			continue
		}
		p := l.parameter(n, what)
		if p == nil {
			continue
		}
		if slices.ContainsFunc(out, p.same) {
			l.fail(item, "", "%sthe %s parameter %s stands twice", what, p.In, p.Name)
			continue
		}
		out = append(out, p)
	}
	return out
}

func (p *Parameter) same(q *Parameter) bool {
	return p.In == q.In && (p.Name == q.Name || p.In == "header" && strings.EqualFold(p.Name, q.Name))
}

func (l *loader) parameter(n *source.Node, what string) *Parameter {
	p := &Parameter{Name: l.text(n, "name"), In: l.text(n, "in"), Where: n}
	if p.Name == "" {
		l.fail(n, "", "%sa parameter has no name", what)
		return nil
	}
	what += "parameter " + p.Name + ": "
	if styles[p.In] == nil {
		hint := "want path, query, header or cookie"
		if p.In == "body" || p.In == "formData" {
			hint = "that is OpenAPI 2.0: use requestBody"
		}
		l.fail(n, hint, "%sin is %q", what, p.In)
		return nil
	}
	if p.In == "header" {
		switch strings.ToLower(p.Name) {
		case "accept", "content-type", "authorization":
			return nil // OpenAPI: such a definition is ignored; media types and security say it
		}
		if !isToken(p.Name) {
			l.fail(n, "", "%sthis is no name of a header field", what)
			return nil
		}
	}
	l.word(n, equalsClaim)
	p.Required = l.flag(n, "required", false)
	if p.In == "path" && !p.Required {
		l.warn(n, "add required: true", "%sa path parameter is always required", what)
		p.Required = true
	}
	p.Deprecated = l.flag(n, "deprecated", false)
	p.AllowReserved = l.flag(n, "allowReserved", false)
	p.AllowEmpty = l.flag(n, "allowEmptyValue", false) && p.In == "query"
	if !l.value(p, n, what) {
		return nil
	}
	return p
}

// value reads how a parameter or response header is written and what it may be.
func (l *loader) value(p *Parameter, n *source.Node, what string) bool {
	content, node := n.Get("content"), n.Get("schema")
	switch {
	case content != nil && node != nil:
		l.fail(n, "take one of them out", "%sboth schema and content", what)
		return false
	case content != nil:
		if content.Kind != source.Mapping || len(content.Keys) != 1 {
			l.fail(content, "", "%scontent names exactly one media type", what)
			return false
		}
		typ, _, _, ok := mediaType(content.Keys[0].Text)
		if !ok {
			l.fail(content.Keys[0], "", "%s%q is no media type", what, content.Keys[0].Text)
			return false
		}
		p.Media, node = typ, content.Items[0].Get("schema")
	case node == nil:
		hint := "add schema: {type: string}, or what it is"
		if n.Get("type") != nil {
			hint = "put type under schema: OpenAPI 3"
		}
		l.fail(n, hint, "%sno schema", what)
		return false
	default:
		p.Style = l.text(n, "style")
		if p.Style == "" {
			p.Style = styles[p.In][0]
		}
		if !slices.Contains(styles[p.In], p.Style) {
			l.fail(n.Get("style"), "want "+strings.Join(styles[p.In], ", "), "%sthe style %q does not exist in a %s", what, p.Style, p.In)
			return false
		}
		p.Explode = l.flag(n, "explode", p.Style == "form")
	}
	p.node = node
	p.shape = l.shapes.of(node)
	p.Sensitive = p.shape.secret
	p.Schema = l.schema(node, what)
	switch {
	case p.Style == "deepObject" && p.shape.kinds&kindObject == 0:
		l.fail(n.Get("style"), "", "%sthe style deepObject is for objects", what)
	case (p.Style == "spaceDelimited" || p.Style == "pipeDelimited") && p.shape.kinds&(kindArray|kindObject) == 0:
		l.fail(n.Get("style"), "", "%sthe style %s is for arrays and objects", what, p.Style)
	}
	return true
}
