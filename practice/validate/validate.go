// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package validate keeps requests that do not fit the description from the upstream.
//
// It stops malformed and unexpected input: parameters and bodies outside their schema, undeclared parameters and
// properties, read-only properties set by a caller (mass assignment, OWASP API3:2023), documents that two parsers read
// differently, media types nobody declared, and bodies beyond every bound (API4:2023). It does not stop values that fit
// the description and do harm all the same; a description that says "any string" lets any string through.
//
// Used alone, New(Config{…}) gives a Validator whose Check is a step; it needs an Operation on the exchange.
package validate

import (
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

// A Validator judges requests by their operation. It is safe for concurrent use.
type Validator struct {
	config Config
	check  schema.Check
	limits api.Limits
	scrap  sync.Pool // *scratch
}

// scratch is what one check needs and the next can use again.
type scratch struct {
	params api.Scratch
	header func(string) []string
}

// New makes a Validator.
func New(c Config) *Validator {
	v := &Validator{
		config: c,
		check:  schema.Check{Direction: schema.Request, Closed: true, Max: problem.MaxItems},
		limits: api.Limits{JSON: jsonstream.Limits{Depth: c.Depth, Members: c.Members, Items: c.Items, String: int(c.String)}},
	}
	if c.ReadOnly == Strip {
		v.check.ReadOnly = schema.Ignore
	}
	v.scrap.New = func() any { return new(scratch) }
	return v
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
	body.Limit, body.JSONLimits = int64(v.config.Body), v.limits.JSON
	if err := v.parameters(x, op); err != nil {
		return err
	}
	return v.body(x, op)
}

func (v *Validator) parameters(x *exchange.Exchange, op *api.Operation) error {
	sc, _ := v.scrap.Get().(*scratch)
	defer v.scrap.Put(sc)
	found := op.CheckParams(x.Request.Query, x.Request.Params, x.Request.Header.Values, &sc.params)
	if len(found) == 0 {
		return nil
	}
	p := &problem.Error{Status: http.StatusBadRequest, Code: "parameter_invalid", Detail: "A parameter does not fit."}
	unknown := 0
	for _, f := range found {
		if len(p.Errors) == problem.MaxItems {
			break
		}
		it := problem.Item{Parameter: f.Parameter, In: f.In, Detail: f.Detail, Rule: f.Code}
		if it.Parameter == "" {
			it.Parameter = "?" // the name itself is not fit to print
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
	if body.Length == 0 {
		if op.Body != nil && op.Body.Required {
			return &problem.Error{Status: http.StatusBadRequest, Code: "body_missing", Detail: "This needs a body.",
				Errors: []problem.Item{{Detail: "is required", Where: op.Body.Where.Where().String(), Rule: "required"}}}
		}
		return nil
	}
	if op.Body == nil || len(op.Body.Media) == 0 {
		return v.unexpected(body)
	}
	contentType := x.Request.Header.Get("Content-Type")
	media, ok := op.Body.For(contentType)
	if !ok {
		return v.missingOrUnsupported(body, op.Body)
	}
	if api.FormOf(contentType) == api.Opaque {
		return nil // not read here: it streams to the upstream within the limit
	}
	doc, err := body.Decode(func(data []byte, doc *jsonstream.Doc) error {
		if len(data) == 0 {
			return errEmpty
		}
		return readable(media.Decode(contentType, data, doc, v.limits), op.Body)
	})
	if errors.Is(err, errEmpty) {
		if !op.Body.Required {
			return nil
		}
		return &problem.Error{Status: http.StatusBadRequest, Code: "body_missing", Detail: "This needs a body."}
	}
	if err != nil {
		return err
	}
	if media.Schema == nil {
		return nil
	}
	if err := v.judge(x, media, doc); err != nil {
		return err
	}
	if v.config.ReadOnly == Strip && api.FormOf(contentType) == api.JSON {
		return strip(body, media.Schema.Shape(), doc)
	}
	return nil
}

// errEmpty is the reading of a body of unknown length that turned out to hold nothing.
var errEmpty = &problem.Error{Status: http.StatusBadRequest, Code: "body_missing", Detail: "This needs a body."}

// unexpected refuses a body where none is described. One of unknown length may still turn out to be empty.
func (v *Validator) unexpected(body *exchange.Body) error {
	if body.Length < 0 {
		data, err := body.Bytes()
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return nil
		}
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_unexpected", Detail: "This takes no body."}
}

// missingOrUnsupported tells a body of an undeclared type from one of unknown length that holds nothing.
func (v *Validator) missingOrUnsupported(body *exchange.Body, b *api.Body) error {
	if body.Length < 0 && !b.Required {
		data, err := body.Bytes()
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return nil
		}
	}
	return unsupported("media_type", "The body is of a type that is not taken here.", b)
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
		Errors: []problem.Item{{Pointer: e.Pointer, Detail: e.Detail, Rule: e.Code}}}
}

// judge holds the document against its schema.
func (v *Validator) judge(x *exchange.Exchange, media *api.Media, doc *jsonstream.Doc) error {
	found := media.Schema.Check(doc, doc.Root(), &v.check)
	if len(found) == 0 {
		return nil
	}
	p := &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The body does not fit.",
		Errors: make([]problem.Item, 0, len(found))}
	for _, f := range found {
		it := problem.Item{Pointer: f.Pointer, Detail: f.Detail, Rule: f.Keyword}
		if f.Where != nil {
			it.Where = f.Where.Where().String()
		}
		p.Errors = append(p.Errors, it)
	}
	p.Cause = fmt.Errorf("%s %s", or(found[0].Pointer, "the body"), found[0].Detail)
	note(x, len(found))
	return p
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func note(x *exchange.Exchange, n int) {
	if n == 1 {
		x.Note("1 finding")
		return
	}
	x.Note(strconv.Itoa(n) + " findings")
}
