// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"net/http"
)

// foreignPage is what a browser does for the script of another site: it sends the visitor's credentials along, and
// hands the answer over if the answer says so.
var foreignPage = Attack{
	Number: 9, Practice: "cors", Title: "a page of evil.example reads orders",
	Fire: func(ctx context.Context, s *Side) Outcome {
		const origin = "https://evil.example"
		k, err := s.key(ctx, "web-shop", "orders:read")
		if err != nil {
			return cannotTell(err)
		}
		a, err := s.Do(ctx, Call{Method: "GET", Path: "/orders/1", Key: k.Text, Header: http.Header{"Origin": {origin}}})
		if err != nil {
			return cannotTell(err)
		}
		allowed := a.Header.Get("Access-Control-Allow-Origin")
		switch {
		case a.Status == http.StatusOK && allowed == origin && a.Header.Get("Access-Control-Allow-Credentials") == "true":
			return gotThrough("%d, readable", a.Status)
		case a.Status == http.StatusOK && allowed == "":
			return refused("not readable")
		}
		return unexpected(a)
	},
}
