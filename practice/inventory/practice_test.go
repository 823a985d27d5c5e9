// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/practice"
	"yett/store"
)

// A generation is the parts of one configuration, as the gateway builds them.
type generation struct {
	gate, api *practice.Part
	apis      []*api.API
	log       bytes.Buffer
}

// generationOf builds the gateway's level with gate and the API's with own, and returns what the API's was built with.
func generationOf(t *testing.T, db *store.DB, kept *practice.Keeper, gate, own Config) (*generation, *practice.Env) {
	t.Helper()
	g := new(generation)
	env := &practice.Env{Log: slog.New(slog.NewTextHandler(&g.log, nil)), Now: time.Now, Store: db, APIs: []*api.API{notes(t)},
		Keeper: kept, Shared: new(practice.Keeper)}
	g.apis = env.APIs
	var err error
	if g.gate, err = Practice.Build(&gate, env); err != nil {
		t.Fatal(err)
	}
	below := *env
	below.API = env.APIs[0]
	if g.api, err = Practice.Build(&own, &below); err != nil {
		t.Fatal(err)
	}
	return g, &below
}

func (g *generation) report(t *testing.T) Report {
	t.Helper()
	w := httptest.NewRecorder()
	g.gate.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/inventory", nil))
	var r Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != 200 {
		t.Fatalf("%d, %v in %s", w.Code, err, w.Body)
	}
	return r
}

func TestCountsOutliveAReloadAndWhatIsClosedFollowsIt(t *testing.T) {
	db, kept := newStore(t), new(practice.Keeper)
	defer func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, env := generationOf(t, db, kept, Config{}, Config{})
	first.gate.Observe(called(env.API.Operations[0], "acme", ""))
	tags := Config{Disable: Disable{Tags: []string{"notes"}}}
	second, env := generationOf(t, db, kept, tags, tags)
	first.gate.Observe(called(env.API.Operations[0], "acme", "")) // in flight while the configuration changed
	if got := first.report(t).operation(t, "getNote"); got.State != Declared {
		t.Errorf("a generation that was not yet replaced says %+v", got)
	}
	if got := second.report(t).operation(t, "getNote"); got.State != Disabled || got.Calls != 2 {
		t.Errorf("got %+v, want it disabled with 2 calls", got)
	}
	for _, tt := range []struct {
		name string
		g    *generation
		step exchange.Step
		want int
	}{
		{"before the reload it is open", first, first.api.Request, 200},
		{"then it is closed", second, second.api.Request, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			find := func(x *exchange.Exchange) error { x.Operation = tt.g.apis[0].Operations[0]; return nil }
			if w := call(exchange.Middleware(new(upstream), find, tt.step), "GET", "/v1/notes/1"); w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
		})
	}
}

func TestADeclaredDebugPathIsToldAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		name        string
		gate, block Config // block is the operation's own
		told        bool
	}{
		{"without a reason", Config{}, Config{}, true},
		{"with a reason for all", Config{AllowDebug: "a dashboard"}, Config{AllowDebug: "a dashboard"}, false},
		{"with a reason for one", Config{}, Config{AllowDebug: "a dashboard"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, env := generationOf(t, newStore(t), new(practice.Keeper), tt.gate, tt.gate)
			for _, op := range env.API.Operations {
				own := *env
				if own.Operation = op; op.ID == "debugNotes" {
					if _, err := Practice.Build(&tt.block, &own); err != nil {
						t.Fatal(err)
					}
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := g.gate.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if told := strings.Contains(g.log.String(), "/v1/debug/notes"); told != tt.told {
				t.Errorf("the log says\n%s", g.log.String())
			}
		})
	}
}
