// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/jsonstream"
	"yett/practice"
)

func (ls *levels) checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "expose/fields",
			Asks:  "Is a field that not everybody may see kept from a key without its scope?",
			Cites: []string{"OWASP API3:2023", "ASVS 5.0 8.2.3"},
			Run:   ls.checkFields,
		},
		{
			ID:    "expose/detection",
			Asks:  "Are answers searched for sensitive data that nobody declared?",
			Cites: []string{"OWASP API3:2023", "CWE-201"},
			Run:   func(context.Context, practice.Target) practice.Finding { return ls.checkDetection() },
		},
		{
			ID:    "expose/owners",
			Asks:  "Is what belongs to somebody else refused before the service is asked?",
			Cites: []string{"OWASP API1:2023", "CWE-639"},
			Run:   ls.checkOwners,
		},
	}
}

// inOrder returns the Exposers of all APIs in the order of the configuration.
func (ls *levels) inOrder() []*Exposer {
	var all []*Exposer
	for _, a := range ls.apis {
		if e := ls.ofAPI[a]; e != nil {
			all = append(all, e)
		}
	}
	return all
}

// restricted counts the places in answers that are not for everybody.
func (e *Exposer) restricted() (places int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.api.EachShape(func(shape, holder *schema.Shape, _, inAnswer bool) {
		if inAnswer && holder == nil && len(e.reader.of(shape)) > 0 {
			places++
		}
	})
	return places
}

// maxProbes bounds how many operations one check calls.
const maxProbes = 10

// checkFields calls operations twice, and wants a field in the answer to the key with its scope alone.
func (ls *levels) checkFields(ctx context.Context, t practice.Target) practice.Finding {
	places := 0
	for _, e := range ls.inOrder() {
		places += e.restricted()
	}
	if places == 0 {
		return practice.None("no field of an answer is for some callers only (mark one with x-yett-visible)")
	}
	why := "no operation that a key opens, and that its examples can call, has such a field"
	called := 0
	for _, e := range ls.inOrder() {
		for _, op := range e.api.Operations {
			if ls.of(op) == nil || called == maxProbes {
				continue
			}
			f := ls.of(op).scoped(op)
			call, ok := callOf(op)
			if f == nil || !ok {
				continue
			}
			called++
			finding, err := compare(ctx, t, call, f, places)
			if err == nil {
				return *finding
			}
			why = err.Error()
		}
	}
	return practice.Finding{Verdict: practice.Unknown, Summary: fmt.Sprintf("%d fields are not for everybody; cannot tell whether they are kept: %s", places, why)}
}

// A scopedField is a field that a scope opens, by the names on the way to it; "" passes through an array.
type scopedField struct {
	path   string
	way    []string
	rule   *rule
	scopes []string // of all rules on the way
}

// scoped returns the first field of op's good answer in JSON that scopes alone open; nil where there is none.
func (e *Exposer) scoped(op *api.Operation) (found *scopedField) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range good(op) {
		for _, m := range r.Media {
			if m.Schema == nil || api.FormOf(m.Type) != api.JSON {
				continue
			}
			fieldsOf(m.Schema.Shape(), func(f field) bool {
				rules := e.reader.of(f.shape)
				if found != nil || len(rules) == 0 {
					return found == nil
				}
				// One rule that one scope opens; what lies below others is left for them.
				if r := rules[0]; len(rules) == 1 && f.holder == nil && f.path != "" && len(r.scopes) > 0 && len(r.conditions) == 0 {
					way := strings.Split(strings.ReplaceAll(f.path, "[]", "."), ".")
					if !slices.Contains(way, "*") {
						found = &scopedField{path: f.path, way: way, rule: r, scopes: r.scopes[:1]}
					}
				}
				return false
			})
		}
	}
	return found
}

// A call is a request that an operation's own description tells how to make, and the scheme whose key opens it.
type call struct {
	op    *api.Operation
	path  string
	use   api.Use
	param string // the field of the key
}

