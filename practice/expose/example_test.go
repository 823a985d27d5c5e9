// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/practice/expose"
)

// One answer, as two callers get it.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }() // of no use any more
	path := filepath.Join(dir, "orders.openapi.yaml")
	const description = `
openapi: 3.1.1
info: { title: Orders, version: "1" }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key } } }
paths:
  /orders/{id}:
    get:
      security: [{ key: ["orders:read", "orders:audit"] }]
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
      responses:
        "200":
          description: The order.
          content:
            application/json:
              schema:
                type: object
                properties:
                  total: { type: integer }
                  margin: { type: integer, x-yett-visible: ["orders:audit"] }
                  card: { type: string, x-yett-mask: last4 }
`
	if err := os.WriteFile(path, []byte(description), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	orders, _, err := api.Load(path, api.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	exposer, err := expose.New(expose.Defaults(), orders, expose.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"total":28600,"margin":12870,"card":"4111111111111111"}`) // the recorder takes it
	})
	for _, caller := range []*identity.Caller{nil, {Scopes: []string{"orders:audit"}}} {
		known := func(x *exchange.Exchange) error {
			x.Operation, x.Caller = orders.Operations[0], caller
			return nil
		}
		w := httptest.NewRecorder()
		exchange.Middleware(exposer.Handler(service), known).ServeHTTP(w, httptest.NewRequest("GET", "/orders/1", nil))
		fmt.Println(w.Body)
	}
	// Output:
	// {"total":28600,"card":"****1111"}
	// {"total":28600,"margin":12870,"card":"****1111"}
}
