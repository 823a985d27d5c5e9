// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"yett/api"
	"yett/exchange"
	"yett/practice/minimize"
	"yett/problem"
)

// A handler answers with all it has; what the description declares leaves. A step before finds the operation.
func Example() {
	store, _, err := api.Load("testdata/store.openapi.yaml", api.Options{})
	if err != nil {
		log.Fatal(err)
	}
	router, err := api.NewRouter(store)
	if err != nil {
		log.Fatal(err)
	}
	route := func(x *exchange.Exchange) error {
		match, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		x.Request.Params, x.Operation = params, match.Operation(x.Request.Method)
		if x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		return nil
	}
	people := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id": 1, "name": "Anna", "address": {"city": "Graz"}, "password_hash": "8d7a"}`)
	})
	handler := exchange.Middleware(minimize.New(minimize.Defaults()).Handler(people), route)

	for _, target := range []string{"/people/1", "/people/1?fields=address", "/people/1?fields=password_hash"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != http.StatusOK {
			fmt.Println(w.Code)
			continue
		}
		fmt.Println(w.Body)
	}
	// Output:
	// {"id": 1, "name": "Anna", "address": {"city": "Graz"}}
	// {"id": 1, "address": {"city": "Graz"}}
	// 400
}
