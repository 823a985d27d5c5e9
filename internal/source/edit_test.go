// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yett/internal/source"
)

func TestWhatIsAddedIsThereAsIfItWereWritten(t *testing.T) {
	large := "a: {" + strings.Repeat("k%d: 1, ", 20) + "}\n"
	keys := make([]any, 20)
	for i := range keys {
		keys[i] = i
	}
	for name, text := range map[string]string{"a small mapping": "a: {type: string}\n", "a large one": fmt.Sprintf(large, keys...)} {
		t.Run(name, func(t *testing.T) {
			a := parse(t, "shop.yaml", text).Root.Get("a")
			at := source.Where{Name: "yett.yaml", Line: 12}
			value := []any{"orders:read", map[string]any{"if": "true", "also": true}}
			if err := a.Add("x-yett-visible", value, at); err != nil {
				t.Fatal(err)
			}
			n := a.Get("x-yett-visible")
			if diff := cmp.Diff(any(value), n.Any()); diff != "" {
				t.Error(diff)
			}
			if got := n.Items[1].Get("if"); got.Where() != at || got.Pointer() != "/a/x-yett-visible/1/if" {
				t.Errorf("stands at %s, %s", got.Where(), got.Pointer())
			}
			if a.Key("x-yett-visible").Where() != at || n.Parent() != a {
				t.Error("the key stands elsewhere")
			}
			if n.File != a.File || n.Line != a.Line {
				t.Errorf("is of %s, line %d, not of the file it was added to", n.File.Name, n.Line)
			}
		})
	}
}

func TestWhatCannotBeAddedIsRefused(t *testing.T) {
	root := parse(t, "shop.yaml", "a: {x: 1}\nb: true\n").Root
	at := source.Where{Name: "yett.yaml", Line: 12}
	for _, tt := range []struct {
		name, to string
		value    any
		want     string
	}{
		{"a key that is there", "a", "y", `yett.yaml:12: "x" stands there already (at shop.yaml:1)`},
		{"a key of a boolean", "b", "y", `yett.yaml:12: "x" cannot be added to a boolean`},
		{"a value that no file has", "a", []any{map[string]any{"z": 1.5}}, `yett.yaml:12: a float64 cannot stand in a file`},
	} {
		key := "x"
		if tt.name == "a value that no file has" {
			key = "y"
		}
		if err := root.Get(tt.to).Add(key, tt.value, at); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestWhatIsSharedIsCopiedBeforeItIsAddedTo(t *testing.T) {
	root := parse(t, "shop.yaml", `
base: &base {card: &card {type: string, more: {deep: 1}}, id: {}}
alias: {card: *card}
merged: {<<: *base}
list: [*card]
`).Root
	at := source.Where{Name: "yett.yaml", Line: 3}
	for i, n := range []*source.Node{
		root.Get("base").Own(0), root.Get("alias").Own(0), root.Get("merged").Own(0), root.Get("list").Own(0), root.Get("base").Own(1),
	} {
		if err := n.Add(fmt.Sprintf("k%d", i), "x", at); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, pointer := range []string{"/base/card", "/alias/card", "/merged/card", "/list/0", "/base/id", "/merged/id"} {
		n, _ := root.At(pointer)
		var keys []string
		for _, k := range n.Keys {
			keys = append(keys, k.Text)
		}
		got = append(got, fmt.Sprintf("%s %s: %s", n.Pointer(), n.Where(), strings.Join(keys, " ")))
	}
	want := []string{
		"/base/card shop.yaml:2: type more k0", "/alias/card shop.yaml:2: type more k1", "/merged/card shop.yaml:2: type more k2",
		"/list/0 shop.yaml:2: type more k3", "/base/id shop.yaml:2: k4", "/base/id shop.yaml:2: ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again := root.Get("alias").Own(0); again != root.Get("alias").Items[0] {
		t.Error("copied twice")
	}
}
