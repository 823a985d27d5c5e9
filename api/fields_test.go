// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yett/internal/source"
)

func twin(name, word string, value any) FieldTwin {
	at := source.Where{Name: "yett.yaml", Line: 7}
	return FieldTwin{Name: name, Where: at, Words: []FieldWord{{Word: word, Value: value, Where: at}}}
}

const owned = `security: [{key: []}]
paths:
	/orders/{id}:
		parameters: [{$ref: '#/components/parameters/Id'}]
		get:
			operationId: getOrder
			parameters: [{name: owner, in: query, schema: {type: string}}, {name: doc, in: query, content: {application/json: {schema: {type: object, properties: {a: {}}}}}}]
			responses: {"200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}}
		post:
			operationId: create.Order
			requestBody: {$ref: '#/components/requestBodies/Order'}
		put:
			requestBody: {content: {application/json: {schema: {type: object, properties: {customer: {type: string}}}}}}
components:
	securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
	parameters: {Id: {name: id, in: path, required: true, schema: {type: string}}}
	requestBodies: {Order: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}}
	schemas:
		Order:
			type: object
			properties:
				id: {type: string}
				items: {type: array, items: {$ref: '#/components/schemas/Item'}}
				card: {$ref: '#/components/schemas/Card'}
				other: {$ref: '#/components/schemas/Card'}
				by.dot: {type: string}
				never: true
			allOf: [{properties: {note: {type: string}}}, {oneOf: [{properties: {note: {maxLength: 9}}}, {required: [id]}]}]
		Item: {properties: {cost: &cost {type: number}, price: *cost, of: {$ref: '#/components/schemas/Order'}}}
		Card: {type: string}
		list.of: {items: {properties: {x: {type: string}}}}
`

const ownedHead = "openapi: 3.1.0\ninfo: {title: Shop, version: 1.0}\n" + owned

