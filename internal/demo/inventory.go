// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"net/http"
)

// debugVars asks for what nobody wrote down.
var debugVars = Attack{
	Number: 18, Practice: "inventory", Title: "GET /debug/vars",
	Fire: func(ctx context.Context, s *Side) Outcome {
		k, err := s.key(ctx, "office", "office:read")
		if err != nil {
			return cannotTell(err)
		}
		a, err := s.Do(ctx, Call{Method: "GET", Path: "/debug/vars", Key: k.Text})
		if err != nil {
			return cannotTell(err)
		}
		switch {
		case a.Status == http.StatusOK && bytes.Contains(a.Body, []byte(`"memstats"`)):
			return gotThrough("%d, %d KB", a.Status, (len(a.Body)+1023)/1024)
		case a.Status == http.StatusNotFound && a.Problem().Code == "undeclared_path":
			return refused("%d", a.Status)
		}
		return unexpected(a)
	},
}
