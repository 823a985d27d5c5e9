// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"yett/exchange"
	"yett/jsonstream"
	"yett/view"
)

// What the property test asks of the engine, in two hands: as edits, and as a reference that decodes the document, filters
// it and knows the schema by its text alone. Words that both read:
//
//	x-yett-visible: [scope]   left out without the scope
//	x-yett-mask: redact       "***" in place of all but null; on an array whose items are described: of each item
//	x-yett-encrypt            strings that begin with "sealed:" become the rest, "@", and the name that holds them
//
// "4111" becomes "****" where neither of the last two stands, and members with such a name are left out.
const (
	visibleWord = "x-yett-visible"
	maskWord    = "x-yett-mask"
	sealedWord  = "x-yett-encrypt"

	masked  = "***"
	needle  = "4111"
	starred = "****"
	seal    = "sealed:"
)

// edits are the same for all descriptions.
func edits() func(view.Place) []*view.Edit {
	drop := &view.Edit{Stage: view.Strip, Does: "removed", Drop: true}
	mask := func(items bool) *view.Edit {
		return &view.Edit{Stage: view.Mask, Does: "masked", Value: func(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
			if v.Kind == jsonstream.Null || items && v.Kind == jsonstream.Array {
				return dst, false, nil
			}
			return append(dst, `"`+masked+`"`...), true, nil
		}}
	}
	open := &view.Edit{Stage: view.Open, Does: "opened", Value: func(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
		rest, ok := strings.CutPrefix(string(v.Text), seal)
		if !ok {
			return dst, false, nil
		}
		dst, err := jsontext.AppendQuote(dst, rest+"@"+string(v.Name()))
		return dst, true, err
	}}
	watch := &view.Edit{Stage: view.Watch, Does: "found", Text: func(_ *exchange.Exchange, dst, _, text []byte) ([]byte, bool, error) {
		if !strings.Contains(string(text), needle) {
			return dst, false, nil
		}
		return append(dst, strings.ReplaceAll(string(text), needle, starred)...), true, nil
	}}
	all, each := mask(false), mask(true)
	scoped := map[string]*view.Edit{}
	return func(p view.Place) (list []*view.Edit) {
		if p.Undeclared {
			return []*view.Edit{drop}
		}
		if p.Shape.WriteOnly() {
			list = append(list, drop)
		}
		for _, n := range p.Words(visibleWord) {
			scope := n.Items[0].Text
			if scoped[scope] == nil {
				scoped[scope] = &view.Edit{Stage: view.Strip, Does: "left out", Drop: true,
					When: func(x *exchange.Exchange) bool { return !x.Caller.Holds(scope) }}
			}
			list = append(list, scoped[scope])
		}
		switch {
		case p.Words(maskWord) == nil:
		case len(p.Holder.Words(maskWord)) == 0 && p.Shape.Item(1<<30) != nil:
			list = append(list, each)
		default:
			list = append(list, all)
		}
		if p.Words(sealedWord) != nil {
			list = append(list, open)
		}
		if p.Words(maskWord) == nil && p.Words(sealedWord) == nil {
			list = append(list, watch)
		}
		return list
	}
}

// A reference knows a description and one caller.
type reference struct {
	components map[string]any
	scopes     []string

	said  map[any]says // what was found out of schemas
	taken map[any]kinds
	kin   *kin
}

// A kin is who inherits from whom among components: whose allOf leads to whom.
type kin struct {
	names map[any]string            // of components
	heirs map[string][]string       // by what they inherit, without those that inherit from them
	ways  map[any]string            // what items of allOf lead to
	alone map[string]map[string]any // components that have heirs for alternatives, as these compose them
}

func (r *reference) family() *kin {
	if r.kin != nil {
		return r.kin
	}
	k := &kin{names: map[any]string{}, heirs: map[string][]string{}, ways: map[any]string{}, alone: map[string]map[string]any{}}
	for name, c := range r.components {
		s, ok := c.(map[string]any)
		if !ok {
			continue
		}
		k.names[applied{schema: s}.key()] = name
		if _, chooses := named(s, "discriminator")["propertyName"].(string); chooses && s["anyOf"] == nil && s["oneOf"] == nil {
			k.alone[name] = maps.Clone(s)
			delete(k.alone[name], "discriminator")
		}
		var look func(all []any)
		look = func(all []any) {
			for _, item := range all {
				s, ok := item.(map[string]any)
				if !ok {
					continue
				}
				if ref, ok := s["$ref"].(string); ok {
					to := r.named(ref)
					k.ways[applied{schema: s}.key()] = to
					k.heirs[to] = append(k.heirs[to], name)
				}
				look(list(s, "allOf"))
			}
		}
		look(list(s, "allOf"))
	}
	r.kin = k
	return k
}

