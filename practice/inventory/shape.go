// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"net/http"
	"strings"

	"yett/exchange"
)

// probe begins what the checks of yett ask for. It is no shadow of an API.
const probe = "/.well-known/yett-probe"

// undeclared reports whether r is a call of an endpoint that no description declares. What was refused before it was
// looked for, and questions about the server (OPTIONS, TRACE), are none.
func undeclared(r exchange.Record) bool {
	if r.Code != "undeclared_path" && r.Code != "undeclared_method" {
		return false
	}
	switch r.Method {
	case http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return false
	}
	return !strings.Contains(r.Seen, " "+probe)
}

const (
	maxSegments = 12
	maxSegment  = 32
	variable    = "{…}"
	rest        = "…"
)

// shape makes of "GET /orders/4711" the method GET and the path /orders/{…}: what tells an endpoint, without what tells a
// person or an order. Its result is at most maxSegments segments of at most maxSegment bytes, whatever the path.
func shape(seen string) (method, path string) {
	method, path, _ = strings.Cut(seen, " ")
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		method = "OTHER" // callers make methods up
	}
	var b strings.Builder
	n := 0
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		b.WriteByte('/')
		if n++; n > maxSegments {
			b.WriteString(rest)
			break
		}
		if isVariable(segment) {
			segment = variable
		}
		b.WriteString(segment)
	}
	return method, b.String()
}

// isVariable reports whether a segment is a value rather than the name of something: numbers, dates, UUIDs, hashes,
// tokens, addresses, and whatever is escaped or long. In doubt it is: a name lost is less than a person kept. A plain word
// cannot be told from a name.
func isVariable(s string) bool {
	if len(s) > maxSegment {
		return true
	}
	digits, lower, upper, hex := 0, 0, 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c == '-' || c == '_' || c == '.':
		default:
			return true // %, @, =, :, {, and the like
		}
		if c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			hex++
		}
	}
	return digits > 2 ||
		digits > 0 && lower+upper == 0 ||
		hex == len(s) && hex >= 8 ||
		len(s) >= 16 && digits > 0 && lower > 0 && upper > 0
}
