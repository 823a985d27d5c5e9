// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"strings"

	"yett/practice"
)

func checks() []practice.Check {
	return []practice.Check{{
		ID:    "activity/recorded",
		Asks:  "Does every exchange leave a record, and does its answer carry the id?",
		Cites: []string{"ASVS V16", "RFC 9457 section 3.1.5"},
		Run:   recorded,
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
