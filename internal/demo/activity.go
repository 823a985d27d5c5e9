// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// customers is how many there are in the shop.
const customers = 30

// readCustomers reads all customers with a partner's key. Nothing forbids it; the question is who can tell afterwards.
var readCustomers = Attack{
	Number: 11, Practice: "activity", Title: fmt.Sprintf("who read all %d customers?", customers),
	Fire: func(ctx context.Context, s *Side) Outcome {
		k := credential{ID: "delta", Text: "pk_delta_2024"}
		if s.Gated {
			var err error
			if k, err = s.key(ctx, "partner-delta", "customers:read"); err != nil {
				return cannotTell(err)
			}
		}
		for n := range customers {
			a, err := s.Do(ctx, Call{Method: "GET", Path: fmt.Sprint("/customers/", n+1), Key: k.Text})
			if err != nil {
				return cannotTell(err)
			}
			if a.Status != http.StatusOK {
				return unexpected(a)
			}
		}
		if !s.Gated {
			return s.inLog(k)
		}
		return s.inRecords(ctx, k)
	},
}

// inLog looks for the caller in the shop's own log.
func (s *Side) inLog(k credential) Outcome {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return cannotTell(err)
	}
	lines, named := 0, 0
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "/customers/") {
			continue
		}
		lines++
		if strings.Contains(strings.ToLower(line), k.ID) {
			named++
		}
	}
	if named < customers {
		return gotThrough("%d lines, %d name it", lines, named)
	}
	return noticed("%d lines name it", named)
}

// inRecords looks for the caller in the records of the gate.
func (s *Side) inRecords(ctx context.Context, k credential) Outcome {
	var page struct {
		Records []struct {
			Op        string               `json:"op"`
			Principal struct{ Key string } `json:"principal"`
		} `json:"records"`
	}
	if err := s.admin.Call(ctx, "GET", "/records?limit=1000", nil, &page); err != nil {
		return cannotTell(err)
	}
	named := 0
	for _, r := range page.Records {
		if r.Op == "getCustomer" && r.Principal.Key == k.ID {
			named++
		}
	}
	if named < customers {
		return gotThrough("%d records name it", named)
	}
	return noticed("%d records name its key", named)
}

// recorded reports an error unless the gate has a record of an answer.
func (s *Side) recorded(ctx context.Context, a *Answer) error {
	var r struct {
		Code string `json:"code"`
	}
	p := a.Problem()
	if err := s.admin.Call(ctx, "GET", "/records/"+url.PathEscape(strings.TrimPrefix(p.Instance, "urn:uuid:")), nil, &r); err != nil {
		return fmt.Errorf("%d, but %w", a.Status, err)
	}
	if r.Code != p.Code {
		return fmt.Errorf("%d, recorded as %q", a.Status, r.Code)
	}
	return nil
}
