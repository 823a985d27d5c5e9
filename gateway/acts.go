// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"os/user"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"yett/practice"
	"yett/problem"
)

// recorded tells the practices of every call of the admin API that is meant to change something, once it is answered. One
// of them may refuse it before.
func (g *Gateway) recorded(gen *generation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if err := gen.may(r); err != nil {
			_ = problem.Write(w, "about:blank", problem.From(err)) // the client is gone; nobody is left to tell
			return
		}
		a := g.action()
		a.Actor = practice.Actor(r.Context())
		r = r.WithContext(practice.WithAction(r.Context(), &a))
		sw := &actionWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		a.Op, a.Status = r.Pattern, sw.status
		if a.Op == "/" {
			a.Op = "" // there is no such call, and its path may hold anything
		}
		named(r, &a)
		gen.act(a)
	})
}

// may asks the practices whether something may be done now. A new configuration is always taken: it may be the cure, and it
// is taken from the file without a call as well.
func (gen *generation) may(r *http.Request) error {
	if r.URL.Path == reloadPath {
		return nil
	}
	for _, f := range gen.acting {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

const reloadPath = "/reload"

// action begins one: its id tells when, and records are found by it.
func (g *Gateway) action() practice.Action {
	a := practice.Action{Time: g.now()}
	if id, err := uuid.NewV7(); err == nil { // else the machine has no randomness left: nothing else works either
		a.ID = id.String()
	}
	return a
}

// act tells the practices of an action.
func (gen *generation) act(a practice.Action) {
	for _, f := range gen.acts {
		f(a)
	}
}

// acted tells the practices of a new configuration, however it came.
func (g *Gateway) acted(change *Change, err error) {
	a := g.action()
	a.Op, a.Note = "reload", "refused"
	if err == nil {
		a.Note = change.From + " to " + change.To
	}
	gen := g.enter()
	defer gen.leave()
	gen.act(a)
}

// named adds what the wildcards of a route stood for: {id} is a thing, all else may name a person.
func named(r *http.Request, a *practice.Action) {
	for part := range strings.SplitSeq(r.Pattern, "/") {
		name, ok := strings.CutPrefix(part, "{")
		name = strings.TrimRight(name, ".}")
		switch {
		case !ok:
		case name == "id":
			a.Target = r.PathValue(name)
		default:
			a.Person = r.PathValue(name)
		}
	}
}

// An actionWriter notices the status.
type actionWriter struct {
	http.ResponseWriter
	status int
}

func (w *actionWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *actionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// thisUser is who runs this process.
func thisUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// userOf names a user of this machine.
func userOf(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	u, err := user.LookupId(id)
	if err != nil {
		return "uid " + id
	}
	return u.Username
}
