// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package validate keeps requests that do not fit the description from the upstream, and tells of answers that do not fit.
//
// It stops malformed and unexpected input: parameters and bodies outside their schema, undeclared parameters and
// properties, read-only properties set by a caller (mass assignment, OWASP API3:2023), documents that two parsers read
// differently, media types nobody declared, and bodies beyond every bound (API4:2023). It does not stop values that fit
// the description and do harm all the same; a description that says "any string" lets any string through.
//
// Used alone, New(Defaults()) gives a Validator whose Check is a step; it needs an Operation on the exchange, which a step
// before it finds (see examples/embed/validate).
package validate

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
)

const name = "validate"

// A Validator judges requests by their operation, and answers. It is safe for concurrent use.
type Validator struct {
	strip, enforce bool
	size           int64
	limits         api.Limits
	scratch        sync.Pool // *api.Scratch
	observing      sync.Map  // *exchange.Exchange → *observed, until it is over
}

// New makes a Validator of a Config that Validate accepts.
func New(c Config) *Validator {
	return &Validator{
		strip:   c.ReadOnly == Strip,
		enforce: c.Responses == Enforce,
		size:    int64(c.Body),
		limits: api.Limits{JSON: jsonstream.Limits{
			Depth: c.Depth, Members: c.Members, Items: c.Items, String: int(c.String),
			// Whoever raises a bound on one container must not run into the one on all of them together.
			Values: 2 * max(c.Members, c.Items),
		}},
		scratch: sync.Pool{New: func() any { return new(api.Scratch) }},
	}
}

// Handler refuses what Check refuses, and passes the rest to next. Every exchange needs an operation, so it is of use
// behind something that routes.
func (v *Validator) Handler(next http.Handler) http.Handler {
	return exchange.Middleware(next, v.Check)
}

// Check refuses x with 400, 413, 415 or 422 where it does not fit its operation.
func (v *Validator) Check(x *exchange.Exchange) error {
	op := x.Operation
	if op == nil {
		return &problem.Error{Status: http.StatusForbidden, Code: "no_operation", Detail: "This cannot be called.",
			Cause: errors.New("validate ran without an operation")}
	}
	body := &x.Request.Body
	body.Limit, body.JSONLimits = v.size, v.limits.JSON
	if err := v.parameters(x, op); err != nil {
		return err
	}
	return v.body(x, op)
}

func (v *Validator) parameters(x *exchange.Exchange, op *api.Operation) error {
	sc, ok := v.scratch.Get().(*api.Scratch)
	if !ok {
		sc = new(api.Scratch) // cannot be: nothing else is put there
	}
	defer v.scratch.Put(sc)
	found := op.CheckParams(x.Request.Query, x.Request.Params, x.Request.Header.Values, sc)
	if len(found) == 0 {
		return nil
	}
	p := &problem.Error{Status: http.StatusBadRequest, Code: "parameter_invalid", Detail: "A parameter does not fit."}
	unknown := 0
	for _, f := range found {
		if len(p.Errors) == problem.MaxItems {
			break
		}
		it := problem.Item{Parameter: f.Parameter, In: f.In, Detail: f.Detail, Rule: f.Code, Value: f.Value, Declared: anything}
		if it.Parameter == "" {
			it.Parameter = "?" // the name itself is not fit to print
		}
		if f.Param != nil {
			it.Declared = f.Param.Name
		}
		if f.Where != nil {
			it.Where = f.Where.Where().String()
		}
		if f.Code == "unknown_parameter" {
			unknown++
		}
		p.Errors = append(p.Errors, it)
	}
	if unknown == len(p.Errors) {
		p.Code, p.Detail = "unknown_parameter", "A parameter is not known here."
	}
	note(x, len(p.Errors))
	return p
}

// body judges the body by its media type.
func (v *Validator) body(x *exchange.Exchange, op *api.Operation) error {
	body := &x.Request.Body
	if op.Body == nil || len(op.Body.Media) == 0 {
		return unexpected(body)
	}
	if body.Length == 0 {
		return missing(op.Body)
	}
	if body.Length > body.Limit {
		// Refused by the declared length alone, also where it would stream: the upstream never sees a part of it.
		_, err := body.Bytes()
		return err
	}
	contentType, typed := x.Request.Header.Lookup("Content-Type")
	media, ok := op.Body.For(contentType)
	if !ok || typed && !legible(contentType) || !readsAs(media, contentType) {
		return wrongType(body, op.Body)
	}
	if api.FormOf(contentType) == api.Opaque {
		return opaque(x)
	}
	doc, err := body.Decode(func(data []byte, doc *jsonstream.Doc) error {
		if len(data) == 0 {
			return errEmpty
		}
		return readable(media.Decode(contentType, data, doc, v.limits), op.Body)
	})
	if errors.Is(err, errEmpty) {
		return missing(op.Body)
	}
	if err != nil || media.Schema == nil {
		return err
	}
	if !v.strip || api.FormOf(contentType) != api.JSON {
		return judge(x, media, doc, &refusing)
	}
	if err := judge(x, media, doc, &stripping); err != nil {
		return err
	}
	strip(x, media.Schema.Shape(), doc)
	return nil
}

