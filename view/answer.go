// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
)

// A form is how the pass reads a body.
type form uint8

const (
	opaque   form = iota // not at all
	whole                // one JSON document
	records              // JSON documents, one a line
	sequence             // JSON documents behind separators
	events               // server-sent events
	text
)

func formOf(contentType string) form {
	typ, _, _ := strings.Cut(contentType, ";")
	typ = strings.ToLower(strings.TrimSpace(typ))
	switch {
	case exchange.Sequence(typ):
		return sequence
	case exchange.Records(typ):
		return records
	case api.FormOf(contentType) == api.JSON, strings.HasSuffix(typ, "+json"), typ == "application/json", typ == "text/json":
		return whole
	case typ == "text/event-stream":
		return events
	}
	switch typ {
	case "application/xml", "application/javascript", "application/yaml", "application/x-yaml", "application/sql",
		"application/x-www-form-urlencoded", "application/x-pem-file", "application/toml", "application/csv":
		return text
	}
	if strings.HasPrefix(typ, "text/") || strings.HasSuffix(typ, "+xml") || strings.HasSuffix(typ, "+yaml") {
		return text
	}
	return opaque
}

// A View is what becomes of the answers of one operation. It does not change and is safe for concurrent use.
type View struct {
	op      *api.Operation
	rules   *Rules
	judge   Judge
	version string
	tags    *Tags
	reached []*Edit // of the places of its answers
	// restricted are those of reached that keep something declared from some callers.
	restricted []*Edit
	watches    bool
	opens      bool
	differs    bool // between callers
	planned    bool // some good answer is looked at
	unviewed   bool // some good answer is not
}

// Compile makes the View of an operation. judge may be nil. version names the configuration: entity tags of another one do
// not match. They are sealed under a key of the process, unless SealTags gives the View another one.
func Compile(op *api.Operation, rules *Rules, judge Judge, version string) *View {
	reached := rules.reach(op)
	v := &View{op: op, rules: rules, judge: judge, version: version, tags: passing(), reached: reached,
		watches: rules.has(Watch), opens: rules.has(Open), differs: slices.ContainsFunc(reached, func(e *Edit) bool { return e.When != nil })}
	for _, e := range reached {
		if e.Stage == Mask || e.Stage == Strip && e.When != nil {
			v.restricted = append(v.restricted, e)
		}
	}
	for _, r := range op.Responses {
		if r.Status[0] != '2' && r.Status != "default" {
			continue
		}
		for _, m := range r.Media {
			if v.looksAt(formOf(m.Type)) || strings.HasSuffix(m.Type, "/*") {
				v.planned = true
			} else {
				v.unviewed = true
			}
		}
	}
	return v
}

// SealTags has the View seal entity tags with t, before it serves.
func (v *View) SealTags(t *Tags) {
	if t != nil {
		v.tags = t
	}
}

func (v *View) looksAt(f form) bool {
	return f == text && v.watches || f != text && f != opaque
}

// Request readies a request whose answer will be looked at: conditions on entity tags become those of the upstream's own
// tags, and no part of an answer is asked for. It is the last step before the upstream.
func (v *View) Request(x *exchange.Exchange) error {
	h := &x.Request.Header
	condition(h, "If-Match", true, v.tags.opened)
	reads := x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
	if !reads || !v.planned {
		condition(h, "If-None-Match", true, v.tags.opened)
	}
	if !v.planned {
		return nil
	}
	h.Del("Range")
	h.Del("If-Range")
	if !reads {
		return nil
	}
	// A tag of another view is not good for this one, and neither is one of none: who asks gets the answer whole.
	suffix, bare := v.suffix(x), v.bare(x)
	asked, left := condition(h, "If-None-Match", false, func(inner string) (string, bool) {
		tag, view, ours := v.tags.open(inner)
		if bare {
			return inner, !ours
		}
		return tag, ours && view == suffix
	})
	if v.differs || x.Answer.Selected() != nil || asked && !left {
		// A date does not tell one view from another, and what a tag has refused no date may grant.
		h.Del("If-Modified-Since")
	}
	return nil
}

