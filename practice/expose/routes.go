// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"encoding/json"
	"net/http"

	"yett/practice"
	"yett/problem"
)

// maxQuestion bounds what is sent to be simulated, in bytes.
const maxQuestion = 8 << 20

// routes are POST /expose/simulate, which takes a Question and answers a Simulation. Nothing is changed.
func (ls *levels) routes() []practice.Route {
	return []practice.Route{{Pattern: "POST /expose/simulate", Handler: http.HandlerFunc(ls.serve)}}
}

func (ls *levels) serve(w http.ResponseWriter, r *http.Request) {
	s, err := ls.answer(w, r)
	var body []byte
	if err == nil {
		body, err = json.Marshal(s)
	}
	if err != nil {
		_ = problem.Write(w, "about:blank", problem.From(err)) // the client is gone; nobody is left to tell
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // the client is gone; nobody is left to tell
}

func (ls *levels) answer(w http.ResponseWriter, r *http.Request) (*Simulation, error) {
	var q Question
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&q); err != nil {
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The question cannot be read.", Cause: err}
	}
	return ls.simulate(&q)
}
