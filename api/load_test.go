// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yett/internal/source"
)

// load reads a description from text. Tabs are for the reader of the test: YAML gets spaces.
func load(t testing.TB, text string, o Options) (*API, []Warning, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "shop.openapi.yaml")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "\t", "  ")), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(name, o)
}

func mustLoad(t testing.TB, text string) *API {
	t.Helper()
	a, _, err := load(t, text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// messages are the errors without the folder.
func messages(err error) []string {
	var all Errors
	if !errors.As(err, &all) {
		return nil
	}
	var out []string
	for _, e := range all {
		m := e.Error()
		if i := strings.Index(m, "shop.openapi.yaml"); i >= 0 {
			m = m[i:]
		}
		out = append(out, m)
	}
	return out
}

const head = `openapi: 3.1.0
info: {title: Shop, version: 1.0}
`

const keyed = head + `components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
security: [{key: []}]
`

func TestLoadReadsTheWholeDescription(t *testing.T) {
	a := mustLoad(t, `openapi: 3.0.3
info: {title: Shop, version: "7"}
servers: [{url: "https://{host}/{base}/", variables: {host: {default: shop.example.org}, base: {default: v%32}}}]
components:
	securitySchemes:
		key: {type: apiKey, in: query, name: api_key}
		login: {type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: r, write: w}}}}
	parameters:
		Page: {name: page, in: query, schema: {type: integer}}
security: [{login: [read]}]
paths:
	/orders/{id}:
		parameters:
			- {name: id, in: path, required: true, schema: {type: integer}}
			- {name: trace, in: header, schema: {type: string}}
		get:
			operationId: getOrder
			summary: One order
			tags: [orders]
			deprecated: true
			parameters:
				- $ref: '#/components/parameters/Page'
				- {name: TRACE, in: header, required: true, schema: {type: string, format: password}}
				- {name: Authorization, in: header, schema: {type: string}}
			responses:
				"200": {description: ok, content: {Application/JSON; v=1: {schema: {type: object}}}}
				4xx: {description: bad}
				default: {description: other}
		put:
			security: [{key: [write], login: [write]}, {key: [admin]}]
			x-yett-scopes: [admin, audit]
			requestBody: {required: true, content: {application/json: {schema: {type: object}}, "image/*": {}}}
	/health:
		get: {security: [], x-yett-public: liveness probes carry no key, x-yett-websocket: true}
`)
	if a.Name != "shop" || a.Title != "Shop" || a.Version != "7" || a.OpenAPI != "3.0.3" || a.BasePath != "/v2" || a.AssumedKey {
		t.Errorf("read %+v", a)
	}
	if len(a.Operations) != 3 {
		t.Fatalf("%d operations, want 3", len(a.Operations))
	}
	get, put, health := a.Operations[0], a.Operations[1], a.Operations[2]
	if get.ID != "getOrder" || get.Method != "GET" || get.Path != "/orders/{id}" || get.Summary != "One order" || !get.Deprecated || !slices.Equal(get.Tags, []string{"orders"}) {
		t.Errorf("getOrder: %+v", get)
	}
	var params []string
	for _, p := range get.Params {
		params = append(params, p.In+" "+p.Name)
	}
	if want := []string{"path id", "query page", "header TRACE"}; !slices.Equal(params, want) {
		t.Errorf("parameters %q, want %q: the operation's header takes the place of the path item's, Authorization is ignored", params, want)
	}
	if p := get.Params[2]; !p.Sensitive || !p.Required {
		t.Errorf("TRACE: sensitive %v, required %v", p.Sensitive, p.Required)
	}
	if p := get.Params[1]; p.Style != "form" || !p.Explode || p.Required {
		t.Errorf("page: %+v", p)
	}
	if r := get.Response(418); r == nil || r.Status != "4XX" {
		t.Errorf("Response(418) = %v", r)
	}
	if m, ok := get.Response(200).For("application/json"); !ok || m.Type != "application/json" || m.Schema == nil {
		t.Errorf("200 as JSON: %v", m)
	}
	if len(get.Security) != 1 || get.Security[0][0].Scheme.Kind != OAuth2 || !slices.Equal(get.Security[0][0].Scopes, []string{"read"}) {
		t.Errorf("getOrder inherits %v", get.Security)
	}
	if put.ID != "PUT /orders/{id}" || len(put.Security) != 2 {
		t.Errorf("put: %s %v", put.ID, put.Security)
	}
	for i, want := range [][]string{{"write", "admin", "audit"}, {"admin", "audit"}} {
		for _, u := range put.Security[i] {
			if u.Scheme.Kind == APIKey && !slices.Equal(u.Scopes, want) {
				t.Errorf("alternative %d asks the key for %q, want %q", i, u.Scopes, want)
			}
			if u.Scheme.Kind == OAuth2 && !slices.Equal(u.Scopes, []string{"write"}) {
				t.Errorf("x-yett-scopes leaked into OAuth2: %q", u.Scopes)
			}
		}
	}
	if put.Body == nil || !put.Body.Required || len(put.Body.Media) != 2 {
		t.Errorf("put takes %+v", put.Body)
	}
	if health.Public == "" || len(health.Security) != 0 || !health.WebSocket {
		t.Errorf("health: %+v", health)
	}
}

func TestAssumedKey(t *testing.T) {
	a := mustLoad(t, head+`paths:
	/a: {get: {}}
	/b: {get: {security: [], x-yett-public: it is the front page}}
`)
	if !a.AssumedKey {
		t.Fatal("no key is assumed")
	}
	r := a.Operations[0].Security
	if len(r) != 1 || len(r[0]) != 1 || r[0][0].Scheme.Param != "X-API-Key" || r[0][0].Scheme.In != "header" || !r[0][0].Scheme.Assumed {
		t.Errorf("GET /a asks for %v", r)
	}
	if b := a.Operations[1]; len(b.Security) != 0 || b.Public == "" {
		t.Errorf("GET /b asks for %v", b.Security)
	}
}

func TestOptionalCredentialsNeedAReason(t *testing.T) {
	a := mustLoad(t, keyed+`paths: {/a: {get: {security: [{key: []}, {}], x-yett-public: prices differ for members}}}
`)
	if r := a.Operations[0].Security; len(r) != 2 || len(r[0]) != 1 || len(r[1]) != 0 || a.Operations[0].Public == "" {
		t.Errorf("Security = %v", r)
	}
}

func TestTwins(t *testing.T) {
	text := keyed + `paths:
	/a: {get: {operationId: a}}
	/b: {get: {operationId: b, x-yett-scopes: [x]}}
	/c: {get: {operationId: c}}
`
	a, warnings, err := load(t, text, Options{Twins: map[string]Twin{
		"a": {Public: "a demo"}, "b": {Scopes: []string{"x", "y"}}, "c": {WebSocket: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if op := a.Operations[0]; op.Public != "a demo" || len(op.Security) != 0 {
		t.Errorf("a: %+v", op)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), "operation a: public by configuration") {
		t.Errorf("warnings %v, want one about a", warnings)
	}
	if got := a.Operations[1].Security[0][0].Scopes; !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("b asks for %q", got)
	}
	if !a.Operations[2].WebSocket || a.Operations[0].WebSocket {
		t.Error("x-yett-websocket's twin does not reach its operation alone")
	}
	_, _, err = load(t, text, Options{Twins: map[string]Twin{"aa": {Public: "r", Where: source.Where{Name: "yett.yaml", Line: 7}}}})
	if err == nil || !strings.HasPrefix(err.Error(), "yett.yaml:7: no operation aa in ") || !strings.HasSuffix(err.Error(), "(did you mean a?)") {
		t.Errorf("unknown operation in yett.yaml: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // the beginning of each error
	}{
		{"Swagger 2.0", "swagger: '2.0'\n", []string{"shop.openapi.yaml:1: OpenAPI 2.0 is not supported (convert it first"}},
		{"OpenAPI 3.2", "openapi: 3.2.0\n", []string{"shop.openapi.yaml:1: OpenAPI 3.2.0 is not supported (convert it first"}},
		{"OpenAPI 4", "openapi: 4.0.0\n", []string{"shop.openapi.yaml:1: OpenAPI 4.0.0 is not supported"}},
		{"another document", "a: b\n", []string{"shop.openapi.yaml:1: this is not an OpenAPI description"}},
		{"a list", "- a\n", []string{"shop.openapi.yaml:1: this is a sequence, want an OpenAPI description"}},
		{"no paths", head, []string{"shop.openapi.yaml:1: the description has no paths"}},
		{"no operations", head + "paths: {}\n", []string{"shop.openapi.yaml:3: the description has no operations"}},
		{"another schema dialect", head + "jsonSchemaDialect: http://json-schema.org/draft-04/schema\npaths: {/a: {get: {}}}\n",
			[]string{"shop.openapi.yaml:3: schemas of the dialect"}},
		{"an operation that says nothing of security", head + `components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
paths:
	/a:
		post: {operationId: createOrder}
`, []string{`shop.openapi.yaml:6: operation createOrder: no security and not marked public (add security, or security: [] with x-yett-public: "reason")`}},
		{"empty security without a reason", keyed + "paths: {/a: {get: {operationId: a, security: []}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: security is empty and there is no reason for it"}},
		{"empty security of the whole description", head + "security: []\npaths: {/a: {get: {operationId: a}}}\n",
			[]string{"shop.openapi.yaml:4: operation a: security is empty and there is no reason for it"}},
		{"a reason that is empty", keyed + "paths: {/a: {get: {operationId: a, security: [], x-yett-public: ' '}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: x-yett-public gives no reason"}},
		{"a reason that is no text", keyed + "paths: {/a: {get: {operationId: a, security: [], x-yett-public: true}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: x-yett-public gives no reason"}},
		{"a reason beside security", keyed + "paths: {/a: {get: {operationId: a, security: [{key: []}], x-yett-public: r}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: x-yett-public beside security that asks for a credential"}},
		{"a reason beside inherited security", keyed + "paths: {/a: {get: {operationId: a, x-yett-public: r}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: x-yett-public beside the security of the whole description (add security: []"}},
		{"optional credentials without a reason", keyed + "paths: {/a: {get: {operationId: a, security: [{key: []}, {}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: {} in security lets everybody in, and there is no reason for it"}},
		{"an unknown scheme", keyed + "paths: {/a: {get: {operationId: a, security: [{kay: []}]}}}\n",
			[]string{"shop.openapi.yaml:5: security names the scheme kay, which is not described (did you mean key?)"}},
		{"a scheme of an unknown type", head + "components: {securitySchemes: {s: {type: apikey}}}\npaths: {/a: {get: {security: [], x-yett-public: r}}}\n",
			[]string{"shop.openapi.yaml:3: scheme s: type \"apikey\" is unknown (did you mean apiKey?)"}},
		{"an API key nowhere", head + "components: {securitySchemes: {s: {type: apiKey, in: body, name: k}}}\npaths: {/a: {get: {security: [], x-yett-public: r}}}\n",
			[]string{"shop.openapi.yaml:3: scheme s: in is \"body\""}},
		{"scopes that nothing can carry", head + "components: {securitySchemes: {s: {type: http, scheme: basic}}}\npaths: {/a: {get: {operationId: a, security: [{s: []}], x-yett-scopes: [x]}}}\n",
			[]string{"shop.openapi.yaml:4: operation a: x-yett-scopes, but no API key that could carry them"}},
		{"a misspelt word of ours", keyed + "paths: {/a: {get: {operationId: a, x-yett-pubic: r}}}\n",
			[]string{"shop.openapi.yaml:5: unknown word x-yett-pubic (did you mean x-yett-public?)"}},
		{"an unknown word of ours deep in a schema", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, schema: {type: string, X-Yett-Masks: r}}]}}}\n",
			[]string{"shop.openapi.yaml:5: unknown word X-Yett-Masks (did you mean x-yett-mask?)"}},
		{"a word of ours where nothing reads it", keyed + "paths: {/a: {x-yett-public: r, get: {}}}\n",
			[]string{"shop.openapi.yaml:5: x-yett-public has no effect here (put it into an operation)"}},
		{"one operationId twice", keyed + "paths:\n\t/a:\n\t\tget: {operationId: a}\n\t\tput: {operationId: a}\n",
			[]string{"shop.openapi.yaml:8: operation a: the operationId stands twice (first on line 7)"}},
		{"a path parameter that is not described", keyed + "paths: {'/a/{id}': {get: {operationId: a}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: the path parameter {id} is not described (add it to parameters, in: path)"}},
		{"a path parameter that is not in the path", keyed + "paths: {/a: {get: {operationId: a, parameters: [{name: id, in: path, required: true, schema: {}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation a: the path parameter id is not in /a"}},
		{"two templates for the same requests", keyed + `paths:
	/a/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {}}]}}
	/a/{y}: {get: {parameters: [{name: y, in: path, required: true, schema: {}}]}}
`, []string{"shop.openapi.yaml:7: paths /a/{y} and /a/{x} (line 6) match the same requests"}},
		{"a parameter over several segments", keyed + "paths: {'/a/{p*}': {get: {}}}\n",
			[]string{"shop.openapi.yaml:5: path /a/{p*}: {p*} would span several segments"}},
		{"parameters that touch", keyed + "paths: {'/a/{p}{q}': {get: {}}}\n",
			[]string{"shop.openapi.yaml:5: path /a/{p}{q}: parameters {p} and the next one touch"}},
		{"a path without a slash", keyed + "paths: {a: {get: {}}}\n", []string{"shop.openapi.yaml:5: path a: a path begins with a slash"}},
		{"a path with a dot segment", keyed + "paths: {/a/../b: {get: {}}}\n", []string{"shop.openapi.yaml:5: path /a/../b: a dot segment is never matched"}},
		{"an unknown method", keyed + "paths: {/a: {gte: {}, get: {}}}\n", []string{"shop.openapi.yaml:5: path /a: \"gte\" is no method"}},
		{"an unknown style", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, style: matrix, schema: {}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter q: the style \"matrix\" does not exist in a query (want form,"}},
		{"a deepObject that is no object", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, style: deepObject, schema: {type: string}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter q: the style deepObject is for objects"}},
		{"a parameter in a wrong place", keyed + "paths: {/a: {get: {parameters: [{name: q, in: body, schema: {}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter q: in is \"body\" (that is OpenAPI 2.0"}},
		{"a parameter twice", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, schema: {}}, {name: q, in: query, schema: {}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: the query parameter q stands twice"}},
		{"a parameter of OpenAPI 2.0's form", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, type: string}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter q: no schema (put type under schema"}},
		{"a parameter with schema and content", keyed + "paths: {/a: {get: {parameters: [{name: q, in: query, schema: {}, content: {application/json: {}}}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter q: both schema and content"}},
		{"a broken reference", keyed + "paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/Nope'}]}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: parameter: $ref \"#/components/parameters/Nope\" points to nothing"}},
		{"a body without a media type", keyed + "paths: {/a: {post: {requestBody: {}}}}\n",
			[]string{"shop.openapi.yaml:5: operation POST /a: requestBody: no media type"}},
		{"a body of no media type", keyed + "paths: {/a: {post: {requestBody: {content: {json: {}}}}}}\n",
			[]string{"shop.openapi.yaml:5: operation POST /a: requestBody: \"json\" is no media type"}},
		{"a response of no status", keyed + "paths: {/a: {get: {responses: {ok: {description: d}}}}}\n",
			[]string{"shop.openapi.yaml:5: operation GET /a: response \"ok\" is no status"}},
		{"a server whose path is ambiguous", keyed + "servers: [{url: 'https://shop.example.org/a//b'}]\npaths: {/a: {get: {}}}\n",
			[]string{"shop.openapi.yaml:5: the path of a server is ambiguous: empty_segment"}},
		{"a server with an open variable", keyed + "servers: [{url: 'https://shop.example.org/{v}'}]\npaths: {/a: {get: {}}}\n",
			[]string{"shop.openapi.yaml:5: the url of a server holds a variable that has no value"}},
		{"a WebSocket that is no GET", keyed + "paths: {/a: {post: {x-yett-websocket: true}}}\n",
			[]string{"shop.openapi.yaml:5: operation POST /a: x-yett-websocket on POST"}},
		{"several errors, in file order", keyed + `paths:
	/b:
		get: {x-yett-pubic: r}
	/a:
		post: {security: []}
		put: {security: [{kay: []}]}
`, []string{
			"shop.openapi.yaml:7: unknown word x-yett-pubic",
			"shop.openapi.yaml:9: operation POST /a: security is empty",
			"shop.openapi.yaml:10: security names the scheme kay",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, _, err := load(t, tt.text, Options{})
			got := messages(err)
			ok := len(got) == len(tt.want) && a == nil
			for i := range min(len(got), len(tt.want)) {
				ok = ok && strings.HasPrefix(got[i], tt.want[i])
			}
			if !ok {
				t.Errorf("Load says\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

func TestLoadWarns(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"TRACE is left out", keyed + "paths: {/a: {trace: {}, get: {}}}\n", "path /a: TRACE is never served"},
		{"a path parameter not marked as required", keyed + "paths: {'/a/{id}': {get: {parameters: [{name: id, in: path, schema: {}}]}}}\n", "operation GET /a/{id}: parameter id: a path parameter is always required"},
		{"templates that differ only in method", keyed + `paths:
	/a/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {}}]}}
	/a/{y}: {put: {parameters: [{name: y, in: path, required: true, schema: {}}]}}
`, "paths /a/{y} and /a/{x} (line 6) match the same requests and differ only in method"},
		{"media types that differ only in parameters", keyed + "paths: {/a: {get: {responses: {default: {content: {application/json: {}, application/json;v=2: {}}}}}}}\n", "application/json stands twice; the first counts"},
		{"servers of an operation", keyed + "paths: {/a: {get: {servers: [{url: /x}]}}}\n", "operation GET /a: servers are ignored"},
		{"a scope that no flow lists", head + "components: {securitySchemes: {o: {type: oauth2, flows: {}}}}\npaths: {/a: {get: {security: [{o: [x]}]}}}\n", "no flow of the scheme o lists the scope x"},
		{"a schema that is referred to by its $id", keyed + `paths: {/a: {get: {responses: {default: {content: {application/json: {schema: {$ref: 'https://example.org/a'}}}}}}}}
x-schemas: {a: {$id: 'https://example.org/a', properties: {pin: {writeOnly: true}}}}
`, "5: members of this schema are not known, so none are held back and none refused (leave $schema"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, warnings, err := load(t, tt.text, Options{})
			if err != nil || len(a.Operations) == 0 {
				t.Fatal(err)
			}
			for _, p := range a.Operations[0].Params {
				if !p.Required {
					t.Errorf("the path parameter %s is not required", p.Name)
				}
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0].String(), tt.want) {
				t.Errorf("warnings %q, want one that says %q", warnings, tt.want)
			}
		})
	}
}

