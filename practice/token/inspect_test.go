// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInspection(t *testing.T) {
	is, opaque := newTestIssuer(t), newTestIssuer(t)
	own := is.signers[0]
	opaque.says(map[string]with{"known": nil})
	c := is.config()
	c.Issuers = append(c.Issuers, opaque.config(asks(t, opaque)).Issuers[0])
	tokens := newTokens(t, c)
	for _, tt := range []struct {
		name, text string
		valid      bool
		failed     string // rules that do, in order
		says       string
	}{
		{"a good token", is.token(own, nil, nil), true, "", `"name":"iss"`},
		{"line end behind it", is.token(own, nil, nil) + "\n", true, "", "whoever has it"},
		{"everything that is wrong at once", is.token(newSigner(t, "k1"), with{"typ": "JWT"}, with{"aud": "x", "exp": 1, "nonce": "n"}), false, "signature type audience time purpose", "expired"},
		{"bound to a key", is.token(own, nil, with{"cnf": with{"jkt": strings.Repeat("A", 43)}}), true, "", "each request needs a proof"},
		{"a stranger's", is.token(own, nil, with{"iss": "https://other.example.org"}), false, "issuer", `"value":"https://other.example.org"`},
		{"alg none", is.token(own, with{"alg": "none"}, nil), false, "form", `"alg":"none"`},
		{"no token", "hello world", false, "form", ""},
		{"an opaque one", "known", true, "", `"introspected":true`},
		{"an opaque one that is not active", "unknown", false, "introspection", "not active"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tokens.Inspect(t.Context(), tt.text)
			data, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, j := range in.Judging {
				if !j.OK {
					failed = append(failed, j.Rule)
				}
			}
			if in.Valid != tt.valid || strings.Join(failed, " ") != tt.failed || !strings.Contains(string(data), tt.says) {
				t.Errorf("got %s", data)
			}
		})
	}
	t.Run("an issuer that only an API trusts", func(t *testing.T) {
		gate := newTokens(t, Config{})
		at, err := gate.core.trusting(is.config(), gate.places)
		if err != nil {
			t.Fatal(err)
		}
		at.name = "shop"
		if in := gate.Inspect(t.Context(), is.token(own, nil, nil)); !in.Valid || in.Place != "shop" {
			t.Errorf("got %+v", in)
		}
	})
}
