// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/andybalholm/brotli"

	"yett/conformance/internal/gate"
	"yett/examples/shop"
)

// secrets are columns of the shop's database that its description does not declare.
var secrets = []string{
	"password_hash", "reset_token", "internal_note", "card_cvc", "card_expiry", "iban", "tax_id", "birth_date", "last_ip", "risk_score",
	"cost_price", "supplier", "supplier_discount", "cost_total", "staff_note", "placed_from", "provider_reference", "author_email",
	"author_ip", "published", "store_credit",
}

// planted is what the shop says beside all that in each object that it sends, in any nesting: texts and a number that stand
// nowhere else.
var planted = map[string]any{
	"password_hash": plantedText, "cost_price": json.Number(plantedNumber), "internal_note": plantedText,
	"debug": map[string]any{"query": plantedText, "stack": []any{plantedText, json.Number(plantedNumber)}},
}

const plantedText, plantedNumber = "nobody may see this", "60606060606"

// restricted are fields of the shop that not everybody may see, as they are named in yett.yaml: at the top of an answer, in an
// object, and in lists of objects.
var restricted = []struct {
	field  string // as the description has it; its words are in shopFields
	answer string // the beginning of the paths whose answers hold it
	at     string // where in them; * is each item
	scope  string // that admits; the products are asked for without a key's help, so that nobody holds theirs
	masked string // how what others see of it ends; "": it is not there
}{
	{"Customer.card_number", "/customers", "card_number", "payments:write", ""},
	{"Customer.email", "/customers", "email", "customers:contact", "@example.org"},
	{"Customer.member_since", "/customers", "member_since", "customers:contact", ""},
	{"Address.street", "/orders", "ship_to.street", "orders:ship", ""},
	{"Address.postcode", "/orders", "ship_to.postcode", "orders:ship", "***"},
	{"Item.price", "/orders", "items.*.price", "orders:prices", ""},
	{"Item.quantity", "/orders", "items.*.quantity", "orders:prices", ""},
	{"Product.stock", "/products?", "products.*.stock", "products:stock", ""},
	{"Review.author", "/reviews", "reviews.*.author", "reviews:authors", "***"},
	{"Review.created_on", "/reviews", "reviews.*.created_on", "reviews:authors", ""},
}

// shopFields are the words for these, but the card's, which stand in the description.
const shopFields = `    fields:
      Customer.email: { visible: ["customers:contact"], mask: email }
      Customer.member_since: { visible: ["customers:contact"] }
      Address.street: { visible: ["orders:ship"] }
      Address.postcode: { visible: ["orders:ship"], mask: redact }
      Item.price: { visible: ["orders:prices"] }
      Item.quantity: { visible: ["orders:prices"] }
      Product.stock: { visible: ["products:stock"] }
      Review.author: { visible: ["reviews:authors"], mask: redact }
      Review.created_on: { visible: ["reviews:authors"] }
`

// shopScopes are what shopFields asks for, in the place where a description lists them.
const shopScopes = `name: X-API-Key
      x-yett-scopes: ["customers:contact", "orders:ship", "orders:prices", "products:stock", "reviews:authors"]`

// A coder answers as the service behind it does and with what is planted, in a content coding that nobody asked for.
type coder struct {
	next   http.Handler
	coding atomic.Value // string
	sent   atomic.Value // []byte: the last answer, before it was encoded
}

func (c *coder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kept := httptest.NewRecorder()
	c.next.ServeHTTP(kept, r)
	body := withPlanted(kept.Body.Bytes())
	c.sent.Store(body)
	for name, values := range kept.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	var out io.WriteCloser
	switch c.coding.Load() {
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		out = gzip.NewWriter(w)
	case "br":
		w.Header().Set("Content-Encoding", "br")
		out = brotli.NewWriter(w)
	}
	w.WriteHeader(kept.Code)
	if out == nil {
		_, _ = w.Write(body) // the gate may be gone
		return
	}
	_, _ = out.Write(body)
	_ = out.Close()
}

