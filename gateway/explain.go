// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/config"
	"yett/problem"
)

// An Explanation says what a request of one method and path would meet.
type Explanation struct {
	Method    string   `json:"method"`
	Path      string   `json:"path"`
	Operation string   `json:"operation,omitempty"`
	API       string   `json:"api,omitempty"`
	Declared  string   `json:"declared,omitempty"` // file and line
	Upstream  string   `json:"upstream,omitempty"`
	Status    int      `json:"status,omitempty"` // of the refusal, where nothing is declared
	Reason    string   `json:"reason,omitempty"`
	Security  []string `json:"security,omitempty"`
	Public    string   `json:"public,omitempty"`
	Steps     []Step   `json:"steps,omitempty"`
	Nearest   []string `json:"nearest,omitempty"`
}

// A Step is a practice in the chain of an operation.
type Step struct {
	Practice string         `json:"practice"`
	On       string         `json:"on"`   // edge, request, response or header
	Mode     string         `json:"mode"` // enforce, observe or off
	Off      string         `json:"off,omitempty"`
	Values   []config.Layer `json:"values,omitempty"`
}

func (g *Gateway) explainRoute(w http.ResponseWriter, r *http.Request) {
	method, path := strings.ToUpper(r.FormValue("method")), r.FormValue("path")
	e, err := g.Explain(method, r.FormValue("host"), path)
	if err != nil {
		_ = problem.Write(w, "about:blank", &problem.Error{Status: http.StatusBadRequest, Code: "path_unreadable", Detail: err.Error()})
		return
	}
	answerJSON(w, e)
}

// Explain says what a request would meet on its way. path is a concrete path, or a template of the description.
func (g *Gateway) Explain(method, host, path string) (*Explanation, error) {
	gen := g.gen.Load()
	e := &Explanation{Method: method, Path: path}
	op := gen.find(method, path)
	if op == nil {
		canonical, _, doubt, err := api.Canonical(path)
		if err != nil {
			return nil, err
		}
		m, _ := gen.router.Match(host, canonical, nil)
		if op = m.Operation(method); op == nil {
			e.Status, e.Reason = http.StatusNotFound, "undeclared_path"
			if doubt != 0 {
				e.Status, e.Reason = http.StatusBadRequest, "ambiguous_path"
			} else if m.Path != "" {
				e.Status, e.Reason = http.StatusMethodNotAllowed, "undeclared_method"
			}
			e.Nearest = gen.nearest(path)
			return e, nil
		}
	}
	gen.describe(e, op)
	return e, nil
}

// find returns the operation whose template is path, to the letter.
func (gen *generation) find(method, path string) *api.Operation {
	for _, a := range gen.apis {
		for _, op := range a.Operations {
			if op.Method == method && a.BasePath+op.Path == path {
				return op
			}
		}
	}
	return nil
}

func (gen *generation) describe(e *Explanation, op *api.Operation) {
	e.Operation, e.API, e.Declared, e.Public = op.ID, op.API.Name, op.Where.Where().String(), op.Public
	for _, c := range gen.file.APIs {
		if c.Name == op.API.Name {
			e.Upstream = c.Upstream
		}
	}
	for _, req := range op.Security {
		var parts []string
		for _, use := range req {
			parts = append(parts, strings.Join(append([]string{use.Scheme.Kind.String()}, use.Scopes...), " "))
		}
		e.Security = append(e.Security, strings.Join(parts, " and "))
	}
	at := func(on string, order []string) {
		for _, name := range order {
			for i, p := range Practices() {
				if p.Name != name {
					continue
				}
				s := gen.settings[op][i]
				step := Step{Practice: name, On: on, Mode: "enforce", Off: s.Off, Values: s.Layers}
				if s.Off != "" {
					step.Mode = "off"
				} else if s.Observe {
					step.Mode = "observe"
				}
				e.Steps = append(e.Steps, step)
			}
		}
	}
	at("edge", edgeOrder)
	at("request", requestOrder)
	at("response", slices.Concat(responseOrder, []string{"encrypt"}, behindView))
	at("header", headerOrder)
}

// nearest returns up to three declared paths that begin like path.
func (gen *generation) nearest(path string) []string {
	best, common := []string(nil), 1
	for _, a := range gen.apis {
		for _, op := range a.Operations {
			full := op.Method + " " + a.BasePath + op.Path
			n := commonPrefix(path, a.BasePath+op.Path)
			if n > common {
				best, common = nil, n
			}
			if n == common && len(best) < 3 {
				best = append(best, full)
			}
		}
	}
	return best
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
