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
)

// recorded tells the practices of every call of the admin API that is meant to change something, once it is answered.
func (g *Gateway) recorded(gen *generation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		a := practice.Action{Time: g.now(), Actor: practice.Actor(r.Context())}
		sw := &actionWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		a.Op, a.Status, a.Target = r.Pattern, sw.status, objectOf(r)
		if a.Op == "/" {
			a.Op = "" // there is no such call, and its path may hold anything
		}
		gen.act(a)
	})
}

// act tells the practices of an action.
func (gen *generation) act(a practice.Action) {
	id, err := uuid.NewV7()
	if err != nil {
		return // the machine has no randomness left: nothing else works either
	}
	a.ID = id.String()
	for _, f := range gen.acts {
		f(a)
	}
}

// acted tells the practices of a new configuration, however it came.
func (g *Gateway) acted(change *Change, err error) {
	a := practice.Action{Time: g.now(), Op: "reload", Note: "refused"}
	if err == nil {
		a.Note = change.From + " to " + change.To
	}
	gen := g.enter()
	defer gen.leave()
	gen.act(a)
}

// objectOf is what the wildcards of a route stood for.
func objectOf(r *http.Request) string {
	var all []string
	for part := range strings.SplitSeq(r.Pattern, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			all = append(all, r.PathValue(strings.TrimRight(name, ".}")))
		}
	}
	return strings.Join(all, " ")
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
