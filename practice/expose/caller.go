// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync/atomic"

	"yett/api"
	"yett/exchange"
	"yett/identity"
)

// An asker is who asks, and for what: all that decides whether a value is seen. It is made of an exchange, or of what an
// operator wants to try.
type asker struct {
	caller    *identity.Caller // nil: anonymous
	method    string
	operation string
	params    []api.Param
}

func askerOf(x *exchange.Exchange) asker {
	a := asker{caller: x.Caller, method: x.Request.Method, params: x.Request.Params}
	if x.Operation != nil {
		a.operation = x.Operation.ID
	}
	return a
}

// A claimant is the caller whose claims object rules are held against.
type claimant struct {
	caller *identity.Caller // nil: nobody who owns something
	seen   *vouchers
}

// claimantOf returns who asks, where the word of his issuer counts here: a subject, and every other claim, is of its issuer
// alone.
func (e *Exposer) claimantOf(x *exchange.Exchange) claimant {
	c := x.Caller
	if c != nil && len(e.config.Issuers) > 0 && !slices.Contains(e.config.Issuers, c.Issuer) {
		x.Note("an issuer whose callers own nothing here")
		c = nil
	}
	return claimant{c, e.vouchers}
}

// vouchers are the first two issuers whose callers owned something.
type vouchers struct{ first, second atomic.Pointer[string] }

func (v *vouchers) note(c *identity.Caller) {
	first := v.first.Load()
	if first == nil && v.first.CompareAndSwap(nil, &c.Issuer) {
		return
	}
	if first = v.first.Load(); *first != c.Issuer && v.second.Load() == nil {
		v.second.CompareAndSwap(nil, &c.Issuer)
	}
}

// noClaims are those of a caller who has no token.
var noClaims = map[string]any{}

// claimsOf returns the claims of a token, none for other credentials. It is never nil.
func claimsOf(c *identity.Caller) map[string]any {
	if c == nil || c.Claims == nil {
		return noClaims
	}
	return c.Claims
}

// claimTexts returns what a claim of c says: several texts where it is a list, none where c does not have it. Numbers are
// texts as they are written. Who has no token has a subject and a client all the same.
func claimTexts(c *identity.Caller, name string) []string {
	switch {
	case c == nil:
		return nil
	case name == "sub" && c.Subject != "":
		return []string{c.Subject}
	case name == "client_id" && c.Client != "":
		return []string{c.Client}
	case name == "sub", name == "client_id":
		return nil
	}
	v := claimsOf(c)[name]
	if list, ok := v.([]any); ok {
		var all []string
		for _, item := range list {
			if text, ok := textOf(item); ok {
				all = append(all, text)
			}
		}
		return all
	}
	if text, ok := textOf(v); ok {
		return []string{text}
	}
	return nil
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != "" // an empty claim is nobody's
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
