// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"yett/practice/ratelimit"
	"yett/store/memory"
)

// A handler that one address may call twice an hour.
func Example() {
	config := ratelimit.Defaults()
	config.Address = ratelimit.Rate{Requests: 2, Per: time.Hour}
	limiter := ratelimit.New(config, ratelimit.Options{Counters: memory.New(memory.Options{})})
	handler := limiter.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	for range 3 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"))
	}
	// Output:
	// 200 "address";q=2;w=3600
	// 200 "address";q=2;w=3600
	// 429 "address";q=2;w=3600
}