// named returns the name of the component that a reference leads to: another one where the first is nothing but a reference.
func (r *reference) named(ref string) string {
	name := strings.TrimPrefix(ref, "#/components/schemas/")
	if s, ok := r.components[name].(map[string]any); ok && len(s) == 1 && s["$ref"] != nil {
		return r.named(s["$ref"].(string))
	}
	return name
}

// heirs returns the names of those that OpenAPI means as the alternatives of s, if it has a discriminator and no list of them.
func (r *reference) heirs(s map[string]any) (names []string) {
	k := r.family()
	name, ok := k.names[applied{schema: s}.key()]
	if !ok || k.alone[name] == nil {
		return nil
	}
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		for _, h := range k.heirs[queue[0]] {
			if !seen[h] {
				seen[h] = true
				queue, names = append(queue, h), append(names, h)
			}
		}
	}
	slices.Sort(names)
	return names
}

// An applied is a schema that applies at a place, for certain or as an alternative.
type applied struct {
	schema      any
	alternative bool
}

// A here is all that applies at a place.
type here struct {
	entries []applied // by which the place is reached
	all     []applied // and those that apply because of them
}

func (r *reference) here(entries []applied) here {
	h := here{entries: once(entries)}
	seen := map[any]bool{}
	var add func(e applied)
	add = func(e applied) {
		if seen[e.key()] {
			return
		}
		seen[e.key()] = true
		h.all = append(h.all, e)
		s, ok := e.schema.(map[string]any)
		if !ok {
			return
		}
		for _, t := range r.certain(s) {
			add(applied{t, e.alternative})
		}
		for _, t := range append(alternatives(s), r.conditional(s)...) {
			add(applied{t, true})
		}
	}
	for _, e := range h.entries {
		add(e)
	}
	return h
}

// key tells schemas apart by where they stand, not by what they say.
func (e applied) key() any {
	if m, ok := e.schema.(map[string]any); ok {
		return [2]any{reflect.ValueOf(m).Pointer(), e.alternative}
	}
	return e
}

func once(entries []applied) (out []applied) {
	seen := map[any]bool{}
	for _, e := range entries {
		if !seen[e.key()] {
			seen[e.key()] = true
			out = append(out, e)
		}
	}
	return out
}

func list(s map[string]any, keyword string) []any {
	l, _ := s[keyword].([]any)
	return l
}

func named(s map[string]any, keyword string) map[string]any {
	m, _ := s[keyword].(map[string]any)
	return m
}

func (r *reference) certain(s map[string]any) []any {
	all := slices.Clone(list(s, "allOf"))
	if ref, ok := s["$ref"].(string); ok {
		if alone := r.family().alone[r.family().ways[applied{schema: s}.key()]]; alone != nil {
			return append(all, alone) // an heir is not composed of its siblings
		}
		all = append(all, r.components[strings.TrimPrefix(ref, "#/components/schemas/")])
	}
	return all
}

func alternatives(s map[string]any) []any { return slices.Concat(list(s, "anyOf"), list(s, "oneOf")) }

func (r *reference) conditional(s map[string]any) (all []any) {
	for _, name := range r.heirs(s) {
		all = append(all, r.components[name])
	}
	if when, ok := s["if"]; ok {
		all = append(all, when)
		for _, k := range []string{"then", "else"} {
			if t, ok := s[k]; ok {
				all = append(all, t)
			}
		}
	}
	for _, t := range named(s, "dependentSchemas") {
		all = append(all, t)
	}
	return all
}

// says is what a schema says of the names of members.
type says struct{ lists, opens bool }

func (a *says) join(b says) { a.lists, a.opens = a.lists || b.lists, a.opens || b.opens }

func (r *reference) says(schema any) says {
	s, ok := schema.(map[string]any)
	if !ok {
		return says{}
	}
	key := applied{schema: schema}.key()
	if known, ok := r.said[key]; ok {
		return known
	}
	own := says{lists: len(named(s, "properties"))+len(named(s, "patternProperties")) > 0}
	for _, k := range []string{"additionalProperties", "unevaluatedProperties"} {
		switch more, ok := s[k]; {
		case ok && more == false:
			own.lists = true
		case ok:
			own.opens = true
		}
	}
	own = r.union(own, r.certain(s), alternatives(s), r.conditional(s))
	if r.said == nil {
		r.said = map[any]says{}
	}
	r.said[key] = own
	return own
}

