// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

func TestOnlyGoodAnswersAreHeard(t *testing.T) {
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/fails", 500, `"code":"upstream_error"`},
		{"/missing", 404, `"code":"upstream_leak"`},
		{"/works", 200, `{"works":true}`},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler().ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) || w.Header().Get("Server") != "" {
				t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
			}
			for _, leak := range []string{"goroutine", "deploy"} {
				if strings.Contains(w.Body.String(), leak) {
					t.Errorf("it tells %s", leak)
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
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/sanitize"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
