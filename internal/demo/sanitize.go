// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"fmt"
)

// quoteMark provokes two errors and reads what they tell: one by a request that no description allows, one by a request
// that fits and still makes the shop fail.
var quoteMark = Attack{
	Number: 8, Practice: "sanitize", Title: "a quote mark as id, an unknown id",
	Fire: func(ctx context.Context, s *Side) Outcome {
		k, err := s.key(ctx, "web-shop", "orders:write")
		if err != nil {
			return cannotTell(err)
		}
		quote, err := s.Do(ctx, Call{Method: "GET", Path: "/products/%27"})
		if err != nil {
			return cannotTell(err)
		}
		unknown, err := s.Do(ctx, Call{Method: "POST", Path: "/orders", Key: k.Text, Type: "application/json",
			Body: `{"customer_id": 7, "currency": "EUR", "items": [{"product_id": 99999, "quantity": 1}]}`})
		if err != nil {
			return cannotTell(err)
		}
		sql, stack := bytes.Contains(quote.Body, []byte("SELECT * FROM")), bytes.Contains(unknown.Body, []byte("goroutine "))
		switch {
		case sql && stack:
			return gotThrough("SQL and stack trace")
		case sql:
			return gotThrough("%d, SQL", quote.Status)
		case stack:
			return gotThrough("%d, stack trace", unknown.Status)
		case quote.Problem().Code == "" || unknown.Problem().Code != "upstream_error":
			return cannotTell(fmt.Errorf("unexpected %d and %d", quote.Status, unknown.Status))
		}
		return refused("%d and %d, tell nothing", quote.Status, unknown.Status)
	},
}
