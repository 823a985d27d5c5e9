// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"yett/practice"
	"yett/problem"
)

// routes are the calls of the admin API:
//
//	POST /tokens/revoke        {id | subject | client, issued_before, issuer, reason}; 201, the Revocation
//	GET  /tokens/revocations   ?limit= (100); the newest first
//	POST /tokens/inspect       {token}; the Inspection; 409 no_issuers where none is configured, or no gateway runs
func (r *revocations) routes(t *Tokens) []practice.Route {
	return []practice.Route{
		{Pattern: "POST /tokens/revoke", Handler: r.answer(r.postRevoke)},
		{Pattern: "GET /tokens/revocations", Handler: r.answer(r.getRevocations)},
		{Pattern: "POST /tokens/inspect", Handler: r.answer(t.postInspect)},
	}
}

const (
	maxBody   = 64 << 10
	maxListed = 1000
)

// read decodes a JSON body: one value, no unknown or repeated member.
func read(req *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return &problem.Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Detail: "The body is too large."}
	}
	if err == nil {
		err = json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body is not what belongs here."} // its text may be a token
	}
	return nil
}

func (r *revocations) postRevoke(req *http.Request) (int, any, error) {
	var in struct {
		ID           string    `json:"id"`
		Subject      string    `json:"subject"`
		Client       string    `json:"client"`
		IssuedBefore time.Time `json:"issued_before"`
		Issuer       string    `json:"issuer"`
		Reason       string    `json:"reason"`
	}
	if err := read(req, &in); err != nil {
		return 0, nil, err
	}
	a := practice.ActionOf(req.Context())
	a.Target, a.Person = cmp.Or(in.ID, in.Client), in.Subject
	rev, err := r.revoke(req.Context(), NewRevocation(in))
	return http.StatusCreated, rev, err
}

func (r *revocations) getRevocations(req *http.Request) (int, any, error) {
	limit := 100
	if s := req.URL.Query().Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxListed {
			return 0, nil, &FieldError{"limit", "1 to 1000"}
		}
		limit = n
	}
	out := struct {
		Revocations []Revocation `json:"revocations"`
		Total       int64        `json:"total"`
	}{Revocations: []Revocation{}}
	all, err := r.list(req.Context(), limit)
	if err != nil {
		return 0, nil, err
	}
	out.Revocations = append(out.Revocations, all...)
	out.Total, err = r.count(req.Context())
	return http.StatusOK, out, err
}

func (t *Tokens) postInspect(req *http.Request) (int, any, error) {
	var in struct {
		Token string `json:"token"`
	}
	if err := read(req, &in); err != nil {
		return 0, nil, err
	}
	if !slices.ContainsFunc(t.places.list(), func(p *Tokens) bool { return len(p.trusts) > 0 }) {
		return 0, nil, &problem.Error{Status: http.StatusConflict, Code: "no_issuers",
			Detail: "No issuer is known here: issuers are known only to a running gateway whose configuration has token.issuers."}
	}
	return http.StatusOK, t.Inspect(req.Context(), in.Token), nil
}

// answer serves f: what it returns as JSON, or its error as a problem.
func (r *revocations) answer(f func(*http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		status, v, err := f(req)
		var body []byte
		if err == nil {
			body, err = json.Marshal(v)
		}
		if err != nil {
			r.fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody is left to tell
	})
}

func (r *revocations) fail(w http.ResponseWriter, err error) {
	p := problem.From(err)
	if e, ok := errors.AsType[*FieldError](err); ok {
		p = &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The request does not fit.",
			Errors: []problem.Item{{Pointer: "/" + e.Field, Detail: e.Problem}}, Cause: err}
	}
	instance := "urn:uuid:" + uuid.NewString()
	if p.Status >= 500 {
		r.log.Error("admin call failed", "instance", instance, "err", err)
	}
	_ = problem.Write(w, instance, p) // the caller is gone: nobody is left to tell
}
