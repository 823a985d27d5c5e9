// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"os"
	"path/filepath"

	"yett/api"
)

func Example() {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "shop.openapi.yaml")
	if err := os.WriteFile(name, []byte(`openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
`), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	shop, _, err := api.Load(name, api.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := api.NewRouter(shop)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, target := range []string{"/orders/7", "/orders/%30?all=1", "/orders/..%2Fadmin"} {
		path, query, doubt, err := api.Canonical(target)
		if err != nil || doubt != 0 {
			fmt.Println(target, "is refused:", doubt)
			continue
		}
		match, params := r.Match("shop.example.org", path, nil)
		op := match.Operation("GET")
		fmt.Println(op.ID, op.Security[0][0].Scheme.Param)
		for _, f := range op.CheckParams(query, params, nil, new(api.Scratch)) {
			fmt.Println(" ", f.In, f.Parameter, f.Detail)
		}
	}
	// Output:
	// getOrder X-API-Key
	// getOrder X-API-Key
	//   path id must be at least 1
	//   query all is not part of the API
	// /orders/..%2Fadmin is refused: dot_segment, encoded_slash
}
