// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/jsonstream"
	"yett/practice"
)

func checks(l *levels) []practice.Check {
	return []practice.Check{
		{
			ID:    "minimize/described",
			Asks:  "Does the description say of every answer which members it has?",
			Cites: []string{"OWASP API3:2023", "CWE-213"},
			Run: func(_ context.Context, t practice.Target) practice.Finding {
				return fromDescription(t.APIs(), l)
			},
		},
		{
			ID:    "minimize/answers",
			Asks:  "Does a live answer hold declared members only, and does no cache keep it?",
			Cites: []string{"OWASP API3:2023", "RFC 9111 section 5.2.2.5"},
			Run:   fromAnswers,
		},
		{
			ID:    "minimize/unknown-field",
			Asks:  "Is a member that no answer declares refused where a caller asks for it?",
			Cites: []string{"OWASP API3:2023"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				return fromFields(ctx, t, l)
			},
		},
	}
}

// maxEvidence bounds what one finding lists.
const maxEvidence = 10

// fromDescription counts the operations whose answers are not bounded by the description.
func fromDescription(apis []*api.API, l *levels) practice.Finding {
	all, loose, reporting := 0, 0, 0
	var evidence []practice.Evidence
	for _, a := range apis {
		for _, op := range a.Operations {
			c, on := l.of(op)
			if !on || op.WebSocket {
				continue
			}
			all++
			why := looseness(op)
			if why != "" {
				loose++
			} else if c.Undeclared == Report {
				reporting++
				why = "what is not declared is only reported"
			}
			if why != "" && len(evidence) < maxEvidence {
				evidence = append(evidence, practice.Evidence{What: a.Name + ": " + op.ID, Saw: why})
			}
		}
	}
	switch {
	case all == 0:
		return practice.None("minimize is on at no operation")
	case loose > 0:
		return practice.Finding{Verdict: practice.Weak, Evidence: evidence,
			Summary: fmt.Sprintf("%d of %d operations declare an answer that may hold anything, that is not looked into, or none at all", loose, all),
			Fix:     "describe these answers in JSON, and list the properties of their objects"}
	case reporting > 0:
		return practice.Finding{Verdict: practice.Weak, Evidence: evidence,
			Summary: fmt.Sprintf("%d of %d operations only report what is not declared", reporting, all),
			Fix:     "set minimize.undeclared to strip"}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("the answers of %d operations are declared to the last member", all)}
}

// looseness says what of op's good answers is not bounded; "" if all is.
func looseness(op *api.Operation) string {
	any, why := false, ""
	good(op, func(r *api.Response) bool {
		any = true
		for _, m := range r.Media {
			switch {
			case unseen(m):
				why = m.Type + " is not looked into, " + m.Where.Where().String()
			case !readable(m.Type) && !strings.HasSuffix(m.Type, "/*"):
				// What has no members holds none that are not declared.
			case m.Schema == nil:
				why = m.Type + " without a schema, " + m.Where.Where().String()
			default:
				if s := openBelow(m.Schema.Shape()); s != nil {
					why = "anything may stand at " + s.Node().Where().String()
				}
			}
		}
		return why == ""
	})
	if !any {
		return "no good answer is declared, so every one is refused"
	}
	return why
}

// openBelow finds a place at or below s of which nothing is said; nil: there is none.
func openBelow(s *schema.Shape) *schema.Shape {
	seen := []*schema.Shape{s}
	known := map[*schema.Shape]bool{s: true}
	for i := 0; i < len(seen); i++ {
		s := seen[i]
		if silent(s) {
			return s
		}
		s.Each(func(child *schema.Shape, _ string, _, _ bool) {
			if !known[child] {
				known[child] = true
				seen = append(seen, child)
			}
		})
	}
	return nil
}

// silent reports whether nothing is said of what a container of this shape holds.
func silent(s *schema.Shape) bool {
	if !s.Types().Has(schema.Object) {
		return s.Types().Has(schema.Array) && s.Item(1<<30) == nil
	}
	below := 0
	s.Each(func(_ *schema.Shape, _ string, item, _ bool) {
		if !item {
			below++
		}
	})
	return s.Open() && below == 0
}

var template = regexp.MustCompile(`\{[^}]*\}`)

// maxProbes bounds how many operations one check asks.
const maxProbes = 20

