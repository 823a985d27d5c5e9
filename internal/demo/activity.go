// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"yett/ledger"
)

// cutLines reads customers with a partner's key, which nothing forbids, and then takes the lines that tell of it out of the
// log, as somebody may who has the disk. The question is who notices.
var cutLines = Attack{
	Number: 11, Practice: "activity", Title: "lines cut out of the log",
	Fire: func(ctx context.Context, s *Side) Outcome {
		k := credential{ID: "delta", Text: "pk_delta_2024"}
		if s.Gated {
			var err error
			if k, err = s.key(ctx, "partner-delta", "customers:read"); err != nil {
				return cannotTell(err)
			}
		}
		for n := range 5 {
			a, err := s.Do(ctx, Call{Method: "GET", Path: fmt.Sprint("/customers/", n+1), Key: k.Text})
			if err != nil {
				return cannotTell(err)
			}
			if a.Status != http.StatusOK {
				return unexpected(a)
			}
		}
		if !s.Gated {
			if _, err := cutOut(s.log, "/customers/"); err != nil {
				return cannotTell(err)
			}
			return gotThrough("nobody notices")
		}
		return s.cutRecords(ctx)
	},
}

// cutRecords takes records out of the gate's log, and asks whether it is whole. It puts them back: the gate still runs.
func (s *Side) cutRecords(ctx context.Context) (o Outcome) {
	// What is listed is in the file.
	if err := s.admin.Call(ctx, "GET", "/records?limit=1", nil, nil); err != nil {
		return cannotTell(err)
	}
	files, err := filepath.Glob(filepath.Join(s.data, "activity", "*.jsonl"))
	if err != nil || len(files) == 0 {
		return gotThrough("there is no log")
	}
	name := files[len(files)-1]
	before, err := cutOut(name, `"op":"getCustomer"`)
	if err != nil {
		return cannotTell(err)
	}
	defer func() {
		if err := os.WriteFile(name, before, 0o600); err != nil { // #nosec G703 -- the demonstration's own folder
			o = cannotTell(err)
		}
	}()
	var report ledger.Report
	if err := s.admin.Call(ctx, "GET", "/records/verify", nil, &report); err != nil {
		return cannotTell(err)
	}
	if report.Bad == nil {
		return gotThrough("nobody notices")
	}
	return noticed("names record %d", report.Bad.Record)
}

// cutOut takes the lines with a word out of a file, and returns what the file held.
func cutOut(name, word string) (before []byte, err error) {
	if before, err = os.ReadFile(name); err != nil { // #nosec G304 -- the demonstration's own folder
		return nil, err
	}
	var kept []byte
	for line := range bytes.Lines(before) {
		if bytes.Contains(line, []byte(word)) {
			continue
		}
		kept = append(kept, line...)
	}
	return before, os.WriteFile(name, kept, 0o600) // #nosec G703 -- as above
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
