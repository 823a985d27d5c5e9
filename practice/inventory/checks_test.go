// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/practice"
)

// A target is a server as the practice's checks see it.
type target struct {
	*httptest.Server
	apis    []*api.API
	asked   int
	reached bool
}

func (tg *target) APIs() []*api.API { return tg.apis }

func (tg *target) Key(context.Context, ...string) (string, error) { return "", nil }

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	tg.reached = false
	tg.asked++
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, nil)
	if err != nil {
		return nil, err
	}
	res, err := tg.Client().Do(req)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Reached: tg.reached}, res.Body.Close()
}

func TestChecksTellAnEffectiveInventoryFromAnOpenGate(t *testing.T) {
	closed := Config{Disable: Disable{Operations: []string{"oldHistory"}}}
	writes := Config{Disable: Disable{Operations: []string{"putNote"}}}
	for _, tt := range []struct {
		name, check string
		config      Config
		open        bool   // nothing stands before the upstream
		calls       string // an operation that was called before
		want        practice.Verdict
		says        string // in the summary
	}{
		{"undeclared paths are not there", "inventory/undeclared", Config{}, false, "", practice.Effective, "404"},
		{"undeclared paths are served", "inventory/undeclared", Config{}, true, "", practice.Ineffective, "200"},
		{"TRACE is refused", "inventory/trace", Config{}, false, "", practice.Effective, "405"},
		{"TRACE is served", "inventory/trace", Config{}, true, "", practice.Ineffective, "200"},
		{"disabled operations are not there", "inventory/disabled", closed, false, "", practice.Effective, "1 of 1"},
		{"disabled operations are served", "inventory/disabled", closed, true, "", practice.Ineffective, "200"},
		{"nothing is disabled", "inventory/disabled", Config{}, false, "", practice.NotApplicable, "no operation"},
		{"a write that needs a credential is asked, too", "inventory/disabled", writes, false, "", practice.Effective, "1 of 1"},
		{"deprecated and not called", "inventory/zombies", Config{}, false, "getNote", practice.Effective, "none of 1"},
		{"deprecated and called", "inventory/zombies", Config{}, false, "oldHistory", practice.Weak, "oldHistory"},
		{"deprecated, called once, and disabled", "inventory/zombies", closed, false, "oldHistory", practice.Effective, "none of 1"},
		{"a debug path is declared", "inventory/debug", Config{}, false, "", practice.Ineffective, "debugNotes"},
		{"a debug path is served for a reason", "inventory/debug", Config{AllowDebug: "a dashboard"}, false, "", practice.Weak, "debugNotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv := newInventory(t, tt.config)
			tg := &target{apis: inv.catalogue.apis}
			up := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { tg.reached = true }))
			if !tt.open {
				up = inv.Handler(up)
			}
			tg.Server = httptest.NewServer(up)
			defer tg.Close()
			if op := inv.catalogue.ids[operationID{"notes", tt.calls}]; op != nil {
				inv.Observe(called(op, "acme", ""))
			}
			for _, c := range inv.checks() {
				if c.ID != tt.check {
					continue
				}
				f := c.Run(t.Context(), tg)
				needsFix := f.Verdict == practice.Ineffective || f.Verdict == practice.Weak
				if f.Verdict != tt.want || !strings.Contains(f.Summary, tt.says) || (f.Fix != "") != needsFix {
					t.Errorf("%s, %q, fix %q; want %s, %q", f.Verdict, f.Summary, f.Fix, tt.want, tt.says)
				}
				return
			}
			t.Fatal("there is no such check")
		})
	}
}

func TestProbesLeaveNoTraceInTheInventory(t *testing.T) {
	inv := newInventory(t, Config{Disable: Disable{Operations: []string{"oldHistory"}}})
	tg := &target{apis: inv.catalogue.apis}
	tg.Server = httptest.NewServer(inv.Handler(new(upstream)))
	defer tg.Close()
	for _, c := range inv.checks() {
		c.Run(t.Context(), tg)
	}
	r := report(t, inv)
	if tg.asked != 3 || len(r.Shadow) != 0 {
		t.Errorf("%d probes left %+v", tg.asked, r.Shadow)
	}
	for _, o := range r.Operations {
		if o.Calls != 0 {
			t.Errorf("a probe counts as a call: %+v", o)
		}
	}
}
