// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
	"yett/view"
)

// A Simulation is what a caller would see of an operation's good answers.
type Simulation struct {
	Fields    []Seen `json:"fields"` // those that something is said of
	Others    int    `json:"others"` // the other fields, which everybody sees as they are
	More      bool   `json:"more,omitempty"`
	API       string `json:"api"`
	Operation string `json:"operation"`
	Declared  string `json:"declared"`         // file and line
	Off       bool   `json:"off,omitempty"`    // nothing is restricted: expose is off here
	Answer    string `json:"answer,omitempty"` // that was given, as the caller would get it
}

// A Seen is a field, and what a caller sees of it.
type Seen struct {
	Field   string `json:"field"`   // "(the whole answer)" or items[].price
	Status  string `json:"status"`  // of the answer: "200"
	SeenAs  string `json:"seen_as"` // "as it is", "masked last4", "left out"
	Because string `json:"because"`
}

// A Question is what to simulate.
type Question struct {
	Method string `json:"method"`
	Path   string `json:"path"` // a path, or a template of the description
	Host   string `json:"host"`
	// Who asks: a key, the bearer of a token with these claims, or nobody known.
	Key    *AsKey         `json:"key"`
	Claims map[string]any `json:"claims"`
	// An answer to show as the caller would get it. Without a status and a type it is the first good one described.
	Answer string `json:"answer"`
	Status int    `json:"status"`
	Type   string `json:"type"`
}

// AsKey is an API key as simulations know it.
type AsKey struct {
	ID        string   `json:"id"`
	Client    string   `json:"client"`
	Scopes    []string `json:"scopes"`
	AllScopes bool     `json:"all_scopes"`
}

// caller makes the caller that a question is about; nil is anonymous.
func (q *Question) caller() *identity.Caller {
	switch {
	case q.Key != nil:
		scopes := slices.Clone(q.Key.Scopes)
		slices.Sort(scopes)
		return &identity.Caller{Subject: q.Key.Client, Client: q.Key.Client, Key: q.Key.ID, Issuer: "yett", Scopes: scopes, AllScopes: q.Key.AllScopes}
	case q.Claims != nil:
		c := &identity.Caller{Claims: q.Claims}
		c.Subject, _ = textOf(q.Claims["sub"])
		c.Issuer, _ = textOf(q.Claims["iss"])
		for _, name := range []string{"client_id", "azp"} {
			if c.Client == "" {
				c.Client, _ = textOf(q.Claims[name])
			}
		}
		for _, name := range []string{"scope", "scp"} {
			if len(c.Scopes) == 0 {
				c.Scopes = scopesOf(q.Claims[name])
			}
		}
		if c.Subject == "" {
			c.Subject = c.Client
		}
		return c
	}
	return nil
}

