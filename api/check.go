// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"strings"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

// A Scratch is the working memory of CheckParams. The zero Scratch is ready; use one per request in flight.
type Scratch struct {
	query    []pair
	cookies  []pair
	raws     []string
	parts    []part
	deeps    []deep
	arena    []byte
	out      writer
	doc      jsonstream.Doc
	findings []ParamFinding
}

// CheckParams checks the parameters of one request and returns at most ten findings, which tell the caller
// no value. query is the raw query, path what Router.Match found, header the values of a field by name, without
// regard to case. The findings are valid until sc is used again.
//
// Text is decoded strictly (broken escapes, NUL and what is not UTF-8 are findings) and turned into JSON by the
// types that the parameter's schema admits, which then judges it. A query parameter that is not declared is a
// finding (OWASP API8:2023), unless an object that admits further members is spread over the query. Where two
// readings of an array are in use among honest clients (a=1&a=2 and a=1,2; raw and escaped commas; a[]=1)
// one that fits is enough.
//
// It does not look at undeclared header fields and cookies: those are not an API's alone.
func (o *Operation) CheckParams(query string, path []Param, header func(name string) []string, sc *Scratch) []ParamFinding {
	sc.findings, sc.arena, sc.cookies = sc.findings[:0], sc.arena[:0], sc.cookies[:0]
	c := call{op: o, sc: sc, path: path, header: header}
	var wrong string
	if sc.query, wrong = appendPairs(sc.query[:0], query); wrong != "" {
		c.add(nil, "query", "malformed", wrong)
		return sc.findings
	}
	for _, p := range o.Params {
		if p.Credential {
			continue
		}
		switch p.In {
		case "path":
			c.inPath(p)
		case "query":
			c.inQuery(p)
		case "header":
			c.inHeader(p)
		case "cookie":
			c.inCookie(p)
		}
	}
	for i := range sc.query {
		if q := &sc.query[i]; !q.taken && !o.credential("query", q.name) {
			c.unknown(q.name)
		}
	}
	return sc.findings
}

// credential reports whether the operation's security reads its key from there.
func (o *Operation) credential(in, name string) bool {
	for _, r := range o.Security {
		for _, u := range r {
			if u.Scheme.Kind == APIKey && u.Scheme.In == in && u.Scheme.Param == name {
				return true
			}
		}
	}
	return false
}

// A call is the check of one request.
type call struct {
	op     *Operation
	sc     *Scratch
	path   []Param
	header func(string) []string
}

func (c *call) add(p *Parameter, in, code, detail string) {
	if len(c.sc.findings) >= maxFindings {
		return
	}
	f := ParamFinding{In: in, Code: code, Detail: detail}
	if p != nil {
		f.Parameter, f.In, f.Param, f.Where = p.Name, p.In, p, p.Where
	}
	c.sc.findings = append(c.sc.findings, f)
}

// unknown names what nobody declared. Only an ordinary name is repeated: a caller's secret may stand in the wrong place.
func (c *call) unknown(name string) {
	if len(c.sc.findings) >= maxFindings {
		return
	}
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool {
		return r >= 0x80 || class[byte(r)]&unreserved == 0 && r != '[' && r != ']'
	}) {
		name = ""
	}
	c.sc.findings = append(c.sc.findings, ParamFinding{
		Parameter: name, In: "query", Code: "unknown_parameter", Detail: "is not part of the API",
	})
}

func (c *call) inPath(p *Parameter) {
	for i := range c.path {
		name := c.path[i].Name
		if i < len(c.op.names) {
			name = c.op.names[i] // see NameParams
		}
		if name == p.Name {
			c.sc.raws = append(c.sc.raws[:0], c.path[i].Raw)
			c.judge(p, percent)
			return
		}
	}
	c.add(p, "", "missing", "is required")
}

func (c *call) inHeader(p *Parameter) {
	c.sc.raws = c.sc.raws[:0]
	if c.header != nil {
		for _, v := range c.header(p.Name) {
			c.sc.raws = append(c.sc.raws, strings.Trim(v, " \t"))
		}
	}
	if len(c.sc.raws) > 1 && p.shape.kinds&(kindArray|kindObject) != 0 && p.Media == "" {
		// Lines of one field are one list (RFC 9110 section 5.3).
		c.sc.raws = append(c.sc.raws[:0], strings.Join(c.sc.raws, ","))
	}
	c.judge(p, literal)
}

func (c *call) inCookie(p *Parameter) {
	if len(c.sc.cookies) == 0 && c.header != nil {
		for _, v := range c.header("Cookie") {
			c.sc.cookies = appendCookies(c.sc.cookies, v)
		}
	}
	c.sc.raws = c.sc.raws[:0]
	for i := range c.sc.cookies {
		if k := &c.sc.cookies[i]; k.name == p.Name {
			c.sc.raws = append(c.sc.raws, k.raw)
		}
	}
	c.judge(p, percent)
}

func (c *call) inQuery(p *Parameter) {
	if p.Media == "" {
		switch {
		case p.Style == "deepObject":
			c.deepObject(p)
			return
		case p.spread():
			c.spreadObject(p)
			return
		}
	}
	list := p.Media == "" && p.Explode && p.shape.kinds&kindArray != 0
	c.sc.raws = c.sc.raws[:0]
	for i := range c.sc.query {
		q := &c.sc.query[i]
		if q.name == p.Name || list && len(q.name) == len(p.Name)+2 && strings.HasPrefix(q.name, p.Name) && strings.HasSuffix(q.name, "[]") && !c.op.declares("query", q.name) {
			q.taken = true
			c.sc.raws = append(c.sc.raws, q.raw)
		}
	}
	c.judge(p, plus)
}

