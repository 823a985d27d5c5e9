// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"yett/practice"
	"yett/problem"
)

// A closedDisk is a log whose directory gave way to a file: nothing can be written until it is opened again.
type closedDisk struct {
	*Log
	t   *testing.T
	now time.Time
}

func shut(t *testing.T, o Options) *closedDisk {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not rename a directory with open files")
	}
	d := &closedDisk{t: t, now: noon}
	dir := filepath.Join(t.TempDir(), "log")
	o.Now = func() time.Time { return d.now }
	d.Log = opened(t, dir, o)
	if err := d.Check(nil); err != nil {
		t.Fatal(err)
	}
	d.Observe(began(d.now, 0))
	settled(d.Log)
	d.now = d.now.AddDate(0, 0, 1) // the next segment begins, and has no place
	settled(d.Log)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.Observe(began(d.now, 0))
	settled(d.Log)
	settled(d.Log)
	return d
}

func (d *closedDisk) open() {
	d.t.Helper()
	if err := os.Remove(d.dir); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.dir+"-away", d.dir); err != nil {
		d.t.Fatal(err)
	}
	settled(d.Log)
	settled(d.Log)
}

func (d *closedDisk) refusal() {
	r := began(d.now, 0)
	r.Status = http.StatusServiceUnavailable
	d.Observe(r)
}

func TestRefusalsGiveWayToWhatWasAdmitted(t *testing.T) {
	d := shut(t, Options{Queue: 32})
	for range 40 {
		d.refusal()
	}
	reached := began(d.now, 0)
	reached.Reached, reached.Operation = true, "download"
	d.Observe(reached)
	d.refusal()
	d.Act(practice.Action{ID: idAt(d.now), Time: d.now, Op: "POST /keys", Actor: "root", Status: 201})
	d.open()
	closed(t, d.Log)
	var told []string
	refusals, lost := 0, uint64(0)
	entries, err := d.Last(1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch {
		case e.Kind == KindGap:
			lost += e.Lost
		case e.Status == 503:
			refusals++
		case e.Op != "":
			told = append(told, e.Op)
		}
	}
	if got := strings.Join(told, ", "); got != "download, POST /keys" {
		t.Errorf("recorded: %s", got)
	}
	if refusals == 0 || uint64(refusals)+lost != 41 {
		t.Errorf("%d refusals are recorded, and %d numbers lost; of 41", refusals, lost)
	}
	if r, err := d.Verify(t.Context()); err != nil || r.Bad != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhileNothingCanBeWrittenNothingIsDoneOrSigned(t *testing.T) {
	d := shut(t, Options{})
	if code := problem.Code(d.Acting()); code != "cannot_record" {
		t.Errorf("an action: %q", code)
	}
	sign := func(l *Log) (*httptest.ResponseRecorder, error) {
		req := httptest.NewRequest("POST", "/records/review", strings.NewReader(`{"since":"2026-11-01","until":"2026-11-08","note":"looked at"}`))
		w := httptest.NewRecorder()
		return w, l.sign(w, req.WithContext(practice.WithActor(req.Context(), "root")))
	}
	for _, drop := range []bool{false, true} {
		d.adopt(drop, 0, nil)
		if w, err := sign(d.Log); problem.Code(err) != "cannot_record" || w.Body.Len() != 0 {
			t.Errorf("signed while nothing can be written, drop %v: %v %s", drop, err, w.Body)
		}
	}
	if err := d.Acting(); err != nil {
		t.Errorf("drop-and-count: %v", err)
	}
	d.adopt(false, 0, nil)
	d.open()
	if err := d.Acting(); err != nil {
		t.Errorf("it does not become whole again: %v", err)
	}
	if w, err := sign(d.Log); err != nil || !strings.Contains(w.Body.String(), "looked at") {
		t.Errorf("got %v %s", err, w.Body)
	}
	// On the disk, whatever comes: another reader finds it before this one closes.
	last, err := opened(t, d.dir, Options{Now: d.o.Now, Key: d.o.Key}).Last(1)
	if err != nil || len(last) != 1 || last[0].Op != signOp {
		t.Errorf("the sign-off is not in the files: %+v, %v", last, err)
	}
	closed(t, d.Log)
}

func TestASignOffWhoseRecordFindsNoPlaceIsNone(t *testing.T) {
	d := shut(t, Options{})
	d.stuck.end() // nobody has noticed yet
	req := httptest.NewRequest("POST", "/records/review", strings.NewReader(`{"since":"2026-11-01","until":"2026-11-08"}`))
	w := httptest.NewRecorder()
	if err := d.sign(w, req.WithContext(practice.WithActor(context.Background(), "root"))); problem.Code(err) != "cannot_record" || w.Body.Len() != 0 {
		t.Errorf("got %v %s", err, w.Body)
	}
	d.open()
	closed(t, d.Log)
}
