// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// formerPartner calls with the key of a partner whose contract is over. At the gate the key works first and is revoked
// then; how long it goes on working is measured.
var formerPartner = Attack{
	Number: 4, Practice: "apikey", Title: "key of a former partner",
	Fire: func(ctx context.Context, s *Side) Outcome {
		call := Call{Method: "GET", Path: "/orders/1", Key: "pk_nordwind_2019"}
		if s.Gated {
			k, err := s.key(ctx, "partner-nordwind", "orders:read")
			if err != nil {
				return cannotTell(err)
			}
			call.Key = k.Text
			if a, err := s.Do(ctx, call); err != nil || a.Status != http.StatusOK {
				return cannotTell(errors.Join(errors.New("the key never worked"), err))
			}
			if err := s.admin.Call(ctx, "POST", "/keys/"+k.ID+"/revoke", nil, nil); err != nil {
				return cannotTell(err)
			}
		}
		return s.untilRefused(ctx, call)
	},
}

// forgetting is how long a revoked key may go on working.
const forgetting = time.Second

func (s *Side) untilRefused(ctx context.Context, c Call) Outcome {
	began := time.Now()
	for {
		a, err := s.Do(ctx, c)
		if err != nil {
			return cannotTell(err)
		}
		took := time.Since(began)
		switch {
		case a.Status == http.StatusUnauthorized && a.Problem().Code == "invalid_key":
			return refused("%d after %d ms", a.Status, took.Milliseconds())
		case a.Status == http.StatusOK && strings.Contains(a.Header.Get("X-Partner"), "contract ends 2021"):
			return gotThrough("%d, as partner", a.Status)
		case a.Status == http.StatusOK && took > forgetting:
			return gotThrough("%d after %d ms", a.Status, took.Milliseconds())
		case a.Status != http.StatusOK:
			return unexpected(a)
		}
		select {
		case <-ctx.Done():
			return cannotTell(ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