// callOf makes a call of a GET operation that a key in a header field opens.
func callOf(op *api.Operation) (call, bool) {
	c := call{op: op}
	if op.Method != http.MethodGet {
		return c, false
	}
	for _, req := range op.Security {
		if len(req) == 1 && req[0].Scheme.Kind == api.APIKey && req[0].Scheme.In == "header" {
			c.use, c.param = req[0], req[0].Scheme.Param
		}
	}
	path, query := op.API.BasePath+op.Path, ""
	examples := op.Examples()
	for _, p := range op.Params {
		if p.In != "path" && (!p.Required || p.Credential) {
			continue
		}
		i := slices.IndexFunc(examples, func(e api.Example) bool { return e.Parameter == p })
		var pairs []string
		ok := false
		switch {
		case i >= 0:
			pairs, ok = p.Encode(examples[i].Value)
		case p.In == "path" && p.Style == "simple":
			pairs, ok = []string{"1"}, true
		}
		switch {
		case !ok || len(pairs) == 0:
			return c, false
		case p.In == "path":
			path = strings.Replace(path, "{"+p.Name+"}", pairs[0], 1)
		case p.In == "query":
			query += "&" + strings.Join(pairs, "&")
		default:
			return c, false
		}
	}
	if c.path = path; query != "" {
		c.path += "?" + query[1:]
	}
	return c, c.param != ""
}

// as calls with a key that holds scopes besides those of the operation.
func (c call) as(ctx context.Context, t practice.Target, scopes ...string) (*practice.Result, error) {
	key, err := t.Key(ctx, append(slices.Clone(c.use.Scopes), scopes...)...)
	if err != nil {
		return nil, err
	}
	return t.Do(ctx, practice.Probe{Method: c.op.Method, Host: c.op.API.Host(), Path: c.path, Header: [][2]string{{c.param, key}}})
}

// compare calls without and with the scope. Its error says why nothing could be told.
func compare(ctx context.Context, t practice.Target, c call, f *scopedField, places int) (*practice.Finding, error) {
	bare, err := c.as(ctx, t)
	if err != nil {
		return nil, err
	}
	full, err := c.as(ctx, t, f.scopes...)
	if err != nil {
		return nil, err
	}
	if bare.Status/100 != 2 || full.Status/100 != 2 {
		return nil, fmt.Errorf("%s answered %d and %d", c.op.ID, bare.Status, full.Status)
	}
	without, with := f.values(bare.Body), f.values(full.Body)
	if len(with) == 0 {
		return nil, fmt.Errorf("%s answered without %s to the key that may see it", c.op.ID, f.path)
	}
	kept := len(without) == 0
	if f.rule.mask != LeaveOut {
		kept = !slices.ContainsFunc(without, func(v string) bool { return v != "null" && slices.Contains(with, v) })
	}
	ev := []practice.Evidence{
		{What: "fields that are not for everybody", Saw: fmt.Sprint(places)},
		{What: fmt.Sprintf("%s of %s with the scope %s", f.path, c.op.ID, strings.Join(f.scopes, " ")), Saw: fmt.Sprintf("%d values", len(with))},
		{What: "without it", Saw: saw(kept, f.rule, len(without))},
	}
	if kept {
		return &practice.Finding{Verdict: practice.Effective, Evidence: ev,
			Summary: fmt.Sprintf("%d fields are not for everybody; %s of %s was kept from a key without %s", places, f.path, c.op.ID, f.scopes[0])}, nil
	}
	return &practice.Finding{Verdict: practice.Ineffective, Evidence: ev, Fix: "take expose.off or mode: observe out of yett.yaml",
		Summary: fmt.Sprintf("%s of %s reaches a key without %s", f.path, c.op.ID, f.scopes[0])}, nil
}

func saw(kept bool, r *rule, n int) string {
	switch {
	case !kept:
		return fmt.Sprintf("%d values as they are", n)
	case r.mask != LeaveOut:
		return fmt.Sprintf("%d values masked", n)
	}
	return "nothing"
}

// values returns the JSON texts of the field in an answer.
func (f *scopedField) values(body []byte) []string {
	var doc jsonstream.Doc
	if doc.Parse(body, jsonstream.Limits{}) != nil {
		return nil
	}
	at := []jsonstream.Node{doc.Root()}
	for _, name := range f.way {
		var next []jsonstream.Node
		for _, n := range at {
			switch {
			case name != "":
				if m := doc.Member(n, name); m != jsonstream.None {
					next = append(next, m)
				}
			case doc.Kind(n) == jsonstream.Array:
				for i := doc.First(n); i != jsonstream.None; i = doc.Next(i) {
					next = append(next, i)
				}
			}
		}
		at = next
	}
	var all []string
	for _, n := range at {
		all = append(all, string(doc.Raw(n)))
	}
	return all
}

