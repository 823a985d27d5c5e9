// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"os"
	"path/filepath"
	"testing"

	"yett/api"
)

// Some descriptions list the field of their key among the parameters too. It is gone when parameters are checked.
func TestAKeyListedAmongTheParametersIsNotMissed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "listed.yaml")
	text := `openapi: 3.1.0
info: { title: listed, version: "1" }
security: [{ key: [] }]
paths:
  /a:
    get:
      operationId: a
      parameters:
        - { name: x-api-key, in: header, required: true, schema: { type: string } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string } }
      responses: { "200": { description: ok } }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key } } }
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _, err := api.Load(name, api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := a.Operations[0].CheckParams("", nil, func(string) []string { return nil }, new(api.Scratch))
	if len(found) != 1 || found[0].Parameter != "X-Tenant" {
		t.Errorf("got %+v, want X-Tenant alone to be missing", found)
	}
}