// suffix names what this caller sees of the operation's answers at this address.
func (v *View) suffix(x *exchange.Exchange) string {
	sum := sha256.New()
	for _, part := range []string{v.version, v.op.API.Name, v.op.ID, x.Request.Path, x.Request.Query} {
		_, _ = sum.Write(append([]byte(part), 0)) // a hash takes everything
	}
	bits := make([]byte, len(v.reached))
	for i, e := range v.reached {
		if bits[i] = '0'; e.When == nil || e.When(x) {
			bits[i] = '1'
		}
	}
	_, _ = sum.Write(bits)
	for _, f := range x.Answer.Selected() {
		_, _ = sum.Write([]byte("\x00" + f))
	}
	return tagMark + strings.ToLower(base32.StdEncoding.EncodeToString(sum.Sum(nil)[:10])[:tagSize])
}

// hides reports whether any of edits may keep something from this caller.
func hides(x *exchange.Exchange, edits []*Edit) bool {
	return slices.ContainsFunc(edits, func(e *Edit) bool {
		return !e.Observe && (e.Stage == Strip || e.Stage == Mask || e.Stage == Watch) && (e.When == nil || e.When(x))
	})
}

// bare reports whether the answer is for this caller as the upstream gave it, so that its tag may be too.
func (v *View) bare(x *exchange.Exchange) bool {
	return x.Answer.Selected() == nil && !hides(x, v.reached)
}

// Response looks at the head of an answer, makes it true of what will leave, and has the body looked at.
func (v *View) Response(x *exchange.Exchange) error {
	a := &x.Answer
	if a.Status == http.StatusSwitchingProtocols {
		return nil
	}
	if a.Status == http.StatusNotModified {
		if v.planned {
			v.head(x)
		}
		return nil
	}
	contentType, typed := a.Header.Lookup("Content-Type")
	f := formOf(contentType)
	head := x.Request.Method == http.MethodHead
	if a.Status == http.StatusPartialContent && (v.planned || v.looksAt(f)) {
		// Nothing can be found in a part, whatever type it has: where answers are looked at, none was asked for.
		return refuse(errors.New("a part of an answer cannot be looked at"))
	}
	if a.Status == http.StatusNoContent || !v.looksAt(f) && (typed || !head || !v.planned) {
		if a.Status == http.StatusNoContent || a.Status >= 400 || a.Length == 0 {
			v.aside(x)
		}
		return nil
	}
	v.head(x)
	a.Length = -1
	if head {
		a.Header.Del("Content-Encoding") // a GET is answered without
		return nil
	}
	if coding := a.Coding(); coding != "" {
		return refuse(errors.New("content coding " + coding))
	}
	if f == text {
		a.Unbroken()
	}
	p := v.pass(x, f, a.Status, contentType)
	a.AddFilter(p)
	x.Defer(p.done)
	return nil
}

func refuse(cause error) error {
	return &problem.Error{Status: http.StatusBadGateway, Code: "upstream_encoding", Replaces: true,
		Detail: cannotPass, Cause: cause}
}

// cannotPass is what callers are told of an answer that is not what it should be.
const cannotPass = "The service behind this gateway gave an answer that cannot be passed on."

// describe finds what is described of an answer; nil: nothing is.
func (v *View) describe(status int, contentType string) *schema.Schema {
	m, ok := v.op.Response(status).For(contentType)
	if !ok {
		return nil
	}
	return m.Schema
}

// pass readies the way of a body.
func (v *View) pass(x *exchange.Exchange, f form, status int, contentType string) *pass {
	s := v.describe(status, contentType)
	p := take()
	p.start(x, v.rules)
	p.form, p.schema, p.judge, p.opens = f, s, v.judge, v.opens
	var shape *schema.Shape
	if s != nil {
		shape = s.Shape()
	}
	if (f == records || f == sequence) && shape != nil && !shape.Types().Has(schema.Object) && shape.Types().Has(schema.Array) {
		// The schema is of all records together: each is an item.
		p.root = place{shape: shape.Item(0), rule: v.rules.item(v.rules.of(shape), shape.Item(0))}
		p.schema, p.judge = nil, nil
	} else {
		p.root = place{shape: shape, rule: v.rules.of(shape)}
	}
	p.textEvents = shape == nil || shape.Types()&(schema.Object|schema.Array) == 0 ||
		shape.Open() && shape.Members() == 0 && shape.Item(0) == nil // nothing is said that text could be a way round
	if f == events && p.textEvents {
		p.schema, p.judge = nil, nil
		p.root.shape = nil
	}
	p.root.body = true
	if status < 300 { // what an error says nobody can choose from
		p.root.sel = selected(x.Answer.Selected())
	}
	return p
}

