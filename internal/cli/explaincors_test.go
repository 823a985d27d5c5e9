// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/config"
	"yett/gateway"
	"yett/internal/cli/term"
	"yett/practice/cors"
)

func TestWhatAPageMayDoIsSaidFirst(t *testing.T) {
	yes, no := cors.Verdict{OK: true, Why: "listed"}, cors.Verdict{Why: "not listed", Hint: "list it"}
	steps := func(off string) []gateway.Step {
		return []gateway.Step{{Practice: "authn"}, {Practice: "cors", Off: off, Values: []config.Layer{
			{Key: "mode", Value: "enforce", From: "default"}, {Key: "origins", Value: "[…]", From: "yett.yaml:5"}}}}
	}
	call := cors.Explanation{Origin: "https://shop.example.org", Method: "POST", Path: "/orders", API: "shop", Operation: "createOrder"}
	for _, tt := range []struct {
		name    string
		answers cors.Verdict
		origins []string
		off     string
		says    []string
	}{
		{"a listed origin", yes, []string{"https://shop.example.org"}, "", []string{
			"Pages of https://shop.example.org may read answers of POST /orders, createOrder of shop.\n",
			"  Answers    yes  listed\n", "  Listed     https://shop.example.org (yett.yaml:5)\n"}},
		{"another one, with one hint for all that fails", no, nil, "", []string{
			"may not read", "  Answers    no   not listed\n                  (list it)\n  Preflight  no   not listed\n  Cookies", "  Listed     none"}},
		{"a practice that is off", yes, nil, "moved to the upstream", []string{`may not read`, `cors is off here: "moved to the upstream"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := crossOrigin{Explanation: call}
			e.Answers, e.Preflight, e.Cookies, e.Origins = tt.answers, tt.answers, tt.answers, tt.origins
			e.settings(steps(tt.off))
			out, err := os.Create(filepath.Join(t.TempDir(), "out"))
			if err != nil {
				t.Fatal(err)
			}
			(&app{out: term.On(out, term.Never, true)}).printCrossOrigin(e)
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(out.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.says {
				if !strings.Contains(string(text), want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}
