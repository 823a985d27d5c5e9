// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"
)

// Live makes ordinary traffic at the gate, about two calls a second, until ctx ends.
func (s *Stage) Live(ctx context.Context) error {
	k, err := s.Key(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// A call that fails shows in the records of the gate; the next one is made all the same.
		_, _ = s.Gate.withTranscript().Do(ctx, ordinary(n, k))
	}
}

// Key makes a key that may do all that the shop's customers and clerks do, for a day.
func (s *Stage) Key(ctx context.Context) (string, error) {
	k, err := s.Gate.withTranscript().key(ctx, "web-shop", "orders:read", "orders:write", "customers:read", "reviews:read", "payments:write")
	return k.Text, err
}

// ordinary is the nth call of a day like any other.
func ordinary(n int, key string) Call {
	switch n % 8 {
	case 0:
		return Call{Method: "GET", Path: "/products?limit=20"}
	case 1, 2:
		return Call{Method: "GET", Path: fmt.Sprint("/products/", n%50+1)}
	case 3:
		return Call{Method: "GET", Path: fmt.Sprintf("/reviews?product_id=%d", n%50+1), Key: key}
	case 4:
		return Call{Method: "POST", Path: "/orders", Key: key, Type: "application/json",
			Body: fmt.Sprintf(`{"customer_id": %d, "currency": "EUR", "items": [{"product_id": %d, "quantity": 1}]}`, n%30+1, n%50+1)}
	case 5, 6:
		return Call{Method: "GET", Path: fmt.Sprint("/orders/", n%200+1), Key: key}
	}
	return Call{Method: "GET", Path: fmt.Sprint("/customers/", n%30+1), Key: key}
}
