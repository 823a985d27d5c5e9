// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package expose limits which data leaves, and to whom: fields are for the scopes that the description names, others get
// them masked or not at all; card numbers, keys and the like do not leave where nobody expects them; and what belongs to
// somebody else is not reached by writing his number into the path.
//
// It stops excessive data exposure (OWASP API3:2023) and the simple form of broken object level authorization (API1:2023).
// It does not know who owns what in the service's database: only that a value of the request must be a claim of the
// caller. It does not look into bodies that are neither JSON, records, events nor text.
//
// Used alone, New makes an Exposer whose Check is a step and whose Edits say to package view what becomes of the values at
// each place of an API's answers; its Handler is both (see examples/embed/expose).
package expose

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"yett/alert"
	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/internal/source"
	"yett/practice/expose/detect"
	"yett/problem"
	"yett/view"
)

// Options are what the program knows; the zero value works.
type Options struct {
	// Key makes the hashes of the mask hash, and keeps them from being guessed. It is a secret of at least 32 bytes. Nil: a
	// new one, so that hashes are others after each start.
	Key    []byte
	Log    *slog.Logger // told of descriptions that promise what will not be there; default: nowhere
	Alerts *alert.Board // told of sensitive data in answers; nil: nobody is

	seen  *sightings  // shared by all levels
	views *view.Views // of all practices; nil: expose is alone
}

// An Exposer is what an API's description says about who sees what. It is safe for concurrent use once it is made.
type Exposer struct {
	api      *api.API
	config   Config
	key      []byte
	log      *slog.Logger
	seen     *sightings
	owners   []*owners // by the index of the operation
	vouchers *vouchers
	roots    map[*schema.Shape]bool

	inAnswers [][]*rule              // with conditions, by the index of the operation
	ranges    map[*api.Media]bool    // of a type that is left open, with restricted fields
	issues    map[*schema.Shape]bool // of members that give tokens away by their name, which others may share
	issuers   []issuer

	mu     sync.Mutex // while edits are asked for
	reader *reader
	edits  map[string]*view.Edit // those that do the same are one
	tallys sync.Map              // *exchange.Exchange → *tally
	views  func() views          // made when they are first asked for
	whole  *view.Views           // of all practices; nil: expose is alone
}

