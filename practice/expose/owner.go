// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/internal/source"
	"yett/jsonstream"
	"yett/problem"
)

// An owner rule says whose something is: the value must be a claim of the caller.
type ownerRule struct {
	claim string
	where string
}

// owners are the object rules of one operation.
type owners struct {
	params []ownedParameter
	body   *api.Body
	media  map[*api.Media]*schema.Shape // whose bodies hold places with rules; the shape of their root
	first  ownerRule                    // of the bodies, for refusals that are about all of them
	places *ownedPlaces
}

type ownedParameter struct {
	*api.Parameter
	rules []ownerRule
}

// ownedPlaces are the places with object rules in the bodies of an API.
type ownedPlaces struct {
	rules    map[*schema.Shape][]ownerRule
	below    map[*schema.Shape]bool     // a place with a rule lies below
	required map[*schema.Shape][]string // members with a rule that must be there
}

// readOwners reads the object rules of every operation, by its index; nil where there are none.
func (r *reader) readOwners(a *api.API) []*owners {
	all := make([]*owners, len(a.Operations))
	p := &ownedPlaces{rules: map[*schema.Shape][]ownerRule{}, below: map[*schema.Shape]bool{}, required: map[*schema.Shape][]string{}}
	for i, op := range a.Operations {
		o := &owners{body: op.Body, media: map[*api.Media]*schema.Shape{}, places: p}
		for _, param := range op.Params {
			if rules := r.ownerRules(param.Words(wordEquals)); len(rules) > 0 && r.comparable(op, param, rules[0]) {
				o.params = append(o.params, ownedParameter{param, rules})
			}
		}
		if op.Body != nil {
			for _, m := range op.Body.Media {
				if m.Schema == nil {
					continue
				}
				owned := r.ownedBelow(p, m.Schema.Shape())
				if len(owned) == 0 {
					continue
				}
				o.first = p.rules[owned[0]][0]
				if api.FormOf(m.Type) == api.Opaque || api.FormOf(m.Type) == api.Text {
					r.errs = append(r.errs, fmt.Errorf("%s: %s in a body of %s, which is not read (describe JSON or a form)", m.Where.Where(), wordEquals, m.Type))
				}
				o.media[m] = m.Schema.Shape()
			}
		}
		if len(o.params) > 0 || len(o.media) > 0 {
			all[i] = o
		}
	}
	return all
}

func (r *reader) ownerRules(words []*source.Node) []ownerRule {
	var all []ownerRule
	for _, n := range words {
		if n.Kind != source.String || n.Text == "" {
			r.fail(n, "%s: this names no claim (try sub)", wordEquals)
			continue
		}
		rule := ownerRule{claim: n.Text, where: n.Where().String()}
		if !slices.ContainsFunc(all, func(o ownerRule) bool { return o.claim == rule.claim }) {
			all = append(all, rule)
		}
	}
	return all
}

// single are the types of values that are one text.
const single = schema.String | schema.Number | schema.Integer | schema.Boolean

// comparable reports whether a parameter is written as the plain text of one value.
func (r *reader) comparable(op *api.Operation, p *api.Parameter, rule ownerRule) bool {
	plain := p.Style == "simple" || p.Style == "form"
	if plain && p.Schema.Shape().Types()&single != 0 {
		return true
	}
	r.errs = append(r.errs, fmt.Errorf("%s: operation %s: parameter %s: %s wants one value in plain form (style simple or form, no array, no object)",
		rule.where, op.ID, p.Name, wordEquals))
	return false
}

// ownedBelow finds the places with rules at p and below, and returns them.
func (r *reader) ownedBelow(o *ownedPlaces, p *schema.Shape) (owned []*schema.Shape) {
	parents := map[*schema.Shape][]*schema.Shape{}
	seen := map[*schema.Shape]bool{}
	queue := []*schema.Shape{p}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if at == nil || seen[at] {
			continue
		}
		seen[at] = true
		if _, known := o.rules[at]; !known {
			o.rules[at] = r.ownerRules(at.Words(wordEquals))
		}
		if len(o.rules[at]) > 0 {
			owned = append(owned, at)
		}
		for _, c := range below(at) {
			parents[c.shape] = append(parents[c.shape], at)
			queue = append(queue, c.shape)
			if at.Requires(c.name) && len(c.shape.Words(wordEquals)) > 0 && !slices.Contains(o.required[at], c.name) {
				o.required[at] = append(o.required[at], c.name)
			}
		}
	}
	for up := slices.Clone(owned); len(up) > 0; {
		at := up[0]
		up = up[1:]
		for _, parent := range parents[at] {
			if !o.below[parent] {
				o.below[parent] = true
				up = append(up, parent)
			}
		}
	}
	return owned
}