// union follows the rules in practices.md: what one branch lists or opens is listed or open. An alternative that takes
// objects and says nothing of names opens too, unless what is certain lists names.
func (r *reference) union(own says, certain, alternatives, conditional []any) says {
	for _, s := range certain {
		own.join(r.says(s))
	}
	listed := own.lists
	for _, s := range alternatives {
		said := r.says(s)
		own.join(said)
		own.opens = own.opens || !listed && !said.lists && r.takes(s)&kindsOf["object"] != 0
	}
	for _, s := range conditional {
		own.join(r.says(s))
	}
	return own
}

// kinds is a set of types.
type kinds uint8

const anyKind kinds = 1<<7 - 1

var kindsOf = map[string]kinds{"null": 1, "boolean": 2, "integer": 4, "number": 12, "string": 16, "array": 32, "object": 64}

func kindOf(v any) kinds {
	switch v.(type) {
	case nil:
		return kindsOf["null"]
	case bool:
		return kindsOf["boolean"]
	case string:
		return kindsOf["string"]
	case []any:
		return kindsOf["array"]
	case map[string]any:
		return kindsOf["object"]
	}
	return kindsOf["number"]
}

// takes returns the types that a schema takes: what each of those that are certain and any of the alternatives does.
func (r *reference) takes(schema any) kinds {
	s, ok := schema.(map[string]any)
	if !ok {
		if schema == true {
			return anyKind
		}
		return 0
	}
	key := applied{schema: schema}.key()
	if known, ok := r.taken[key]; ok {
		return known
	}
	all := anyKind
	narrow := func(values []any, of func(any) kinds) {
		any := kinds(0)
		for _, v := range values {
			any |= of(v)
		}
		if len(values) > 0 {
			all &= any
		}
	}
	named := func(v any) kinds { return kindsOf[v.(string)] }
	if t, ok := s["type"].(string); ok {
		narrow([]any{t}, named)
	}
	narrow(list(s, "type"), named)
	narrow(list(s, "enum"), kindOf)
	if v, ok := s["const"]; ok {
		narrow([]any{v}, kindOf)
	}
	for _, t := range r.certain(s) {
		all &= r.takes(t)
	}
	narrow(list(s, "anyOf"), r.takes)
	narrow(list(s, "oneOf"), r.takes)
	if r.taken == nil {
		r.taken = map[any]kinds{}
	}
	r.taken[key] = all
	return all
}

// fits reports whether a place takes values of a type. Where nothing fits all that applies, what fits any does.
func (r *reference) fits(h here, kind string) bool {
	certain, some, union, alternatives := anyKind, kinds(0), kinds(0), false
	for _, e := range h.entries {
		t := r.takes(e.schema)
		union |= t
		if e.alternative {
			some |= t
			alternatives = true
		} else {
			certain &= t
		}
	}
	if alternatives {
		certain &= some
	}
	if certain == 0 {
		certain = union
	}
	return len(h.entries) == 0 || certain&kindsOf[kind] != 0
}

// open reports whether members that are not declared are welcome at a place. Where it takes no objects, none is.
func (r *reference) open(h here) bool {
	if !r.fits(h, "object") {
		return false
	}
	var certain, alternative []any
	for _, e := range h.entries {
		if e.alternative {
			alternative = append(alternative, e.schema)
		} else {
			certain = append(certain, e.schema)
		}
	}
	said := r.union(says{}, certain, alternative, nil)
	return said.opens || !said.lists
}

func (h here) requires(name string) bool {
	return slices.ContainsFunc(h.all, func(e applied) bool {
		s, ok := e.schema.(map[string]any)
		return ok && !e.alternative && slices.Contains(list(s, "required"), any(name))
	})
}

// words returns the values of a word.
func (h here) words(word string) (all []any) {
	for _, e := range h.all {
		if s, ok := e.schema.(map[string]any); ok && s[word] != nil {
			all = append(all, s[word])
		}
	}
	return all
}

func (h here) writeOnly() bool { return slices.Contains(h.words("writeOnly"), any(true)) }

var patterns sync.Map // of the text, compiled

func matches(pattern, name string) bool {
	re, ok := patterns.Load(pattern)
	if !ok {
		re, _ = patterns.LoadOrStore(pattern, regexp.MustCompile(pattern))
	}
	return re.(*regexp.Regexp).MatchString(name)
}

