// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"net/http"
	"strings"

	"yett/exchange"
	"yett/problem"
)

// What a caller has chosen may be anything, a person's address for one: it does not stand in a line in clear, where nobody
// could shred it, and where exports and sinks would spread it.

// method is a method as it stands in a line. Others are the caller's words, and become one (as OpenTelemetry has it).
func method(m string) string {
	switch m {
	case "", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return m
	}
	return "_OTHER"
}

// A located finding is how a line speaks of a finding: in clear, and what is sealed of it.
type located struct {
	pointer, parameter, detail string
	Place                      string `json:"place,omitempty"` // the pointer, or the name of the parameter
	Detail                     string `json:"detail,omitempty"`
}

// locate parts what the description says of a finding from what the caller says. A finding of which nobody has said what
// the description names is the caller's words.
func locate(f *problem.Item) located {
	p := located{pointer: f.Pointer, parameter: f.Parameter, detail: f.Detail}
	where, told := f.Pointer, &p.pointer
	if f.Parameter != "" {
		where, told = f.Parameter, &p.parameter
	}
	switch {
	case where == "", where == f.Declared: // a whole body, or nothing but names of the description
		return p
	case f.Declared != "":
		*told = f.Declared
	case f.Parameter != "":
		*told, p.detail, p.Detail = "*", "", cut(f.Detail)
	default:
		*told, p.detail, p.Detail = strings.Repeat("/*", strings.Count(where, "/")), "", cut(f.Detail)
	}
	p.Place = cut(where)
	return p
}

// noteOf parts a note: what follows its first colon may be the caller's words (see exchange.Exchange.Note).
func noteOf(d *exchange.Decision) (inClear, rest string) {
	inClear, rest, _ = strings.Cut(d.Note, ": ")
	return inClear, rest
}

// cut bounds a text that is sealed, and takes out what would disturb whoever reads it.
func cut(s string) string {
	end := ""
	if len(s) > maxText {
		s, end = s[:maxText], "…"
	}
	return strings.Map(func(r rune) rune {
		if disturbing(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "")) + end
}
