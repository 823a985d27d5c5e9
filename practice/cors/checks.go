// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/practice"
)

func checks(t *table) []practice.Check {
	return []practice.Check{
		{
			ID:    "cors/other-origin",
			Asks:  "Is a page of an origin that is not listed kept from reading answers?",
			Cites: []string{"OWASP API8:2023", "CWE-942"},
			Run:   t.otherOrigin,
		},
		{
			ID:    "cors/preflight",
			Asks:  "Does a listed origin get leave for what is declared, and for nothing else?",
			Cites: []string{"OWASP API8:2023", "ASVS 5.0 3.5.3"},
			Run:   t.leave,
		},
	}
}

// strangeOrigin is no origin that anybody has (RFC 2606).
const strangeOrigin = "https://yett-probe.invalid"

// ask sends a preflight, which needs no credential.
func ask(ctx context.Context, t practice.Target, op *api.Operation, origin, method string) (*practice.Result, error) {
	return t.Do(ctx, practice.Probe{Method: http.MethodOptions, Host: op.API.Host(), Path: op.API.BasePath + strings.ReplaceAll(shape(op.Path), "{}", "1"),
		Header: [][2]string{{"Origin", origin}, {"Access-Control-Request-Method", method}}})
}

// otherOrigin asks for leave as a stranger, for one operation of each API and for what nobody declared.
func (t *table) otherOrigin(ctx context.Context, target practice.Target) practice.Finding {
	asked := 0
	judge := func(res *practice.Result, err error) *practice.Finding {
		asked++
		if err != nil {
			f := practice.CouldNotTell(err)
			return &f
		}
		if got := res.Get("Access-Control-Allow-Origin"); got != "" || res.Reached {
			return &practice.Finding{Verdict: practice.Ineffective, Summary: "a page of any origin may read answers",
				Fix:      "take cors.off out of yett.yaml",
				Evidence: []practice.Evidence{{What: "Access-Control-Allow-Origin for " + strangeOrigin, Saw: fmt.Sprintf("%q", got)}}}
		}
		return nil
	}
	for _, a := range t.apis {
		if len(a.Operations) == 0 || t.of(a.Operations[0]) == nil {
			continue
		}
		op := a.Operations[0]
		if f := judge(ask(ctx, target, op, strangeOrigin, op.Method)); f != nil {
			return *f
		}
	}
	if f := judge(target.Do(ctx, practice.Probe{Method: http.MethodGet, Path: "/.well-known/yett-probe", Header: [][2]string{{"Origin", strangeOrigin}}})); f != nil {
		return *f
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d of %d answers name no origin that is not listed", asked, asked)}
}

// leave asks as a listed origin for a declared method, and for one that no description declares.
func (t *table) leave(ctx context.Context, target practice.Target) practice.Finding {
	for _, a := range t.apis {
		for _, op := range a.Operations {
			p := t.of(op)
			if p == nil || len(p.config.Origins) == 0 {
				continue
			}
			origin := p.config.Origins[0]
			good, err := ask(ctx, target, op, origin, op.Method)
			if err != nil {
				return practice.CouldNotTell(err)
			}
			bad, err := ask(ctx, target, op, origin, "YETT-PROBE")
			if err != nil {
				return practice.CouldNotTell(err)
			}
			ev := []practice.Evidence{{What: "leave for " + origin, Saw: good.Get("Access-Control-Allow-Origin")},
				{What: op.Method + " of " + op.ID, Saw: good.Get("Access-Control-Allow-Methods")},
				{What: "an undeclared method", Saw: bad.Get("Access-Control-Allow-Methods")}}
			if good.Status == http.StatusNoContent && good.Get("Access-Control-Allow-Origin") == origin && !good.Reached &&
				allows(good, op.Method) && !allows(bad, "YETT-PROBE") && !allows(bad, "*") {
				return practice.Finding{Verdict: practice.Effective, Summary: "a listed origin may use what is declared, and nothing else", Evidence: ev}
			}
			return practice.Finding{Verdict: practice.Ineffective, Summary: "the answer to a listed origin is not the one that cors gives",
				Fix: "let nothing stand before the gateway that answers OPTIONS itself", Evidence: ev}
		}
	}
	return practice.None("no origin is listed, so no page of another origin may call")
}

func allows(res *practice.Result, method string) bool {
	return slices.Contains(strings.Split(res.Get("Access-Control-Allow-Methods"), ", "), method)
}
