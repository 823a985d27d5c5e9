// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// session serves calls, each "METHOD PATH" with the status that is wanted, and returns what the program told at its end.
func session(t *testing.T, db string, calls map[string]int) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	var told strings.Builder
	go func() { ended <- run(ctx, "127.0.0.1:0", db, &told, ready) }()
	var url string
	select {
	case addr := <-ready:
		url = "http://" + addr.String()
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	for call, want := range calls {
		method, path, _ := strings.Cut(call, " ")
		req, err := http.NewRequest(method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", call, res.StatusCode, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return told.String()
}

func TestTheProgramAnswersWhatIsDeclaredAndTellsTheRest(t *testing.T) {
	db := filepath.Join(t.TempDir(), "inventory.db")
	calls := map[string]int{"GET /notes": 200, "DELETE /notes": 404, "PUT /notes": 405, "GET /notes/export": 200, "GET /drafts/7": 404}
	session(t, db, calls)
	got := session(t, db, calls) // the counts outlive the program
	want := `declared listNotes: 2 calls
disabled deleteNotes: 0 calls
zombie exportNotes: 2 calls
`
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "shadow GET /drafts/{…}: 2 calls\n") || !strings.Contains(got, "shadow PUT /notes: 2 calls\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/inventory"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
