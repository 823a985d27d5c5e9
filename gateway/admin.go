// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"yett/alert"
	"yett/gateway/wire"
	"yett/practice"
	"yett/problem"
)

// SocketName is the admin socket in the data directory. Who may open it may do everything; its mode is 0600.
const SocketName = "yett.sock"

// listenSocket replaces a stale socket: the lock of the data directory proves that nobody else serves on it.
func (g *Gateway) listenSocket() (net.Listener, error) {
	path := g.dir.Path(SocketName)
	if len(path) > 100 {
		return nil, fmt.Errorf("%s: the path of the admin socket is longer than 100 bytes (choose a shorter --data)", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// adminHandler serves the admin address: what load balancers ask.
func (g *Gateway) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerText(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if !g.ready.Load() || g.db.PingContext(ctx) != nil {
			answerText(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		answerText(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		// Open on this machine only, until there is somebody who could show a token.
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
			nothingHere(w, r)
			return
		}
		g.metrics.Handler().ServeHTTP(w, r)
	})
	mux.HandleFunc("/", nothingHere)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ref, ok := wire.Refusal(r); ok {
			p := problem.From(refusedBytes(ref))
			_ = problem.Write(w, "about:blank", p) // the client is gone; nobody is left to tell
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client is gone; nobody is left to tell
}

func nothingHere(w http.ResponseWriter, _ *http.Request) {
	_ = problem.Write(w, "about:blank", &problem.Error{Status: http.StatusNotFound, Code: "unknown_call", Detail: "The admin API has no such call."})
}

// AdminHandler is the admin API: the routes of the practices and of the gateway itself. It stands behind the Unix socket
// of a running gateway; a command that finds none running calls it in its own process.
func (g *Gateway) AdminHandler() http.Handler {
	calls := g.adminCalls()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.ServeHTTP(w, r.WithContext(practice.WithActor(r.Context(), thisUser())))
	})
}

// adminCalls serves the admin API to callers who are known from the connection.
func (g *Gateway) adminCalls() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gen := g.enter()
		defer gen.leave()
		gen.admin.ServeHTTP(w, r)
	})
}

// adminRoutes are those of one generation.
func (g *Gateway) adminRoutes(gen *generation) http.Handler {
	mux := http.NewServeMux()
	for _, r := range gen.routes {
		mux.Handle(r.Pattern, r.Handler)
	}
	mux.HandleFunc("GET /explain", g.explainRoute)
	mux.HandleFunc("GET /status", g.status)
	mux.HandleFunc("GET /alerts", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"alerts": g.alerts.All()}) })
	mux.HandleFunc("GET /checks", g.checks)
	mux.HandleFunc("POST "+reloadPath, g.reloadRoute)
	mux.HandleFunc("/", nothingHere)
	return g.recorded(gen, mux)
}

func (g *Gateway) reloadRoute(w http.ResponseWriter, _ *http.Request) {
	if g.options.Load == nil || !g.ready.Load() {
		_ = problem.Write(w, "about:blank", &problem.Error{Status: http.StatusConflict, Code: "not_serving", Detail: "No gateway serves here."})
		return
	}
	change, err := g.Reload()
	if err == nil {
		answerJSON(w, change)
		return
	}
	p := &problem.Error{Status: http.StatusConflict, Code: reloadFailed, Detail: "Still running configuration " + g.gen.Load().id + "."}
	for _, line := range lines(err) {
		p.Errors = append(p.Errors, problem.Item{Detail: line})
	}
	_ = problem.Write(w, "about:blank", p) // the client is gone; nobody is left to tell
}

// lines parts joined errors.
func lines(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, lines(e)...)
		}
		return all
	}
	return []string{err.Error()}
}

func (g *Gateway) status(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Ready         bool          `json:"ready"`
		Address       string        `json:"address,omitempty"`
		Plain         string        `json:"plain,omitempty"`
		Admin         string        `json:"admin,omitempty"`
		PID           int           `json:"pid"`
		Configuration string        `json:"configuration"`
		Alerts        []alert.Alert `json:"alerts"` // that hold
	}{Ready: g.ready.Load(), PID: os.Getpid(), Configuration: g.gen.Load().id, Alerts: []alert.Alert{}}
	for _, a := range g.alerts.All() {
		if a.Over.IsZero() {
			out.Alerts = append(out.Alerts, a)
		}
	}
	if a := g.PlainAddr(); a != nil {
		out.Plain = a.String()
	}
	if a := g.Addr(); a != nil {
		out.Address, out.Admin = a.String(), g.AdminAddr().String()
	}
	answerJSON(w, out)
}

func answerJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		_ = problem.Write(w, "about:blank", problem.From(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n')) // the client is gone; nobody is left to tell
}