// New reads what the description of a says. All that is wrong with it is found at once.
func New(c Config, a *api.API, o Options) (*Exposer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	e := &Exposer{api: a, config: c, key: o.Key, log: o.Log, seen: o.seen, whole: o.views, reader: newReader(), edits: map[string]*view.Edit{}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.seen == nil {
		e.seen = newSightings(o.Alerts, nil)
	}
	switch {
	case e.key == nil:
		e.key = make([]byte, keySize)
		_, _ = rand.Read(e.key) // never fails: crypto/rand ends the program first
	case len(e.key) < keySize:
		return nil, fmt.Errorf("a key of %d bytes (want %d or more)", len(e.key), keySize)
	}
	e.vouchers = e.seen.vouchersOf(a.Name)
	e.roots = rootsOf(a)
	e.views = sync.OnceValue(e.newViews)
	a.EachShape(func(shape, _ *schema.Shape, _, inAnswer bool) {
		if inAnswer {
			e.reader.of(shape)
			e.reader.kinds(shape)
		}
	})
	e.owners = e.reader.readOwners(a)
	e.readForms()
	e.readIssued()
	if len(e.reader.errs) > 0 {
		return nil, e.reader.failure()
	}
	e.inAnswers = e.answered()
	return e, nil
}

const keySize = 32

// failure is all that is wrong, each fault once and in the order of the description.
func (r *reader) failure() error {
	var all []error
	for _, err := range r.errs {
		if !slices.ContainsFunc(all, func(known error) bool { return known.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// rootsOf returns the shapes that are whole bodies of answers.
func rootsOf(a *api.API) map[*schema.Shape]bool {
	roots := map[*schema.Shape]bool{}
	for _, op := range a.Operations {
		for _, r := range op.Responses {
			for _, m := range r.Media {
				if m.Schema != nil {
					roots[m.Schema.Shape()] = true
				}
			}
		}
	}
	return roots
}

// Warn tells the log of members that give tokens away by their names, and of required ones that some callers will not get:
// clients that hold answers against the description stumble there.
func (e *Exposer) Warn() {
	for _, i := range e.issuers {
		if slices.Contains(e.config.Detect, detect.Token) {
			e.log.Info(i.String(), "api", e.api.Name)
		}
	}
	told := map[string]bool{}
	e.api.EachShape(func(shape, _ *schema.Shape, _, inAnswer bool) {
		if !inAnswer {
			return
		}
		for _, c := range below(shape) {
			if c.holder != nil || !shape.Requires(c.name) {
				continue
			}
			for _, r := range e.reader.of(c.shape) {
				what := fmt.Sprintf("%s: %s: %s is required, and left out for some callers (take it off required, or add x-yett-mask)", r.where, wordVisible, c.name)
				if r.mask == LeaveOut && !told[what] {
					told[what] = true
					e.log.Warn(what, "api", e.api.Name)
				}
			}
		}
	})
}

// Edits says what becomes of the values at a place of the bodies. It is for view.NewRules.
func (e *Exposer) Edits(at view.Place) []*view.Edit {
	if at.Request || at.Undeclared {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	own, held := e.reader.of(at.Shape), e.reader.of(at.Holder)
	var all []*view.Edit
	var masks []*rule
	for _, r := range slices.Concat(own, held) {
		if r.mask != LeaveOut {
			masks = append(masks, r)
			continue
		}
		all = append(all, e.drop(r))
		if e.roots[at.Shape] {
			// Nothing holds a whole answer that could be without it. It is emptied instead.
			emptied := *r
			emptied.mask, emptied.key = Redact, r.key+" emptied"
			masks = append(masks, &emptied)
		}
	}
	all = append(all, e.masks(at, masks, len(held) == 0)...)
	if w := e.watch(at); w != nil {
		all = append(all, w)
	}
	return all
}

// drop is the edit by which a rule leaves values out.
func (e *Exposer) drop(r *rule) *view.Edit {
	return e.once("drop "+r.key, func() *view.Edit {
		return &view.Edit{Stage: view.Strip, Does: "left out", Drop: true, When: e.when(r)}
	})
}

// when asks whether a rule hides its values from who asks; nil: from everybody.
func (e *Exposer) when(r *rule) func(*exchange.Exchange) bool {
	if r.always() {
		return nil
	}
	return func(x *exchange.Exchange) bool {
		a := askerOf(x)
		hidden, failed := r.hides(&a)
		if failed != nil && e.concerns(r, x.Operation) {
			e.tally(x).fail(failed)
		}
		return hidden
	}
}

// concerns reports whether an answer of op may hold values that a rule is about. All rules of an API are asked for each
// exchange, and not all of them mean it.
func (e *Exposer) concerns(r *rule, op *api.Operation) bool {
	return op == nil || op.API != e.api || slices.Contains(e.inAnswers[op.Index], r)
}

// answered finds the rules of the answers of each operation that have conditions.
func (e *Exposer) answered() [][]*rule {
	all := make([][]*rule, len(e.api.Operations))
	for i, op := range e.api.Operations {
		for _, r := range op.Responses {
			for _, m := range r.Media {
				each(m.Schema.Shape(), func(p *schema.Shape) {
					for _, r := range e.reader.of(p) {
						if len(r.conditions) > 0 && !slices.Contains(all[i], r) {
							all[i] = append(all[i], r)
						}
					}
				})
			}
		}
	}
	return all
}

// masks are the edits by which rules mask values: one for each mask that a caller could get to see.
func (e *Exposer) masks(at view.Place, rules []*rule, own bool) []*view.Edit {
	var all []*view.Edit
	for _, mask := range outcomes(rules) {
		m := &masker{mask: mask, items: own && itemsDeclared(at.Shape)}
		key := fmt.Sprintf("mask %s %t", mask, m.items)
		field := ""
		if mask == Hash {
			field = e.fieldOf(at)
			key += " " + field
		}
		for _, r := range rules {
			key += "|" + r.key
		}
		all = append(all, e.once(key, func() *view.Edit {
			if mask == Hash {
				m.hash = newHasher(e.key, field)
			}
			return &view.Edit{Stage: view.Mask, Does: "masked", When: e.whenMask(rules, mask),
				Value: func(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
					out, changed := m.value(dst, v.Kind, v.Raw, v.Text)
					return out, changed, nil
				}}
		}))
	}
	return all
}

// outcomes returns the masks that a caller could get to see where all of rules apply, each for another set of them.
func outcomes(rules []*rule) []Mask {
	var all []Mask
	for _, r := range rules {
		if !slices.Contains(all, r.mask) {
			all = append(all, r.mask)
		}
	}
	if slices.Contains(all, Last4) && slices.Contains(all, Email) && !slices.Contains(all, Redact) {
		all = append(all, Redact)
	}
	return all
}

// whenMask asks whether what rules leave to who asks is this mask; nil: always.
func (e *Exposer) whenMask(rules []*rule, mask Mask) func(*exchange.Exchange) bool {
	if len(rules) == 1 {
		return e.when(rules[0])
	}
	whens := make([]func(*exchange.Exchange) bool, len(rules))
	for i, r := range rules {
		whens[i] = e.when(r)
	}
	return func(x *exchange.Exchange) bool {
		left, hidden := LeaveOut, false
		for i, r := range rules {
			if whens[i] != nil && !whens[i](x) {
				continue
			}
			if !hidden {
				left, hidden = r.mask, true
			} else {
				left = strictest(left, r.mask)
			}
		}
		return hidden && left == mask
	}
}

// itemsDeclared reports whether the items of an array are places of their own, at which they are masked one by one.
func itemsDeclared(p *schema.Shape) bool { return p.Item(anyItem) != nil }

// anyItem is a position behind all that have a schema of their own.
const anyItem = 1 << 30

// fieldOf names a place for good: by the file and pointer of its schema. Neither the lines above it nor the place of the
// description on the disk matter.
func (e *Exposer) fieldOf(at view.Place) string {
	var b strings.Builder
	b.WriteString(e.api.Name)
	for _, n := range []*source.Node{at.Shape.Node(), at.Holder.Node()} {
		if n != nil {
			fmt.Fprintf(&b, "\x00%s#%s", n.File.Path, n.Pointer())
		}
	}
	return b.String()
}

func (e *Exposer) once(key string, make func() *view.Edit) *view.Edit {
	made := e.edits[key]
	if made == nil {
		made = make()
		e.edits[key] = made
	}
	return made
}

// kinds returns which sensitive data a shape declares to hold: all kinds where it says who may see them, or how.
func (r *reader) kinds(shape *schema.Shape) []detect.Kind {
	for _, word := range []string{wordVisible, wordMask, wordEncrypt} {
		if len(shape.Words(word)) > 0 {
			return detect.Kinds()
		}
	}
	var all []detect.Kind
	for _, n := range shape.Words(wordContains) {
		items := n.Items
		if n.Kind != source.Sequence {
			items = []*source.Node{n}
		}
		for _, item := range items {
			kind := detect.Kind(item.Text)
			if !slices.Contains(detect.Kinds(), kind) {
				r.fail(item, "%s: %.40q is no kind of data (one of %s)", wordContains, item.Text, joined(detect.Kinds()))
				continue
			}
			all = append(all, kind)
		}
	}
	return all
}

func joined(kinds []detect.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// Handler refuses what Check refuses, and passes the rest to next, whose answers leave as the caller may see them. Every
// exchange needs an operation and its caller, so it is of use behind something that finds them.
func (e *Exposer) Handler(next http.Handler) http.Handler {
	views := e.views()
	of := func(x *exchange.Exchange) *view.View {
		if op := x.Operation; op != nil && op.API == e.api && op.Index < len(views) {
			return views.of(op)
		}
		return nil
	}
	step := func(do func(*view.View, *exchange.Exchange) error) exchange.Step {
		return func(x *exchange.Exchange) error {
			if v := of(x); v != nil {
				return do(v, x)
			}
			return noOperation()
		}
	}
	c := &exchange.Chain{
		Request:  []exchange.Link{{Practice: "expose", Step: e.Check}, {Practice: "view", Step: step((*view.View).Request)}},
		Response: []exchange.Link{{Practice: "view", Step: step((*view.View).Response)}},
	}
	if s := e.Response(); s != nil {
		c.Response = append([]exchange.Link{{Practice: "expose", Step: s}}, c.Response...)
	}
	c.Response = append(c.Response, exchange.Link{Practice: "view", Step: step((*view.View).Guard)})
	return c.Handler(next)
}

// noOperation refuses where nobody has said what the request is.
func noOperation() error {
	return &problem.Error{Status: http.StatusForbidden, Code: "no_operation", Detail: "This cannot be called.",
		Cause: errors.New("expose ran without an operation")}
}
