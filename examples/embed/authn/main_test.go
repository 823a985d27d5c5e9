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
	go func() { ended <- run(ctx, "127.0.0.1:0", "ines:secret", ready) }()
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

func TestTheDescriptionDecidesWhoMayCall(t *testing.T) {
	url := start(t)
	for _, tt := range []struct {
		name, method, path, password string
		status                       int
		tells                        string
	}{
		{"nobody", "GET", "/files", "", 401, `"code":"unauthenticated"`},
		{"a wrong password", "GET", "/files", "guess", 401, `"code":"unauthenticated"`},
		{"the password", "GET", "/files", "secret", 200, `subject "ines", authorization ""`},
		{"the password, without the scope", "DELETE", "/files", "secret", 403, `"code":"insufficient_scope"`},
		{"nobody, where anybody may", "GET", "/about", "", 200, `subject "", authorization ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.password != "" {
				req.SetBasicAuth("ines", tt.password)
			}
			req.Header.Set("X-Yett-Subject", "admin")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.tells) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, tt.status, tt.tells)
			}
			if (res.Header.Get("WWW-Authenticate") != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate: %q", res.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestAProgramWithoutALoginDoesNotStart(t *testing.T) {
	if err := run(t.Context(), "127.0.0.1:0", "", nil); err == nil {
		t.Error("it started")
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/authn"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
