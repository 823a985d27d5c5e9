// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"yett/api"
	"yett/exchange"
	"yett/practice/validate"
	"yett/problem"
)

// A handler that sees only what its description admits. A step before the validator finds the operation.
func Example() {
	library, _, err := api.Load("testdata/library.openapi.yaml", api.Options{})
	if err != nil {
		log.Fatal(err)
	}
	router, err := api.NewRouter(library)
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
	config := validate.Defaults()
	config.Body = 64 << 10
	validator := validate.New(config)
	books := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Println("the handler got", string(body), err)
	})
	handler := exchange.Middleware(books, route, validator.Check)

	for _, body := range []string{`{"title": "Yett"}`, `{"title": "Yett", "id": 7}`, `{"title": "Yett", "title": ""}`} {
		r := httptest.NewRequest("PUT", "/books/1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// the handler got {"title": "Yett"} <nil>
	// 200
	// 422
	// 400
}
