// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const leaky = `openapi: 3.1.0
info: { title: leaky, version: "1" }
paths:
  /person:
    get:
      operationId: person
      security: []
      x-yett-public: test
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: { type: object, required: [id], properties: { id: { type: integer }, secret: { type: string, writeOnly: true } } }
        "201": { description: nothing is said of its body }
`

func TestAnswersAreAsTheConfigurationSays(t *testing.T) {
	const body = `{"id":"one","secret":"s","hash":"h"}`
	for _, tt := range []struct {
		name, settings string
		answer         int // of the service
		status         int
		holds, lacks   string
	}{
		{"what is not declared is left out", ``, 200, 200, `"id":"one"`, "hash"},
		{"a body of which nothing is said is left out", ``, 201, 201, "", "hash"},
		{"a status that is not declared is refused", ``, 202, 502, "undeclared_status", "hash"},
		{"what does not fit is refused where that is asked for", `validate: { responses: enforce }`, 200, 502, "answer_invalid", "hash"},
		{"who only looks refuses nothing", `validate: { mode: observe, responses: enforce }`, 200, 200, `"id":"one"`, "hash"},
		{"and leaves everything in", `minimize: { mode: observe }`, 200, 200, `"hash":"h"`, "nothing"},
		{"also a body of which nothing is said", `minimize: { mode: observe }`, 201, 201, `"hash":"h"`, "nothing"},
		{"and another status", `minimize: { mode: observe }`, 202, 202, `"hash":"h"`, "nothing"},
		{"what is forbidden is not told from what is not there", `sanitize: { hide_forbidden: true }`, 403, 404, "not_found", "hash"},
		{"nor the other way", `sanitize: { hide_forbidden: true }`, 404, 404, "not_found", "hash"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.answer)
				_, _ = io.WriteString(w, body) // the gate may have refused it
			}))
			t.Cleanup(up.Close)
			g := stand(t, up.URL, leaky, "    "+tt.settings+"\n")
			res, got := g.do("GET", "/person", "")
			if res.StatusCode != tt.status || !strings.Contains(got, tt.holds) || strings.Contains(got, tt.lacks) {
				t.Errorf("got %d %s, want %d with %q and without %q", res.StatusCode, got, tt.status, tt.holds, tt.lacks)
			}
		})
	}
}
