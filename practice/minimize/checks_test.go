// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/practice"
)

// A target is an API as the practice's checks see it.
type target struct {
	*httptest.Server
	apis    []*api.API
	reached atomic.Bool
}

// behind puts an API that answers everything with whole rows behind guard.
func behind(t *testing.T, a *api.API, body string, guard func(http.Handler) http.Handler) *target {
	t.Helper()
	tg := &target{apis: []*api.API{a}}
	rows := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tg.reached.Store(true)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
	tg.Server = httptest.NewServer(exchange.Middleware(guard(rows), route(t, a)))
	t.Cleanup(tg.Close)
	return tg
}

func (tg *target) APIs() []*api.API { return tg.apis }

func (tg *target) Key(context.Context, ...string) (string, error) { return "k", nil }

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	tg.reached.Store(false)
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, bytes.NewReader(p.Body))
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		req.Header.Add(h[0], h[1])
		req.Header.Set("X-Known", "1")
	}
	res, err := tg.Client().Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	out := &practice.Result{Status: res.StatusCode, Body: body, Reached: tg.reached.Load()}
	for name, values := range res.Header {
		out.Header = append(out.Header, [2]string{name, strings.Join(values, ", ")})
	}
	return out, res.Body.Close()
}

// load reads a description.
func load(t *testing.T, paths string) *api.API {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := "openapi: 3.1.0\ninfo: { title: t, version: v }\ncomponents: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key } } }\nsecurity: [{ key: [] }]\npaths:\n" + paths
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _, err := api.Load(file, api.Options{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func answering(schema string) string {
	return "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { application/json: { schema: " + schema + " } } } } } }\n"
}

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	closed := answering("{ type: object, properties: { id: { type: integer } } }")
	minimized := func(c Config) func(http.Handler) http.Handler { return New(c).Handler }
	open := func(next http.Handler) http.Handler { return next }
	noStore := func(next http.Handler) http.Handler { // all but no-store
		m := New(Defaults())
		c := &exchange.Chain{Response: []exchange.Link{{Practice: "view", Step: func(x *exchange.Exchange) error { return m.view(x.Operation).Response(x) }}}}
		return c.Handler(next)
	}
	for _, tt := range []struct {
		name, check, paths, body string
		guard                    func(http.Handler) http.Handler
		config                   *Config
		want                     practice.Verdict
		saw                      string
	}{
		{"members go", "answers", closed, `{"id":1,"hash":"x"}`, minimized(Defaults()), nil, practice.Effective, ""},
		{"members stay", "answers", closed, `{"id":1,"hash":"x"}`, open, nil, practice.Ineffective, "/hash"},
		{"a name that could be data", "answers", closed, `{"id":1,"anna@example.org":"x"}`, open, nil, practice.Ineffective, "/?"},
		{"caches may keep it", "answers", closed, `{"id":1}`, noStore, nil, practice.Ineffective, "no Cache-Control"},
		{"write-only ones stay", "answers", answering("{ type: array, items: { type: object, properties: { pin: { type: string, writeOnly: true } } } }"), `[{"pin":"1"}]`, open, nil, practice.Ineffective, "/0/pin"},
		{"nothing can be asked without knowing its data", "answers", "  /x/{id}: { get: { operationId: getX, parameters: [{ name: id, in: path, required: true, schema: { type: integer } }], responses: { '200': { description: d, content: { application/json: { schema: {} } } } } } }\n", `{}`, open, nil, practice.NotApplicable, ""},
		{"a stream is not asked", "answers", strings.Replace(closed, "application/json", "text/event-stream", 1), "", open, nil, practice.NotApplicable, ""},

		{"an unknown member is refused", "unknown-field", closed, `{"id":1}`, minimized(Defaults()), nil, practice.Effective, ""},
		{"an unknown member passes", "unknown-field", closed, `{"id":1}`, open, nil, practice.Ineffective, "200"},
		{"an open answer has every member", "unknown-field", answering("{ type: object }"), `{"id":1}`, minimized(Defaults()), nil, practice.NotApplicable, ""},
		{"nothing may be asked for", "unknown-field", closed, `{"id":1}`, minimized(Config{Undeclared: Strip}), &Config{Undeclared: Strip}, practice.NotApplicable, ""},

		{"all is described", "described", closed, "", open, nil, practice.Effective, ""},
		{"by a map of what is described", "described", answering("{ type: object, additionalProperties: { type: integer } }"), "", open, nil, practice.Effective, ""},
		{"by itself", "described", answering("{ type: object, properties: { id: { type: integer }, more: { $ref: '#/paths/~1x/get/responses/200/content/application~1json/schema' } } }"), "", open, nil, practice.Effective, ""},
		{"by nothing", "described", answering("{}"), "", open, nil, practice.Weak, "anything may stand at"},
		{"by an object that lists nothing", "described", answering("{ type: object, properties: { more: { type: object } } }"), "", open, nil, practice.Weak, "anything may stand at"},
		{"by an object that is opened", "described", answering("{ type: object, properties: { id: { type: integer } }, additionalProperties: true }"), "", open, nil, practice.Weak, "anything may stand at"},
		{"by an array of anything", "described", answering("{ type: array }"), "", open, nil, practice.Weak, "anything may stand at"},
		{"by no schema", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { application/json: {} } } } } }\n", "", open, nil, practice.Weak, "without a schema"},
		{"in XML, which is not looked into", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { application/xml: { schema: { type: object, properties: { pin: { type: string, writeOnly: true } } } } } } } } }\n", "", open, nil, practice.Weak, "application/xml is not looked into"},
		{"in a type that holds members, whatever is said of it", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { text/csv: {} } } } } }\n", "", open, nil, practice.Weak, "text/csv is not looked into"},
		{"beside JSON too", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { application/json: { schema: { type: integer } }, application/cbor: { schema: { type: string } } } } } } }\n", "", open, nil, practice.Weak, "application/cbor is not looked into"},
		{"in a type of one's own that has members", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { application/vnd.x: { schema: { type: array, items: { type: integer } } } } } } } }\n", "", open, nil, practice.Weak, "application/vnd.x is not looked into"},
		{"a picture has no members", "described", "  /x: { get: { operationId: getX, responses: { '200': { description: d, content: { image/svg+xml: {}, image/png: { schema: {} }, text/html: { schema: { type: string } } } } } } }\n", "", open, nil, practice.Effective, ""},
		{"by no good answer", "described", "  /x: { get: { operationId: getX, responses: { '404': { description: d } } } }\n", "", open, nil, practice.Weak, "no good answer"},
		{"what is undeclared is only reported", "described", closed, "", open, &Config{Undeclared: Report}, practice.Weak, "only reported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := load(t, tt.paths)
			env := &practice.Env{Log: slog.New(slog.DiscardHandler), Shared: new(practice.Keeper), APIs: []*api.API{a}}
			config := Practice.NewConfig().(*Config)
			gate, err := Practice.Build(config, env)
			if err != nil {
				t.Fatal(err)
			}
			if tt.config != nil {
				config = tt.config
			}
			env.API = a
			if _, err := Practice.Build(config, env); err != nil {
				t.Fatal(err)
			}
			for _, c := range gate.Checks {
				if c.ID != "minimize/"+tt.check {
					continue
				}
				f := c.Run(t.Context(), behind(t, a, tt.body, tt.guard))
				if f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective || f.Verdict == practice.Weak) {
					t.Errorf("%s: %s, fix %q, %+v; want %s", f.Verdict, f.Summary, f.Fix, f.Evidence, tt.want)
				}
				if tt.saw != "" && (len(f.Evidence) != 1 || !strings.Contains(f.Evidence[0].Saw, tt.saw)) {
					t.Errorf("evidence %+v, want %q", f.Evidence, tt.saw)
				}
				return
			}
			t.Fatal("there is no such check")
		})
	}
}

