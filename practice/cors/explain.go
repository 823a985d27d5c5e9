// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"yett/api"
)

// A table knows the policy of every operation of one generation. It is filled while the generation is built, and only
// read while it serves.
type table struct {
	apis   []*api.API
	router *api.Router
	wide   map[*api.API]*Policy
	narrow map[*api.Operation]*Policy
}

func newTable(apis []*api.API) (*table, error) {
	r, err := api.NewRouter(apis...)
	return &table{apis: apis, router: r, wide: make(map[*api.API]*Policy), narrow: make(map[*api.Operation]*Policy)}, err
}

func (t *table) put(a *api.API, op *api.Operation, p *Policy) {
	if op != nil {
		t.narrow[op] = p
	} else {
		t.wide[a] = p
	}
}

// of returns the policy of op, nil where cors is off.
func (t *table) of(op *api.Operation) *Policy {
	if p := t.narrow[op]; p != nil {
		return p
	}
	return t.wide[op.API]
}

// An Explanation says what a browser gets for a page of Origin that asks for Method and Path.
type Explanation struct {
	Origin    string   `json:"origin"`
	Method    string   `json:"method"`
	Path      string   `json:"path"`
	API       string   `json:"api,omitempty"`
	Operation string   `json:"operation,omitempty"`
	Origins   []string `json:"origins"`   // those that are listed
	Answers   Verdict  `json:"answers"`   // does the page read them?
	Preflight Verdict  `json:"preflight"` // is leave given for what needs it?
	Cookies   Verdict  `json:"cookies"`   // may the page use its visitor's?
	// Methods and Headers are what the answer to a preflight allows.
	Methods []string `json:"methods,omitempty"`
	Headers []string `json:"headers,omitempty"`
}

// A Verdict is one answer, its reason and a way on.
type Verdict struct {
	OK   bool   `json:"ok"`
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
}

// explain takes a concrete path, or a template of the description.
func (t *table) explain(origin, method, host, path string) (*Explanation, error) {
	e := &Explanation{Origin: origin, Method: method, Path: path, Origins: []string{}}
	op, declared, err := t.find(method, host, path)
	if err != nil {
		return nil, err
	}
	if op == nil {
		nothing := Verdict{Why: "the path is not declared, so there is nothing to call", Hint: "declare it in the description"}
		e.Answers, e.Preflight, e.Cookies = nothing, nothing, nothing
		return e, nil
	}
	e.API = op.API.Name
	if declared {
		e.Operation = op.ID
	}
	p := t.of(op)
	if p == nil {
		off := Verdict{Why: "cors is off here, so the upstream's own answer decides", Hint: "take cors.off out of yett.yaml"}
		e.Answers, e.Preflight, e.Cookies = off, off, off
		return e, nil
	}
	p.explain(e, op, declared)
	return e, nil
}

// find returns the operation, or another one of the same path where the method is not declared.
func (t *table) find(method, host, path string) (op *api.Operation, declared bool, err error) {
	for _, a := range t.apis {
		for _, o := range a.Operations {
			if o.Method == method && a.BasePath+o.Path == path {
				return o, true, nil
			}
		}
	}
	canonical, _, _, err := api.Canonical(path)
	if err != nil {
		return nil, false, err
	}
	m, _ := t.router.Match(host, canonical, nil)
	if op := m.Operation(method); op != nil {
		return op, true, nil
	}
	return m.First(), false, nil
}

// explain fills in what p says of op.
func (p *Policy) explain(e *Explanation, op *api.Operation, declared bool) {
	e.Origins = append(e.Origins, p.config.Origins...)
	safe := e.Method == http.MethodGet || e.Method == http.MethodHead || e.Method == http.MethodOptions
	if p.origins[e.Origin] == "" {
		why, hint := p.unlisted(e.Origin)
		e.Answers = Verdict{Why: why + "; no page of it reads an answer", Hint: hint}
		e.Preflight = Verdict{Why: "204 that allows nothing: the browser does not send what needs leave", Hint: hint}
		e.Cookies = Verdict{Why: "a change with cookies gets 403 cross_origin_refused"}
		if safe {
			e.Cookies.Why = "the request passes, and no page reads its answer"
		}
		return
	}
	e.Answers = Verdict{OK: true, Why: "the origin is listed in cors.origins; refusals are readable, too"}
	methods, headers := p.offered(op, e.Method)
	e.Methods, e.Headers = methods, headers
	if declared {
		e.Preflight = Verdict{OK: true, Why: "204 that allows " + strings.Join(methods, ", ") + with(headers)}
	} else {
		e.Preflight = Verdict{Why: fmt.Sprintf("%s is not declared here; 204 that allows %s", e.Method, strings.Join(methods, ", ")),
			Hint: "declare the method in the description"}
	}
	switch {
	case p.config.Credentials:
		e.Cookies = Verdict{OK: true, Why: "cors.credentials is true"}
	case safe:
		e.Cookies = Verdict{Why: "cors.credentials is false: answers to requests with cookies are not readable", Hint: "set cors.credentials if its pages need them"}
	default:
		e.Cookies = Verdict{Why: "cors.credentials is false: a change with cookies gets 403 cross_origin_refused", Hint: "set cors.credentials if its pages need them"}
	}
}

func with(headers []string) string {
	if len(headers) == 0 {
		return ", and no field that needs leave"
	}
	return ", with " + strings.Join(headers, ", ")
}

// unlisted says why an origin is not among p's, and what to do.
func (p *Policy) unlisted(origin string) (why, hint string) {
	if err := judge(origin); err != nil {
		return err.Error(), ""
	}
	hint = "add it to cors.origins if its pages may read answers"
	u, err := url.Parse(origin)
	if err != nil || len(p.origins) == 0 {
		return "cors.origins is empty", hint
	}
	for _, listed := range slices.Sorted(slices.Values(p.config.Origins)) {
		l, err := url.Parse(listed)
		switch {
		case err != nil || l.Hostname() != u.Hostname():
		case l.Scheme != u.Scheme:
			return listed + " is listed, and " + u.Scheme + " is another scheme", hint
		default:
			return listed + " is listed, and another port is another origin", hint
		}
	}
	return "the origin is not in cors.origins", hint
}
