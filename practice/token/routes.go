// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
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
//	POST /tokens/revoke        {id | subject | client, issued_before, issuer, reason} or {token, reason}; 201, Revoked
//	GET  /tokens/revocations   ?limit= (100); the newest first
//	POST /tokens/inspect       {token}; the Inspection; 409 no_issuers where none is configured, or no gateway runs
func (r *revocations) routes(t *Tokens) []practice.Route {
	return []practice.Route{
		{Pattern: "POST /tokens/revoke", Handler: r.answer(func(req *http.Request) (int, any, error) { return r.postRevoke(req, t) })},
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

// Revoked is the answer to a revocation.
type Revoked struct {
	Revocation
	Warning string `json:"warning,omitempty"` // it may not be what was meant
}

func (r *revocations) postRevoke(req *http.Request, t *Tokens) (int, any, error) {
	var in struct {
		Token        string    `json:"token"`
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
	n := NewRevocation{ID: in.ID, Subject: in.Subject, Client: in.Client, IssuedBefore: in.IssuedBefore, Issuer: in.Issuer, Reason: in.Reason}
	if in.Token != "" {
		if err := n.byToken(in.Token); err != nil {
			return 0, nil, err
		}
	}
	rev, err := r.revoke(req.Context(), n)
	if err != nil {
		return 0, nil, err
	}
	practice.ActionOf(req.Context()).Person = rev.Name // sealed, whatever it names: it stands nowhere in clear
	out := Revoked{Revocation: rev}
	if rev.Issuer != "" && !t.mayTrust(rev.Issuer) {
		out.Warning = "no issuer of that name is trusted here, so it takes nothing back that is good now"
	}
	return http.StatusCreated, out, nil
}

// byToken makes n the revocation of one token, by what it says itself: nobody takes more back than what he has.
func (n *NewRevocation) byToken(text string) error {
	if n.ID != "" || n.Subject != "" || n.Client != "" || n.Issuer != "" {
		return &FieldError{"token", "names its id and its issuer itself (leave id, subject, client and issuer out)"}
	}
	claims, ok := claimsOf(text)
	if !ok || claims.ID == "" {
		return &FieldError{"token", "is no JWT with an id, jti (revoke by its subject or client)"}
	}
	n.ID, n.Issuer = claims.ID, claims.Issuer
	return nil
}

// mayTrust reports whether an issuer is trusted anywhere, or cannot be told, because no issuers are known.
func (t *Tokens) mayTrust(issuer string) bool {
	none := true
	for _, p := range t.places.list() {
		if p.byName[issuer] != nil {
			return true
		}
		none = none && len(p.trusts) == 0
	}
	return none
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
