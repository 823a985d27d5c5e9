// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strconv"
	"strings"

	"yett/internal/source"
)

func (l *loader) body(n *source.Node, what string) *Body {
	n, ok := l.follow(n, what)
	if !ok {
		return nil
	}
	b := &Body{Required: l.flag(n, "required", false), Where: n}
	content := n.Get("content")
	if content == nil || len(content.Keys) == 0 {
		l.fail(n, "add content with a media type", "%sno media type", what)
		return nil
	}
	b.Media = l.content(content, what)
	return b
}

func (l *loader) content(content *source.Node, what string) []*Media {
	if content == nil {
		return nil
	}
	if content.Kind != source.Mapping {
		l.fail(content, "", "%scontent is a %s, want a mapping", what, content.Kind)
		return nil
	}
	var out []*Media
	for i, k := range content.Keys {
		typ, _, _, ok := mediaType(k.Text)
		if !ok {
			l.fail(k, "", "%s%q is no media type", what, k.Text)
			continue
		}
		twice := false
		for _, m := range out {
			twice = twice || m.Type == typ
		}
		if twice {
			l.warn(k, "parameters of a media type do not tell bodies apart", "%s%s stands twice; the first counts", what, typ)
			continue
		}
		n, ok := l.follow(content.Items[i], what+k.Text+": ")
		if !ok {
			continue
		}
		m := &Media{Type: typ, Where: n}
		if s := n.Get("schema"); s != nil {
			m.Schema = l.schema(s, what+k.Text+": ")
			m.shape = l.shapes.of(s)
		}
		m.Encoding = l.encodings(n.Get("encoding"), what+k.Text+": ")
		out = append(out, m)
	}
	return out
}

func (l *loader) encodings(n *source.Node, what string) map[string]*Encoding {
	if n == nil || n.Kind != source.Mapping {
		return nil
	}
	out := map[string]*Encoding{}
	for i, k := range n.Keys {
		e := n.Items[i]
		style := l.text(e, "style")
		switch style {
		case "", "form", "spaceDelimited", "pipeDelimited", "deepObject":
		default:
			l.fail(e.Get("style"), "", "%sencoding of %s: the style %q does not exist in a form", what, k.Text, style)
		}
		out[k.Text] = &Encoding{
			ContentType: strings.ToLower(l.text(e, "contentType")), Style: style,
			Explode:       l.flag(e, "explode", style == "" || style == "form"),
			AllowReserved: l.flag(e, "allowReserved", false), Where: e,
		}
	}
	return out
}

func (l *loader) responses(n *source.Node, what string) []*Response {
	if n == nil {
		return nil
	}
	if n.Kind != source.Mapping {
		l.fail(n, "", "%sresponses is a %s, want a mapping", what, n.Kind)
		return nil
	}
	var out []*Response
	for i, k := range n.Keys {
		if strings.HasPrefix(k.Text, "x-") {
			continue
		}
		code, ok := statusCode(k.Text)
		if !ok {
			l.fail(k, `want "200", "4XX" or default`, "%sresponse %q is no status", what, k.Text)
			continue
		}
		where := what + "response " + k.Text + ": "
		r, ok := l.follow(n.Items[i], where)
		if !ok {
			continue
		}
		out = append(out, &Response{
			Status: strings.ToUpper(k.Text), code: code, Where: r,
			Media: l.content(r.Get("content"), where), Headers: l.headers(r.Get("headers"), where),
		})
		if code == 0 {
			out[len(out)-1].Status = "default"
		}
	}
	return out
}

// statusCode reads "200" as 200, "4XX" as -4 and "default" as 0.
func statusCode(s string) (int, bool) {
	if s == "default" {
		return 0, true
	}
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return 0, false
	}
	if strings.EqualFold(s[1:], "XX") {
		return -int(s[0] - '0'), true
	}
	code, err := strconv.Atoi(s)
	return code, err == nil && code >= 100
}

func (l *loader) headers(n *source.Node, what string) []*Parameter {
	if n == nil || n.Kind != source.Mapping {
		return nil
	}
	var out []*Parameter
	for i, k := range n.Keys {
		if strings.EqualFold(k.Text, "Content-Type") {
			continue // OpenAPI: ignored
		}
		h, ok := l.follow(n.Items[i], what+"header "+k.Text+": ")
		if !ok {
			continue
		}
		p := &Parameter{
			Name: k.Text, In: "header", Required: l.flag(h, "required", false),
			Deprecated: l.flag(h, "deprecated", false), Where: h,
		}
		if l.value(p, h, what+"header "+k.Text+": ") {
			out = append(out, p)
		}
	}
	return out
}
