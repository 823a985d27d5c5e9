// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the program until the test ends, and returns its URL.
func start(t *testing.T, networks, file, proxies string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", networks, file, proxies, ready) }()
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

func TestOnlyListedNetworksAreGreeted(t *testing.T) {
	for _, tt := range []struct {
		name, networks, proxies, forwarded string
		status                             int
		body                               string
	}{
		{"this machine", "127.0.0.0/8", "", "", 200, "hello, 127.0.0.1\n"},
		{"another network only", "192.0.2.0/24", "", "", 403, `"code":"address_not_listed"`},
		{"a forged address", "192.0.2.0/24", "", "192.0.2.7", 403, `"code":"address_not_listed"`},
		{"an address that a proxy tells", "192.0.2.0/24", "127.0.0.1/32", "192.0.2.7", 200, "hello, 192.0.2.7\n"},
		{"a garbled address that a proxy tells", "0.0.0.0/0", "127.0.0.1/32", "somebody", 400, `"code":"address_unreadable"`},
		{"a list of nobody", "", "", "", 403, `"code":"address_not_listed"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, start(t, tt.networks, "", tt.proxies), nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.forwarded != "" {
				req.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.body) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, tt.status, tt.body)
			}
		})
	}
}

func TestAFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "networks.txt")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("192.0.2.0/24 # elsewhere\n")
	url := start(t, "", file, "")
	status := func() int {
		res, err := http.Get(url) //nolint:gosec // the program's own address
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	if got := status(); got != 403 {
		t.Fatalf("got %d before", got)
	}
	write("127.0.0.1\n")
	for end := time.Now().Add(10 * time.Second); status() != 200; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the file was not read again")
		}
	}
}

func TestAProgramWithoutItsFileDoesNotStart(t *testing.T) {
	if err := run(t.Context(), "127.0.0.1:0", "", filepath.Join(t.TempDir(), "none.txt"), "", nil); err == nil {
		t.Error("it started")
	}
}

func TestAProgramThatTrustsEverybodyDoesNotStart(t *testing.T) {
	if err := run(t.Context(), "127.0.0.1:0", "127.0.0.0/8", "", "0.0.0.0/0", nil); err == nil {
		t.Error("it started")
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/allowlist"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