// ask sends probes to the operations that read and that a key, or nobody's, opens, until f says that it is enough.
func ask(ctx context.Context, t practice.Target, wanted func(*api.Operation) (query string, ok bool),
	f func(op *api.Operation, known bool, res *practice.Result) *practice.Finding) practice.Finding {
	asked := 0
	for _, a := range t.APIs() {
		for _, op := range a.Operations {
			if op.Method != http.MethodGet || op.WebSocket || asked == maxProbes {
				continue
			}
			query, ok := wanted(op)
			if !ok {
				continue
			}
			field, key, err := credential(ctx, t, op)
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if key == "" && op.Public == "" {
				continue // no key opens it, so the probe would stop at authn
			}
			p := practice.Probe{Method: op.Method, Path: a.BasePath + template.ReplaceAllString(op.Path, "1") + query, Host: a.Host()}
			if key != "" {
				p.Header = append(p.Header, [2]string{field, key})
			}
			res, err := t.Do(ctx, p)
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if !res.Reached && (res.Status == http.StatusNotFound || res.Status == http.StatusTooManyRequests) {
				continue // closed for everybody, see inventory; or asked too often
			}
			if found := f(op, key != "", res); found != nil {
				return *found
			}
			asked++
		}
	}
	if asked == 0 {
		return practice.None("no operation that a key opens, and that can be asked without knowing its data, answers with members")
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d operations asked, and nothing to complain of", asked)}
}

// fromFields asks for a member that is not there. What an open answer holds cannot be known, so it is not asked.
func fromFields(ctx context.Context, t practice.Target, l *levels) practice.Finding {
	const probe = "yett_probe"
	return ask(ctx, t, func(op *api.Operation) (string, bool) {
		c, on := l.of(op)
		return "?fields=" + probe, on && c.Sparse && sparse(op) && !declaresFields(op) && len(unknownOf(op, []string{probe})) > 0
	}, func(op *api.Operation, _ bool, res *practice.Result) *practice.Finding {
		if !res.Reached && res.Status == http.StatusBadRequest {
			return nil
		}
		return &practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("%s answered %d to a probe for a member that it does not declare", op.ID, res.Status),
			Fix: "set minimize.mode to enforce", Evidence: []practice.Evidence{{What: "GET " + op.Path + "?fields=" + probe, Saw: fmt.Sprint(res.Status)}}}
	})
}

// fromAnswers reads real answers, of operations that need nothing but a key. What it keeps of them is names.
func fromAnswers(ctx context.Context, t practice.Target) practice.Finding {
	return ask(ctx, t, func(op *api.Operation) (string, bool) {
		needs := slices.ContainsFunc(op.Params, func(p *api.Parameter) bool { return p.Required && !p.Credential })
		return "", !needs && onlyJSON(op)
	}, func(op *api.Operation, known bool, res *practice.Result) *practice.Finding {
		if res.Status < 200 || res.Status > 299 {
			return nil // what an error may hold is the same question, and no data is in it
		}
		if s := shapeOf(op, res); s != nil {
			if at := undeclared(s, res.Body); at != "" {
				return &practice.Finding{Verdict: practice.Ineffective, Summary: op.ID + " answered with a member that it does not declare",
					Fix: "set minimize.mode to enforce, and undeclared to strip", Evidence: []practice.Evidence{{What: "GET " + op.Path, Saw: at}}}
			}
		}
		if known && res.Get("Cache-Control") == "" && res.Get("Expires") == "" {
			return &practice.Finding{Verdict: practice.Ineffective, Summary: op.ID + " answered a known caller and told no cache to leave it",
				Fix: "remove minimize.off", Evidence: []practice.Evidence{{What: "GET " + op.Path, Saw: "no Cache-Control"}}}
		}
		return nil
	})
}

// onlyJSON reports whether all good answers are JSON documents, which have an end.
func onlyJSON(op *api.Operation) bool {
	any, all := false, true
	good(op, func(r *api.Response) bool {
		for _, m := range r.Media {
			any = true
			all = all && api.FormOf(m.Type) == api.JSON
		}
		return all
	})
	return any && all
}

// shapeOf is what is declared of an answer; nil where nothing is.
func shapeOf(op *api.Operation, res *practice.Result) *schema.Shape {
	m, ok := op.Response(res.Status).For(res.Get("Content-Type"))
	if !ok || m.Schema == nil {
		return nil
	}
	return m.Schema.Shape()
}

// undeclared names the place of a member that s does not declare, or that is write-only; "" where there is none, or where
// the body was cut and cannot be read.
func undeclared(s *schema.Shape, body []byte) string {
	var doc jsonstream.Doc
	if doc.Parse(body, jsonstream.Limits{}) != nil {
		return ""
	}
	n := surplus(s, &doc, doc.Root())
	if n == jsonstream.None {
		return ""
	}
	names := strings.Split(string(doc.AppendPointer(nil, n)), "/")
	for i, name := range names {
		if name != "" && !printable(name) {
			names[i] = "?"
		}
	}
	return strings.Join(names, "/")
}

func surplus(s *schema.Shape, doc *jsonstream.Doc, n jsonstream.Node) jsonstream.Node {
	if s == nil {
		return jsonstream.None
	}
	i := 0
	for c := doc.First(n); c != jsonstream.None; c = doc.Next(c) {
		child := s.Item(i)
		if doc.Kind(n) == jsonstream.Object {
			known := false
			if child, known = s.Find(doc.Name(c)); !known && !s.Open() || child.WriteOnly() {
				return c
			}
		}
		i++
		if at := surplus(child, doc, c); at != jsonstream.None {
			return at
		}
	}
	return jsonstream.None
}

// credential makes a key for op and says in which field it goes, both empty where no key alone opens it.
func credential(ctx context.Context, t practice.Target, op *api.Operation) (field, key string, err error) {
	for _, req := range op.Security {
		if len(req) == 1 && req[0].Scheme.Kind == api.APIKey && req[0].Scheme.In == "header" {
			key, err = t.Key(ctx, req[0].Scopes...)
			return req[0].Scheme.Param, key, err
		}
	}
	return "", "", nil
}
