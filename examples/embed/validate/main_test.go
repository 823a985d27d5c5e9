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

func put(t *testing.T, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestOnlyWhatTheDescriptionAdmitsIsKept(t *testing.T) {
	url := start(t)
	for _, tt := range []struct {
		name, path, body string
		status           int
		tells            string
	}{
		{"a note", "/notes/1", `{"text": "hello"}`, 204, ""},
		{"a note without text", "/notes/1", `{}`, 422, `"pointer":"#/text"`},
		{"a note that names its own author", "/notes/1", `{"text": "hello", "author": "me"}`, 422, `"pointer":"#/author"`},
		{"a note with two texts", "/notes/1", `{"text": "a", "text": "b"}`, 400, `"code":"json_duplicate_name"`},
		{"a number that is none", "/notes/one", `{"text": "hello"}`, 400, `"parameter":"id"`},
		{"a path with two readings", "/notes/..%2fnotes", `{"text": "hello"}`, 400, `"code":"ambiguous_path"`},
		{"what nobody described", "/admin", `{}`, 404, `"code":"undeclared"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, body := put(t, url+tt.path, tt.body); status != tt.status || !strings.Contains(body, tt.tells) {
				t.Errorf("got %d %s, want %d %s", status, body, tt.status, tt.tells)
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
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/validate"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
