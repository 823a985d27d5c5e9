// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/internal/source"
	"yett/view"
)

// The words of a description.
const (
	encryptWord = "x-yett-encrypt"
	bindWord    = "x-yett-encrypt-bind"
)

// A plan is what a description says of sealing.
type plan struct {
	uses       [len(modeNames)]bool
	operations map[*api.Operation]*operation // those with something to seal
	places     []*placed
	warnings   []api.Warning
}

// An operation is what is sealed in its requests.
type operation struct {
	searches searches
	media    map[*api.Media]bool // whose bodies hold fields
}

// A placed is a spot under the name of a member, and where it stands.
type placed struct {
	spot
	name            string // anyName: of any member
	node            *source.Node
	request, answer bool
	half            string // what is missing: "is sealed in requests and opened in no answer"
}

// member tells of which member it is.
func (p *placed) member() string {
	switch p.name {
	case "":
		return "the body"
	case anyName:
		return "a member of any name"
	}
	return "the member " + p.name
}

const halfHint = "let both refer by $ref to one component that bears the word, under the same name"

// anyName stands for members that are not declared by name.
const anyName = "*"

// A reader reads a plan.
type reader struct {
	api    *api.API
	plan   *plan
	words  map[*source.Node]*written // all words, by their values
	placed map[placedKey]*placed
	errs   []error
}

// A written is a word that stands somewhere.
type written struct {
	word string
	read bool // a place is reached at which it counts
}

type placedKey struct {
	spot
	name string
}

// read reads the plan of a description; nil where it does not speak of sealing.
func read(a *api.API) (*plan, error) {
	r := &reader{api: a, words: make(map[*source.Node]*written), placed: make(map[placedKey]*placed),
		plan: &plan{operations: make(map[*api.Operation]*operation)}}
	for _, f := range a.Files() {
		r.find(f.Root)
	}
	if len(r.words) == 0 {
		return nil, nil
	}
	for _, op := range a.Operations {
		r.operation(op)
	}
	slices.SortFunc(r.plan.places, func(a, b *placed) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.node.Line, b.node.Line), cmp.Compare(a.pointer, b.pointer), cmp.Compare(a.name, b.name))
	})
	r.searches()
	if len(r.errs) > 0 {
		return nil, r.failure()
	}
	r.warn()
	return r.plan, nil
}

// find remembers the words of a file.
func (r *reader) find(n *source.Node) {
	for i, item := range n.Items {
		if n.Kind == source.Mapping && (n.Keys[i].Text == encryptWord || n.Keys[i].Text == bindWord) {
			r.words[item] = &written{word: n.Keys[i].Text}
		}
		if item.Kind >= source.Sequence {
			r.find(item)
		}
	}
}

