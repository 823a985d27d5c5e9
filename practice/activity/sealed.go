// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"yett/exchange"
	"yett/store"
)

// sealed is what only the operator may see of an exchange.
type sealed struct {
	Original string         `json:"original,omitempty"`
	Values   map[int]string `json:"values,omitempty"` // by the number of the finding
}

// place binds what is sealed to its record: it opens in no other line.
func place(id string) store.Place { return store.Place{Table: "activity", Row: id, Column: "sealed"} }

// seal returns what a record holds for the operator alone, nil if there is nothing.
func (l *Log) seal(r *exchange.Record) []byte {
	if l.o.Sealer == nil {
		return nil
	}
	s := sealed{Original: string(r.Original)}
	for i, f := range r.Findings[:min(len(r.Findings), maxFindings)] {
		if f.Value != "" {
			// One is enough to understand a refusal, and the less is kept the better.
			s.Values = map[int]string{i: f.Value}
			break
		}
	}
	if s.Original == "" && s.Values == nil {
		return nil
	}
	plain, err := json.Marshal(s)
	if err == nil {
		plain, err = l.o.Sealer.Seal(context.Background(), plain, place(r.ID))
	}
	if err != nil {
		// The record is kept without it: what cannot be sealed is not written.
		l.o.Log.Error("a part of a record cannot be sealed, so it is left out", "id", r.ID, "error", err.Error())
		return nil
	}
	return plain
}

// Reveal opens the sealed part of e, if it has one, into Original and the Value of its findings.
func (l *Log) Reveal(ctx context.Context, e *Entry) error {
	if len(e.Sealed) == 0 {
		return nil
	}
	if l.o.Sealer == nil {
		return errors.New("activity: nothing to open a record with")
	}
	plain, err := l.o.Sealer.Open(ctx, e.Sealed, place(e.ID))
	if err != nil {
		return fmt.Errorf("open the sealed part of record %s: %w", e.ID, err)
	}
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return fmt.Errorf("read the sealed part of record %s: %w", e.ID, err)
	}
	e.Sealed, e.Original = nil, s.Original
	for i, v := range s.Values {
		if i >= 0 && i < len(e.Findings) {
			e.Findings[i].Value = v
		}
	}
	return nil
}
