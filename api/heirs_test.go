// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"os"
	"path/filepath"
	"testing"
)

// A discriminator without a list means those that inherit: components by their names, and what mapping names in other files.
func TestHeirsAreFoundThroughFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.openapi.yaml", `openapi: 3.0.3
info: {title: Shop, version: "1"}
paths:
  /cat:
    get: {responses: {"200": {description: ok, content: {application/json: {schema: {$ref: 'more/pets.yaml#/Cat'}}}}}}
  /pet:
    get: {responses: {"200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}}}
components:
  schemas:
    Pet:
      type: object
      required: [type]
      discriminator: {propertyName: type, mapping: {cat: 'more/pets.yaml#/Cat'}}
      properties: {type: {type: string}}
    Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {properties: {barks: {type: boolean}}}]}
    Bird: {$ref: 'more/pets.yaml#/Bird'}
`)
	write("more/pets.yaml", `
Cat: {allOf: [{$ref: '../shop.openapi.yaml#/components/schemas/Pet'}, {properties: {lives: {type: integer}, chip: {type: string, x-yett-mask: last4}}}]}
Bird: {allOf: [{$ref: '../shop.openapi.yaml#/components/schemas/Pet'}, {properties: {sings: {type: boolean}}}]}
`)
	a, warnings, err := Load(filepath.Join(dir, "shop.openapi.yaml"), Options{})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	cat, pet := a.Operations[0].Responses[0].Media[0].Schema.Shape(), a.Operations[1].Responses[0].Media[0].Schema.Shape()
	for _, name := range []string{"type", "lives", "barks", "sings"} {
		if _, known := pet.Find([]byte(name)); !known {
			t.Errorf("%s is not declared of a pet", name)
		}
		if _, known := cat.Find([]byte(name)); known != (name == "type" || name == "lives") {
			t.Errorf("%s is declared of a cat: %v", name, known)
		}
	}
	if len(pet.Member("chip").Words("x-yett-mask")) != 1 {
		t.Error("the mask in an heir does not count")
	}
}
