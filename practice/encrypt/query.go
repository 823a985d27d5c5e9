// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"yett/problem"
)

// A search is a query parameter that is compared with sealed values.
type search struct {
	name    string
	spot    spot
	field   *field
	list    bool
	explode bool // each item of the list stands in a pair of its own
	empty   bool // it may stand without a value
}

// searches are those of one operation.
type searches []search

// seal returns a query with the values of the searches sealed, every other byte as it was, and whether there were any.
func (all searches) seal(query string) (string, bool, error) {
	var out []byte // nil until a value is sealed
	for at := 0; at <= len(query); {
		end := len(query)
		if i := strings.IndexByte(query[at:], '&'); i >= 0 {
			end = at + i
		}
		pair := query[at:end]
		if strings.IndexByte(pair, ';') >= 0 {
			// Some services split there: a value could hide from us behind it.
			return "", false, unreadable("a raw semicolon")
		}
		s, name, err := all.find(pair)
		if err != nil {
			return "", false, err
		}
		if s == nil {
			if out != nil {
				out = append(out, query[at:min(end+1, len(query))]...)
			}
			at = end + 1
			continue
		}
		if out == nil {
			out = append(make([]byte, 0, 2*len(query)+SealedLen(16, Deterministic)), query[:at]...)
		}
		out = append(append(out, name...), '=')
		if out, err = s.seal(out, strings.TrimPrefix(pair[len(name):], "=")); err != nil {
			return "", false, err
		}
		if end < len(query) {
			out = append(out, '&')
		}
		at = end + 1
	}
	if out == nil || string(out) == query {
		return query, false, nil
	}
	return string(out), true, nil
}

// find returns which search a pair belongs to, nil if to none, and its name as it is written.
func (all searches) find(pair string) (*search, string, error) {
	raw, _, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(raw)
	if err != nil {
		return nil, "", unreadable("a broken escape in a name")
	}
	for i := range all {
		s := &all[i]
		if name == s.name || s.list && s.explode && name == s.name+"[]" {
			return s, raw, nil
		}
	}
	return nil, "", nil
}

// seal appends the sealed form of one raw value.
func (s *search) seal(dst []byte, raw string) ([]byte, error) {
	if raw == "" && (s.empty || s.list && !s.explode) {
		return dst, nil
	}
	for more := true; more; {
		var one string
		one, raw, more = raw, "", false
		if s.list && !s.explode {
			one, raw, more = strings.Cut(one, ",")
		}
		text, err := url.QueryUnescape(one)
		if err != nil {
			return dst, unreadable("a broken escape in " + s.name)
		}
		if dst, err = s.field.seal(dst, []byte(s.name), nil, []byte(text)); err != nil {
			return dst, err
		}
		if more {
			dst = append(dst, ',')
		}
	}
	return dst, nil
}

// unreadable refuses a query that two readers could read differently, where validate has let it pass.
func unreadable(what string) error {
	return &problem.Error{Status: http.StatusBadRequest, Code: "query_unreadable", Detail: "The query cannot be read.",
		Cause: fmt.Errorf("the query holds %s", what)}
}
