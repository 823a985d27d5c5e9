// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"slices"
	"strings"
	"testing"

	"yett/exchange"
	"yett/view"
)

// TestATextComesWithTheNameThatHoldsIt reads the names that Watch edits are told, of short documents and of the same ones in
// pieces.
func TestATextComesWithTheNameThatHoldsIt(t *testing.T) {
	var told []string
	watch := &view.Edit{Practice: "expose", Stage: view.Watch, Does: "seen",
		Text: func(_ *exchange.Exchange, dst, name, text []byte) ([]byte, bool, error) {
			told = append(told, string(name)+"="+string(text[:min(len(text), 3)]))
			if name == nil {
				told[len(told)-1] = string(text[:min(len(text), 3)])
			}
			return dst, false, nil
		}}
	a := described(t, `{"type":"object"}`)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, func(view.Place) []*view.Edit { return []*view.Edit{watch} }), nil, "v")
	long := strings.Repeat("x", 400)
	for _, tt := range []struct{ name, mediaType, in, want string }{
		{"a member", "application/json", `{"a":"one"}`, "a=one"},
		{"a number", "application/json", `{"a":123}`, "a=123"},
		{"an escaped name", "application/json", `{"\u0061":"one"}`, "a=one"},
		{"the innermost", "application/json", `{"a":{"b":"one"},"c":"two"}`, "b=one c=two"},
		{"items have that of their array", "application/json", `{"a":[["one"],{"b":"two"},"thr"]}`, "a=one b=two a=thr"},
		{"no member", "application/json", `["one"]`, "one"},
		{"a name is no value of its own", "application/json", `{"long-name":"one"}`, "lon long-name=one"},
		{"records", "application/x-ndjson", "{\"a\":\"one\"}\n[\"two\"]\n", "a=one two"},
		{"events", "text/event-stream", "id: 7\ndata: {\"a\":\"one\"}\n\n", "a=one id:"},
		{"text", "text/plain", "one", "one"},
		{"beside a long text", "application/json", `{"a":"` + long + `","b":"one"}`, "a=xxx b=one"},
		{"items that are long", "application/json", `{"a":["` + long + `","` + long + `",["` + long + `"]]}`, "a=xxx"},
		{"in an object that is long", "application/json", `[{"a":["` + long + `"],"b":"one"}]`, "a=xxx b=one"},
		{"items that are long, of no member", "application/json", `[["` + long + `"],"one"]`, "xxx one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, window := range []int{0, 64, 200} {
				told = nil
				s := view.Sizes{Window: window, Leaf: 300, Part: 128, Overlap: 32, Pieces: func() int { return 50 }}
				if _, err := v.Pieces(new(exchange.Exchange), tt.mediaType, []byte(tt.in), s); err != nil {
					t.Fatal(err)
				}
				if got := strings.TrimSpace(strings.Join(slices.Compact(told), " ")); got != tt.want {
					t.Errorf("with a window of %d: told %q, want %q", window, got, tt.want)
				}
			}
		})
	}
}