// scopesOf reads scopes as tokens carry them: a text with spaces between, or a list.
func scopesOf(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = strings.Fields(v)
	case []any:
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// levels are the Exposers of one generation: of each API, and of operations that have a block of their own. All are added
// before it serves.
type levels struct {
	config     Config // of the gateway's level
	apis       []*api.API
	router     func() (*api.Router, error) // made when it is first asked for
	ofAPI      map[*api.API]*Exposer
	operations map[*api.Operation]*Exposer
}

func newLevels(apis []*api.API) *levels {
	return &levels{apis: apis, router: sync.OnceValues(func() (*api.Router, error) { return api.NewRouter(apis...) }),
		ofAPI: map[*api.API]*Exposer{}, operations: map[*api.Operation]*Exposer{}}
}

func (ls *levels) add(e *Exposer, op *api.Operation) {
	if op != nil {
		ls.operations[op] = e
		return
	}
	ls.ofAPI[e.api] = e
}

// of returns what counts for an operation; nil: expose is off for its API.
func (ls *levels) of(op *api.Operation) *Exposer {
	if e := ls.operations[op]; e != nil {
		return e
	}
	return ls.ofAPI[op.API]
}

// find returns the operation of a path, or of a template of the description, with the path's parameters.
func (ls *levels) find(method, host, path string) (*api.Operation, []api.Param, error) {
	for _, a := range ls.apis {
		for _, op := range a.Operations {
			if op.Method == method && a.BasePath+op.Path == path {
				return op, nil, nil
			}
		}
	}
	canonical, _, _, err := api.Canonical(path)
	if err != nil {
		return nil, nil, asked(http.StatusBadRequest, "path_unreadable", "The path cannot be read.")
	}
	router, err := ls.router()
	if err != nil {
		return nil, nil, err
	}
	m, params := router.Match(host, canonical, nil)
	op := m.Operation(method)
	if op == nil {
		return nil, nil, asked(http.StatusNotFound, "undeclared_path", "No operation of this method and path is declared.")
	}
	op.NameParams(params)
	return op, params, nil
}

func asked(status int, code, detail string) error {
	return &problem.Error{Status: status, Code: code, Detail: detail}
}

// simulate says what a caller would see.
func (ls *levels) simulate(q *Question) (*Simulation, error) {
	if len(ls.apis) == 0 {
		return nil, asked(http.StatusConflict, "not_serving", "No gateway runs here, so nothing is in force.")
	}
	op, params, err := ls.find(strings.ToUpper(q.Method), q.Host, q.Path)
	if err != nil {
		return nil, err
	}
	s := &Simulation{Fields: []Seen{}, API: op.API.Name, Operation: op.ID, Declared: op.Where.Where().String()}
	e := ls.of(op)
	if e == nil {
		s.Off, s.Answer = true, q.Answer
		return s, nil
	}
	x := &exchange.Exchange{Operation: op, Caller: q.caller(), Request: exchange.Request{Method: op.Method, Params: params}}
	e.table(s, x)
	if q.Answer != "" {
		if s.Answer, err = e.preview(x, q); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// good are the described answers of an operation that are no errors.
func good(op *api.Operation) []*api.Response {
	var all []*api.Response
	for _, r := range op.Responses {
		if r.Status[0] == '2' {
			all = append(all, r)
		}
	}
	return all
}

// table fills in the fields of the good answers.
func (e *Exposer) table(s *Simulation, x *exchange.Exchange) {
	a := askerOf(x)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range good(x.Operation) {
		for _, m := range r.Media {
			if m.Schema == nil {
				continue
			}
			whole := fieldsOf(m.Schema.Shape(), func(f field) bool {
				seen, enter := e.seenAs(f, &a)
				switch {
				case seen == nil && f.path != "":
					s.Others++
				case seen != nil:
					seen.Status = r.Status
					if !slices.Contains(s.Fields, *seen) {
						s.Fields = append(s.Fields, *seen)
					}
				}
				return enter
			})
			s.More = s.More || !whole
		}
	}
}

// seenAs says what who asks sees of a field; nil where nothing is said of it. enter is whether he sees what it holds.
func (e *Exposer) seenAs(f field, a *asker) (seen *Seen, enter bool) {
	own := e.reader.of(f.shape)
	if len(own) == 0 {
		return nil, true // what is said of an array stands in the array's own row
	}
	seen = &Seen{Field: f.path, SeenAs: "as it is"}
	if f.path == "" {
		seen.Field = "(the whole answer)"
	}
	var left Mask
	hidden := false
	for _, r := range slices.Concat(own, e.reader.of(f.holder)) {
		hides, failed := r.hides(a)
		why := r.because(a, hides, failed)
		switch {
		case !hides && !hidden && seen.Because == "":
			seen.Because = why
		case !hides:
		case !hidden:
			hidden, left, seen.Because = true, r.mask, why
		default:
			if strict := strictest(left, r.mask); strict != left {
				left, seen.Because = strict, why
			}
		}
	}
	switch {
	case !hidden:
		return seen, true
	case left == LeaveOut && f.path == "":
		seen.SeenAs = "emptied"
	case left == LeaveOut:
		seen.SeenAs = "left out"
	default:
		seen.SeenAs = "masked " + string(left)
	}
	return seen, false
}

// because says why a rule hides its values from who asks, or does not.
func (r *rule) because(a *asker, hides bool, failed *condition) string {
	at := " (" + r.where + ")"
	switch {
	case !r.shown:
		return "masked for everybody" + at
	case r.always():
		return "nobody is named" + at
	case !hides:
		for _, s := range r.scopes {
			if a.caller.Holds(s) {
				return "scope held: " + s + at
			}
		}
		return "the condition holds" + at
	}
	var missing []string
	if len(r.scopes) > 0 {
		missing = append(missing, "scope missing: "+strings.Join(r.scopes, " or "))
	}
	switch {
	case failed != nil:
		missing = append(missing, "what a condition asks for is not there: "+brief(failed.text))
	case len(r.conditions) > 0:
		missing = append(missing, "the condition does not hold: "+brief(r.conditions[0].text))
	}
	return strings.Join(missing, "; ") + at
}

// preview returns an answer as the caller of x would get it: of all practices, or of expose where it is alone.
func (e *Exposer) preview(x *exchange.Exchange, q *Question) (string, error) {
	status, contentType := q.Status, q.Type
	for _, r := range good(x.Operation) {
		for _, m := range r.Media {
			if status == 0 {
				if _, err := fmt.Sscanf(r.Status, "%3d", &status); err != nil {
					status = http.StatusOK // 2XX
				}
			}
			if contentType == "" {
				contentType = m.Type
			}
		}
	}
	if status == 0 || contentType == "" {
		return "", asked(http.StatusUnprocessableEntity, "no_answer", "The operation describes no good answer with a body.")
	}
	defer e.forget(x)
	v := e.whole.Of(x.Operation)
	if v == nil {
		v = e.views().of(x.Operation)
	}
	out, err := v.Preview(x, status, contentType, []byte(q.Answer))
	return string(out), err
}

// views are what becomes of the answers of an API by the edits of expose alone.
type views []*view.View

func (v views) of(op *api.Operation) *view.View { return v[op.Index] }

func (e *Exposer) newViews() views {
	rules := view.NewRules(e.api, false, e.Edits)
	all := make(views, len(e.api.Operations))
	for i, op := range e.api.Operations {
		all[i] = view.Compile(op, rules, nil, "")
	}
	return all
}
