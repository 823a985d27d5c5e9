// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

const orderSchema = `{
"type": "object", "required": ["id", "placed", "customer", "items", "currency", "total"],
"properties": {
  "id": {"type": "string", "format": "uuid"},
  "placed": {"type": "string", "format": "date-time"},
  "currency": {"enum": ["EUR", "GBP", "USD"]},
  "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
  "note": {"type": ["string", "null"], "maxLength": 500},
  "customer": {"$ref": "#/$defs/customer"},
  "items": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": "#/$defs/line"}},
  "payment": {"oneOf": [
    {"type": "object", "required": ["card"], "properties": {"card": {"type": "string", "pattern": "^[0-9]{4}$"}}, "additionalProperties": false},
    {"type": "object", "required": ["iban"], "properties": {"iban": {"type": "string", "maxLength": 34}}, "additionalProperties": false}]},
  "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string", "maxLength": 30}}
},
"additionalProperties": false,
"$defs": {
  "customer": {"type": "object", "required": ["name", "email", "address"], "additionalProperties": false, "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "email": {"type": "string", "format": "email"},
    "address": {"type": "object", "required": ["street", "city", "country"], "additionalProperties": false, "properties": {
      "street": {"type": "string", "maxLength": 200}, "city": {"type": "string"}, "zip": {"type": "string"},
      "country": {"type": "string", "minLength": 2, "maxLength": 2}}}}},
  "line": {"type": "object", "required": ["sku", "quantity", "price"], "additionalProperties": false, "properties": {
    "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
    "name": {"type": "string", "maxLength": 200},
    "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
    "price": {"type": "number", "minimum": 0},
    "gift": {"type": "boolean"}}}
}}`

const order = `{"id":"5d3c1c8e-6f0a-4d6f-9b6e-2f8f2a8f6f10","placed":"2026-11-23T14:08:31Z","currency":"EUR","total":217.35,
"note":"please leave it with the neighbour at number twelve if nobody opens","customer":{"name":"Ada Example",
"email":"ada@example.org","address":{"street":"1 Example Street","city":"Edinburgh","zip":"EH1 1AA","country":"GB"}},
"items":[{"sku":"ABC-1001","name":"Iron hinge, large, galvanised","quantity":4,"price":12.5,"gift":false},
{"sku":"ABC-1002","name":"Iron hinge, small","quantity":2,"price":7.25,"gift":false},
{"sku":"DEF-2001","name":"Lock with three keys","quantity":1,"price":89.9,"gift":true},
{"sku":"DEF-2002","name":"Spare key","quantity":3,"price":4.15,"gift":false},
{"sku":"GHI-3001","name":"Bolt, 300 mm, black","quantity":2,"price":18.6,"gift":false},
{"sku":"GHI-3002","name":"Wood screws, box of 100","quantity":1,"price":9.95,"gift":false}],
"payment":{"card":"4242"},"tags":["garden","gate","winter"]}`

func compileOrder(b testing.TB) *schema.Schema {
	b.Helper()
	f, err := source.Parse("order.json", []byte(orderSchema))
	if err != nil {
		b.Fatal(err)
	}
	s, err := schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, AssertFormat: true, Resolve: inFile}).Compile(f.Root)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkCheck judges an order of 1 KB: ours over an index, with and without making it, and the library over the
// values that it wants, with and without making them.
func BenchmarkCheck(b *testing.B) {
	s := compileOrder(b)
	var d jsonstream.Doc
	if err := d.Parse([]byte(order), jsonstream.Limits{}); err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name  string
		check schema.Check
	}{
		{"plain", schema.Check{}},
		{"closed", schema.Check{Direction: schema.Request, Closed: true}},
	} {
		b.Run("ours/"+bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found := s.Check(&d, d.Root(), &bb.check); found != nil {
					b.Fatal(found)
				}
			}
		})
	}
	b.Run("ours/with parsing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Parse([]byte(order), jsonstream.Limits{}); err != nil {
				b.Fatal(err)
			}
			if found := s.Check(&d, d.Root(), &schema.Check{}); found != nil {
				b.Fatal(found)
			}
		}
	})
	_, theirs := both(b, []byte(orderSchema))
	v := jsonstream.Any(&d, d.Root())
	b.Run("library/plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := theirs.Validate(v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library/with parsing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(order)))
			if err != nil {
				b.Fatal(err)
			}
			if err := theirs.Validate(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