// shopAnswers asks the careless shop for what it has and looks for what must not leave.
func shopAnswers(ctx context.Context, binary string) (t *table, err error) {
	s, err := shop.New(shop.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	up := &coder{next: s.Handler()}
	up.coding.Store("identity")
	server := httptest.NewServer(up)
	defer server.Close()
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	description := strings.Replace(string(shop.Description()), "name: X-API-Key", shopScopes, 1)
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(description), 0o600); err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, shopFields, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	operations := []string{"orders:read", "orders:write", "customers:read", "reviews:read"}
	var callers []*caller
	for name, scopes := range map[string][]string{
		"clerk": nil, "cashier": {"payments:write"}, "helpdesk": {"customers:contact", "reviews:authors"}, "packer": {"orders:ship"},
		"owner": {"payments:write", "customers:contact", "orders:ship", "orders:prices", "reviews:authors"},
	} {
		c, err := callerWith(ctx, g, name, append(operations, scopes...)...)
		if err != nil {
			return nil, err
		}
		c.scopes = scopes
		callers = append(callers, c)
	}
	t = &table{}
	looked := 0
	for _, coding := range []string{"identity", "gzip", "br"} {
		up.coding.Store(coding)
		for _, c := range callers {
			n, err := t.shop(ctx, c, up, coding)
			if err != nil {
				return nil, err
			}
			looked += n
		}
	}
	fmt.Printf("answers: shop: %d values that nobody may see looked for in the answers to %d callers\n", looked, len(callers))
	return t, nil
}

// shop asks for all that there is, and returns how many values that must not leave were looked for in what came.
func (t *table) shop(ctx context.Context, c *caller, up *coder, coding string) (looked int, err error) {
	calls := []struct{ method, path, body string }{
		{"GET", "/products?limit=100", ""}, {"GET", "/products/1", ""}, {"GET", "/orders/1", ""}, {"GET", "/orders/2", ""},
		{"GET", "/customers/1", ""}, {"GET", "/customers/7", ""}, {"GET", "/reviews?limit=100", ""},
		{"POST", "/orders", `{"customer_id":7,"currency":"EUR","items":[{"product_id":1,"quantity":3}],"note":"n",
			"ship_to":{"name":"Greta Grau","street":"Mill Lane 7","postcode":"12219","city":"Lyon","country":"FR"}}`},
		{"PATCH", "/orders/1", `{"note":"later"}`},
	}
	if slices.Contains(c.scopes, "payments:write") {
		calls = append(calls, struct{ method, path, body string }{"POST", "/payments",
			`{"order_id":5,"amount":55700,"currency":"EUR","card_number":"4111111111111111","card_expiry":"02/29"}`})
	}
	for _, call := range calls {
		fields := []string{}
		if call.body != "" {
			fields = append(fields, "Content-Type", "application/json")
		}
		what := fmt.Sprintf("%s: %s %s in %s", c.name, call.method, call.path, coding)
		res, err := c.do(ctx, call.method, call.path, call.body, fields...)
		if err != nil {
			return 0, err
		}
		sent, err := decode(up.sent.Load().([]byte))
		if err != nil {
			return 0, err
		}
		got, err := decode([]byte(res.body))
		t.check(what+" is answered", res.status < 300 && err == nil && res.header.Get("Content-Encoding") == "", res.status, res.header, res.body)
		t.check(what+" names nothing that is not declared", !holdsAny(res.body, secrets), res.body)
		hidden := hiddenIn(sent)
		looked += len(hidden)
		t.check(what+" would hold what nobody may see", len(hidden) > 2, hidden)
		for _, v := range hidden {
			t.check(what+" holds no value that is not declared", !holds(res.body, got, v), v, res.body)
		}
		t.fields(what, call.path, c, sent, got, res.body)
	}
	return looked, nil
}