// failure is what is wrong, each fault once: what several operations share is found by each of them.
func (r *reader) failure() error {
	var all []error
	for _, err := range r.errs {
		if !slices.ContainsFunc(all, func(e error) bool { return e.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (r *reader) fail(n *source.Node, hint, format string, args ...any) {
	r.errs = append(r.errs, source.Errorf(n, format, args...).WithHint("%s", hint))
}

// operation reads the bodies of op, and looks for words where nothing can be sealed.
func (r *reader) operation(op *api.Operation) {
	if op.Body != nil {
		for _, m := range op.Body.Media {
			r.requestBody(op, m)
		}
	}
	for _, res := range op.Responses {
		for _, m := range res.Media {
			if m.Schema != nil && readable(m.Type) {
				r.walk(m.Schema.Shape(), false)
			}
		}
		for _, h := range res.Headers {
			r.plain(h, "header of an answer")
		}
	}
	for _, p := range op.Params {
		if p.In != "query" {
			r.plain(p, p.In+" parameter")
		}
	}
}

// readable reports whether answers of a type are looked into: JSON, its records, and events. What a range holds is known
// when it comes.
func readable(mediaType string) bool {
	switch mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/json-seq", "application/json-lines",
		"application/jsonlines", "application/x-json-stream", "text/json", "text/event-stream":
		return true
	}
	return api.FormOf(mediaType) == api.JSON || strings.HasSuffix(mediaType, "/*")
}

// plain refuses words on what is never sealed.
func (r *reader) plain(p *api.Parameter, what string) {
	if p.Schema == nil {
		return
	}
	if n := below(p.Schema.Shape()); n != nil {
		r.fail(p.Where, "only bodies of JSON and query parameters are sealed; take the word off", "%s on the %s %s", encryptWord, what, p.Name)
	}
}

func (r *reader) requestBody(op *api.Operation, m *api.Media) {
	if m.Schema == nil {
		return
	}
	shape := m.Schema.Shape()
	if api.FormOf(m.Type) != api.JSON {
		if n := below(shape); n != nil {
			r.fail(n, "only JSON can be sealed; give "+m.Type+" a schema without the word", "%s in a body of %s, in operation %s", encryptWord, m.Type, op.ID)
		}
		return
	}
	if strings.HasPrefix(m.Type, "application/json-patch") {
		r.patch(op, m)
	}
	if r.walk(shape, true) {
		r.of(op).media[m] = true
	}
}

// patch warns of what cannot be seen: the members that a JSON Patch writes are named in its values.
func (r *reader) patch(op *api.Operation, m *api.Media) {
	r.plan.warnings = append(r.plan.warnings, api.Warning{Where: m.Where.Where(), Hint: "take JSON Merge Patch, or take the operation out",
		What: fmt.Sprintf("operation %s: what a JSON Patch writes to a sealed field is not sealed", op.ID)})
}

func (r *reader) of(op *api.Operation) *operation {
	o := r.plan.operations[op]
	if o == nil {
		o = &operation{media: make(map[*api.Media]bool)}
		r.plan.operations[op] = o
	}
	return o
}

// below returns a word at p or below it, nil if there is none.
func below(p *schema.Shape) *source.Node {
	var found *source.Node
	each(p, func(at view.Place, _ string) {
		for _, word := range []string{encryptWord, bindWord} {
			if all := at.Words(word); len(all) > 0 && found == nil {
				found = all[0]
			}
		}
	})
	return found
}

// walk reads the words at p and below it, and reports whether there are any.
func (r *reader) walk(p *schema.Shape, request bool) (any bool) {
	each(p, func(at view.Place, name string) {
		at.API, at.Request = r.api, request
		any = r.place(at, name) || any
	})
	return any
}

// place reads the words at one place.
func (r *reader) place(at view.Place, name string) bool {
	s := r.spot(at)
	if s == nil {
		return false
	}
	node := at.Words(encryptWord)[0]
	if !r.sealable(at, node) {
		return false
	}
	r.plan.uses[s.mode] = true
	key := placedKey{*s, name}
	p := r.placed[key]
	if p == nil {
		p = &placed{spot: *s, name: name, node: node}
		r.placed[key] = p
		r.plan.places = append(r.plan.places, p)
	}
	p.request, p.answer = p.request || at.Request, p.answer || !at.Request
	return true
}

// spot reads the words at a place, nil where there are none or they are wrong.
func (r *reader) spot(at view.Place) *spot {
	for _, w := range r.at(at) {
		w.read = true
	}
	s, err := spotOf(r.api, at)
	if err != nil {
		r.errs = append(r.errs, err)
		return nil
	}
	return s
}

// at returns the words at a place.
func (r *reader) at(at view.Place) map[*source.Node]*written {
	all := make(map[*source.Node]*written)
	for _, word := range []string{encryptWord, bindWord} {
		for _, n := range at.Words(word) {
			if w := r.words[n]; w != nil {
				all[n] = w
			}
		}
	}
	return all
}

// sealable reports whether the values at a place are strings, or arrays of which the items are looked at by themselves.
// What else a request may hold there would go on in clear.
func (r *reader) sealable(at view.Place, node *source.Node) bool {
	types := at.Shape.Types()
	if types == 0 {
		return false // nothing can be here
	}
	if types.Has(schema.Array) && at.Holder == nil {
		itemised := at.Shape.Item(math.MaxInt) != nil
		if !itemised && types&^schema.Null == schema.Array {
			r.fail(node, "say items: {type: string}", "%s on an array of whatever", encryptWord)
			return false
		}
		if itemised {
			types = types&^schema.Array | schema.String
		}
	}
	switch {
	case !types.Has(schema.String):
		r.fail(node, "", "%s on what is never a string: it is %s", encryptWord, at.Shape.Types())
	case at.Request && types&^(schema.String|schema.Null) != 0:
		r.fail(node, "say type: string", "%s on what may be other than a string: it is %s", encryptWord, at.Shape.Types())
	default:
		return true
	}
	return false
}

// spotOf reads the words at a place; nil where there are none. Where several schemas say something the strictest counts,
// and the first of them in the description is the place.
func spotOf(a *api.API, at view.Place) (*spot, error) {
	modes, binds := at.Words(encryptWord), at.Words(bindWord)
	if len(modes) == 0 {
		if len(binds) > 0 {
			return nil, source.Errorf(binds[0], "%s without %s", bindWord, encryptWord).WithHint("say %s: randomized", encryptWord)
		}
		return nil, nil
	}
	s := &spot{mode: Deterministic}
	first := modes[0]
	for _, n := range modes {
		m, ok := parseMode(n.Text)
		if !ok || n.Kind != source.String {
			return nil, source.Errorf(n, "%s: %q is no way to seal", encryptWord, n.Text).WithHint("want randomized or deterministic")
		}
		s.mode = min(s.mode, m) // the strictest
		if before(a, n, first) {
			first = n
		}
	}
	for _, n := range binds {
		switch {
		case n.Kind != source.String || n.Text == "":
			return nil, source.Errorf(n, "%s names no parameter", bindWord).WithHint("want the name of a path parameter, which is that of a member too")
		case s.bind != "" && s.bind != n.Text:
			return nil, source.Errorf(n, "%s: both %s and %s name the row of one value", bindWord, s.bind, n.Text)
		}
		s.bind = n.Text
	}
	s.pointer = first.Parent().Pointer()
	if first.File != a.File {
		s.file = first.File.Path
	}
	return s, nil
}

// before reports whether m stands before n in a description: its own file comes first.
func before(a *api.API, m, n *source.Node) bool {
	rank := func(f *source.File) int {
		if f == a.File {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(m.File), rank(n.File)), cmp.Compare(m.File.Path, n.File.Path),
		cmp.Compare(m.Line, n.Line), cmp.Compare(m.Column, n.Column)) < 0
}

// searches reads the words of query parameters, once the bodies are known with which they are compared.
func (r *reader) searches() {
	for _, op := range r.api.Operations {
		for _, p := range op.Params {
			if p.In == "query" && p.Schema != nil {
				r.search(op, p)
			}
		}
	}
}

func (r *reader) search(op *api.Operation, p *api.Parameter) {
	n := below(p.Schema.Shape())
	if n == nil {
		return
	}
	s, list, ok := r.searchSpot(p)
	what := fmt.Sprintf("%s on the query parameter %s of operation %s", encryptWord, p.Name, op.ID)
	switch {
	case !ok:
		r.fail(p.Where, "want a string, or a list of strings", "%s: it is neither", what)
	case p.Credential:
		r.fail(p.Where, "take the word off", "%s: it carries a key", what)
	case p.Media != "" || p.Style != "form":
		r.fail(p.Where, "want style: form, and no content", "%s: it is written in a way that cannot be sealed", what)
	case s.mode == Randomized:
		r.fail(p.Where, "say deterministic", "%s: a randomized value cannot be searched", what)
	case s.bind != "":
		r.fail(p.Where, "take "+bindWord+" off", "%s: a value that is bound to its row cannot be searched", what)
	default:
		r.compared(p, *s, what)
		r.plan.uses[s.mode] = true
		o := r.of(op)
		o.searches = append(o.searches, search{name: p.Name, spot: *s, list: list, explode: p.Explode, empty: p.AllowEmpty})
	}
}

// searchSpot reads the words of a parameter that is a string or a list of strings.
func (r *reader) searchSpot(p *api.Parameter) (s *spot, list, ok bool) {
	all := 0
	each(p.Schema.Shape(), func(at view.Place, _ string) {
		at.API, at.Request = r.api, true
		own := r.spot(at)
		types := at.Shape.Types() &^ schema.Null
		all++
		switch {
		case types == schema.Array && at.Holder == nil && all == 1:
			list = true
		case types == schema.String && own != nil && all == 1, types == schema.String && own != nil && list && all == 2:
			s = own
		}
	})
	return s, list, s != nil && (all == 1 || list && all == 2)
}

// compared warns of a parameter that is compared with nothing: its values are sealed for a place where no body's are.
func (r *reader) compared(p *api.Parameter, s spot, what string) {
	for _, at := range r.plan.places {
		if at.spot == s && at.request && (at.name == p.Name || at.name == anyName) {
			return
		}
	}
	r.plan.warnings = append(r.plan.warnings, api.Warning{Where: p.Where.Where(), What: what + " finds nothing: no body that is sealed has such a member",
		Hint: halfHint})
}

// warn tells of words without effect, or with half of it. Of words that no body reaches, package api tells.
func (r *reader) warn() {
	r.api.EachShape(func(shape, holder *schema.Shape, _, _ bool) {
		for n, w := range r.at(view.Place{Shape: shape, Holder: holder}) {
			if !w.read {
				w.read = true
				r.plan.warnings = append(r.plan.warnings, api.Warning{Where: n.Where(), What: w.word + " has no effect here",
					Hint: "it stands in an answer that is neither JSON, records of JSON nor events"})
			}
		}
	})
	for _, p := range r.plan.places {
		switch {
		case p.request && !r.other(p, func(o *placed) bool { return o.answer }):
			p.half = "is sealed in requests and opened in no answer"
		case p.answer && !r.other(p, func(o *placed) bool { return o.request }):
			p.half = "is opened in answers and sealed in no request"
		default:
			continue
		}
		r.plan.warnings = append(r.plan.warnings, api.Warning{Where: p.node.Where(), What: p.member() + " " + p.half, Hint: halfHint})
	}
	slices.SortFunc(r.plan.warnings, func(a, b api.Warning) int {
		return cmp.Or(cmp.Compare(a.Where.Name, b.Where.Name), cmp.Compare(a.Where.Line, b.Where.Line), cmp.Compare(a.What, b.What))
	})
	r.plan.warnings = slices.Compact(r.plan.warnings)
}

// other reports whether a place is known whose values are bound to the same as those of p, and of which is is true.
func (r *reader) other(p *placed, is func(*placed) bool) bool {
	return slices.ContainsFunc(r.plan.places, func(o *placed) bool {
		return is(o) && o.file == p.file && o.pointer == p.pointer && o.bind == p.bind && (o.name == p.name || o.name == anyName || p.name == anyName)
	})
}
