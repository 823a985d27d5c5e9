// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// start runs the program until the test ends, and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", ready) }()
	select {
	case addr := <-ready:
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return "http://" + addr.String()
	case err := <-ended:
		cancel()
		t.Fatal(err)
		return ""
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestOnlyWhatTheDescriptionDeclaresLeaves(t *testing.T) {
	url := start(t)
	for _, tt := range []struct {
		name, path string
		status     int
		holds      string
		lacks      []string
	}{
		{"all that is declared", "/staff", 200, `"phone": "0171"`, []string{"salary", "4711"}},
		{"what is asked for", "/staff?fields=room", 200, `{"name": "Greta Grau", "room": 7}`, []string{"phone", "salary"}},
		{"what is not declared cannot be asked for", "/staff?fields=salary", 400, `"code":"unknown_field"`, []string{"5400"}},
		{"what nobody described", "/admin", 404, `"code":"undeclared"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := get(t, url+tt.path)
			if status != tt.status || !strings.Contains(body, tt.holds) {
				t.Errorf("got %d %s, want %d with %s", status, body, tt.status, tt.holds)
			}
			for _, text := range tt.lacks {
				if strings.Contains(body, text) && !strings.Contains(tt.path, text) {
					t.Errorf("%q has left: %s", text, body)
				}
			}
		})
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/minimize"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
