// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"errors"
	"fmt"

	"yett/jsonstream"
)

func Example() {
	var doc jsonstream.Doc
	body := []byte(`{"customer": "J\u00f6rg", "items": [{"sku": "A-1", "quantity": 2}, {"sku": "B-7", "quantity": 1.0}]}`)
	if err := doc.Parse(body, jsonstream.Limits{Depth: 8}); err != nil {
		fmt.Println(err)
		return
	}

	customer := doc.Member(doc.Root(), "customer")
	fmt.Printf("%s has %d letters\n", doc.Text(customer), doc.StringLen(customer))

	items := doc.Member(doc.Root(), "items")
	for item := doc.First(items); item != jsonstream.None; item = doc.Next(item) {
		quantity := doc.Member(item, "quantity")
		fmt.Printf("%s is %s\n", doc.AppendPointer(nil, quantity), doc.Raw(quantity))
	}
	// Output:
	// Jörg has 4 letters
	// /items/0/quantity is 2
	// /items/1/quantity is 1.0
}

func ExampleSyntaxError() {
	var doc jsonstream.Doc
	err := doc.Parse([]byte(`{"role": "user", "r\u006fle": "admin"}`), jsonstream.Limits{})

	var refused *jsonstream.SyntaxError
	if errors.As(err, &refused) {
		fmt.Println(refused.Code, refused.Offset)
		fmt.Println(refused.Detail)
	}
	// Output:
	// duplicate_name 17
	// An object has two members of one name, at byte 17.
}
