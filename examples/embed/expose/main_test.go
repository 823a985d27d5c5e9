// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"yett/identity"
)

func TestTwoCallersSeeDifferentFieldsOfOneAnswer(t *testing.T) {
	h, err := guarded(http.HandlerFunc(people), map[string]*identity.Caller{
		"i": {Subject: "ines"}, "p": {Subject: "payroll", Scopes: []string{"people:pay"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const rest = `"account":"****0001","remark":"paid with ************1111"}`
	for _, tt := range []struct {
		name, key, path string
		status          int
		body            string
	}{
		{"nobody", "", "/people", 401, ""},
		{"a colleague", "i", "/people", 200, `[{"name":"Ines Ilves","email":"i***@example.org",` + rest + `]`},
		{"payroll", "p", "/people", 200, `[{"name":"Ines Ilves","email":"ines@example.org","salary":4200,` + rest + `]`},
		{"oneself", "i", "/people/ines", 200, `{"name":"Ines Ilves","email":"i***@example.org","salary":4200,` + rest},
		{"another", "i", "/people/hugo", 403, ""},
		{"payroll, which is not Ines", "p", "/people/ines", 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.path, nil)
			r.Header.Set("X-API-Key", tt.key)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.body)
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
		other := strings.HasPrefix(pkg, "yett/practice/") && !strings.HasPrefix(pkg, "yett/practice/expose")
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
