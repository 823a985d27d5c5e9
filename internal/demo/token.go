// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"yett/jose"
)

// An issuer signs tokens that the gate trusts.
type issuer struct{ key *jose.PrivateKey }

func newIssuer() (*issuer, []byte, error) {
	key, err := jose.GeneratePrivateKey(jose.ES256)
	if err != nil {
		return nil, nil, err
	}
	set, err := json.Marshal(map[string]any{"keys": []*jose.Key{key.Public()}})
	return &issuer{key}, set, err
}

// claims are those of a token for the shop.
func claims(subject string) ([]byte, error) {
	now := time.Now().Unix()
	return json.Marshal(map[string]any{"iss": "https://issuer.example.org", "aud": "https://shop.example.org", "sub": subject, "client_id": "demo",
		"iat": now, "exp": now + 300, "scope": "orders:read"})
}

// unsignedToken says of itself who it is, and that nobody signed it. At the gate a signed one works first.
var unsignedToken = Attack{
	Number: 13, Practice: "token", Title: `token signed with alg "none"`,
	Fire: func(ctx context.Context, s *Side) Outcome {
		show := func(token string) (*Answer, error) {
			return s.Do(ctx, Call{Method: "GET", Path: "/orders/1", Header: http.Header{"Authorization": {"Bearer " + token}}})
		}
		payload, err := claims("admin")
		if err != nil {
			return cannotTell(err)
		}
		if s.Gated {
			signed, err := s.issuer.key.Sign("at+jwt", payload)
			if err != nil {
				return cannotTell(err)
			}
			if a, err := show(signed); err != nil || a.Status != http.StatusOK {
				return cannotTell(errors.Join(errors.New("a signed token does not work"), err))
			}
		}
		enc := base64.RawURLEncoding
		a, err := show(enc.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + enc.EncodeToString(payload) + ".")
		switch {
		case err != nil:
			return cannotTell(err)
		case a.Status == http.StatusOK && a.Header.Get("X-Signed-In") == "admin":
			return gotThrough("%d as admin", a.Status)
		case a.Status == http.StatusUnauthorized && a.Problem().Code == "invalid_token":
			return refused("%d", a.Status)
		}
		return unexpected(a)
	},
}
