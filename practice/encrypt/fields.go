// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"yett/alert"
	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// FieldOptions are what a program supplies.
type FieldOptions struct {
	Vault  *Vault
	Alerts *alert.Board // told of values that do not open; nil: nobody is
	Log    *slog.Logger // told of words that have no effect, or half of it; nil: silent
	counts *counts
	alarm  *alarm
}

// Fields are the fields of one API's own data that are sealed on the way to the upstream and opened on the way back, as
// x-yett-encrypt in its description says. They are safe for concurrent use.
type Fields struct {
	api    *api.API
	keys   [len(modeNames)]*class // by mode; nil where no field has it
	plan   *plan
	rules  *view.Rules // of request bodies
	counts *counts
	alarm  *alarm

	mu    sync.Mutex
	edits map[editKey]*view.Edit
}

// An editKey is what makes one edit different from another.
type editKey struct {
	spot
	request, list bool
}

// NewFields reads what the description of a says of sealing, and makes the keys of its fields on the first call ever. It is
// nil where the description does not say anything.
func NewFields(ctx context.Context, a *api.API, o FieldOptions) (*Fields, error) {
	if o.Vault == nil {
		return nil, errors.New("encrypt: there are no keys for the fields of an API")
	}
	p, err := read(a)
	if p == nil || err != nil {
		return nil, err
	}
	f := &Fields{api: a, plan: p, counts: o.counts, alarm: o.alarm, edits: make(map[editKey]*view.Edit)}
	if f.counts == nil {
		f.counts, f.alarm = new(counts), &alarm{board: o.Alerts, now: o.Vault.now}
	}
	for m := range f.keys {
		if f.keys[m], err = o.Vault.fieldClass(ctx, a.Name, Mode(m), p.uses[m]); err != nil { // #nosec G115 -- there are two
			return nil, err
		}
	}
	if o.Log != nil {
		for _, w := range p.warnings {
			o.Log.Warn(w.String())
		}
	}
	for op := range p.operations {
		for i := range p.operations[op].searches {
			s := &p.operations[op].searches[i]
			s.field = f.field(s.spot, false)
		}
	}
	f.rules = view.NewRules(a, true, f.Edits)
	return f, nil
}

// className is the class of an API's fields of one mode.
func className(api string, m Mode) string { return "fields/" + api + "/" + m.String() }

// fieldClass returns the class of the fields of an API. Where none of them has the mode now, it is that of values from
// before, or nil.
func (v *Vault) fieldClass(ctx context.Context, api string, m Mode, used bool) (*class, error) {
	name := className(api, m)
	if !used && v.named(name) == nil {
		return nil, nil
	}
	return v.class(ctx, name, m)
}

// field returns what seals and opens the values at s.
func (f *Fields) field(s spot, list bool) *field {
	return &field{spot: s, api: f.api.Name, place: s.bound(f.api.Name), keys: f.keys[s.mode], other: f.keys[1-s.mode], list: list,
		count: f.counts, alarm: f.alarm}
}

// Edits says what becomes of the values at a place: in requests they are sealed, in answers opened. The same place has the
// same edit.
func (f *Fields) Edits(at view.Place) []*view.Edit {
	s, err := spotOf(f.api, at)
	if s == nil || err != nil {
		return nil // what is wrong with a description stopped the start
	}
	list := at.Holder == nil && at.Shape.Types().Has(schema.Array)
	if list && !at.Request && !at.Shape.Types().Has(schema.String) {
		return nil // its items are opened, one by one: no array need be held for it
	}
	key := editKey{*s, at.Request, list}
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.edits[key]
	if e == nil {
		own := f.field(*s, list)
		e = &view.Edit{Practice: "encrypt", Stage: view.Open, Does: "opened", Value: own.openValue}
		if at.Request {
			e = &view.Edit{Practice: "encrypt", Stage: view.Seal, Does: "sealed", Value: own.sealValue}
		}
		f.edits[key] = e
	}
	return []*view.Edit{e}
}

// Request seals the query and the body of a request. It is the last step before the upstream: those before it judge what
// the caller sent.
func (f *Fields) Request(x *exchange.Exchange) error {
	if x.Operation == nil {
		return nil
	}
	p := f.plan.operations[x.Operation]
	if p == nil {
		return nil
	}
	if len(p.searches) > 0 {
		query, changed, err := p.searches.seal(x.Request.Query)
		if err != nil {
			return err
		}
		if changed {
			x.Request.Query = query
		}
	}
	if len(p.media) == 0 {
		return nil
	}
	return f.body(x, p)
}

// body seals the body of a request. One that is of no type which is described cannot be seen into, so it is not passed on:
// validate has refused it already, unless it is off or observes.
func (f *Fields) body(x *exchange.Exchange, p *operation) error {
	body := &x.Request.Body
	if body.Length == 0 {
		return nil
	}
	contentType := x.Request.Header.Get("Content-Type")
	media, ok := x.Operation.Body.For(contentType)
	if ok && !p.media[media] {
		return nil
	}
	if !ok || api.FormOf(contentType) != api.JSON {
		if data, err := body.Bytes(); len(data) == 0 || err != nil {
			return err
		}
		return &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "not_sealable", Detail: "The body is of a type that is not taken here.",
			Cause: errors.New("its values are to be sealed, and only JSON can be")}
	}
	if data, err := body.Bytes(); len(data) == 0 || err != nil {
		return err
	}
	doc, err := body.JSON()
	if err != nil {
		return err
	}
	data, changed, err := seal(x, doc, media, f.rules)
	if changed && err == nil {
		body.Replace(data)
	}
	return err
}
