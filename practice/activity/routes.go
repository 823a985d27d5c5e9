// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"yett/practice"
	"yett/problem"
)

// routes are the log's calls of the admin API.
func (l *Log) routes() []practice.Route {
	return []practice.Route{
		{Pattern: "GET /records/{id}", Handler: http.HandlerFunc(l.show)},
		{Pattern: "GET /records", Handler: http.HandlerFunc(l.list)},
	}
}

// settled waits a moment for what was just observed. Where nothing runs there is nothing to wait for.
func (l *Log) settled(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if err := l.Flush(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		l.o.Log.Error("records cannot be written", "error", err.Error())
	}
}

func (l *Log) show(w http.ResponseWriter, r *http.Request) {
	e, err := l.Find(r.PathValue("id"))
	if errors.Is(err, ErrNotFound) {
		l.settled(r.Context())
		e, err = l.Find(r.PathValue("id"))
	}
	if errors.Is(err, ErrNotFound) {
		refuse(w, &problem.Error{Status: http.StatusNotFound, Code: "unknown_record", Detail: "there is no record of this id"})
		return
	}
	if err != nil {
		refuse(w, problem.From(err))
		return
	}
	if err := l.Reveal(r.Context(), e); err != nil {
		// The record is shown all the same, with what is sealed as it is.
		l.o.Log.Error("a record cannot be opened whole", "error", err.Error())
	}
	answer(w, e)
}

const maxListed = 1000

func (l *Log) list(w http.ResponseWriter, r *http.Request) {
	n := 50
	if s := r.URL.Query().Get("limit"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil || v < 1 || v > maxListed {
			refuse(w, &problem.Error{Status: http.StatusBadRequest, Code: "bad_limit", Detail: "limit must be 1 to 1000"})
			return
		}
		n = v
	}
	l.settled(r.Context())
	entries, err := l.Last(n)
	if err != nil {
		refuse(w, problem.From(err))
		return
	}
	answer(w, struct {
		Records []Entry `json:"records"`
	}{entries})
}

func answer(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		refuse(w, problem.From(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n')) // the client is gone; nobody is left to tell
}

func refuse(w http.ResponseWriter, p *problem.Error) {
	_ = problem.Write(w, "about:blank", p) // the client is gone; nobody is left to tell
}