func TestATwinOfAFieldStandsWhereItsNameLeads(t *testing.T) {
	for _, tt := range []struct {
		name, field, word string
		want              []string // where the word then stands
	}{
		{"a property", "Order.id", "x-yett-contains", []string{"/components/schemas/Order/properties/id"}},
		{"through an array and a reference", "Order.items.cost", "x-yett-contains", []string{"/components/schemas/Item/properties/cost"}},
		{"beside a reference, not in what it leads to", "Order.card", "x-yett-contains", []string{"/components/schemas/Order/properties/card"}},
		{"at each part that declares it", "Order.note", "x-yett-contains", []string{
			"/components/schemas/Order/allOf/0/properties/note", "/components/schemas/Order/allOf/1/oneOf/0/properties/note"}},
		{"round in a circle", "Order.items.of.items.of.id", "x-yett-contains", []string{"/components/schemas/Order/properties/id"}},
		{"a name with a dot", "Order.by.dot", "x-yett-contains", []string{"/components/schemas/Order/properties/by.dot"}},
		{"a schema with a dot", "list.of.x", "x-yett-contains", []string{"/components/schemas/list.of/items/properties/x"}},
		{"a parameter itself", "getOrder.owner", "x-yett-equals-claim", []string{"/paths/~1orders~1{id}/get/parameters/0"}},
		{"a parameter of the path, by reference", "getOrder.id", "x-yett-equals-claim", []string{"/components/parameters/Id"}},
		{"the schema of a parameter", "getOrder.owner", "x-yett-contains", []string{"/paths/~1orders~1{id}/get/parameters/0/schema"}},
		{"the schema of a document in a parameter", "getOrder.doc", "x-yett-contains",
			[]string{"/paths/~1orders~1{id}/get/parameters/1/content/application~1json/schema"}},
		{"a property of the body", "create.Order.card", "x-yett-equals-claim", []string{"/components/schemas/Order/properties/card"}},
		{"of an operation without an id", "PUT /orders/{id}.customer", "x-yett-equals-claim",
			[]string{"/paths/~1orders~1{id}/put/requestBody/content/application~1json/schema/properties/customer"}},
		{"one of two that share an alias", "Item.price", "x-yett-contains", []string{"/components/schemas/Item/properties/price"}},
	} {
		for _, head := range []string{ownedHead, strings.Replace(strings.Replace(ownedHead, "3.1.0", "3.0.3", 1), "never: true", "never: {}", 1)} {
			t.Run(tt.name+" in "+head[:14], func(t *testing.T) {
				value := any("sub")
				if tt.word == "x-yett-contains" {
					value = []any{"card"}
				}
				a, _, err := load(t, head, Options{Fields: []FieldTwin{twin(tt.field, tt.word, value)}})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, standing(a.File.Root, tt.word)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// standing lists where a word stands.
func standing(n *source.Node, word string) (all []string) {
	if k := n.Key(word); k != nil {
		if k.Where().String() != "yett.yaml:7" {
			all = append(all, k.Where().String())
		}
		all = append(all, n.Pointer())
	}
	for _, c := range n.Items {
		all = append(all, standing(c, word)...)
	}
	return all
}

func TestATwinOfAFieldCountsAsIfItWereWritten(t *testing.T) {
	a, _, err := load(t, ownedHead, Options{Fields: []FieldTwin{
		twin("Order.items.cost", "x-yett-contains", []any{"card"}), twin("getOrder.owner", "x-yett-equals-claim", "sub"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	get := a.Operations[0]
	cost := get.Responses[0].Media[0].Schema.Shape().Member("items").Item(0).Member("cost")
	if words := cost.Words("x-yett-contains"); len(words) != 1 || words[0].Where().String() != "yett.yaml:7" {
		t.Errorf("the shape has %v", words)
	}
	for _, p := range get.Params {
		if words := p.Words("x-yett-equals-claim"); (len(words) == 1) != (p.Name == "owner") {
			t.Errorf("%s has %d words", p.Name, len(words))
		}
	}
}

func TestATwinOfAFieldThatLeadsNowhereStopsTheStart(t *testing.T) {
	for _, tt := range []struct {
		name string
		twin FieldTwin
		want string
	}{
		{"an unknown schema", twin("Ordr.id", "x-yett-mask", "last4"),
			"yett.yaml:7: Ordr.id: the description has no such schema and no such operation (did you mean Order.id?)"},
		{"an unknown operation", twin("create.Ordr.id", "x-yett-mask", "last4"),
			"yett.yaml:7: create.Ordr.id: the description has no such schema and no such operation (did you mean create.Order.id?)"},
		{"an unknown property", twin("Order.cart", "x-yett-mask", "last4"),
			"yett.yaml:7: Order.cart: there is no such property or parameter (did you mean Order.card?)"},
		{"far down", twin("Order.items.prize", "x-yett-mask", "last4"),
			"yett.yaml:7: Order.items.prize: there is no such property or parameter (did you mean Order.items.price?)"},
		{"an unknown parameter", twin("getOrder.ownr", "x-yett-equals-claim", "sub"),
			"yett.yaml:7: getOrder.ownr: there is no such property or parameter (did you mean getOrder.owner?)"},
		{"nothing like it", twin("Order.zzzzzz", "x-yett-mask", "last4"), "yett.yaml:7: Order.zzzzzz: there is no such property or parameter"},
		{"no field", twin("Order", "x-yett-mask", "last4"), "yett.yaml:7: Order names no field (write Order.NAME)"},
		{"a property that is only true", twin("Order.never", "x-yett-mask", "last4"),
			"yett.yaml:7: Order.never is true in the description (line 29), which takes no words (write {} there)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := load(t, ownedHead, Options{Fields: []FieldTwin{tt.twin}})
			if diff := cmp.Diff([]string{tt.want}, messages(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATwinDoesNotContradictTheDescription(t *testing.T) {
	text := strings.Replace(ownedHead, "id: {type: string}", "id: {type: string, x-yett-mask: last4}", 1)
	_, _, err := load(t, text, Options{Fields: []FieldTwin{twin("Order.id", "x-yett-mask", "hash"), twin("Order.card", "x-yett-mask", "hash"), twin("create.Order.card", "x-yett-mask", "hash")}})
	got := strings.Join(messages(err), "\n")
	for _, want := range []string{"Order.id has x-yett-mask already, at ", "shop.openapi.yaml:24 (take one of them out)",
		"create.Order.card has x-yett-mask already, at yett.yaml:7 (take one of them out)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %s", got)
		}
	}
}

func TestANameThatMeansTwoThingsIsRefused(t *testing.T) {
	text := strings.Replace(ownedHead, "operationId: create.Order", "operationId: Order", 1)
	_, _, err := load(t, text, Options{Fields: []FieldTwin{twin("Order.card", "x-yett-mask", "last4")}})
	want := []string{"yett.yaml:7: Order.card can mean the schema Order or the operation Order"}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Error(diff)
	}
}

func TestATwinByOperationTellsWhenItIsSharedWithOthers(t *testing.T) {
	for _, tt := range []struct{ name, field, want string }{
		{"a body of its own is not", "PUT /orders/{id}.customer", ""},
		{"a schema is", "create.Order.card", "yett.yaml:7: create.Order.card stands in what create.Order refers to (shop.openapi.yaml:22), and counts wherever that is used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := load(t, ownedHead, Options{Fields: []FieldTwin{twin(tt.field, "x-yett-equals-claim", "sub")}})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, w := range warnings {
				got += w.String()
			}
			if i := strings.Index(got, "/"); i >= 0 && strings.Contains(got, "/shop.openapi") {
				got = got[:i] + got[strings.Index(got, "shop.openapi"):]
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
