// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

func TestOnlyPagesOfTheOriginRead(t *testing.T) {
	const origin = "https://shop.example.org"
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", origin, ready) }()
	var url string
	select {
	case addr := <-ready:
		url = "http://" + addr.String()
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method string
		header       map[string]string
		status       int
		allowed      string
	}{
		{"a page of the origin reads", "GET", map[string]string{"Origin": origin}, 200, origin},
		{"another page does not", "GET", map[string]string{"Origin": "https://evil.example.net"}, 200, ""},
		{"a preflight is answered", "OPTIONS", map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST"}, 204, origin},
		{"another page does not change with cookies", "POST",
			map[string]string{"Origin": "https://evil.example.net", "Sec-Fetch-Site": "cross-site", "Cookie": "a=b"}, 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != tt.status || got != tt.allowed {
				t.Errorf("got %d, allowed %q; want %d, %q", res.StatusCode, got, tt.status, tt.allowed)
			}
		})
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAProgramThatAdmitsEveryPageDoesNotStart(t *testing.T) {
	if err := run(t.Context(), "127.0.0.1:0", "*", nil); err == nil {
		t.Error("it started")
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/cors"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