// member returns the place of a member, and whether it is declared.
func (r *reference) member(h here, name string) (here, bool) {
	var entries []applied
	declared := false
	for _, e := range h.all {
		s, ok := e.schema.(map[string]any)
		if !ok {
			continue
		}
		known := false
		if t, ok := named(s, "properties")[name]; ok {
			entries, known = append(entries, applied{t, e.alternative}), true
		}
		for pattern, t := range named(s, "patternProperties") {
			if matches(pattern, name) {
				entries, known = append(entries, applied{t, e.alternative}), true
			}
		}
		declared = declared || known
		for _, k := range []string{"additionalProperties", "unevaluatedProperties"} {
			if t, ok := s[k]; ok && t != false && !known {
				entries = append(entries, applied{t, e.alternative})
			}
		}
	}
	return r.here(entries), declared
}

func (r *reference) item(h here, i int) here {
	var entries []applied
	for _, e := range h.all {
		s, ok := e.schema.(map[string]any)
		if !ok {
			continue
		}
		prefix := list(s, "prefixItems")
		if i < len(prefix) {
			entries = append(entries, applied{prefix[i], e.alternative})
			continue
		}
		for _, k := range []string{"items", "unevaluatedItems"} {
			if t, ok := s[k]; ok {
				entries = append(entries, applied{t, e.alternative})
				break
			}
		}
	}
	return r.here(entries)
}

// A wish is the dotted paths that a caller asked for; nil: everything.
type wish [][]string

// of returns what is asked for of a member.
func (w wish) of(name string) (of wish, asked bool) {
	if w == nil {
		return nil, true
	}
	all := false
	for _, path := range w {
		if path[0] != name {
			continue
		}
		asked = true
		if len(path) == 1 {
			all = true
		} else {
			of = append(of, path[1:])
		}
	}
	if all {
		return nil, true
	}
	return of, asked
}

// hides reports whether values at h, in an array at holder, are left out.
func (r *reference) hides(h, holder here) bool {
	if h.writeOnly() {
		return true
	}
	for _, w := range append(h.words(visibleWord), holder.words(visibleWord)...) {
		if !slices.Contains(r.scopes, w.([]any)[0].(string)) {
			return true
		}
	}
	return false
}

// answer is what leaves of a document.
func (r *reference) answer(schema, doc any, w wish) any {
	h := r.here([]applied{{schema, false}})
	v := r.filter(doc, h, here{}, w, "")
	if v != masked && r.hides(h, here{}) {
		return nil // nothing holds a document that could be without it
	}
	return v
}

// filter is what leaves of a value. name is that of the innermost member that holds it.
func (r *reference) filter(v any, h, holder here, w wish, name string) any {
	masks, held := h.words(maskWord), holder.words(maskWord)
	sealed := append(h.words(sealedWord), holder.words(sealedWord)...)
	if text, ok := v.(string); ok && len(sealed) > 0 {
		if rest, ok := strings.CutPrefix(text, seal); ok {
			v = rest + "@" + name
		}
	}
	if len(masks)+len(held) > 0 && v != nil {
		_, array := v.([]any)
		if !array || len(held) > 0 || len(r.item(h, 1<<30).entries) == 0 {
			return masked
		}
	}
	switch v.(type) {
	case string, json.Number, bool:
		if !r.fits(h, "string") && !r.fits(h, "number") && !r.fits(h, "boolean") {
			return nil // as members are where there is to be no object
		}
	}
	watched := len(masks)+len(held)+len(sealed) == 0
	switch v := v.(type) {
	case string:
		if watched {
			return strings.ReplaceAll(v, needle, starred)
		}
	case json.Number:
		if watched && strings.Contains(string(v), needle) {
			return strings.ReplaceAll(string(v), needle, starred)
		}
	case []any:
		out := []any{}
		if !r.fits(h, "array") {
			return out // as members of an object are undeclared where there is to be none
		}
		for i, item := range v {
			if at := r.item(h, i); !r.hides(at, h) {
				out = append(out, r.filter(item, at, h, w, name))
			}
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			of, asked := w.of(name)
			if !asked && !h.requires(name) {
				continue
			}
			at, declared := r.member(h, name)
			if !declared && !r.open(h) || r.hides(at, here{}) {
				continue
			}
			quiet := len(at.words(maskWord))+len(at.words(sealedWord)) > 0
			if !declared && !quiet && len(name) >= 8 && strings.Contains(name, needle) {
				continue
			}
			out[name] = r.filter(member, at, here{}, of, name)
		}
		return out
	}
	return v
}