// A violation is a value that is not the caller's. It does not hold the value.
type violation struct {
	parameter, in string
	pointer       string
	rule          ownerRule
	why           string
}

// Check refuses x where a parameter or a property of the body belongs to somebody else. It wants the request to be
// validated already, and refuses what cannot be judged.
func (e *Exposer) Check(x *exchange.Exchange) error {
	o := e.ownersOf(x.Operation)
	if o == nil {
		return nil
	}
	mine := e.claimantOf(x)
	for _, p := range o.params {
		if v := p.check(x, mine); v != nil {
			return e.refuse(v)
		}
	}
	if len(o.media) == 0 {
		return nil
	}
	v, err := o.checkBody(x, mine)
	if err != nil {
		return err
	}
	if v != nil {
		return e.refuse(v)
	}
	return nil
}

func (e *Exposer) ownersOf(op *api.Operation) *owners {
	if op == nil || op.API != e.api || op.Index >= len(e.owners) {
		return nil
	}
	return e.owners[op.Index]
}

func (e *Exposer) refuse(v *violation) error {
	place := v.in + " parameter " + v.parameter
	if v.parameter == "" {
		place = "the body"
		if v.pointer != "" {
			place = "the body at " + v.pointer
		}
	}
	cause := fmt.Errorf("%s %s: %s: %s (%s)", place, v.why, wordEquals, v.rule.claim, v.rule.where)
	if e.config.Hide {
		// The same words as for what does not exist, and as sanitize has for the service's own 403 and 404.
		return &problem.Error{Status: http.StatusNotFound, Code: "not_found", Detail: "There is no such thing, or it is not yours.", Cause: cause}
	}
	return &problem.Error{Status: http.StatusForbidden, Code: "not_yours", Detail: "This belongs to somebody else.", Cause: cause,
		Errors: []problem.Item{{Parameter: v.parameter, In: v.in, Pointer: v.pointer, Detail: "is not yours",
			Where: v.rule.where, Rule: wordEquals + ": " + v.rule.claim}}}
}

// judge compares a value with the claim that a rule names; "" where it is one of the caller's.
func (r ownerRule) judge(c claimant, value string) (why string) {
	texts := claimTexts(c.caller, r.claim)
	switch {
	case len(texts) == 0:
		return "cannot be judged: the caller has no such claim"
	case !slices.Contains(texts, value):
		return "is not the caller's"
	}
	c.seen.note(c.caller)
	return ""
}

// check judges each value that the upstream could take for the parameter's.
func (p *ownedParameter) check(x *exchange.Exchange, mine claimant) *violation {
	values, err := p.values(x)
	fault := func(r ownerRule, why string) *violation {
		return &violation{parameter: p.Name, in: p.In, rule: r, why: why}
	}
	switch {
	case err != nil:
		return fault(p.rules[0], "cannot be read: "+err.Error())
	case len(values) == 0 && p.Required:
		return fault(p.rules[0], "is missing")
	}
	for _, r := range p.rules {
		for _, v := range values {
			if why := r.judge(mine, v); why != "" {
				return fault(r, why)
			}
		}
	}
	return nil
}

var (
	errSemicolon = errors.New("a raw semicolon divides it for some readers")
	errEscape    = errors.New("an escape is broken")
)

// values returns all values under the parameter's name, decoded.
func (p *ownedParameter) values(x *exchange.Exchange) (values []string, err error) {
	req := &x.Request
	switch p.In {
	case "path":
		for i := range req.Params {
			if req.Params[i].Name == p.Name {
				values = append(values, req.Params[i].Value)
			}
		}
	case "query":
		return queryValues(req.Query, p.Name)
	case "header":
		return req.Header.Values(p.Name), nil
	case "cookie":
		for _, line := range req.Header.Values("Cookie") {
			for pair := range strings.SplitSeq(line, ";") {
				name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
				if name != p.Name {
					continue
				}
				if value, err = url.PathUnescape(value); err != nil {
					return nil, errEscape
				}
				values = append(values, value)
			}
		}
	}
	return values, nil
}

