// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"encoding/json"
	"fmt"

	"yett/jose"
)

func Example() {
	issuer, err := jose.GeneratePrivateKey(jose.ES256)
	if err != nil {
		panic(err)
	}
	document, err := json.Marshal(map[string]any{"keys": []*jose.Key{issuer.Public()}})
	if err != nil {
		panic(err)
	}
	token, err := issuer.Sign("at+jwt", []byte(`{"iss":"https://id.example.org","sub":"alice"}`))
	if err != nil {
		panic(err)
	}

	keys, _, err := jose.ParseSet(document)
	if err != nil {
		panic(err)
	}
	signed, err := jose.Parse(token, jose.Limits{})
	if err != nil {
		panic(err)
	}
	fitting, _ := keys.Find(signed.Header.KeyID, signed.Header.Algorithm)
	for _, k := range fitting {
		if signed.Verify(k) != nil {
			continue
		}
		claims, err := jose.ParseClaims(signed.Payload)
		if err != nil {
			panic(err)
		}
		fmt.Println(claims.Subject)
	}
	// Output: alice
}
