// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"yett/api"
	"yett/practice"
)

func (inv *Inventory) checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "inventory/undeclared",
			Asks:  "Does a path that no description declares answer 404?",
			Cites: []string{"OWASP API9:2023", "RFC 9110 section 15.5.5"},
			Run:   checkUndeclared,
		},
		{
			ID:    "inventory/trace",
			Asks:  "Is TRACE refused, which shows a caller what proxies added?",
			Cites: []string{"OWASP API8:2023", "RFC 9110 section 9.3.8"},
			Run:   checkTrace,
		},
		{
			ID:    "inventory/disabled",
			Asks:  "Does an operation that is disabled answer 404?",
			Cites: []string{"OWASP API9:2023"},
			Run:   inv.checkDisabled,
		},
		{
			ID:    "inventory/zombies",
			Asks:  "Is every operation left alone that the description calls deprecated?",
			Cites: []string{"OWASP API9:2023"},
			Run:   inv.checkZombies,
		},
		{
			ID:    "inventory/debug",
			Asks:  "Does no description declare a debug path?",
			Cites: []string{"OWASP API8:2023", "OWASP ASVS 5.0 V13.4"},
			Run:   inv.checkDebug,
		},
	}
}

var template = regexp.MustCompile(`\{[^}]*\}`)

// ask is a probe of an operation, without a credential.
func ask(method string, op *api.Operation) practice.Probe {
	return practice.Probe{Method: method, Host: op.API.Host(), Path: op.API.BasePath + template.ReplaceAllString(op.Path, "1")}
}

func checkUndeclared(ctx context.Context, t practice.Target) practice.Finding {
	res, err := t.Do(ctx, practice.Probe{Method: http.MethodGet, Path: probe + "/of/what/no/template/reaches"})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	return practice.Expect(res, http.StatusNotFound).Or("restart the gateway: what is not declared must not be served")
}

func checkTrace(ctx context.Context, t practice.Target) practice.Finding {
	for _, a := range t.APIs() {
		if len(a.Operations) == 0 {
			continue
		}
		res, err := t.Do(ctx, ask(http.MethodTrace, a.Operations[0]))
		if err != nil {
			return practice.CouldNotTell(err)
		}
		return practice.Expect(res, http.StatusMethodNotAllowed).Or("restart the gateway: it never serves TRACE")
	}
	return practice.None("no description declares an operation")
}

// maxProbes bounds how many operations one check asks.
const maxProbes = 100

func (inv *Inventory) checkDisabled(ctx context.Context, t practice.Target) practice.Finding {
	refused, left := 0, 0
	for _, a := range t.APIs() {
		for _, op := range a.Operations {
			if !inv.catalogue.disabled[op] {
				continue
			}
			// Were it open after all, the probe must do no harm: it is safe, or stopped for want of a credential.
			if op.Method != http.MethodGet && op.Public != "" || refused == maxProbes {
				left++
				continue
			}
			res, err := t.Do(ctx, ask(op.Method, op))
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if res.Status != http.StatusNotFound || res.Reached {
				return practice.Expect(res, http.StatusNotFound).Or("remove inventory.off from the block of " + op.ID + ": it is disabled and still answers")
			}
			refused++
		}
	}
	switch {
	case refused == 0 && left == 0:
		return practice.None("no operation is disabled")
	case refused == 0:
		return practice.CouldNotTell(errors.New("only operations are disabled that anybody may call and that change something: a probe could do harm"))
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d of %d disabled operations were asked, and answered 404", refused, refused+left)}
}

func (inv *Inventory) checkZombies(ctx context.Context, _ practice.Target) practice.Finding {
	r, err := inv.Report(ctx)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	deprecated := 0
	var evidence []practice.Evidence
	for _, o := range r.Operations {
		if !o.Deprecated {
			continue
		}
		deprecated++
		if o.State == Zombie && len(evidence) < maxProbes {
			saw := fmt.Sprintf("%d calls, the last at %s", o.Calls, o.LastCalled.Format("2006-01-02"))
			if o.LastCaller != "" {
				saw += " by " + o.LastCaller
			}
			evidence = append(evidence, practice.Evidence{What: o.ID, Saw: saw})
		}
	}
	switch {
	case deprecated == 0:
		return practice.None("no operation is deprecated")
	case r.Counts.Zombie > 0:
		return practice.Finding{Verdict: practice.Weak,
			Summary:  fmt.Sprintf("%d of %d deprecated operations are still called: %s", r.Counts.Zombie, deprecated, r.names(Zombie)),
			Fix:      "move their callers over, then name them under inventory.disable.operations",
			Evidence: evidence}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("none of %d deprecated operations is called", deprecated)}
}

func (inv *Inventory) checkDebug(context.Context, practice.Target) practice.Finding {
	served, refused := inv.catalogue.debugPaths(true), inv.catalogue.debugPaths(false)
	var names []string
	var evidence []practice.Evidence
	for _, op := range served {
		names = append(names, op.ID)
		evidence = append(evidence, practice.Evidence{What: op.ID + " is served", Saw: inv.catalogue.debug[op]})
	}
	for _, op := range refused {
		names = append(names, op.ID)
		evidence = append(evidence, practice.Evidence{What: op.ID + " is declared", Saw: op.Method + " " + op.API.BasePath + op.Path})
	}
	switch {
	case len(refused) > 0:
		return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("%d debug paths are declared: %s", len(names), strings.Join(names, ", ")),
			Fix: "remove them from the description; until then they answer 404", Evidence: evidence}
	case len(served) > 0:
		return practice.Finding{Verdict: practice.Weak, Summary: fmt.Sprintf("%d debug paths are served for a reason: %s", len(names), strings.Join(names, ", ")),
			Fix: "serve them to operators on an address of their own, and remove them from the description", Evidence: evidence}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: "no debug path is declared"}
}
