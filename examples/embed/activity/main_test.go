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

	"yett/practice/activity"
)

func TestEveryRequestLeavesARecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", path, ready) }()
	select {
	case addr := <-ready:
		for _, path := range []string{"/", "/secret?token=hunter2"} {
			res, err := http.Get("http://" + addr.String() + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	l, err := activity.Open(t.Context(), path, activity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Last(9)
	if err != nil || len(got) != 3 || got[0].Status != 200 || got[1].Path != "" || got[2].Kind != activity.KindStop {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/activity" && !strings.HasPrefix(pkg, "yett/practice/activity/")
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
