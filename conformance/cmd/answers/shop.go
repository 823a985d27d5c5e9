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

// A coder answers as the service behind it does, in a content coding that nobody asked for.
type coder struct {
	next   http.Handler
	coding atomic.Value // string
}

func (c *coder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kept := httptest.NewRecorder()
	c.next.ServeHTTP(kept, r)
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
		_, _ = w.Write(kept.Body.Bytes()) // the gate may be gone
		return
	}
	_, _ = out.Write(kept.Body.Bytes())
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
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), shop.Description(), 0o600); err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, "", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	scopes := []string{"orders:read", "orders:write", "customers:read", "reviews:read"}
	cashier, err := callerWith(ctx, g, "cashier", append(scopes, "payments:write")...)
	if err != nil {
		return nil, err
	}
	clerk, err := callerWith(ctx, g, "clerk", scopes...)
	if err != nil {
		return nil, err
	}
	t = &table{}
	for _, coding := range []string{"identity", "gzip", "br"} {
		up.coding.Store(coding)
		for _, c := range []*caller{cashier, clerk} {
			if err := t.shop(ctx, c, server.URL, coding); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (t *table) shop(ctx context.Context, c *caller, direct, coding string) error {
	bare := &caller{client: &http.Client{}, base: direct}
	calls := []struct{ method, path, body, typ string }{
		{"GET", "/products?limit=100", "", ""}, {"GET", "/products/1", "", ""}, {"GET", "/orders/1", "", ""}, {"GET", "/orders/2", "", ""},
		{"GET", "/customers/1", "", ""}, {"GET", "/customers/7", "", ""}, {"GET", "/reviews?limit=100", "", ""},
		{"POST", "/orders", `{"customer_id":7,"currency":"EUR","items":[{"product_id":1,"quantity":3}],"note":"n"}`, "application/json"},
		{"PATCH", "/orders/1", `{"note":"later"}`, "application/json"},
	}
	if c.name == "cashier" {
		calls = append(calls, struct{ method, path, body, typ string }{"POST", "/payments",
			`{"order_id":5,"amount":55700,"currency":"EUR","card_number":"4111111111111111","card_expiry":"02/29"}`, "application/json"})
	}
	for _, call := range calls {
		fields := []string{}
		if call.typ != "" {
			fields = append(fields, "Content-Type", call.typ)
		}
		what := fmt.Sprintf("%s: %s %s in %s", c.name, call.method, call.path, coding)
		raw, err := bare.do(ctx, call.method, call.path, call.body, fields...)
		if err != nil {
			return err
		}
		res, err := c.do(ctx, call.method, call.path, call.body, fields...)
		if err != nil {
			return err
		}
		t.check(what+" is answered", res.status == raw.status && res.status < 300 && json.Valid([]byte(res.body)), res.status, res.body)
		t.check(what+" holds nothing that is not declared", !holdsAny(res.body, secrets), res.body)
		if coding == "identity" && (call.method == "GET" && !strings.HasPrefix(call.path, "/reviews") || call.path == "/payments") {
			t.check(what+" does without the gate", holdsAny(raw.body, secrets), raw.body)
		}
		if strings.HasPrefix(call.path, "/customers") {
			var customer struct {
				Card string `json:"card_number"`
			}
			if err := json.Unmarshal([]byte(res.body), &customer); err != nil {
				return err
			}
			masked := strings.Trim(customer.Card[:max(0, len(customer.Card)-4)], "*") == ""
			t.check(what+" shows the card to whom it may concern", customer.Card != "" && masked == (c.name == "clerk"), customer.Card)
		}
	}
	return nil
}

func holdsAny(body string, names []string) bool {
	for _, n := range names {
		if bytes.Contains([]byte(body), []byte(`"`+n+`"`)) {
			return true
		}
	}
	return false
}
