// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordsOfAFieldAreThoseOfADescription(t *testing.T) {
	data, err := os.ReadFile("testdata/good/fields.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("yett.yaml", data, known)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, field := range f.APIs[0].Fields {
		file, line := field.Where()
		for _, w := range field.Words() {
			got = append(got, fmt.Sprintf("%s:%d %s: %s:%d %s %v", file, line, field.Name, w.File, w.Line, w.Word, w.Value))
		}
	}
	want := []string{
		"yett.yaml:6 Customer.card: yett.yaml:6 x-yett-visible [payments:read map[if:caller.subject == 'root']]",
		"yett.yaml:6 Customer.card: yett.yaml:6 x-yett-mask last4",
		"yett.yaml:6 Customer.card: yett.yaml:6 x-yett-contains [card]",
		"yett.yaml:6 Customer.card: yett.yaml:6 x-yett-encrypt deterministic",
		"yett.yaml:6 Customer.card: yett.yaml:6 x-yett-encrypt-bind id",
		"yett.yaml:7 Order.items.cost: yett.yaml:8 x-yett-visible [orders:audit]",
		"yett.yaml:10 Order.margin: yett.yaml:10 x-yett-visible []",
		"yett.yaml:11 createOrder.customer_id: yett.yaml:11 x-yett-equals-claim customer",
		"yett.yaml:12 GET /orders/{id}.id: yett.yaml:12 x-yett-equals-claim sub",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
