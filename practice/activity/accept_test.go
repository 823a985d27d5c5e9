// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/ledger"
	"yett/practice"
	"yett/problem"
)

// A headFile is a store that can be lost.
type headFile string

func (f headFile) LoadHead(context.Context) ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if os.IsNotExist(err) {
		return nil, nil
	}
	return b, err
}

func (f headFile) StoreHead(_ context.Context, head []byte) error {
	return os.WriteFile(string(f), head, 0o600)
}

func TestSomebodyVouchesForALogWhoseHeadWasGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	head := headFile(filepath.Join(t.TempDir(), "head"))
	o := Options{Now: func() time.Time { return noon }, Heads: head}
	l := opened(t, dir, o)
	o.Key = l.o.Key
	write := func() {
		t.Helper()
		if err := l.Check(nil); err != nil {
			t.Fatal(err)
		}
		l.Observe(began(noon, 0))
		settled(l)
		if err := l.ledger.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	accept := func(who, body string) (string, error) {
		req := httptest.NewRequest("POST", "/records/accept", strings.NewReader(body))
		w := httptest.NewRecorder()
		err := l.accept(w, req.WithContext(practice.WithActor(req.Context(), who)))
		return w.Body.String(), err
	}
	found := func() string {
		t.Helper()
		r, err := l.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Bad == nil {
			return ""
		}
		return r.Bad.What
	}
	write()
	const note = `{"note":"the store is from Monday"}`
	if _, err := accept("ines", note); problem.Code(err) != "nothing_unproven" {
		t.Errorf("a whole log: %v", err)
	}
	closed(t, l)
	if err := os.Remove(string(head)); err != nil {
		t.Fatal(err)
	}
	l = opened(t, dir, o)
	write()
	if got := found(); got != ledger.Unproven || len(l.ledger.Troubles()) != 1 {
		t.Fatalf("without a head: %q, %v", got, l.ledger.Troubles())
	}
	for _, tt := range []struct{ who, body, code string }{{"", note, "nobody"}, {"ines", `{"note":" "}`, "bad_body"}, {"ines", `{`, "bad_body"}} {
		if _, err := accept(tt.who, tt.body); problem.Code(err) != tt.code {
			t.Errorf("%q %s: %v, want %s", tt.who, tt.body, err, tt.code)
		}
	}
	if body, err := accept("ines", note); err != nil || !strings.Contains(body, "ines: the store is from Monday") {
		t.Errorf("got %s, %v", body, err)
	}
	if got := found(); got != "" || len(l.ledger.Troubles()) != 0 {
		t.Errorf("accepted: %q, %v", got, l.ledger.Troubles())
	}
	if last, err := l.Last(1); err != nil || last[0].Kind != ledger.KindAccepted || last[0].Cause != "ines: the store is from Monday" {
		t.Errorf("the record: %+v, %v", last, err)
	}
	closed(t, l)
	// It excuses nothing else.
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	lines, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], []byte(strings.Replace(string(lines), `"status":200`, `"status":403`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	l = opened(t, dir, o)
	if got := found(); got != ledger.Altered {
		t.Errorf("an altered line: %q", got)
	}
	if _, err := accept("ines", note); problem.Code(err) != "not_whole" {
		t.Errorf("an altered line: %v", err)
	}
	closed(t, l)
}
