// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yett/alert"
	"yett/api/schema"
	"yett/practice"
	"yett/view"
)

// generation is an Env as the gateway makes it, of one process.
func (r *rig) generation(keeper *practice.Keeper, log *bytes.Buffer) *practice.Env {
	return &practice.Env{Log: slog.New(slog.NewTextHandler(log, nil)), Now: r.now.Now, Store: r.db, Data: r.dir, Alerts: new(alert.Board),
		Keeper: keeper, Shared: new(practice.Keeper)}
}

func (r *rig) build(env practice.Env) *practice.Part {
	r.t.Helper()
	p, err := Practice.Build(Practice.NewConfig(), &env)
	r.ok(err)
	return p
}

func TestTheLevelsOfOneGenerationShareTheirEdits(t *testing.T) {
	r := newRig(t)
	var log bytes.Buffer
	env := r.generation(new(practice.Keeper), &log)
	gate := r.build(*env)
	if gate.Sealing == nil || gate.Request != nil || gate.Edits != nil {
		t.Errorf("the gateway's level: %+v", gate)
	}
	a, plain := describe(t, "bank", bank), fill(t, "SENT "+card)
	env.API = a
	part := r.build(*env)
	env.Operation = a.Operations[0]
	own := r.build(*env)
	env.API, env.Operation = plain, nil
	half := r.build(*env)
	if part.Request == nil || own.Request == nil || half.Request == nil {
		t.Fatal("a level seals nothing")
	}
	n := 0
	a.EachShape(func(shape, holder *schema.Shape, _, _ bool) {
		for _, request := range []bool{true, false} {
			at := view.Place{API: a, Shape: shape, Holder: holder, Request: request}
			one, two := part.Edits(at), own.Edits(at)
			if len(one) != len(two) || len(one) == 1 && one[0] != two[0] {
				t.Errorf("the levels differ: %v, %v", one, two)
			}
			n += len(one)
		}
	})
	if n == 0 {
		t.Error("there are no edits")
	}
	if got := strings.Count(log.String(), "is sealed in requests and opened in no answer"); got != 1 {
		t.Errorf("it is told %d times: %s", got, log.String())
	}
}

func TestAnAPIWithoutFieldsTakesNoPart(t *testing.T) {
	r := newRig(t)
	env := r.generation(new(practice.Keeper), new(bytes.Buffer))
	r.build(*env)
	env.API = describe(t, "plain", strings.NewReplacer("PATH", "{type: string}", "PARAM", "{name: q, in: query, schema: {type: string}}", "TYPE", "application/json",
		"SENT", "{type: object}", "HEADER", "{type: string}", "ANSWERED", "{type: object}", ", x-yett-encrypt: randomized", "", ", x-yett-encrypt: deterministic", "").Replace(small))
	if p := r.build(*env); p.Request != nil || p.Edits != nil {
		t.Errorf("got %+v", p)
	}
}

func TestAWordThatCannotBeKeptToStopsTheStart(t *testing.T) {
	r := newRig(t)
	env := r.generation(new(practice.Keeper), new(bytes.Buffer))
	r.build(*env)
	env.API = fill(t, "TYPE application/x-www-form-urlencoded", "SENT "+card)
	if _, err := Practice.Build(Practice.NewConfig(), env); err == nil || !strings.Contains(err.Error(), "it.openapi.yaml:18: x-yett-encrypt in a body of") {
		t.Errorf("got %v", err)
	}
}

func TestTheCheckOfFieldsSaysWhatWasMet(t *testing.T) {
	r := newRig(t)
	keeper := new(practice.Keeper)
	// check builds a generation of the same process and asks its check.
	check := func(apis ...string) practice.Finding {
		t.Helper()
		env := r.generation(keeper, new(bytes.Buffer))
		gate := r.build(*env)
		for i, text := range apis {
			env.API = describe(t, fmt.Sprint("api", i), text)
			r.build(*env)
		}
		for _, c := range gate.Checks {
			if c.ID == "encrypt/fields" {
				return c.Run(t.Context(), nil)
			}
		}
		t.Fatal("there is no such check")
		return practice.Finding{}
	}
	filled := func(holes ...string) string {
		out := small
		for _, h := range append(holes, "PATH {type: string}", "PARAM {name: q, in: query, schema: {type: string}}", "TYPE application/json",
			"SENT {type: object}", "HEADER {type: string}", "ANSWERED {type: object}") {
			hole, what, _ := strings.Cut(h, " ")
			out = strings.ReplaceAll(out, hole, what)
		}
		return out
	}
	whole := filled("SENT "+card, "ANSWERED "+card)
	if f := check(); f.Verdict != practice.NotApplicable {
		t.Errorf("without APIs: %+v", f)
	}
	if f := check(whole, bank); f.Verdict != practice.Effective || f.Summary != "9 places, each sealed and opened; no value was met in clear" {
		t.Errorf("whole: %+v", f)
	}
	if f := check(whole, filled("SENT "+card)); f.Verdict != practice.Weak || !strings.Contains(f.Summary, "api1: the member card is sealed in requests and opened in no answer") {
		t.Errorf("half: %+v", f)
	}
	k, err := practice.Keep(r.generation(keeper, new(bytes.Buffer)), "encrypt", func() (*kept, error) { return nil, nil })
	r.ok(err)
	k.countsOf("api0").clear.Add(3)
	if f := check(whole); f.Verdict != practice.Weak || f.Summary != "api0: 3 values came from the service in clear" || f.Fix == "" {
		t.Errorf("in clear: %+v", f)
	}
	k.countsOf("api1").failed.Add(1)
	if f := check(whole, bank); f.Verdict != practice.Weak || !strings.Contains(fmt.Sprint(f.Evidence), "0 sealed, 0 opened, 0 in clear, 1 that did not open") {
		t.Errorf("did not open: %+v", f)
	}
}

func TestAnAlertIsOverWhenAllWasQuiet(t *testing.T) {
	r := newRig(t)
	board := &alert.Board{Now: r.now.Now}
	a := &alarm{board: board, now: r.now.Now}
	a.settle()
	a.raise("bank #/one")
	r.now.Add(quietAfter / 2)
	a.raise("bank #/two")
	r.now.Add(quietAfter / 2)
	a.settle()
	holds := func() (names []string) {
		for _, al := range board.All() {
			if al.Over.IsZero() {
				names = append(names, al.Name+" "+al.About)
			}
		}
		return names
	}
	if got := fmt.Sprint(holds()); got != "[sealed_value bank #/two]" {
		t.Errorf("holding: %s", got)
	}
	r.now.Add(time.Hour)
	a.settle()
	if got := holds(); len(got) != 0 {
		t.Errorf("holding: %v", got)
	}
	new(alarm).raise("nobody listens")
}
