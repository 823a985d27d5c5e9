// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"yett/practice/https"
)

// A credential in clear is refused and not redirected; anything harmless is sent to the secure address.
func Example() {
	g, err := https.New(https.Config{}, https.Options{PublicURL: "https://api.example.org"})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := g.Handler(http.NotFoundHandler())
	for _, key := range []string{"", "secret"} {
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		if key != "" {
			r.Header.Set("X-API-Key", key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 308 https://api.example.org/orders
	// 403
}