// spread reports whether p is an object whose members are parameters of their own.
func (p *Parameter) spread() bool {
	return p.Style == "form" && p.Explode && p.shape.kinds == kindObject
}

func (o *Operation) declares(in, name string) bool {
	for _, p := range o.Params {
		if p.In == in && p.Name == name {
			return true
		}
	}
	return false
}

// judge decodes what stands in raws and lets the schema judge it.
func (c *call) judge(p *Parameter, e encoding) {
	raws := c.sc.raws
	if len(raws) == 0 {
		if p.Required {
			c.add(p, "", "missing", "is required")
		}
		return
	}
	if len(raws) == 1 && raws[0] == "" {
		if p.AllowEmpty {
			return
		}
		if p.Media != "" || p.shape.kinds&(kindString|kindArray) == 0 {
			c.add(p, "", "empty", "must have a value")
			return
		}
	}
	if p.Media != "" {
		c.document(p, e)
		return
	}
	raw, ok := p.strip(raws[0])
	if !ok {
		c.add(p, "", "malformed", "must be written in the style "+p.Style)
		return
	}
	raws[0] = raw
	mark := len(c.sc.findings)
	k := p.shape.kinds
	repeated := len(raws) > 1
	if k&kindScalar != 0 && !repeated && c.scalar(p, raw, e) {
		return
	}
	if k&kindArray != 0 && c.array(p, raws, e, mark) {
		return
	}
	if k&kindObject != 0 && !repeated && c.object(p, raw, e, mark) {
		return
	}
	if len(c.sc.findings) == mark {
		c.add(p, "", "repeated", "must stand only once")
	}
}

// decode appends one decoded text to the arena.
func (c *call) decode(raw string, e encoding) (text []byte, ok bool) {
	from := len(c.sc.arena)
	c.sc.arena, ok = appendDecoded(c.sc.arena, raw, e)
	return c.sc.arena[from:len(c.sc.arena):len(c.sc.arena)], ok
}

func (c *call) malformed(p *Parameter) bool {
	c.add(p, "", "malformed", "must be UTF-8 text in percent-encoding")
	return false
}

func (c *call) scalar(p *Parameter, raw string, e encoding) bool {
	text, ok := c.decode(raw, e)
	if !ok {
		return c.malformed(p)
	}
	return c.try(p, len(c.sc.findings), func(w *writer) bool { w.scalar(p.shape, text); return true })
}

// document judges a parameter whose value is a document of a media type.
func (c *call) document(p *Parameter, e encoding) {
	if len(c.sc.raws) > 1 {
		c.add(p, "", "repeated", "must stand only once")
		return
	}
	text, ok := c.decode(c.sc.raws[0], e)
	if !ok {
		c.malformed(p)
		return
	}
	c.try(p, len(c.sc.findings), func(w *writer) bool {
		if formOf(p.Media) == JSON {
			w.json = append(w.json, text...)
		} else {
			w.json = appendQuoted(w.json, text)
		}
		return true
	})
}

// try lets the schema judge what write makes, and where the shape left a choice between a number and text, both.
// The findings of the first failure are kept unless there are some already since mark.
func (c *call) try(p *Parameter, mark int, write func(*writer) bool) bool {
	if p.Schema == nil {
		return true
	}
	w := &c.sc.out
	w.strings = false
	for {
		w.json, w.chose = w.json[:0], false
		if !write(w) {
			if len(c.sc.findings) == mark {
				c.add(p, "", "malformed", "has members whose names do not fit together, or that stand twice")
			}
			return false
		}
		if c.fits(p, mark) {
			c.sc.findings = c.sc.findings[:mark]
			return true
		}
		if w.strings || !w.chose {
			return false
		}
		w.strings = true
	}
}

func (c *call) fits(p *Parameter, mark int) bool {
	quiet := len(c.sc.findings) > mark
	if err := c.sc.doc.Parse(c.sc.out.json, paramLimits); err != nil {
		if quiet {
			return false
		}
		code, detail := "malformed", "cannot be read"
		var se *jsonstream.SyntaxError
		if errors.As(err, &se) {
			detail = se.Detail
			if se.Code == "duplicate_name" && p.Media == "" {
				code, detail = "repeated", "has a member that stands twice"
			}
		}
		c.add(p, "", code, detail)
		return false
	}
	found := p.Schema.Check(&c.sc.doc, c.sc.doc.Root(), &paramCheck)
	if !quiet {
		for _, f := range found {
			c.schema(p, f)
		}
	}
	return len(found) == 0
}

func (c *call) schema(p *Parameter, f schema.Finding) {
	if p.Sensitive {
		f.Value = ""
	}
	if len(c.sc.findings) < maxFindings {
		c.sc.findings = append(c.sc.findings, ParamFinding{
			Parameter: p.Name, In: p.In, Code: "schema", Detail: f.Detail, Pointer: f.Pointer,
			Param: p, Where: nodeOr(f.Where, p.Where), Value: f.Value,
		})
	}
}

func nodeOr(n, m *source.Node) *source.Node {
	if n != nil {
		return n
	}
	return m
}

// paramLimits bound one parameter. The request head is bounded before it comes here; these bound what is made of it.
var paramLimits = jsonstream.Limits{Depth: 16, Members: maxPairs, Items: 10_000, Values: 20_000}

// paramCheck is not changed by a check. Parameters only ever go to the API.
var paramCheck = schema.Check{Direction: schema.Request, Closed: true, Max: maxFindings}
