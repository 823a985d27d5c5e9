// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"net/http"
)

// strangersOrder reads the order of somebody else without saying who asks.
var strangersOrder = Attack{
	Number: 3, Practice: "authn", Title: "order of a stranger, no credential",
	Fire: func(ctx context.Context, s *Side) Outcome {
		a, err := s.Do(ctx, Call{Method: "GET", Path: "/orders/1"})
		if err != nil {
			return cannotTell(err)
		}
		_, whole := a.Object()["ship_to"].(map[string]any)
		switch {
		case a.Status == http.StatusOK && whole:
			return gotThrough("%d, whole order", a.Status)
		case a.Status == http.StatusUnauthorized && a.Problem().Code == "unauthenticated":
			return refused("%d", a.Status)
		}
		return unexpected(a)
	},
}
