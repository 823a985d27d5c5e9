// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// start runs the program on path until the test ends or stop is called, and returns its URL and what it printed.
func start(t *testing.T, path string) (url, printed string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- run(ctx, "127.0.0.1:0", path, &out, ready) }()
	select {
	case addr := <-ready:
		url = "http://" + addr.String()
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	return url, strings.TrimSpace(out.String()), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func get(t *testing.T, url, key string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestOnlyCallersWithAKeyAreGreeted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	url, key, stop := start(t, path)
	for _, tt := range []struct {
		name, key string
		status    int
		body      string
	}{
		{"no key", "", 401, `"code":"no_key"`},
		{"a key that nobody issued", "yett_k7q2m9d_NobodyWasEverGivenThisKeyItIsAnExample12345_qk26", 401, `"code":"invalid_key"`},
		{"the key that was printed", key, 200, "hello, first-key\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, body := get(t, url, tt.key); status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %q, want %d %q", status, body, tt.status, tt.body)
			}
		})
	}
	stop()

	url, again, stop := start(t, path)
	defer stop()
	if again != "" {
		t.Error("a second start printed a key")
	}
	if status, _ := get(t, url, key); status != 200 {
		t.Errorf("after a restart the key got %d", status)
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/apikey"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
