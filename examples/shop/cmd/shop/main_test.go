// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheShopServesUntilItIsToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	told, stderr := io.Pipe()
	code := make(chan int, 1)
	stdout := captured(t)
	go func() {
		code <- run(ctx, []string{"--listen", "127.0.0.1:0"}, stderr)
		_ = stderr.Close() // never fails on a pipe
	}()
	line, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, ok := strings.Cut(strings.TrimSpace(line), "a careless shop on ")
	if !ok {
		t.Fatalf("the first line is %q", line)
	}
	res, err := http.Get(address + "/products/1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET /products/1: %d %s, error %v", res.StatusCode, text, err)
	}
	stop()
	if c := <-code; c != 0 {
		t.Errorf("exit code %d, want 0", c)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(address, "http://")); err == nil {
		t.Error("it still listens")
	}
	if out := stdout(); out != "" {
		t.Errorf("standard output has %q", out)
	}
}

// captured takes standard output until the function it returns is called, which tells what was written.
func captured(t *testing.T) func() string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stdout")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = f
	return func() string {
		os.Stdout = before
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
}

func TestTheCommandLine(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "shop.db")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		told string
	}{
		{"all networks are refused", []string{"--listen", ":9000"}, 2, "made to be broken into"},
		{"a public address is refused", []string{"--listen", "192.0.2.1:9000"}, 2, "made to be broken into"},
		{"a name that is not localhost is refused", []string{"--listen", "shop.example.org:9000"}, 2, "made to be broken into"},
		{"an address without port is refused", []string{"--listen", "127.0.0.1"}, 2, "missing port"},
		{"an unknown flag is refused", []string{"--prot", "1"}, 2, "flag provided but not defined"},
		{"an argument too many is refused", []string{"now"}, 2, `unexpected "now"`},
		{"a file that exists is not touched", []string{"--listen", "127.0.0.1:0", "--file", taken}, 1, "shop.db"},
		{"help is no error", []string{"--help"}, 0, "-listen address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			if code := run(t.Context(), tt.args, &stderr); code != tt.code || !strings.Contains(stderr.String(), tt.told) {
				t.Errorf("exit code %d and %q, want %d and %q", code, stderr.String(), tt.code, tt.told)
			}
		})
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "mine" {
		t.Errorf("the file that existed holds %q, error %v", text, err)
	}
}