// digests are the fields that are a hash of what the upstream answered.
var digests = []string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest"}

// aside keeps what is said of a document that is not in this answer from telling what is in it: behind a change, the tag and
// digests are of what the upstream would answer whole (RFC 9110 section 8.8.3).
func (v *View) aside(x *exchange.Exchange) {
	h := &x.Answer.Header
	if !slices.ContainsFunc(h.All(), func(f exchange.Field) bool {
		return strings.EqualFold(f.Name, "ETag") || slices.ContainsFunc(digests, func(d string) bool { return strings.EqualFold(f.Name, d) })
	}) || !hides(x, v.rules.edits) {
		return
	}
	v.tags.retag(h, v.suffix(x))
	for _, name := range digests {
		h.Del(name)
	}
}

// head makes the fields that speak of the bytes true, and keeps what one caller may see out of shared caches.
func (v *View) head(x *exchange.Exchange) {
	h := &x.Answer.Header
	if h.Count("ETag") > 0 && !v.bare(x) {
		v.tags.retag(h, v.suffix(x))
	}
	for _, name := range slices.Concat(digests, []string{"Accept-Ranges", "Content-Range"}) {
		h.Del(name)
	}
	if v.differs || x.Caller != nil {
		private(h)
	}
}

// private takes leave to share from Cache-Control (RFC 9111 section 5.2.2) and from the fields that speak to shared caches
// alone. An answer that says nothing of caches is left to say nothing, unless it would be shared by default.
func private(h *exchange.Header) {
	h.Del("Surrogate-Control")
	h.DelFunc(func(f exchange.Field) bool { return strings.HasSuffix(strings.ToLower(f.Name), "cdn-cache-control") })
	lines := h.Values("Cache-Control")
	if len(lines) == 0 {
		if _, ok := h.Lookup("Expires"); ok {
			h.Set("Cache-Control", "private")
		}
		return
	}
	kept := []string{}
	closed := false
	for _, line := range lines {
		for d := range strings.SplitSeq(line, ",") {
			d = strings.TrimSpace(d)
			name, _, _ := strings.Cut(strings.ToLower(d), "=")
			switch strings.TrimSpace(name) {
			case "", "public", "s-maxage", "proxy-revalidate":
				continue
			case "no-store":
				closed = true
			case "private":
				if strings.Contains(d, "=") {
					continue // of single fields only
				}
				closed = true
			}
			kept = append(kept, d)
		}
	}
	if !closed {
		kept = append([]string{"private"}, kept...)
	}
	h.Del("Cache-Control")
	h.Set("Cache-Control", strings.Join(kept, ", "))
}

// Views are those of all operations of a generation: what a caller would get of each. They are filled before anybody asks.
type Views struct {
	// Tags seals the entity tags of all; nil: each process has its own key.
	Tags *Tags
	of   map[*api.Operation]*View
}

// Add notes the View of an operation.
func (v *Views) Add(op *api.Operation, of *View) {
	if v.of == nil {
		v.of = map[*api.Operation]*View{}
	}
	v.of[op] = of
}

// Of returns the View of an operation; nil: there is none. A nil Views has none.
func (v *Views) Of(op *api.Operation) *View {
	if v == nil {
		return nil
	}
	return v.of[op]
}

// Rewrite applies the edits of Seal to a request's body over its index, and reports whether they changed it. root is what is
// described of the body.
func Rewrite(x *exchange.Exchange, dst []byte, doc *jsonstream.Doc, root *schema.Shape, rules *Rules) ([]byte, bool, error) {
	var w walker
	w.start(x, rules)
	out, changed, err := w.walk(dst, doc.Bytes(), doc, sealing, place{shape: root, rule: rules.of(root)})
	w.report()
	return out, changed, err
}

// Preview returns body, an answer of this status and type, as the caller of x would get it. Nothing of x but its caller,
// request and selection is used.
func (v *View) Preview(x *exchange.Exchange, status int, contentType string, body []byte) ([]byte, error) {
	f := formOf(contentType)
	if !v.looksAt(f) {
		return body, nil
	}
	p := v.pass(x, f, status, contentType)
	p.judge = nil // nobody is there to be told
	defer p.end()
	return p.Filter(nil, body, false, true)
}