// fields looks at what c sees of the fields that not everybody may see.
func (t *table) fields(what, path string, c *caller, sent, got any, body string) {
	for _, f := range restricted {
		if !strings.HasPrefix(path, f.answer) {
			continue
		}
		there, seen := at(sent, f.at), at(got, f.at)
		what := what + ": " + f.field
		t.check(what+" is in what the shop sends", len(there) > 0, sent)
		switch {
		case slices.Contains(c.scopes, f.scope):
			t.check(what+" is there for whom it may concern", reflect.DeepEqual(there, seen), there, seen)
		case f.masked == "" && f.field != "Customer.card_number":
			t.check(what+" is not there for others", len(seen) == 0, seen)
		default:
			ok := len(there) == len(seen)
			for i := range seen {
				text, is := seen[i].(string)
				ok = ok && is && seen[i] != there[i] && strings.HasSuffix(text, f.masked) && strings.Contains(text, "***") && !strings.Contains(body, fmt.Sprint(there[i]))
			}
			t.check(what+" is masked for others", ok, there, seen)
		}
	}
}

func holdsAny(body string, names []string) bool {
	for _, n := range names {
		if bytes.Contains([]byte(body), []byte(`"`+n+`"`)) {
			return true
		}
	}
	return false
}

func decode(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// withPlanted adds what is planted to each object of a JSON document.
func withPlanted(body []byte) []byte {
	v, err := decode(body)
	if err != nil {
		return body // it has none
	}
	plant(v)
	out, err := json.Marshal(v)
	if err != nil {
		return body // it came from JSON
	}
	return out
}

func plant(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			plant(item)
		}
	case map[string]any:
		for _, member := range v {
			plant(member)
		}
		for name, value := range planted {
			if _, there := v[name]; !there {
				v[name] = value
			}
		}
	}
}

// at returns the values at a path of names and *.
func at(v any, path string) []any {
	first, rest, more := strings.Cut(path, ".")
	var under []any
	switch v := v.(type) {
	case map[string]any:
		if member, there := v[first]; there {
			under = []any{member}
		}
	case []any:
		if first == "*" {
			under = v
		}
	}
	if !more {
		return under
	}
	var all []any
	for _, u := range under {
		all = append(all, at(u, rest)...)
	}
	return all
}

// leaves calls f with each text and number, and whether it lies in a member that is not declared.
func leaves(v any, hidden bool, f func(leaf any, hidden bool)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			leaves(member, hidden || planted[name] != nil || slices.Contains(secrets, name), f)
		}
	case []any:
		for _, item := range v {
			leaves(item, hidden, f)
		}
	case string, json.Number:
		f(v, hidden)
	}
}

// hiddenIn returns the values of an answer of the shop that nobody may see, but those that can be told from what may be seen
// neither by their text nor, for numbers, as a whole.
func hiddenIn(sent any) (hidden []any) {
	known := map[any]bool{}
	var texts strings.Builder
	leaves(sent, false, func(leaf any, hidden bool) {
		if !hidden {
			known[leaf] = true
			fmt.Fprintln(&texts, leaf)
		}
	})
	leaves(sent, false, func(leaf any, is bool) {
		text, isText := leaf.(string)
		if is && !known[leaf] && (!isText || text != "" && !strings.Contains(texts.String(), text)) {
			known[leaf] = true
			hidden = append(hidden, leaf)
		}
	})
	return hidden
}

// holds reports whether an answer holds a value: a text anywhere in its bytes or in what they mean, a number as a whole.
func holds(body string, got, value any) (found bool) {
	text, isText := value.(string)
	if isText && strings.Contains(body, text) {
		return true
	}
	leaves(got, false, func(leaf any, _ bool) {
		t, ok := leaf.(string)
		found = found || leaf == value || isText && ok && strings.Contains(t, text)
	})
	return found
}
