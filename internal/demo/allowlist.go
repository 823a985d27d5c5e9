// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"net/http"
)

// forgedAddress claims to sit in the office. At the gate its key is one of the office's own.
var forgedAddress = Attack{
	Number: 14, Practice: "allowlist", Title: "X-Forwarded-For: 10.0.0.1",
	Fire: func(ctx context.Context, s *Side) Outcome {
		k, err := s.key(ctx, "office", "office:read")
		if err != nil {
			return cannotTell(err)
		}
		a, err := s.Do(ctx, Call{Method: "GET", Path: "/admin", Key: k.Text, Header: http.Header{"X-Forwarded-For": {"10.0.0.1"}}})
		if err != nil {
			return cannotTell(err)
		}
		switch {
		case a.Status == http.StatusOK && bytes.Contains(a.Body, []byte("<h1>Back office</h1>")):
			return gotThrough("%d, admin page", a.Status)
		case a.Status == http.StatusForbidden && a.Problem().Code == "address_not_listed":
			return refused("%d", a.Status)
		}
		return unexpected(a)
	},
}
