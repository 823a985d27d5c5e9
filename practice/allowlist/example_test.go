// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"yett/exchange"
	"yett/practice/allowlist"
)

// A handler for one network, behind a proxy that tells who calls.
func Example() {
	list, err := allowlist.New(allowlist.Config{
		Networks:       &[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
	}, allowlist.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := list.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		x, _ := exchange.From(r.Context())
		addr, err := x.ClientAddr()
		fmt.Println("called by", addr, err)
	}))

	for _, call := range []struct{ peer, forwarded string }{
		{"10.0.0.1:4711", "192.0.2.7"},
		{"10.0.0.1:4711", "192.0.2.7, 203.0.113.9"}, // the proxy appends, so the last address counts
		{"203.0.113.9:4711", "192.0.2.7"},           // no proxy: the field is nothing but text
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = call.peer
		r.Header.Set("X-Forwarded-For", call.forwarded)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// called by 192.0.2.7 <nil>
	// 200
	// 403
	// 403
}
