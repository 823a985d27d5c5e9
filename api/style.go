// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "strings"

// strip takes off what a style puts before a path parameter: "." of label, ";name=" of matrix.
func (p *Parameter) strip(raw string) (string, bool) {
	switch p.Style {
	case "label":
		return strings.CutPrefix(raw, ".")
	case "matrix":
		rest, ok := strings.CutPrefix(raw, ";")
		if !ok || p.Explode && p.shape.kinds&(kindArray|kindObject) != 0 {
			return rest, ok // each item or member carries its own name
		}
		return strings.CutPrefix(rest, p.Name+"=")
	}
	return raw, true
}

// delimiter is what stands between the items of p inside one value, raw and as it may be escaped.
func (p *Parameter) delimiter() (raw, escaped string) {
	switch {
	case p.Style == "spaceDelimited":
		return "+", "%20"
	case p.Style == "pipeDelimited":
		return "|", "%7C"
	case p.Style == "label" && p.Explode:
		return ".", ""
	case p.Style == "matrix" && p.Explode:
		return ";", ""
	}
	return ",", "%2C"
}

// array reads an array in each way that is in use, the one by the book first.
func (c *call) array(p *Parameter, raws []string, e encoding, mark int) bool {
	sep, escaped := p.delimiter()
	spread := p.Explode && (p.In == "query" || p.In == "cookie")
	if spread && c.items(p, raws, "", "", e, mark) {
		return true
	}
	if len(raws) > 1 {
		return false
	}
	raw := raws[0]
	if raw == "" {
		c.sc.parts = c.sc.parts[:0]
		return c.list(p, mark)
	}
	if strings.Contains(raw, sep) || !spread {
		if c.items(p, raws, sep, "", e, mark) {
			return true
		}
	}
	// Many clients escape the delimiter, many servers split after decoding.
	if escaped != "" && containsFold(raw, escaped) && c.items(p, raws, sep, escaped, e, mark) {
		return true
	}
	// Before 3.0.4 a label that is not exploded was written with dots too.
	return p.Style == "label" && !p.Explode && strings.Contains(raw, ".") && c.items(p, raws, ".", "", e, mark)
}

// items splits every raw at sep and, where given, at its escaped form, and judges the list.
func (c *call) items(p *Parameter, raws []string, sep, escaped string, e encoding, mark int) bool {
	c.sc.parts = c.sc.parts[:0]
	for _, raw := range raws {
		for more := true; more; {
			var one string
			one, raw, more = cutAny(raw, sep, escaped)
			if p.Style == "matrix" && p.Explode {
				var ok bool
				if one, ok = strings.CutPrefix(one, p.Name+"="); !ok {
					c.add(p, "", "malformed", "must be written in the style matrix")
					return false
				}
			}
			if p.In == "header" {
				one = strings.Trim(one, " \t")
			}
			text, ok := c.decode(one, e)
			if !ok {
				return c.malformed(p)
			}
			c.sc.parts = append(c.sc.parts, part{text: text})
		}
	}
	return c.list(p, mark)
}

func (c *call) list(p *Parameter, mark int) bool {
	return c.try(p, mark, func(w *writer) bool { w.list(p.shape, c.sc.parts); return true })
}

// object reads an object that is written into one value: R,100,G,200 or, exploded, R=100,G=200.
func (c *call) object(p *Parameter, raw string, e encoding, mark int) bool {
	sep, escaped := p.delimiter()
	if c.members(p, raw, sep, "", e, mark) {
		return true
	}
	return escaped != "" && containsFold(raw, escaped) && c.members(p, raw, sep, escaped, e, mark)
}

