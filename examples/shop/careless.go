// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
)

// An answer is what an action tells the caller when all went well.
type answer struct {
	status int
	body   any
	header map[string]string
}

// An action does one operation's work.
type action func(*http.Request) (answer, error)

// A refusal is an action's "no".
type refusal struct {
	status  int
	message string
}

func (e *refusal) Error() string { return e.message }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// answering makes an action a handler.
func (s *Shop) answering(a action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		res, err := a(r)
		if err != nil {
			s.tellEverything(w, err)
			return
		}
		for name, value := range res.header {
			w.Header().Set(name, value)
		}
		writeJSON(w, res.status, res.body)
	}
}

// tellEverything answers an error with all that a programmer would like to know.
func (s *Shop) tellEverything(w http.ResponseWriter, err error) {
	status, debugging := http.StatusInternalServerError, row{"database": s.file, "driver": "modernc.org/sqlite", "stack": string(debug.Stack())}
	var no *refusal
	if errors.As(err, &no) {
		status = no.status
	}
	var failed *queryError
	if errors.As(err, &failed) {
		debugging["query"], debugging["stack"] = failed.query, failed.stack
	}
	writeJSON(w, status, row{"error": err.Error(), "debug": debugging})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	// The only errors left are of a caller who has gone.
	_ = e.Encode(body)
}

// careless is what every request goes through: banners, open CORS, method override, and panics that show the stack.
func careless(log *slog.Logger, next http.Handler) http.Handler {
	banner := fmt.Sprintf("careless-shop/2.4.1 (%s; %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Info("request", "method", r.Method, "url", r.URL.String(), "from", r.RemoteAddr)
		defer func() {
			if v := recover(); v != nil {
				http.Error(w, fmt.Sprintf("panic: %v\n\n%s", v, debug.Stack()), http.StatusInternalServerError)
			}
		}()
		h := w.Header()
		h.Set("Server", banner)
		h.Set("X-Powered-By", "modernc.org/sqlite")
		if p := partnerOf(r); p != nil {
			h.Set("X-Partner", p.name+"; contract ends "+p.ends)
		}
		if name := tokenOf(r); name != "" {
			h.Set("X-Signed-In", name)
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
				h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
			r.Method = strings.ToUpper(m)
		}
		next.ServeHTTP(w, r)
	})
}

// tokenOf is whom a token names. Nobody looks at its signature: "it is only for the statistics".
func tokenOf(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub string }
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, claims.Sub)
}

// A partner buys at a discount. The list is part of the program: nobody was ever taken off it.
type partner struct {
	name, ends string
	discount   int64 // percent
}

var partners = map[string]*partner{
	"pk_nordwind_2019": {"Nordwind Handel", "2021-06-30", 40},
	"pk_delta_2024":    {"Delta Living", "2029-12-31", 25},
}

// partnerOf is the partner whose key came along, or nil. No key and a wrong key are the same.
func partnerOf(r *http.Request) *partner { return partners[r.Header.Get("X-API-Key")] }

// price is what the caller pays for a product.
func (p *partner) price(product row) int64 {
	full := product["price"].(int64)
	if p == nil {
		return full
	}
	return full * (100 - p.discount) / 100
}
