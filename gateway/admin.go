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
	"os"
	"time"

	"yett/gateway/wire"
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
	mux := http.NewServeMux()
	for _, r := range g.gen.Load().routes {
		mux.Handle(r.Pattern, r.Handler)
	}
	mux.HandleFunc("GET /explain", g.explainRoute)
	mux.HandleFunc("GET /status", g.status)
	mux.HandleFunc("GET /checks", g.checks)
	mux.HandleFunc("/", nothingHere)
	return mux
}

func (g *Gateway) status(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Ready   bool   `json:"ready"`
		Address string `json:"address,omitempty"`
		Admin   string `json:"admin,omitempty"`
		PID     int    `json:"pid"`
	}{Ready: g.ready.Load(), PID: os.Getpid()}
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
