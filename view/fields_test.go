// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import "testing"

func TestWhatWasAskedForTwiceIsAskedForOnce(t *testing.T) {
	for _, paths := range [][]string{{"b.a", "b.a.c.d"}, {"b.a.c.d", "b.a"}, {"b.a", "b.a"}} {
		b, ok := selected(paths).member([]byte("b"))
		if !ok || b == nil {
			t.Fatalf("%q: all of b is asked for, or nothing", paths)
		}
		if a, ok := b.member([]byte("a")); !ok || a != nil {
			t.Errorf("%q: not all of b.a is asked for", paths)
		}
		if _, ok := b.member([]byte("x")); ok {
			t.Errorf("%q: b.x is asked for", paths)
		}
	}
	if all, ok := selected([]string{"b.a", "b"}).member([]byte("b")); !ok || all != nil {
		t.Error("not all of b is asked for")
	}
	if selected(nil) != nil {
		t.Error("who asks for nothing gets everything")
	}
}