func queryValues(query, name string) (values []string, err error) {
	if strings.IndexByte(query, ';') >= 0 {
		return nil, errSemicolon
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key != name {
			if !strings.ContainsAny(key, "%+") {
				continue
			}
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, errEscape
			}
			if key != name {
				continue
			}
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errEscape
		}
		values = append(values, value)
	}
	return values, nil
}

// checkBody judges the places of a body that have rules.
func (o *owners) checkBody(x *exchange.Exchange, mine claimant) (*violation, error) {
	body := &x.Request.Body
	if body.Length == 0 {
		return o.absent(), nil
	}
	contentType := x.Request.Header.Get("Content-Type")
	media, ok := o.body.For(contentType)
	if !ok {
		return o.unreadable("is of a type that is not described"), nil
	}
	root := o.media[media]
	if root == nil {
		return nil, nil
	}
	if form := api.FormOf(contentType); form == api.Opaque || form == api.Text {
		return o.unreadable("is of a type that is not read"), nil
	}
	doc, err := body.Decode(func(data []byte, doc *jsonstream.Doc) error {
		return media.Decode(contentType, data, doc, api.Limits{JSON: body.JSONLimits})
	})
	if err != nil {
		if _, ok := errors.AsType[*problem.Error](err); ok {
			return nil, err
		}
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body cannot be read.", Cause: err}
	}
	w := ownerWalk{ownedPlaces: o.places, mine: mine, doc: doc}
	return w.at(doc.Root(), root, nil), nil
}

// absent judges a request without a body: one that must have one lacks what its rules are on.
func (o *owners) absent() *violation {
	if !o.body.Required {
		return nil
	}
	for _, root := range o.media {
		if len(o.places.required[root]) > 0 {
			return o.unreadable("is missing")
		}
	}
	return nil
}

// unreadable refuses a body in which a rule could be broken unseen.
func (o *owners) unreadable(why string) *violation {
	return &violation{why: why, rule: o.first}
}

// An ownerWalk goes through one body, to the places that have rules and no others.
type ownerWalk struct {
	*ownedPlaces
	mine claimant
	doc  *jsonstream.Doc
}

// at judges the value n, and what it holds. holder is the array whose item it is.
func (w *ownerWalk) at(n jsonstream.Node, p, holder *schema.Shape) *violation {
	kind := w.doc.Kind(n)
	for _, shape := range []*schema.Shape{p, holder} {
		if shape == p && kind == jsonstream.Array {
			continue // a word on an array means its items
		}
		for _, r := range w.rules[shape] {
			if why := w.judge(r, n, kind); why != "" {
				return w.fault(n, r, why)
			}
		}
	}
	switch {
	case kind == jsonstream.Object && w.below[p]:
		return w.object(n, p)
	case kind == jsonstream.Array && (w.below[p] || len(w.rules[p]) > 0):
		i := 0
		for c := w.doc.First(n); c != jsonstream.None; c = w.doc.Next(c) {
			if v := w.at(c, p.Item(i), p); v != nil {
				return v
			}
			i++
		}
	}
	return nil
}

func (w *ownerWalk) object(n jsonstream.Node, p *schema.Shape) *violation {
	for _, name := range w.required[p] {
		if w.doc.Member(n, name) == jsonstream.None {
			return w.fault(n, w.rules[p.Member(name)][0], "lacks "+name)
		}
	}
	for c := w.doc.First(n); c != jsonstream.None; c = w.doc.Next(c) {
		child, _ := p.Find(w.doc.Name(c))
		if v := w.at(c, child, nil); v != nil {
			return v
		}
	}
	return nil
}

func (w *ownerWalk) judge(r ownerRule, n jsonstream.Node, kind jsonstream.Kind) string {
	switch kind {
	case jsonstream.String:
		return r.judge(w.mine, string(w.doc.Text(n)))
	case jsonstream.Number, jsonstream.True, jsonstream.False:
		return r.judge(w.mine, string(w.doc.Raw(n)))
	}
	return "is no single value"
}

// maxPointer bounds how much of a pointer is repeated, in bytes: its names are the caller's.
const maxPointer = 256

func (w *ownerWalk) fault(n jsonstream.Node, r ownerRule, why string) *violation {
	pointer := string(w.doc.AppendPointer(nil, n))
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
	}
	return &violation{pointer: pointer, rule: r, why: why}
}
