// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"yett/practice/cors"
)

// A handler that pages of one origin may call from the browser.
func Example() {
	config := cors.Defaults()
	config.Origins = []string{"https://shop.example.org"}
	if err := config.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	handler := cors.New(config, cors.Options{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	for _, origin := range []string{"https://shop.example.org", "https://shop.example.org.evil.example"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Access-Control-Allow-Origin"))
	}
	// Output:
	// 200 "https://shop.example.org"
	// 200 ""
}
