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
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNotesAreReadBackAndLieSealed(t *testing.T) {
	dir := t.TempDir()
	file, kek := filepath.Join(dir, "notes.db"), filepath.Join(dir, "kek")
	if err := os.WriteFile(kek, []byte(strings.Repeat("0badcafe", 8)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", file, kek, ready) }()
	var url string
	select {
	case addr := <-ready:
		url = "http://" + addr.String() + "/monday"
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	res, err := http.Post(url, "text/plain", strings.NewReader("milk and bread"))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if res, err = http.Get(url); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || string(text) != "milk and bread" {
		t.Errorf("got %q, %v", text, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil || len(raw) == 0 || bytes.Contains(raw, []byte("milk")) {
		t.Errorf("the store tells a note: %d bytes, %v", len(raw), err)
	}
}
