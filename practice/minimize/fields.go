// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
)

// fieldsName is the query parameter with which a caller asks for some members only.
const fieldsName = "fields"

// What one fields parameter may hold.
const (
	maxPaths = 64
	maxDepth = 8
	maxName  = 64 // bytes
)

// Request takes fields off a request and notes what is asked for. The parameter is yett's own: neither validate nor the
// upstream sees it. Where the description declares such a parameter, or no answer with members, it is left as it is.
func (m *Minimizer) Request(x *exchange.Exchange) error {
	op := x.Operation
	if op == nil {
		return &problem.Error{Status: http.StatusForbidden, Code: "no_operation", Detail: "This cannot be called.",
			Cause: errors.New("minimize ran without an operation")}
	}
	if !m.config.Sparse || x.Request.Query == "" || x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead {
		return nil
	}
	rest, values := without(x.Request.Query)
	if len(values) == 0 || declaresFields(op) || !sparse(op) {
		return nil
	}
	x.Request.Query = rest
	if len(values) > 1 {
		return invalid("must not stand twice")
	}
	paths, err := parse(values[0])
	if err != nil {
		return err
	}
	if unknown := unknownOf(op, paths); len(unknown) > 0 {
		return notThere(unknown)
	}
	x.Answer.Select(paths)
	return nil
}

// without returns a query without fields, and the values that stood there, still encoded. All else keeps its bytes.
func without(query string) (rest string, values []string) {
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); isFields(name) {
			values = append(values, value)
		}
	}
	if values == nil {
		return query, nil
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return isFields(name)
	})
	return strings.Join(pairs, "&"), values
}

// isFields reads a name as validate does.
func isFields(name string) bool {
	if !strings.ContainsAny(name, "%+") {
		return name == fieldsName
	}
	plain, err := url.QueryUnescape(name)
	return err == nil && plain == fieldsName
}

// declaresFields reports whether fields is a parameter of the operation's own, by its name or as a member of an object that
// is spread over the query.
func declaresFields(op *api.Operation) bool {
	return slices.ContainsFunc(op.Params, func(p *api.Parameter) bool {
		switch {
		case p.In != "query":
			return false
		case p.Name == fieldsName:
			return true
		case p.Schema == nil || p.Style != "form" || !p.Explode:
			return false
		}
		s := p.Schema.Shape()
		if s.Types().Has(schema.String) || !s.Types().Has(schema.Object) {
			return false
		}
		_, known := s.Find([]byte(fieldsName))
		return known || s.Open()
	})
}

// good calls f with what is described of good answers, until f returns false: those of 2xx, or else the default.
func good(op *api.Operation, f func(*api.Response) bool) {
	found := false
	for _, r := range op.Responses {
		if r.Status[0] == '2' {
			found = true
			if !f(r) {
				return
			}
		}
	}
	for _, r := range op.Responses {
		if r.Status == "default" && !found {
			f(r)
		}
	}
}

// media calls f with each structured body of good answers, until f returns false.
func media(op *api.Operation, f func(*api.Media) bool) {
	good(op, func(r *api.Response) bool {
		for _, m := range r.Media {
			if structured(m) && !f(m) {
				return false
			}
		}
		return true
	})
}

// sparse reports whether a good answer has members to choose from.
func sparse(op *api.Operation) bool {
	found := false
	media(op, func(*api.Media) bool { found = true; return false })
	return found
}

// parse reads the paths that a caller asks for.
func parse(value string) ([]string, error) {
	text, err := url.QueryUnescape(value)
	if err != nil || !utf8.ValidString(text) || strings.Contains(value, ";") {
		return nil, invalid("cannot be read")
	}
	if strings.Count(text, ",") >= maxPaths {
		return nil, invalid(fmt.Sprintf("must not name more than %d members", maxPaths))
	}
	paths := strings.Split(text, ",")
	for _, p := range paths {
		if strings.Count(p, ".") >= maxDepth {
			return nil, invalid(fmt.Sprintf("must not go deeper than %d members", maxDepth))
		}
		for name := range strings.SplitSeq(p, ".") {
			if name == "" {
				return nil, invalid("must name members, separated by commas, and by dots where one lies in another")
			}
			if len(name) > maxName {
				return nil, invalid(fmt.Sprintf("must not hold a name of more than %d bytes", maxName))
			}
		}
	}
	return paths, nil
}

func invalid(detail string) error {
	return &problem.Error{Status: http.StatusBadRequest, Code: "fields_invalid", Detail: "What is asked for cannot be read.",
		Errors: []problem.Item{{Parameter: fieldsName, In: "query", Detail: detail}}, Cause: errors.New("fields " + detail)}
}

// notThere refuses paths that no answer has.
func notThere(paths []string) error {
	p := &problem.Error{Status: http.StatusBadRequest, Code: "unknown_field", Detail: "The answer has no such member.",
		Cause: fmt.Errorf("%d of the members asked for are not declared", len(paths))}
	for _, path := range paths[:min(len(paths), problem.MaxItems)] {
		it := problem.Item{Parameter: fieldsName, In: "query", Detail: "names a member that is not there", Value: path}
		if printable(strings.ReplaceAll(path, ".", "")) {
			it.Detail = path + " is not there"
		}
		p.Errors = append(p.Errors, it)
	}
	return p
}

// unknownOf returns the paths that no good answer of op has.
func unknownOf(op *api.Operation, paths []string) (unknown []string) {
	for _, p := range paths {
		found := false
		media(op, func(m *api.Media) bool {
			found = m.Schema == nil || has(m.Schema.Shape(), p)
			return !found
		})
		if !found {
			unknown = append(unknown, p)
		}
	}
	return unknown
}

// has reports whether a document of this shape may hold a value at a dotted path. Arrays are passed through; an object that
// is open takes any name.
func has(s *schema.Shape, path string) bool {
	at := []*schema.Shape{s}
	for name := range strings.SplitSeq(path, ".") {
		var next []*schema.Shape
		for i := 0; i < len(at); i++ { // items join the list while it is walked
			s := at[i]
			if !container(s) {
				continue
			}
			if s == nil || !s.Types().Has(schema.Object) && s.Item(1<<30) == nil {
				return true // nothing is said of what lies here
			}
			if s.Types().Has(schema.Array) {
				s.Each(func(child *schema.Shape, _ string, item, _ bool) {
					if item && !slices.Contains(at, child) {
						at = append(at, child)
					}
				})
			}
			if !s.Types().Has(schema.Object) {
				continue
			}
			m, known := s.Find([]byte(name))
			switch {
			case !known && !s.Open() || m.WriteOnly():
			case m == nil:
				return true
			case !slices.Contains(next, m):
				next = append(next, m)
			}
		}
		at = next
	}
	return len(at) > 0
}

// container reports whether a value of this shape may be an object or array.
func container(s *schema.Shape) bool {
	return s.Types()&(schema.Object|schema.Array) != 0
}
