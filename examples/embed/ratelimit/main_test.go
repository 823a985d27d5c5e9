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
	"time"

	"yett/practice/ratelimit"
)

func TestAnAddressIsAnsweredAsOftenAsTheLimitSays(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", ratelimit.Rate{Requests: 3, Per: time.Hour}, ready) }()
	var url string
	select {
	case addr := <-ready:
		url = "http://" + addr.String()
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	for i, want := range []int{200, 200, 200, 429} {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want || (res.Header.Get("Retry-After") != "") != (want == 429) || res.Header.Get("RateLimit") == "" {
			t.Errorf("request %d got %d, %v; want %d", i+1, res.StatusCode, res.Header, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAProgramThatAdmitsNobodyDoesNotStart(t *testing.T) {
	if err := run(t.Context(), "127.0.0.1:0", ratelimit.Rate{Per: time.Minute}, nil); err == nil {
		t.Error("it started")
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/ratelimit"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