func TestOneMethodPerTemplateIsToldApart(t *testing.T) {
	a := mustLoad(t, keyed+`paths:
	/a/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {type: string}}]}}
	/a/{y}: {put: {parameters: [{name: y, in: path, required: true, schema: {type: string}}]}}
`)
	m, params := router(t, a).Match("", "/a/7", nil)
	put := m.Operation("PUT")
	if put == nil || put.Path != "/a/{y}" {
		t.Fatalf("PUT leads to %+v", put)
	}
	if f := put.CheckParams("", params, nil, new(Scratch)); len(f) > 0 {
		t.Errorf("the parameter is not found under its own name: %v", f)
	}
	put.NameParams(params)
	if params[0].Name != "y" {
		t.Errorf("params = %v, want y", params)
	}
}

func TestFilesBesideTheDescription(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.openapi.yaml", keyed+"paths: {/a: {$ref: 'a.yaml#/item'}}\n")
	write("a.yaml", "item: {get: {operationId: a, parameters: [{$ref: '#/q'}]}}\nq: {name: q, in: query, schema: {type: string, x-yett-maks: last4}}\n")
	_, _, err := Load(filepath.Join(dir, "shop.openapi.yaml"), Options{})
	if err == nil || !strings.Contains(err.Error(), "a.yaml:2: unknown word x-yett-maks") {
		t.Errorf("a word in another file: %v", err)
	}
	write("a.yaml", "item: {get: {operationId: a, parameters: [{$ref: '#/q'}]}}\nq: {name: q, in: query, schema: {type: string}}\n")
	a, _, err := Load(filepath.Join(dir, "shop.openapi.yaml"), Options{})
	if err != nil || a.Operations[0].ID != "a" || len(a.Operations[0].Params) != 1 {
		t.Errorf("Load: %v, %v", a, err)
	}
}

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{"x-yett-pubic": "x-yett-public", "x-yett-scope": "x-yett-scopes", "x-yett-nothing-alike": ""} {
		if got := nearest(in, knownWords); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