func (c *call) members(p *Parameter, raw, sep, escaped string, e encoding, mark int) bool {
	c.sc.parts = c.sc.parts[:0]
	for more := raw != ""; more; {
		var name, value string
		name, raw, more = cutAny(raw, sep, escaped)
		ok := more
		if p.Explode {
			name, value, ok = strings.Cut(name, "=")
		} else if ok {
			value, raw, more = cutAny(raw, sep, escaped)
		}
		if !ok {
			if len(c.sc.findings) == mark {
				c.add(p, "", "malformed", "must hold names and values in turn")
			}
			return false
		}
		if p.In == "header" {
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		}
		key, ok1 := c.decode(name, e)
		text, ok2 := c.decode(value, e)
		if !ok1 || !ok2 {
			return c.malformed(p)
		}
		c.sc.parts = append(c.sc.parts, part{key, text})
	}
	return c.try(p, mark, func(w *writer) bool { w.object(p.shape, c.sc.parts); return true })
}

// claims reports whether a query parameter that is no spread object goes by that name.
func (o *Operation) claims(name string) bool {
	for _, p := range o.Params {
		if p.In != "query" || p.spread() {
			continue
		}
		rest, ok := strings.CutPrefix(name, p.Name)
		if ok && (rest == "" || rest == "[]" && p.Explode || rest[0] == '[' && p.Style == "deepObject") {
			return true
		}
	}
	return false
}

// spreadObject gathers the members of an object from parameters of their names.
func (c *call) spreadObject(p *Parameter) {
	c.sc.deeps = c.sc.deeps[:0]
	for i := range c.sc.query {
		q := &c.sc.query[i]
		if c.op.claims(q.name) || c.op.credential("query", q.name) {
			continue
		}
		if name, _, _ := p.shape.flat(q.name); p.shape.member(name) == nil && p.shape.open == nil {
			continue
		}
		q.taken = true
		text, ok := c.decode(q.raw, plus)
		if !ok {
			c.malformed(p)
			return
		}
		c.sc.deeps = append(c.sc.deeps, deep{path: q.name, text: text})
	}
	if len(c.sc.deeps) == 0 && !p.Required {
		return
	}
	c.try(p, len(c.sc.findings), func(w *writer) bool {
		return w.members(p.shape, c.sc.deeps, p.shape.flat, 0)
	})
}

// deepObject gathers name[member]=value.
func (c *call) deepObject(p *Parameter) {
	c.sc.deeps = c.sc.deeps[:0]
	for i := range c.sc.query {
		q := &c.sc.query[i]
		rest, ok := strings.CutPrefix(q.name, p.Name)
		if !ok || rest != "" && rest[0] != '[' || c.op.declares("query", q.name) && rest != "" {
			continue
		}
		q.taken = true
		text, ok := c.decode(q.raw, plus)
		if !ok {
			c.malformed(p)
			return
		}
		c.sc.deeps = append(c.sc.deeps, deep{path: rest, text: text})
	}
	switch n := len(c.sc.deeps); {
	case n == 0 && p.Required:
		c.add(p, "", "missing", "is required")
	case n > maxDeepPairs:
		c.add(p, "", "malformed", "has too many members")
	case n > 0:
		c.try(p, len(c.sc.findings), func(w *writer) bool { return w.deep(p.shape, c.sc.deeps, 0) })
	}
}

// cutAny cuts s at the first sep or escaped sep. With sep "" there is nothing to cut.
func cutAny(s, sep, escaped string) (before, after string, found bool) {
	if sep == "" {
		return s, "", false
	}
	i, n := strings.Index(s, sep), len(sep)
	if escaped != "" {
		if j := indexFold(s, escaped); j >= 0 && (i < 0 || j < i) {
			i, n = j, len(escaped)
		}
	}
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+n:], true
}

func containsFold(s, escaped string) bool { return indexFold(s, escaped) >= 0 }

// indexFold finds an escape, in whichever case its digits are.
func indexFold(s, escaped string) int {
	for i := 0; i+len(escaped) <= len(s); i++ {
		if s[i] == '%' && strings.EqualFold(s[i:i+len(escaped)], escaped) {
			return i
		}
	}
	return -1
}
