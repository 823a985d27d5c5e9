// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package minimize lets only declared, asked-for data leave.
//
// It stops members that the description does not declare for an answer, write-only properties, answers of a status or
// media type that nobody declared, and error bodies that nobody described (OWASP API3:2023, CWE-213). It does not know
// which caller may see a declared member, nor whether its value is what it should be: packages expose and validate do.
//
// A Minimizer says what becomes of an answer; package view does it, in its one pass over the body. Used alone,
// New(Defaults()).Handler(next) does both; it needs an Operation on the exchange, which a step before it finds (see
// examples/embed/minimize).
package minimize

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"yett/api"
	"yett/exchange"
	"yett/problem"
	"yett/view"
)

const name = "minimize"

// A Minimizer judges answers by their operation. It is safe for concurrent use.
type Minimizer struct {
	config     Config
	undeclared []*view.Edit // of members that are not declared
	writeOnly  []*view.Edit // of what only callers send

	rules, views sync.Map // of Handler: *api.API → *view.Rules, *api.Operation → *view.View
}

// New makes a Minimizer of a Config that Validate accepts.
func New(c Config) *Minimizer {
	undeclared := &view.Edit{Practice: name, Stage: view.Strip, Does: "removed", Drop: true}
	switch c.Undeclared {
	case Block:
		undeclared.Drop, undeclared.Does, undeclared.Value = false, "refused", block
	case Report:
		undeclared.Observe = true
	}
	return &Minimizer{
		config:     c,
		undeclared: []*view.Edit{undeclared},
		writeOnly:  []*view.Edit{{Practice: name, Stage: view.Strip, Does: "removed", Drop: true, Always: true}},
	}
}

// Edits leaves out of answers what is not declared and what is write-only.
func (m *Minimizer) Edits(at view.Place) []*view.Edit {
	switch {
	case at.Request:
		return nil
	case at.Undeclared:
		return m.undeclared
	case at.Shape.WriteOnly():
		return m.writeOnly
	}
	return nil
}

// block refuses an answer for a member that is not declared.
func block(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
	what := "a member"
	if name := v.Name(); printable(string(name)) {
		what = fmt.Sprintf("the member %q", name)
	}
	return dst, false, unfit("undeclared_member", what+" is not declared")
}

// printable reports whether a name that somebody else chose may stand in a record: it looks like the name of a member, and
// not like a value.
func printable(name string) bool {
	if name == "" || len(name) > 40 {
		return false
	}
	digits := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-':
		case c >= '0' && c <= '9':
			digits++
		default:
			return false
		}
	}
	return digits <= 4
}

// Header keeps answers to callers who are known out of every cache, unless the API has said what caches may do
// (RFC 9111 section 5.2.2.5).
func (m *Minimizer) Header(x *exchange.Exchange) {
	h := &x.Answer.Header
	if x.Caller == nil || h.Count("Cache-Control") > 0 || h.Count("Expires") > 0 {
		return
	}
	h.Set("Cache-Control", "no-store")
}

// unfit is the refusal of an answer that is not as it was declared.
func unfit(code, cause string) *problem.Error {
	return &problem.Error{Status: http.StatusBadGateway, Code: code, Replaces: true,
		Detail: "The service behind this gateway gave an answer that cannot be passed on.", Cause: errors.New(cause)}
}

// refuse refuses an answer, or only tells of it.
func (m *Minimizer) refuse(x *exchange.Exchange, p *problem.Error) error {
	note := p.Cause.Error()
	if m.config.Undeclared == Report {
		x.Report(name, exchange.Observed, p.Code, note)
		return nil
	}
	x.Note(note)
	return p
}

// Handler lets of the answers of next leave what is declared. Every exchange needs an operation, so it is of use behind
// something that routes.
func (m *Minimizer) Handler(next http.Handler) http.Handler {
	c := &exchange.Chain{
		Request: []exchange.Link{
			{Practice: name, Step: m.Request},
			{Practice: "view", Step: func(x *exchange.Exchange) error { return m.view(x.Operation).Request(x) }},
		},
		Response: []exchange.Link{
			{Practice: name, Step: m.Response},
			{Practice: "view", Step: func(x *exchange.Exchange) error { return m.view(x.Operation).Response(x) }},
		},
		Header: []func(*exchange.Exchange){m.Header},
	}
	return c.Handler(next)
}

// view is what becomes of the answers of op, made when it is first asked for.
func (m *Minimizer) view(op *api.Operation) *view.View {
	if v, ok := m.views.Load(op); ok {
		return v.(*view.View) // nothing else is put there
	}
	rules, ok := m.rules.Load(op.API)
	if !ok {
		rules, _ = m.rules.LoadOrStore(op.API, view.NewRules(op.API, false, m.Edits))
	}
	v, _ := m.views.LoadOrStore(op, view.Compile(op, rules.(*view.Rules), nil, name))
	return v.(*view.View)
}

// structured reports whether a described media type holds members that can be told apart: JSON, records and events of JSON,
// and ranges whose schema asks for a container.
func structured(m *api.Media) bool {
	if readable(m.Type) {
		return true
	}
	return strings.HasSuffix(m.Type, "/*") && m.Schema != nil && container(m.Schema.Shape())
}

// readable reports whether the pass over bodies looks into this type member by member.
func readable(mediaType string) bool {
	return mediaType == "text/json" || mediaType == "text/event-stream" || exchange.Records(mediaType) || api.FormOf(mediaType) == api.JSON
}
