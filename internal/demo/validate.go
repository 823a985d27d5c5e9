// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"net/http"
)

// negativeOrder has the shop pay for an order, and make its customer an administrator.
var negativeOrder = Attack{
	Number: 2, Practice: "validate", Title: `order of −3 pieces, "role": "admin"`,
	Fire: func(ctx context.Context, s *Side) Outcome {
		k, err := s.key(ctx, "web-shop", "orders:write")
		if err != nil {
			return cannotTell(err)
		}
		a, err := s.Do(ctx, Call{Method: "POST", Path: "/orders", Key: k.Text, Type: "application/json",
			Body: `{"customer_id": 7, "currency": "EUR", "role": "admin", "items": [{"product_id": 1, "quantity": -3}]}`})
		if err != nil {
			return cannotTell(err)
		}
		paid, paidOut := a.Object()["paid_out"].(float64)
		p := a.Problem()
		switch {
		case a.Status == http.StatusCreated && paidOut:
			return gotThrough("%d, pays %.2f out", a.Status, paid/100)
		case a.Status == http.StatusUnprocessableEntity && p.Code == "body_invalid":
			return refused("%d, %d findings", a.Status, len(p.Errors))
		}
		return unexpected(a)
	},
}