func TestAnOperationsOwnBlockCounts(t *testing.T) {
	a := load(t, answering("{ type: object, properties: { id: { type: integer } } }"))
	l := new(levels)
	if f := fromDescription([]*api.API{a}, l); f.Verdict != practice.NotApplicable {
		t.Errorf("off everywhere: %s, %s", f.Verdict, f.Summary)
	}
	l.add(a, nil, Defaults())
	l.add(a, a.Operations[0], Config{Undeclared: Report})
	if f := fromDescription([]*api.API{a}, l); f.Verdict != practice.Weak {
		t.Errorf("reported at one: %s, %s", f.Verdict, f.Summary)
	}
}

func TestTheStartWarnsOfAnswersThatAreNotLookedInto(t *testing.T) {
	answer := "{ description: d, content: { application/xml: { schema: { type: object, properties: { id: { type: integer } } } } } }"
	for _, tt := range []struct{ name, paths, want string }{
		{"all in JSON", answering("{ type: integer }"), ""},
		{"one in XML", "  /x: { get: { operationId: getX, responses: { '200': " + answer + " } } }\n",
			"t.yaml:6: operation getX: application/xml is not looked into, so all that the service sends in it leaves (describe the answer in JSON)"},
		{"others too", "  /x: { get: { operationId: getX, responses: { '200': " + answer + " } } }\n  /y: { get: { operationId: getY, responses: { '200': " + answer + " } } }\n",
			"so all that the service sends in it leaves; there are 2 such answers (describe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := load(t, tt.paths)
			var out bytes.Buffer
			env := &practice.Env{Log: slog.New(slog.NewTextHandler(&out, nil)), Shared: new(practice.Keeper), APIs: []*api.API{a}, API: a}
			if _, err := Practice.Build(Practice.NewConfig(), env); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