// checkDetection looks at what is searched for.
func (ls *levels) checkDetection() practice.Finding {
	var ev []practice.Evidence
	weak, settings := 0, 0
	add := func(what string, c Config) {
		settings++
		switch {
		case len(c.Detect) == 0:
			weak++
			ev = append(ev, practice.Evidence{What: what, Saw: "nothing is searched for"})
		case c.Found == FoundAlert:
			weak++
			ev = append(ev, practice.Evidence{What: what, Saw: "what is found leaves as it is"})
		default:
			ev = append(ev, practice.Evidence{What: what, Saw: c.Found + " " + joined(c.Detect)})
		}
	}
	for _, e := range ls.inOrder() {
		add(e.api.Name, e.config)
		if names := e.issuing(); len(names) > 0 {
			ev = append(ev, practice.Evidence{What: e.api.Name + " gives tokens away by the names of", Saw: strings.Join(names, ", ")})
		}
	}
	for _, a := range ls.apis {
		for _, op := range a.Operations {
			if e := ls.operations[op]; e != nil {
				add(a.Name+" "+op.ID, e.config)
			}
		}
	}
	switch {
	case settings == 0:
		return practice.None("expose is off for every API")
	case weak > 0:
		return practice.Finding{Verdict: practice.Weak, Summary: fmt.Sprintf("%d of %d settings let sensitive data leave", weak, settings),
			Fix: "set expose.found to mask, and name kinds in expose.detect", Evidence: ev}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: "answers are searched for sensitive data, and it does not leave", Evidence: ev}
}

// checkOwners asks for what belongs to somebody else: to the one of the examples.
func (ls *levels) checkOwners(ctx context.Context, t practice.Target) practice.Finding {
	ruled := 0
	var calls []call
	for _, e := range ls.inOrder() {
		for _, op := range e.api.Operations {
			o := e.owners[op.Index]
			if o == nil {
				continue
			}
			ruled++
			must := slices.ContainsFunc(o.params, func(p ownedParameter) bool { return p.Required && (p.In == "path" || p.In == "query") })
			if c, ok := callOf(op); ok && must {
				calls = append(calls, c)
			}
		}
	}
	switch {
	case ruled == 0:
		return practice.None("no parameter and no property says whose something is (mark one with x-yett-equals-claim)")
	case len(calls) == 0:
		return practice.Finding{Verdict: practice.Unknown, Summary: fmt.Sprintf("%d operations have object rules; cannot tell whether they hold: none can be called with a key and examples", ruled)}
	}
	for _, c := range calls[:min(len(calls), maxProbes)] {
		res, err := c.as(ctx, t)
		if err != nil {
			return practice.CouldNotTell(err)
		}
		refused := res.Status == http.StatusForbidden && strings.Contains(string(res.Body), `"not_yours"`) ||
			res.Status == http.StatusNotFound && strings.Contains(string(res.Body), `"not_found"`)
		if res.Reached || !refused {
			return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("%s answered %d to a key that owns nothing", c.op.ID, res.Status),
				Fix: "take expose.off or mode: observe out of yett.yaml", Evidence: []practice.Evidence{{What: c.op.Method + " " + c.path, Saw: fmt.Sprint(res.Status)}}}
		}
	}
	for _, e := range ls.inOrder() {
		if f := e.sharedClaims(); f != nil {
			return *f
		}
	}
	return practice.Finding{Verdict: practice.Effective,
		Summary: fmt.Sprintf("%d operations have object rules; %d were called by a key that owns nothing, and refused", ruled, min(len(calls), maxProbes))}
}

// sharedClaims is the finding where callers of two issuers owned something at an API, nil where not: what one of them calls
// 42 is not what the other one does.
func (e *Exposer) sharedClaims() *practice.Finding {
	first, second := e.vouchers.first.Load(), e.vouchers.second.Load()
	if second == nil || len(e.config.Issuers) > 0 {
		return nil
	}
	return &practice.Finding{Verdict: practice.Weak,
		Summary: fmt.Sprintf("%s takes the claims of two issuers for those of one: %.200q and %.200q", e.api.Name, *first, *second),
		Fix:     "name in expose.issuers those whose callers own something there"}
}
