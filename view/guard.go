// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"yett/exchange"
	"yett/problem"
)

// Guard refuses a body that nothing describes where a part of the operation's answers is not for this caller: nobody can tell
// where in it that part stands. Practices that look at the head of answers refuse such bodies for everybody, or take them off;
// this is for where they are told not to. It is the last step on the answer, and knows what is left of it.
func (v *View) Guard(x *exchange.Exchange) error {
	a := &x.Answer
	if a.Length == 0 || a.Status < 200 || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified ||
		x.Request.Method == http.MethodHead || !hides(x, v.restricted) {
		return nil
	}
	types := a.Header.Values("Content-Type")
	contentType := ""
	if len(types) == 1 {
		contentType = types[0]
	}
	if _, described := v.op.Response(a.Status).For(contentType); described && len(types) < 2 {
		return nil
	}
	if a.Length < 0 && len(types) == 0 {
		a.AddFilter(unseen{v.unseen(x)}) // there may be none
		return nil
	}
	return v.unseen(x)
}

// unseen is the refusal of a body that nothing describes. An error keeps its status, and what that says.
func (v *View) unseen(x *exchange.Exchange) error {
	a := &x.Answer
	p := &problem.Error{Status: a.Status, Code: "upstream_error", Replaces: true, Detail: "The service behind this gateway refused this.",
		Cause: fmt.Errorf("nothing describes this body of %d, and a part of the operation's answers is not for this caller", a.Status)}
	switch {
	case a.Status >= 500:
		p.Detail = "The service behind this gateway failed."
	case a.Status < 400:
		p.Status, p.Code, p.Detail = http.StatusBadGateway, "undeclared_body", cannotPass
	}
	for _, f := range a.Header.All() {
		if p.Status < 500 && len(f.Value) <= maxKeptValue && slices.ContainsFunc(keptOfErrors, func(name string) bool { return strings.EqualFold(name, f.Name) }) {
			p.Header = append(p.Header, problem.Field{Name: f.Name, Value: f.Value})
		}
	}
	return p
}

// keptOfErrors are fields that are part of what a status says: how to authenticate, when to come again, what would be taken.
var keptOfErrors = []string{"WWW-Authenticate", "Retry-After", "Allow", "Accept", "Accept-Patch", "Accept-Post"}

const maxKeptValue = 1000

// An unseen is a filter that refuses the first byte.
type unseen struct{ err error }

// Resizes is false: all of a body without a byte leaves.
func (unseen) Resizes() bool { return false }

// Filter refuses.
func (u unseen) Filter(dst, chunk []byte, _, _ bool) ([]byte, error) {
	if len(chunk) > 0 {
		return dst, u.err
	}
	return dst, nil
}
