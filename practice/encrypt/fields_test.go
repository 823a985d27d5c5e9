// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"yett/alert"
	"yett/api"
	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// bank is an API whose customers have fields of every sort.
const bank = `openapi: 3.1.0
info: { title: Bank, version: "1" }
paths:
  /customers:
    post:
      operationId: addCustomer
      security: []
      x-yett-public: test
      requestBody:
        content:
          application/json: { schema: { $ref: "#/components/schemas/Customer" } }
      responses: { "201": { description: made } }
    get:
      operationId: listCustomers
      security: []
      x-yett-public: test
      parameters:
        - { name: mail, in: query, schema: { $ref: "#/components/schemas/Mail" } }
        - { name: tags, in: query, schema: { type: array, items: { $ref: "#/components/schemas/Mail" } } }
        - { name: words, in: query, explode: false, schema: { type: array, items: { $ref: "#/components/schemas/Mail" } } }
        - { name: page, in: query, schema: { type: string } }
      responses:
        "200":
          description: all
          content:
            application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Customer" } } }
  /customers/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    put:
      operationId: putCustomer
      security: []
      x-yett-public: test
      requestBody:
        content:
          application/json: { schema: { $ref: "#/components/schemas/Customer" } }
          text/plain: { schema: { type: string } }
      responses: { "204": { description: done } }
    get:
      operationId: getCustomer
      security: []
      x-yett-public: test
      responses:
        "200":
          description: one
          content:
            application/json: { schema: { $ref: "#/components/schemas/Customer" } }
components:
  schemas:
    Mail: { type: string, x-yett-encrypt: deterministic }
    Secret: { type: string, x-yett-encrypt: randomized }
    Customer:
      type: object
      properties:
        id: { type: [string, integer] }
        name: { type: string }
        card: { type: [string, "null"], x-yett-encrypt: randomized }
        spare: { $ref: "#/components/schemas/Secret" }
        pin: { type: string, x-yett-encrypt: randomized, x-yett-encrypt-bind: id }
        mail: { $ref: "#/components/schemas/Mail" }
        tags: { type: array, items: { $ref: "#/components/schemas/Mail" } }
        words: { type: array, items: { $ref: "#/components/schemas/Mail" } }
        keys: { type: array, x-yett-encrypt: randomized, items: { type: string } }
        labels: { type: object, additionalProperties: { $ref: "#/components/schemas/Secret" } }
        parent: { $ref: "#/components/schemas/Customer" }
`