// Read-only members can be taken out of JSON alone: in a form they are refused whatever the configuration says.
var (
	refusing  = schema.Check{Direction: schema.Request, Closed: true, Max: problem.MaxItems}
	stripping = schema.Check{Direction: schema.Request, Closed: true, Max: problem.MaxItems, ReadOnly: schema.Ignore}
)

// legible reports whether a Content-Type has one reading. One that gives its charset twice, say, is JSON to the upstream
// and must not be a stream of bytes to us.
func legible(contentType string) bool {
	if api.FormOf(contentType) != api.Opaque {
		return true
	}
	// Decode looks at nothing but the type of what it does not read.
	return new(api.Media).Decode(contentType, nil, new(jsonstream.Doc), api.Limits{}) == nil
}

// readsAs reports whether a body of this type can be judged by what describes it. A type that is described by its own
// name streams unread. Under a range (*/*, application/*) that asks for an object, say, it would only be a way round
// the schema.
func readsAs(m *api.Media, contentType string) bool {
	return m.Schema == nil || api.FormOf(contentType) != api.Opaque || !strings.HasSuffix(m.Type, "/*") ||
		m.Schema.Shape().Types().Has(schema.String)
}

// opaque lets a body stream to the upstream within the limit. A compressed one is inflated first, because the limit is
// on what comes out.
func opaque(x *exchange.Exchange) error {
	if coding, ok := x.Request.Header.Lookup("Content-Encoding"); !ok || strings.EqualFold(coding, "identity") {
		return nil
	}
	_, err := x.Request.Body.Bytes()
	return err
}

// errEmpty is the reading of a body of unknown length that turned out to hold nothing.
var errEmpty = &problem.Error{Status: http.StatusBadRequest, Code: "body_missing"}

// missing refuses a request without a body where one is required.
func missing(b *api.Body) error {
	if !b.Required {
		return nil
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_missing", Detail: "This needs a body.",
		Errors: []problem.Item{{Detail: "is required", Where: b.Where.Where().String(), Rule: "required"}}}
}

// unexpected refuses a body where none is described. One of unknown length may still turn out to be empty.
func unexpected(body *exchange.Body) error {
	if empty, err := isEmpty(body); empty || err != nil {
		return err
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_unexpected", Detail: "This takes no body."}
}

// wrongType tells a body of a type that is not taken from one of unknown length that holds nothing.
func wrongType(body *exchange.Body, b *api.Body) error {
	empty, err := isEmpty(body)
	if err != nil {
		return err
	}
	if empty {
		return missing(b)
	}
	return unsupported("media_type", "The body is of a type that is not taken here.", b)
}

// isEmpty reads a body only where its length is not known.
func isEmpty(body *exchange.Body) (bool, error) {
	if body.Length >= 0 {
		return body.Length == 0, nil
	}
	data, err := body.Bytes()
	return len(data) == 0 && err == nil, err
}

// unsupported is a 415 that says what is taken (RFC 9110 section 15.5.16).
func unsupported(code, detail string, b *api.Body) error {
	types := make([]string, len(b.Media))
	for i, m := range b.Media {
		types[i] = m.Type
	}
	return &problem.Error{Status: http.StatusUnsupportedMediaType, Code: code, Detail: detail,
		Header: []problem.Field{{Name: "Accept", Value: strings.Join(types, ", ")}}}
}

// readable turns what Decode says into a refusal; syntax errors of JSON are turned by the exchange itself.
func readable(err error, b *api.Body) error {
	e, ok := errors.AsType[*api.BodyError](err)
	if !ok {
		return err
	}
	if e.Unsupported() {
		return unsupported(e.Code, e.Detail, b)
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body cannot be read.", Cause: e,
		Errors: []problem.Item{{Pointer: e.Pointer, Declared: e.Pointer, Detail: e.Detail, Rule: e.Code}}}
}

// judge holds the document against its schema.
func judge(x *exchange.Exchange, media *api.Media, doc *jsonstream.Doc, check *schema.Check) error {
	found := media.Schema.Check(doc, doc.Root(), check)
	if len(found) == 0 {
		return nil
	}
	p := &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The body does not fit.",
		Errors: make([]problem.Item, 0, len(found))}
	for _, f := range found {
		it := problem.Item{Pointer: f.Pointer, Detail: f.Detail, Rule: f.Keyword, Value: f.Value, Declared: declared(media.Schema.Shape(), doc, f.Pointer)}
		if f.Where != nil {
			it.Where = f.Where.Where().String()
		}
		p.Errors = append(p.Errors, it)
	}
	p.Cause = fmt.Errorf("%s %s", cmp.Or(found[0].Pointer, "the body"), found[0].Detail)
	note(x, len(found))
	return p
}

func note(x *exchange.Exchange, n int) {
	if n == 1 {
		x.Note("1 finding")
		return
	}
	x.Note(strconv.Itoa(n) + " findings")
}
