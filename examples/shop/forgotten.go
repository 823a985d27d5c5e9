// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"fmt"
	"html"
	"net/http"
	"os"
	"runtime"
	"strings"
)

// What this file holds was useful once, is written down nowhere, and answers all the same.

// debugVars tells what goes on inside, as expvar would, with the settings for good measure.
func (s *Shop) debugVars(*http.Request) (answer, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	sessions, err := s.db.query("SELECT * FROM sessions")
	if err != nil {
		return answer{}, err
	}
	keys := make(map[string]string)
	for key, p := range partners {
		keys[key] = p.name
	}
	return answer{status: http.StatusOK, body: row{
		"cmdline": os.Args, "memstats": memory, "sessions": sessions,
		"settings": row{"database": s.file, "partner_keys": keys, "payment_provider_key": "not-a-real-key-4c1f"},
	}}, nil
}

func (s *Shop) health(*http.Request) (answer, error) {
	counts, err := s.db.query("SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM orders) AS orders, sqlite_version() AS sqlite")
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: row{
		"status": "ok", "go": runtime.Version(), "goroutines": runtime.NumGoroutine(), "process": os.Getpid(),
		"database": s.file, "queue": "amqp://10.0.3.7:5672", "counts": counts[0],
	}}, nil
}

// admin is the back office. It lets in administrators, and everybody in the office, who say so themselves.
func (s *Shop) admin(w http.ResponseWriter, r *http.Request) {
	visitor, err := s.visitor(r)
	if err != nil {
		s.tellEverything(w, err)
		return
	}
	from := r.Header.Get("X-Forwarded-For")
	if !strings.HasPrefix(from, "10.") && visitor["role"] != "admin" {
		s.tellEverything(w, refuse(http.StatusForbidden, "administrators or 10.0.0.0/8 only, X-Forwarded-For is %q", from))
		return
	}
	customers, err := s.db.query("SELECT * FROM customers")
	if err != nil {
		s.tellEverything(w, err)
		return
	}
	var page strings.Builder
	page.WriteString("<!doctype html><title>Back office</title><h1>Back office</h1><table>")
	for _, c := range customers {
		fmt.Fprintf(&page, "<tr><td>%d<td>%s<td>%s<td>%s<td>%s", c["id"], html.EscapeString(fmt.Sprint(c["name"])),
			html.EscapeString(fmt.Sprint(c["role"])), html.EscapeString(fmt.Sprint(c["card_number"])), html.EscapeString(fmt.Sprint(c["iban"])))
	}
	page.WriteString("</table>")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The only errors left are of a caller who has gone.
	_, _ = w.Write([]byte(page.String()))
}

func (s *Shop) listOldOrders(*http.Request) (answer, error) {
	orders, err := s.db.query("SELECT * FROM orders")
	return answer{status: http.StatusOK, body: list(orders)}, err
}

// createOldOrder is the first version of createOrder: one product, at the price that the caller names.
func (s *Shop) createOldOrder(r *http.Request) (answer, error) {
	body, err := readObject(r)
	if err != nil {
		return answer{}, err
	}
	item := map[string]any{"product_id": body["product_id"], "quantity": body["quantity"], "price": body["price"]}
	return s.placeOrder(r, row{"customer_id": body["customer_id"], "items": []any{item}})
}
