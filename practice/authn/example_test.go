// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/practice/authn"
)

// A handler for those who hold a scope. A step before the guard verifies credentials and finds the operation; here it knows
// one name and one operation.
func Example() {
	office, _, err := api.Load("testdata/office.openapi.yaml", api.Options{})
	if err != nil {
		log.Fatal(err)
	}
	callers := map[string]*identity.Caller{
		"correct horse": {Subject: "ines", Client: "desk", Scopes: []string{"files:read"}},
		"wrong scope":   {Subject: "olaf", Client: "desk"},
	}
	verify := func(x *exchange.Exchange) error {
		x.Operation = office.Operations[0]
		if c := callers[x.Request.Header.Get("X-API-Key")]; c != nil {
			x.Credentials = append(x.Credentials, identity.Credential{Scheme: "key", Caller: c})
		}
		return nil
	}
	files := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Printf("called by %s, key %q\n", r.Header.Get("X-Yett-Subject"), r.Header.Get("X-API-Key"))
	})
	guard := authn.New(authn.Config{}, authn.Options{API: office})
	handler := exchange.Middleware(files, verify, guard.Check)

	for _, key := range []string{"correct horse", "wrong scope", ""} {
		r := httptest.NewRequest("GET", "/key", nil)
		r.Header.Set("X-API-Key", key)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// called by ines, key ""
	// 200 ""
	// 403 ""
	// 401 "ApiKey realm=\"api\", in=\"header\", name=\"X-API-Key\""
}
