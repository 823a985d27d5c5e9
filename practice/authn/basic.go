// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
)

// maxBasic bounds the credentials of HTTP Basic, encoded.
const maxBasic = 4 << 10

// basic verifies a name and a password where the operation declares HTTP Basic (RFC 7617). Elsewhere it does not look at them.
func (g *Guard) basic(x *exchange.Exchange, op *api.Operation) error {
	if g.users == nil || !declaresKind(op, api.Basic) {
		return nil
	}
	value, _ := x.Request.Header.Lookup("Authorization")
	scheme, text, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil
	}
	name, password, ok := parseBasic(strings.TrimLeft(text, " "))
	if !ok {
		return g.unauthenticated(x, op)
	}
	addr, err := x.ClientAddr()
	if err != nil {
		return &problem.Error{Status: http.StatusForbidden, Code: "address_unreadable", Detail: "This cannot be called.", Cause: err}
	}
	caller, err := g.users.Verify(x.Context(), name, password, addr)
	if w, ok := errors.AsType[*WaitError](err); ok {
		x.Note("tried too often")
		return &problem.Error{Status: http.StatusTooManyRequests, Code: "too_many_failures", Detail: "Too many attempts to log in.",
			Header: []problem.Field{{Name: "Retry-After", Value: strconv.FormatInt(max(1, int64((w.After+time.Second-1)/time.Second)), 10)}}}
	}
	if errors.Is(err, errWrong) {
		x.Note("wrong name or password")
		return g.unauthenticated(x, op)
	}
	if err != nil {
		x.Note("cannot tell")
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide", Detail: "Who is calling cannot be decided now.",
			Header: []problem.Field{{Name: "Retry-After", Value: "1"}}, Cause: fmt.Errorf("check a password: %w", err)}
	}
	grant(x, op, api.Basic, caller)
	return nil
}

// parseBasic takes a name and a password apart. The name has no colon; the password may.
func parseBasic(text string) (name, password string, ok bool) {
	if len(text) > maxBasic {
		return "", "", false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || !utf8.Valid(b) {
		return "", "", false
	}
	name, password, ok = strings.Cut(string(b), ":")
	return name, password, ok && name != "" && password != ""
}

func declaresKind(op *api.Operation, kind api.Kind) bool {
	for _, r := range op.Security {
		for i := range r {
			if r[i].Scheme.Kind == kind {
				return true
			}
		}
	}
	return false
}

// grant makes a caller the credential of every scheme of a kind at the operation.
func grant(x *exchange.Exchange, op *api.Operation, kind api.Kind, c *identity.Caller) {
	for _, r := range op.Security {
		for i := range r {
			if s := r[i].Scheme; s.Kind == kind && find(x.Credentials, s.Name) == nil {
				x.Credentials = append(x.Credentials, identity.Credential{Scheme: s.Name, Caller: c})
			}
		}
	}
}
