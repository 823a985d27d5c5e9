// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"yett/practice/sanitize"
)

// A handler that fails aloud is heard by nobody.
func Example() {
	h := sanitize.New(sanitize.Config{}, sanitize.Options{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "shop/2.4.1")
		http.Error(w, "SELECT * FROM users: connection to 10.0.0.7 refused", http.StatusInternalServerError)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Header().Get("Server") == "")
	// Output: 500 application/problem+json true
}
