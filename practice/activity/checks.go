// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"yett/practice"
)

func (l *Log) checks() []practice.Check {
	return []practice.Check{{
		ID:    "activity/recorded",
		Asks:  "Does every exchange leave a record, and does its answer carry the id?",
		Cites: []string{"ASVS V16", "RFC 9457 section 3.1.5"},
		Run:   recorded,
	}, {
		ID:    "activity/whole",
		Asks:  "Are the records as they were written?",
		Cites: []string{"ASVS V16", "OWASP API10:2019", "RFC 9162 section 2"},
		Run:   l.whole,
	}}
}

// recorded asks for what does not exist. The target answers only after it has seen the record.
func recorded(ctx context.Context, t practice.Target) practice.Finding {
	res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe"})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	var doc struct{ Instance string }
	if json.Unmarshal(res.Body, &doc) != nil || !strings.HasPrefix(doc.Instance, "urn:uuid:") {
		return practice.Finding{Verdict: practice.Ineffective, Summary: "a refusal carried no correlation id",
			Evidence: []practice.Evidence{{What: "body", Saw: string(res.Body)}}}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: "a probe left a record under the id in its answer",
		Evidence: []practice.Evidence{{What: "instance", Saw: doc.Instance}}}
}

// whole verifies the log.
func (l *Log) whole(ctx context.Context, _ practice.Target) practice.Finding {
	r, err := l.Verify(ctx)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	if r.Bad != nil {
		return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("record %d is not as it was", r.Bad.Record),
			Fix: "yett log verify", Evidence: []practice.Evidence{{What: r.Bad.File, Saw: r.Bad.Detail}}}
	}
	if l.drop.Load() {
		return practice.Finding{Verdict: practice.Weak, Summary: "exchanges pass while they cannot be recorded",
			Fix: "set activity.on_failure: refuse", Evidence: []practice.Evidence{{What: "lost so far", Saw: fmt.Sprint(r.Lost)}}}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d records under %d checkpoints are whole", r.Records, r.Checkpoints),
		Evidence: []practice.Evidence{{What: "numbers without a record", Saw: fmt.Sprint(r.Lost)}}}
}
