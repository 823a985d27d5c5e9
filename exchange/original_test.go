// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"yett/problem"
)

// replacing refuses every answer of status 500, with its original kept where keep says so.
func replacing(keep bool) Chain {
	return Chain{Response: []Link{{Practice: "sanitize", Step: func(x *Exchange) error {
		if x.Answer.Status < 500 {
			return nil
		}
		return &problem.Error{Status: 500, Code: "upstream_error", Replaces: keep}
	}}}}
}

func fails(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, text)
	}
}

func testOriginal(t *testing.T, e engineKind) {
	long := strings.Repeat("at shop.go:12 ", 1000)
	for _, tt := range []struct {
		name    string
		keep    bool
		backend http.HandlerFunc
		want    string
	}{
		{"what was replaced", true, fails("panic: no table users"), "panic: no table users"},
		{"no more than the beginning", true, fails(long), long[:maxOriginal]},
		{"nothing where nobody asks for it", false, fails("panic"), ""},
		{"an answer without a body", true, fails(""), ""},
		{"a service that falls silent keeps nobody waiting", true, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "so far")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "so far"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, e, setup{chain: replacing(tt.keep), backend: tt.backend})
			start := time.Now()
			wantProblem(t, r.get(t, "/"), 500, "upstream_error")
			if took := time.Since(start); took > patience {
				t.Errorf("it took %v", took)
			}
			if rec := r.record(t); string(rec.Original) != tt.want {
				t.Errorf("got %.80q, want %.80q", rec.Original, tt.want)
			}
		})
	}
	t.Run("what a filter has seen", func(t *testing.T) {
		c := filtered(func() *filterFunc {
			return &filterFunc{f: func(dst, _ []byte, _, _ bool) ([]byte, error) {
				return dst, &problem.Error{Status: 502, Code: "filtered", Replaces: true}
			}}
		})
		r := newRig(t, e, setup{chain: c, backend: says("application/json", "a secret")})
		wantProblem(t, r.get(t, "/"), 502, "filtered")
		if rec := r.record(t); string(rec.Original) != "a secret" {
			t.Errorf("got %q", rec.Original)
		}
	})
}
