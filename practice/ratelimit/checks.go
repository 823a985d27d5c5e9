// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"fmt"

	"yett/practice"
)

func checks(c Config) []practice.Check {
	return []practice.Check{{
		ID:    "ratelimit/counts",
		Asks:  "Is every request counted, also one that is refused?",
		Cites: []string{"OWASP API4:2023"},
		Run:   func(ctx context.Context, t practice.Target) practice.Finding { return counts(ctx, t, c) },
	}}
}

// counts asks twice for what does not exist: the answers must carry a quota that is not whole any more.
func counts(ctx context.Context, t practice.Target, c Config) practice.Finding {
	var left [2]int
	for i := range left {
		res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe"})
		if err != nil {
			return practice.CouldNotTell(err)
		}
		if n, err := fmt.Sscanf(res.Get("RateLimit"), `"address";r=%d`, &left[i]); err != nil || n != 1 {
			return practice.Finding{Verdict: practice.Ineffective, Summary: "the answer carries no quota",
				Fix: "switch ratelimit on", Evidence: []practice.Evidence{{What: "RateLimit", Saw: res.Get("RateLimit")}}}
		}
	}
	ev := []practice.Evidence{{What: "left after two probes", Saw: fmt.Sprintf("%d, then %d", left[0], left[1])}}
	// A probe that counts leaves less than the whole, however fast it refills: nothing is back before the answer is written.
	if int64(left[0]) >= c.Address.Requests || int64(left[1]) >= c.Address.Requests {
		return practice.Finding{Verdict: practice.Ineffective, Summary: "a probe was not counted",
			Fix: "restart the gateway, so that ratelimit.address holds", Evidence: ev}
	}
	return practice.Finding{Verdict: practice.Effective, Evidence: ev,
		Summary: fmt.Sprintf("%d each %v by address, %d each %v by caller", c.Address.Requests, c.Address.Per, c.Requests, c.Per)}
}
