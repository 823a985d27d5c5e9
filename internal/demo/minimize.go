// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"fmt"
)

// everyColumn reads a customer with a key that may, and counts what comes.
var everyColumn = Attack{
	Number: 7, Practice: "minimize", Title: "read a customer",
	Fire: func(ctx context.Context, s *Side) Outcome {
		customer, err := s.customer(ctx)
		if err != nil {
			return cannotTell(err)
		}
		for _, secret := range []string{"password_hash", "reset_token", "internal_note", "card_cvc"} {
			if customer[secret] != nil {
				return gotThrough("%d fields, %s too", len(customer), secret)
			}
		}
		return refused("%d declared fields", len(customer))
	},
}

// customer reads a customer as a clerk does, who has nothing to do with payments.
func (s *Side) customer(ctx context.Context) (map[string]any, error) {
	k, err := s.key(ctx, "help-desk", "customers:read")
	if err != nil {
		return nil, err
	}
	a, err := s.Do(ctx, Call{Method: "GET", Path: "/customers/7", Key: k.Text})
	if err != nil {
		return nil, err
	}
	var customer map[string]any
	if err := json.Unmarshal(a.Body, &customer); err != nil || a.Status != 200 || customer["name"] == nil {
		return nil, fmt.Errorf("unexpected %d, %w", a.Status, err)
	}
	return customer, nil
}
