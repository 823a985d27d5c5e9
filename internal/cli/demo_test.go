// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/internal/cli/term"
	"yett/internal/demo"
)

func demoRow(number int, with demo.Verdict) demo.Row {
	return demo.Row{
		Attack:  demo.Attack{Number: number, Practice: "validate", Title: "an order"},
		Without: demo.Outcome{Verdict: demo.GotThrough, Text: "201"}, With: demo.Outcome{Verdict: with, Text: "422"},
	}
}

func TestDemoFailsUnlessEveryAttackWasStopped(t *testing.T) {
	for _, tt := range []struct {
		name string
		with demo.Verdict
		code int
	}{
		{"refused is well", demo.Refused, exitOK},
		{"noticed is well", demo.Noticed, exitOK},
		{"got through is a finding", demo.GotThrough, exitFinding},
		{"what cannot be told is a finding", demo.CannotTell, exitFinding},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := judged([]demo.Row{demoRow(1, demo.Refused), demoRow(2, tt.with)})
			code := exitOK
			if f, ok := errors.AsType[*failure](err); ok {
				code = f.code
			}
			if code != tt.code {
				t.Errorf("got %d (%v), want %d", code, err, tt.code)
			}
		})
	}
}

func TestDemoCountsWhatGotThrough(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	a := &app{out: term.On(file, term.Never, true)}
	a.summary([]demo.Row{demoRow(1, demo.Refused), demoRow(2, demo.GotThrough), demoRow(11, demo.Noticed), demoRow(14, demo.CannotTell)})
	got, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := "Without yett 4 of 4 got through. With yett 1 of 4: 1 refused, 1 noticed (11), 1 cannot be told."
	if strings.TrimSpace(string(got)) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDemoColumnsStandBelowOneAnother(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	head := demoLine("#", "PRACTICE", "ATTACK", "WITHOUT YETT", "WITH YETT")
	at := strings.Index(head, "WITH YETT")
	for name, ascii := range map[string]bool{"symbols": false, "ASCII": true} {
		a := &app{out: term.On(file, term.Always, ascii)}
		line := demoLine("2", "validate", "order", a.outcome(demo.Outcome{Verdict: demo.GotThrough, Text: "201"}, widthWithout), "HERE")
		for _, colour := range []string{"\x1b[31m", "\x1b[0m"} {
			line = strings.Replace(line, colour, "", 1)
		}
		if got := len([]rune(line[:strings.Index(line, "HERE")])); got != at {
			t.Errorf("%s: the last column begins at %d, want %d: %q", name, got, at, line)
		}
	}
}

func TestDemoReportKnowsTheWordsOfTheScreen(t *testing.T) {
	b, err := json.Marshal(demoReport([]demo.Row{demoRow(2, demo.Refused), demoRow(3, demo.CannotTell)}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"attacks":[` +
		`{"number":2,"practice":"validate","attack":"an order","without":{"verdict":"got_through","text":"201"},"with":{"verdict":"refused","text":"422"}},` +
		`{"number":3,"practice":"validate","attack":"an order","without":{"verdict":"got_through","text":"201"},"with":{"verdict":"unknown","text":"422"}}],` +
		`"got_through_without":2,"got_through_with":0}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestDemoKnowsItsAttacks(t *testing.T) {
	if all, err := chosen(0); err != nil || len(all) < 2 {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if one, err := chosen(2); err != nil || len(one) != 1 || one[0].Number != 2 {
		t.Errorf("2: %v, %v", one, err)
	}
	if _, err := chosen(99); err == nil {
		t.Error("99 is taken for an attack")
	}
}