// describe loads a description.
func describe(t testing.TB, name, text string) *api.API {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it.openapi.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _, err := api.Load(path, api.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A shop is an API behind its fields, and an upstream that keeps what it was sent.
type shop struct {
	t      testing.TB
	fields *Fields
	alerts *alert.Board
	server *exchange.Server

	mu    sync.Mutex
	query string // as it reached the upstream
	body  string
	typ   string
	reply string // what the upstream answers
	cause string // of the last refusal
}

func (r *rig) shop(v *Vault, name, text string) *shop {
	r.t.Helper()
	return r.behind(v, describe(r.t, name, text))
}

// behind puts an upstream behind the fields of an API.
func (r *rig) behind(v *Vault, a *api.API) *shop {
	r.t.Helper()
	s := &shop{t: r.t, alerts: new(alert.Board)}
	f, err := NewFields(r.t.Context(), a, FieldOptions{Vault: v, Alerts: s.alerts})
	r.ok(err)
	s.fields = f
	router, err := api.NewRouter(a)
	r.ok(err)
	answers := view.NewRules(a, false, f.Edits)
	chains := make(map[*api.Operation]*exchange.Chain)
	for _, op := range a.Operations {
		v := view.Compile(op, answers, nil, "")
		chains[op] = &exchange.Chain{Operation: op, Upstream: s, Request: []exchange.Link{{Practice: "encrypt", Step: f.Request}},
			Response: []exchange.Link{{Practice: "view", Step: v.Response}}}
	}
	s.server = &exchange.Server{
		Route: func(x *exchange.Exchange) (*exchange.Chain, error) {
			m, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
			x.Request.Params = params
			op := m.Operation(x.Request.Method)
			if op == nil {
				return nil, &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
			}
			op.NameParams(params)
			return chains[op], nil
		},
		Observe: []func(exchange.Record){func(rec exchange.Record) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cause = rec.Cause
		}},
	}
	return s
}

// Do is the upstream.
func (s *shop) Do(x *exchange.Exchange) error {
	body := ""
	if r, _ := x.Request.Body.Outgoing(); r != nil {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		body = string(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.query, s.body, s.typ = x.Request.Query, body, x.Request.Header.Get("Content-Type")
	x.Answer.Status, x.Answer.Length = http.StatusOK, int64(len(s.reply))
	x.Answer.Header.Set("Content-Type", "application/json")
	x.Answer.SetBody(io.NopCloser(strings.NewReader(s.reply)))
	return nil
}

// ask sends a request, with a body of JSON where there is one, and returns status and body of the answer.
func (s *shop) ask(method, target, body string) (int, string) {
	s.t.Helper()
	return s.send(method, target, "application/json", body)
}

func (s *shop) send(method, target, typ, body string) (int, string) {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, in)
	if body != "" {
		r.Header.Set("Content-Type", typ)
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// put sends a customer and returns its members as they reached the upstream.
func (s *shop) put(target, body string) map[string]any {
	s.t.Helper()
	method := "PUT"
	if target == "/customers" {
		method = "POST"
	}
	if code, text := s.ask(method, target, body); code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s (%s)", method, target, code, text, s.cause)
	}
	return members(s.t, s.body)
}

// get returns what a caller sees where the upstream answers with reply.
func (s *shop) get(target, reply string) (int, string) {
	s.t.Helper()
	s.mu.Lock()
	s.reply = reply
	s.mu.Unlock()
	return s.ask("GET", target, "")
}

func members(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

func same(t testing.TB, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(w)
	if !bytes.Equal(a, b) {
		t.Errorf("got %s, want %s", a, b)
	}
}

const customer = `{"id":"7","name":"Greta","card":"4111 1111 1111 1111","spare":"\"\\ü\u0001","pin":"0000","mail":"greta@example.org",` +
	`"tags":["red shoes","blue shoes"],"words":[],"keys":["key 1","key 2"],"labels":{"a":"to x","b":"to y"},"parent":{"id":8,"card":null,"pin":"1111","mail":"greta@example.org"}}`

func TestFieldsAreSealedOnTheWayInAndPlainOnTheWayOut(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	for _, target := range []string{"/customers", "/customers/7"} {
		got := s.put(target, customer)
		for _, name := range []string{"card", "spare", "pin", "mail"} {
			if v, _ := got[name].(string); !strings.HasPrefix(v, sealedMark) {
				t.Errorf("%s: %s reached the upstream as %v", target, name, got[name])
			}
		}
		for _, clear := range []string{"4111 ", `"0000"`, `"1111"`, "greta@", "red ", "blue ", "key ", "to x", "to y"} {
			if strings.Contains(s.body, clear) {
				t.Errorf("%s: the upstream holds %s in clear: %s", target, clear, s.body)
			}
		}
		if got["name"] != "Greta" || got["id"] != "7" {
			t.Errorf("%s: what bears no word changed: %s", target, s.body)
		}
	}
	// Bound to the row of the path, or to the member beside it.
	s.put("/customers/7", strings.Replace(customer, `"parent":{"id":8,`, `"parent":{`, 1))
	code, out := s.get("/customers/7", s.body)
	if code != http.StatusOK {
		t.Fatalf("got %d %s: %v", code, out, s.cause)
	}
	same(t, out, strings.Replace(customer, `"parent":{"id":8,`, `"parent":{`, 1))
	s.put("/customers", customer)
	code, out = s.get("/customers", "["+s.body+","+s.body+"]")
	if code != http.StatusOK {
		t.Fatalf("got %d %s: %v", code, out, s.cause)
	}
	same(t, out, "["+customer+","+customer+"]")
	if c := s.fields.counts; c.clear.Load() != 0 || c.failed.Load() != 0 || c.opened.Load() == 0 || c.sealed.Load() == 0 {
		t.Errorf("counted %d sealed, %d opened, %d in clear, %d failed", c.sealed.Load(), c.opened.Load(), c.clear.Load(), c.failed.Load())
	}
	if len(s.alerts.All()) != 0 {
		t.Errorf("alerts: %v", s.alerts.All())
	}
}

func TestAnAnswerIsOpenedWhereItIsOnlyTried(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	s.put("/customers/7", customer)
	i := slices.IndexFunc(s.fields.api.Operations, func(op *api.Operation) bool { return op.ID == "getCustomer" })
	op := s.fields.api.Operations[i]
	x := &exchange.Exchange{Operation: op, Request: exchange.Request{Params: []api.Param{{Name: "id", Value: "7"}}}}
	v := view.Compile(op, view.NewRules(s.fields.api, false, s.fields.Edits), nil, "")
	out, err := v.Preview(x, http.StatusOK, "application/json", []byte(s.body))
	r.ok(err)
	same(t, string(out), customer)
	if _, err := v.Preview(x, http.StatusOK, "application/json", []byte(`{"card":"yett1.AAAAAAAAAAAAAAAA"}`)); problem.Code(err) != "sealed_value" {
		t.Errorf("got %v", err)
	}
}

func TestAValueThatLooksSealedComesBackAsItWasSent(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	first := s.put("/customers/7", `{"card":"secret"}`)["card"].(string)
	again := s.put("/customers/7", `{"card":"`+first+`"}`)["card"].(string)
	if again == first {
		t.Fatal("what a caller sends as sealed is passed on as it is")
	}
	code, out := s.get("/customers/7", `{"card":"`+again+`"}`)
	if code != http.StatusOK {
		t.Fatal(code, out)
	}
	same(t, out, `{"card":"`+first+`"}`)
}

func TestAMovedValueDoesNotOpen(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.shop(v, "bank", bank)
	sealed := s.put("/customers/7", customer)
	str := func(name string) string { return sealed[name].(string) }
	tag := sealed["tags"].([]any)[0].(string)
	flipped := []byte(str("card"))
	flipped[len(flipped)/2] ^= 1
	for _, tt := range []struct {
		name, target, reply string
		opens               bool
	}{
		{"each at its own place", "/customers/7", fmt.Sprintf(`{"card":%q,"pin":%q,"mail":%q}`, str("card"), str("pin"), str("mail")), true},
		{"unbound, in another row", "/customers/8", fmt.Sprintf(`{"card":%q}`, str("card")), true},
		{"in an older place of the same component and name", "/customers/7", fmt.Sprintf(`{"parent":{"mail":%q}}`, str("mail")), true},
		{"in another field", "/customers/7", fmt.Sprintf(`{"spare":%q}`, str("card")), false},
		{"in another field of the same component", "/customers/7", fmt.Sprintf(`{"mail":%q}`, tag), false},
		{"under another name of an open object", "/customers/7", fmt.Sprintf(`{"labels":{"b":%q}}`, sealed["labels"].(map[string]any)["a"]), false},
		{"bound, in another row", "/customers/8", fmt.Sprintf(`{"pin":%q}`, str("pin")), false},
		{"bound, in another row of a list", "/customers", fmt.Sprintf(`[{"id":"8","pin":%q}]`, str("pin")), false},
		{"bound, in a row that is not named", "/customers", fmt.Sprintf(`[{"pin":%q}]`, str("pin")), false},
		{"bound, in a row without a name", "/customers", fmt.Sprintf(`[{"id":"","pin":%q}]`, str("pin")), false},
		{"randomized where deterministic is", "/customers/7", fmt.Sprintf(`{"mail":%q}`, str("card")), false},
		{"with one bit changed", "/customers/7", fmt.Sprintf(`{"card":%q}`, flipped), false},
		{"cut", "/customers/7", fmt.Sprintf(`{"card":%q}`, str("card")[:len(str("card"))-2]), false},
		{"with a line break in it", "/customers/7", fmt.Sprintf(`{"card":"%s\n%s"}`, str("card")[:20], str("card")[20:]), false},
		{"in another spelling", "/customers/7", fmt.Sprintf(`{"card":%q}`, str("card")[:len(str("card"))-1]+string(str("card")[len(str("card"))-1]+1)), false},
		{"padded", "/customers/7", fmt.Sprintf(`{"card":"%s="}`, str("card")), false},
		{"the mark alone", "/customers/7", `{"card":"yett1."}`, false},
		{"the mark and no base64", "/customers/7", `{"card":"yett1.!!!"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out := s.get(tt.target, tt.reply)
			if tt.opens {
				if code != http.StatusOK || strings.Contains(out, sealedMark) {
					t.Errorf("got %d %s: %v", code, out, s.cause)
				}
				return
			}
			var p struct{ Code, Detail string }
			if err := json.Unmarshal([]byte(out), &p); err != nil || code != http.StatusBadGateway || p.Code != "sealed_value" ||
				p.Detail != "The service behind this gateway gave an answer that cannot be passed on." {
				t.Errorf("got %d %s", code, out)
			}
			for _, told := range []string{out, fmt.Sprint(s.cause)} {
				if strings.Contains(told, sealedMark) || strings.Contains(told, "4111") {
					t.Errorf("it tells the value: %s", told)
				}
			}
			if !strings.Contains(fmt.Sprint(s.cause), "#/components/schemas/") {
				t.Errorf("the record does not say where: %v", s.cause)
			}
		})
	}
	about := map[string]bool{}
	for _, a := range s.alerts.All() {
		about[a.Name+" "+a.About] = true
	}
	for _, want := range []string{"sealed_value bank #/components/schemas/Customer/properties/card", "sealed_value bank #/components/schemas/Customer/properties/pin"} {
		if !about[want] {
			t.Errorf("nobody is told of %s: %v", want, about)
		}
	}
	// The same description under another name, and the same name with other keys.
	for name, other := range map[string]*shop{"another API": r.shop(v, "store", bank), "another store": newRig(t).shop2(t, "bank")} {
		if code, out := other.get("/customers/7", fmt.Sprintf(`{"card":%q}`, str("card"))); code != http.StatusBadGateway {
			t.Errorf("%s opens it: %d %s", name, code, out)
		}
	}
	// The class is what keeps APIs apart; the name of the API is bound too.
	a, b := s.fields.field(spot{}, false), s.fields.field(spot{}, false)
	b.place = spot{}.bound("store")
	text, err := a.seal(nil, nil, nil, []byte("secret"))
	r.ok(err)
	if _, err := b.open(t.Context(), nil, nil, text); err == nil {
		t.Error("the name of the API is not bound")
	}
}

func (r *rig) shop2(t *testing.T, name string) *shop { return r.shop(r.open(key(t, 9)), name, bank) }

func TestWhatIsBoundToIsNeverTheSameTwice(t *testing.T) {
	seen := map[string]string{}
	f := &field{}
	for _, parts := range [][5]string{
		{"a", "b", "c", "d", "e"}, {"ab", "", "c", "d", "e"}, {"a", "bc", "", "d", "e"}, {"a", "b", "cd", "", "e"}, {"a", "b", "c", "de", ""},
		{"a", "b", "c", "", "de"}, {"", "", "", "", "abcde"}, {"a#b", "", "c", "d", "e"}, {"a", "", "b#c", "d", "e"},
		{"x", "b", "c", "d", "e"}, {"a", "x", "c", "d", "e"}, {"a", "b", "x", "d", "e"}, {"a", "b", "c", "x", "e"}, {"a", "b", "c", "d", "x"},
	} {
		f.place = spot{file: parts[1], pointer: parts[2]}.bound(parts[0])
		sc := f.scratch([]byte(parts[3]), []byte(parts[4]))
		if other, ok := seen[string(sc.bound)]; ok {
			t.Errorf("%q and %s are bound alike", parts, other)
		}
		seen[string(sc.bound)] = fmt.Sprintf("%q", parts)
		sc.release()
	}
}

func TestEqualValuesAreEqualAtOnePlaceAlone(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	one := s.put("/customers", `{"id":1,"card":"same","spare":"same","mail":"same","tags":["same","same","other"],"words":["same"]}`)
	two := s.put("/customers/9", `{"card":"same","mail":"same"}`)
	if one["mail"] != two["mail"] {
		t.Error("equal deterministic values differ")
	}
	tags := one["tags"].([]any)
	if tags[0] != tags[1] || tags[0] == tags[2] {
		t.Errorf("items: %v", tags)
	}
	if one["mail"] == tags[0] || tags[0] == one["words"].([]any)[0] {
		t.Error("deterministic values are equal across places")
	}
	if one["card"] == two["card"] || one["card"] == one["spare"] {
		t.Error("randomized values are equal")
	}
	if other := r.shop(r.open(key(t, 1)), "other", bank).put("/customers", `{"mail":"same"}`); other["mail"] == one["mail"] {
		t.Error("deterministic values are equal across APIs")
	}
}

func TestTheQueryIsSealedToExactlyWhatTheBodyIs(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	at := s.put("/customers", `{"mail":"a+b c@ü","tags":["red","","a,b"],"words":["red","blue"]}`)
	mail, tags, words := at["mail"].(string), at["tags"].([]any), at["words"].([]any)
	empty := s.put("/customers", `{"mail":""}`)["mail"].(string)
	for _, tt := range []struct{ name, query, want string }{
		{"a value", "mail=a%2Bb+c%40%C3%BC", "mail=" + mail},
		{"however it is escaped", "mail=%61%2bb%20c@%c3%bc", "mail=" + mail},
		{"nothing else changes", "page=%61&&x=1&mail=a%2Bb+c%40%C3%BC&page=b%20&", "page=%61&&x=1&mail=" + mail + "&page=b%20&"},
		{"an escaped name", "m%61il=a%2Bb+c%40%C3%BC", "m%61il=" + mail},
		{"an empty value", "mail=", "mail=" + empty},
		{"no value", "mail", "mail=" + empty},
		{"a value that looks sealed is sealed again", "mail=" + mail, ""},
		{"a list", "tags=red&tags=&tags=a,b", fmt.Sprintf("tags=%s&tags=%s&tags=%s", tags...)},
		{"a list with brackets", "tags[]=red&tags%5B%5D=a%2Cb", fmt.Sprintf("tags[]=%s&tags%%5B%%5D=%s", tags[0], tags[2])},
		{"a list in one", "words=red,blue", fmt.Sprintf("words=%s,%s", words...)},
		{"an empty list in one", "words=&page=1", "words=&page=1"},
		{"other parameters only", "page=1", "page=1"},
		{"no query", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, out := s.get("/customers?"+tt.query, "[]"); code != http.StatusOK {
				t.Fatalf("%d %s: %v", code, out, s.cause)
			}
			if tt.want == "" && tt.query != "" {
				if strings.Contains(s.query, mail) || !strings.HasPrefix(s.query, "mail="+sealedMark) {
					t.Errorf("got %s", s.query)
				}
				return
			}
			if s.query != tt.want {
				t.Errorf("got  %s\nwant %s", s.query, tt.want)
			}
		})
	}
	for _, query := range []string{"mail=%zz", "mail=%C", "%zz=1", "page=1;mail=x"} {
		s.query = "untouched"
		if code, out := s.ask("GET", "/customers?"+query, ""); code != http.StatusBadRequest || !strings.Contains(out, "query_unreadable") || s.query != "untouched" {
			t.Errorf("%s: got %d %s, and the upstream %s", query, code, out, s.query)
		}
	}
}

func TestWhatCannotBeSealedDoesNotGoOn(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	for _, tt := range []struct {
		name, method, target, typ, body string
		status                          int
		code                            string
	}{
		{"a number", "PUT", "/customers/7", "application/json", `{"card":4111}`, 422, "not_sealable"},
		{"an object", "PUT", "/customers/7", "application/json", `{"card":{"n":"4111"}}`, 422, "not_sealable"},
		{"a boolean", "PUT", "/customers/7", "application/json", `{"mail":true}`, 422, "not_sealable"},
		{"an array for a string", "PUT", "/customers/7", "application/json", `{"card":["4111"]}`, 422, "not_sealable"},
		{"a number in a list", "PUT", "/customers/7", "application/json", `{"keys":[4111]}`, 422, "not_sealable"},
		{"a list in a list", "PUT", "/customers/7", "application/json", `{"keys":[["4111"]]}`, 422, "not_sealable"},
		{"an object for a list", "PUT", "/customers/7", "application/json", `{"keys":{"a":"4111"}}`, 422, "not_sealable"},
		{"a bound value without its row", "POST", "/customers", "application/json", `{"pin":"4111"}`, 422, "bind_missing"},
		{"a bound value with an empty row", "POST", "/customers", "application/json", `{"id":"","pin":"4111"}`, 422, "bind_missing"},
		{"a bound value in the row of another object", "POST", "/customers", "application/json", `{"id":"1","parent":{"pin":"4111"}}`, 422, "bind_missing"},
		{"a type that is not described", "PUT", "/customers/7", "application/xml", `<card>4111</card>`, 415, "not_sealable"},
		{"JSON that is none", "PUT", "/customers/7", "application/json", `{"card":"4111"`, 400, "json_truncated"},
		{"null", "PUT", "/customers/7", "application/json", `{"card":null,"pin":null}`, 200, ""},
		{"a type without fields", "PUT", "/customers/7", "text/plain", `plain`, 200, ""},
		{"nothing", "PUT", "/customers/7", "", ``, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.body = ""
			code, out := s.send(tt.method, tt.target, tt.typ, tt.body)
			if code != tt.status || tt.code != "" && !strings.Contains(out, `"code":"`+tt.code) {
				t.Errorf("got %d %s: %v", code, out, s.cause)
			}
			if tt.code != "" && s.body != "" || tt.code == "" && s.body != tt.body {
				t.Errorf("the upstream got %q", s.body)
			}
			if strings.Contains(fmt.Sprint(out, s.cause), "4111") {
				t.Errorf("it tells the value: %s %v", out, s.cause)
			}
		})
	}
}

func TestValuesFromBeforeThereWasSealingPassAndAreCounted(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	const old = `{"id":"7","card":"4111","spare":"","pin":"1","mail":7,"keys":["a",1,null],"labels":{}}`
	code, out := s.get("/customers/7", old)
	if code != http.StatusOK {
		t.Fatal(code, out)
	}
	same(t, out, old)
	if n := s.fields.counts.clear.Load(); n != 3 {
		t.Errorf("%d values were counted, want 3", n)
	}
}

func TestAnAPIThatDoesNotSpeakOfSealingHasNoFields(t *testing.T) {
	r := newRig(t)
	plain := bank
	for _, word := range []string{", x-yett-encrypt-bind: id", ", x-yett-encrypt: randomized", ", x-yett-encrypt: deterministic"} {
		plain = strings.ReplaceAll(plain, word, "")
	}
	v := r.open(key(t, 1))
	if f, err := NewFields(t.Context(), describe(t, "bank", plain), FieldOptions{Vault: v}); f != nil || err != nil {
		t.Errorf("got %v, %v", f, err)
	}
	if names := v.Names(); len(names) != 0 {
		t.Errorf("it made the keys %v", names)
	}
}

func TestOnePlaceHasOneEdit(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	edits := map[*view.Edit]int{}
	asked := 0
	each(s.fields.api.Operations[0].Body.Media[0].Schema.Shape(), func(at view.Place, _ string) {
		at.API = s.fields.api
		for _, at.Request = range []bool{true, false} {
			for _, e := range s.fields.Edits(at) {
				edits[e]++
				asked++
				if want := map[bool]view.Stage{true: view.Seal, false: view.Open}[at.Request]; e.Stage != want || e.When != nil {
					t.Errorf("%+v", e)
				}
			}
		}
	})
	// card, Secret, pin, Mail and the items of keys, both ways; and keys itself on the way in.
	if len(edits) != 11 || asked <= len(edits) {
		t.Errorf("%d edits for %d places", len(edits), asked)
	}
	if s.fields.Edits(view.Place{API: s.fields.api}) != nil {
		t.Error("a place of which nothing is said has an edit")
	}
}

func TestASealedValueHasTheLengthThatIsDocumented(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	for n := range 50 {
		at := s.put("/customers", fmt.Sprintf(`{"card":%q,"mail":%q}`, strings.Repeat("x", n), strings.Repeat("x", n)))
		for name, want := range map[string]int{"card": SealedLen(n, Randomized), "mail": SealedLen(n, Deterministic)} {
			if got := len(at[name].(string)); got != want {
				t.Errorf("%s: %d bytes become %d, not %d", name, n, got, want)
			}
		}
	}
}

// FuzzFields seals any text and opens it again, and opens any text.
func FuzzFields(f *testing.F) {
	r := newRig(f)
	v, err := Open(context.Background(), Options{Store: r.db, KEK: key(f, 1)})
	r.ok(err)
	s := r.shop(v, "bank", bank)
	var fields []*field
	for _, p := range s.fields.plan.places {
		fields = append(fields, s.fields.field(p.spot, false))
	}
	for _, seed := range []string{"", "x", "\x00\xff", "yett1.", "yett1.AAAA", "yett1.AQAAAAE", strings.Repeat("long ", 100), "\n", "ü\u2028\"\\"} {
		f.Add([]byte(seed), []byte("name"), []byte("id"), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text, name, id []byte, which uint8) {
		at := fields[int(which)%len(fields)]
		sealed, err := at.seal([]byte("before"), name, id, text)
		if err != nil {
			t.Fatal(err)
		}
		sealed, ok := bytes.CutPrefix(sealed, []byte("before"))
		if !ok || len(sealed) != SealedLen(len(text), at.mode) || !looksSealed(sealed) {
			t.Fatalf("%q is sealed as %q", text, sealed)
		}
		if len(text) > 8 && bytes.Contains(sealed, text) {
			t.Errorf("%q shows in %q", text, sealed)
		}
		if i := bytes.IndexFunc(sealed, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
		}); i >= 0 {
			t.Errorf("%q cannot stand in a query", sealed)
		}
		if got, err := at.open(t.Context(), name, id, sealed); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%q comes back as %q, %v", text, got, err)
		}
		if got, err := at.open(t.Context(), append(bytes.Clone(name), 'x'), id, sealed); err == nil {
			t.Errorf("it opens under another name: %q", got)
		}
		// Anything at all, as an upstream may send it.
		for _, any := range [][]byte{text, append([]byte(sealedMark), text...), sealed[:len(sealed)-1], append(bytes.Clone(sealed), text...)} {
			if got, err := at.open(t.Context(), name, id, any); err == nil && !bytes.Equal(any, sealed) {
				t.Errorf("%q opens as %q", any, got)
			} else if err != nil && err != errUnopened {
				t.Errorf("the error says more than that it does not open: %v", err)
			}
		}
	})
}

// FuzzQuery holds that sealing a query changes the values of its searches and no other byte.
func FuzzQuery(f *testing.F) {
	r := newRig(f)
	v, err := Open(context.Background(), Options{Store: r.db, KEK: key(f, 1)})
	r.ok(err)
	s := r.shop(v, "bank", bank)
	i := slices.IndexFunc(s.fields.api.Operations, func(op *api.Operation) bool { return op.ID == "listCustomers" })
	all := s.fields.plan.operations[s.fields.api.Operations[i]].searches
	for _, seed := range []string{"", "mail=a", "mail", "&&mail=&", "tags[]=a&tags=b", "words=a,b,,", "words=", "page=1&m%61il=%41", "%", "a=b=c&mail=d=e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		out, changed, err := all.seal(query)
		if err != nil {
			return
		}
		in, got := strings.Split(query, "&"), strings.Split(out, "&")
		if len(in) != len(got) || changed != (out != query) {
			t.Fatalf("%q became %q, %v", query, out, changed)
		}
		for i := range in {
			search, name, err := all.find(in[i])
			if err != nil {
				t.Fatal(err)
			}
			if search == nil {
				if in[i] != got[i] {
					t.Errorf("%q became %q", in[i], got[i])
				}
				continue
			}
			if !strings.HasPrefix(got[i], name+"=") {
				t.Errorf("%q became %q", in[i], got[i])
			}
			for value := range strings.SplitSeq(got[i][len(name)+1:], ",") {
				if value != "" && !strings.HasPrefix(value, sealedMark) {
					t.Errorf("%q goes on in clear: %q", in[i], got[i])
				}
			}
		}
	})
}

func BenchmarkField(b *testing.B) {
	r := newRig(b)
	v, err := Open(context.Background(), Options{Store: r.db, KEK: key(b, 1)})
	r.ok(err)
	s := r.shop(v, "bank", bank)
	text, name := []byte("4111111111111111"), []byte("card")
	for _, m := range []Mode{Randomized, Deterministic} {
		i := slices.IndexFunc(s.fields.plan.places, func(p *placed) bool { return p.mode == m && p.bind == "" })
		at := s.fields.field(s.fields.plan.places[i].spot, false)
		sealed, err := at.seal(nil, name, nil, text)
		r.ok(err)
		dst := make([]byte, 0, 256)
		b.Run("seal/"+m.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := at.seal(dst, name, nil, text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("open/"+m.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := at.open(b.Context(), name, nil, sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
