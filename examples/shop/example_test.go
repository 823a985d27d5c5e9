// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop_test

import (
	"fmt"
	"net/http/httptest"

	"yett/examples/shop"
)

func Example() {
	s, err := shop.New(shop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/orders/1", nil))
	fmt.Println(w.Code, "for anybody who asks")
	fmt.Println(s.Close())
	// Output:
	// 200 for anybody who asks
	// <nil>
}
