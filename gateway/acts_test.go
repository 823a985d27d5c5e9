// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"yett/practice/activity"
)

// actions are the records of what was done to the gateway, with what is sealed in them open, the newest first.
func actions(t *testing.T, g *gate) []activity.Entry {
	t.Helper()
	var list struct{ Records []activity.Entry }
	if err := g.admin.Call(t.Context(), "GET", "/records/search?q=kind%3Dadmin", nil, &list); err != nil {
		t.Fatal(err)
	}
	return list.Records
}

func TestARecordSaysToWhatSomethingWasDone(t *testing.T) {
	g := before(t, echo, "")
	g.do(http.MethodGet, "/open/x", "") // it serves
	var first, second struct{ ID string }
	var gone struct{ Person string }
	for _, step := range []struct {
		method, path string
		in, out      any
	}{
		{"POST", "/keys", map[string]string{"client": "nord"}, &first},
		{"POST", "/keys/{first}/rotate", nil, &second},
		{"POST", "/users", map[string]any{"name": "greta", "password": "correct horse battery"}, nil},
		{"POST", "/users/greta/disable", nil, nil},
		{"POST", "/users", map[string]any{"name": "hugo", "password": "battery staple horse"}, nil},
		{"POST", "/records/shred", map[string]any{"subject": "hugo"}, &gone},
	} {
		path := step.path
		if path == "/keys/{first}/rotate" {
			path = "/keys/" + first.ID + "/rotate"
		}
		if err := g.admin.Call(t.Context(), step.method, path, step.in, step.out); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]activity.Entry{}
	for _, e := range actions(t, g) {
		got[e.Op] = e // of two the older one
	}
	if e := got["POST /keys"]; e.Target != first.ID || e.Note != "client nord" {
		t.Errorf("a new key: %+v", e)
	}
	if e := got["POST /keys/{id}/rotate"]; e.Target != first.ID || e.Note != "replaced by "+second.ID {
		t.Errorf("a replaced key: %+v", e)
	}
	if e := got["POST /records/shred"]; gone.Person == "" || e.Note != "person "+gone.Person || e.Target != "" {
		t.Errorf("a shredded person: %+v", e)
	}
	for _, op := range []string{"POST /users", "POST /users/{name}/disable"} {
		if e := got[op]; e.Target != "greta" || e.Person == "" || e.Person == "greta" {
			t.Errorf("%s: %+v", op, e)
		}
	}
}

func TestASlowActionIsFoundByItsID(t *testing.T) {
	g := before(t, echo, "")
	g.do(http.MethodGet, "/open/x", "")
	// A user with a password takes a while to make; what counts is that the id is of the moment at which it began.
	if err := g.admin.Call(t.Context(), "POST", "/users", map[string]any{"name": "greta", "password": "correct horse battery"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, e := range actions(t, g) {
		if d := time.Unix(uuid.MustParse(e.ID).Time().UnixTime()).Sub(e.Time); d < -2*time.Millisecond || d > 2*time.Millisecond {
			t.Errorf("%s: its id is of %v after it began", e.Op, d)
		}
	}
}
