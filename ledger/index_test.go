// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"maps"
	"testing"
)

func TestEveryIndexIsVerified(t *testing.T) {
	s := newStand(t)
	s.size = 4 << 10
	s.open()
	for s.log.file != nil || s.log.Seq() < 100 {
		s.write(1)
		s.sync()
	}
	if err := s.log.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := s.snapshot()
	public, err := Public(s.key)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, live bool) *Bad {
		t.Helper()
		r, err := Verify(t.Context(), s.dir, VerifyOptions{Key: public, Heads: s.h, Index: joined, Live: live})
		if err != nil {
			t.Fatal(name, err)
		}
		return r.Bad
	}
	for _, live := range []bool{true, false} {
		if b := check("whole", live); b != nil {
			t.Fatal(b)
		}
		for _, tree := range trees(whole) {
			name := tree[:len(tree)-len(treeSuffix)] + indexSuffix
			all := maps.Clone(whole)
			all[name] = append([]byte("x"), all[name][1:]...)
			s.restore(all)
			if b := check(name, live); b == nil || b.What != BadIndex || b.File != name {
				t.Errorf("%s, live %v: %+v", name, live, b)
			}
		}
		s.restore(whole)
	}
	// One that was put beside a segment that is open is read by searches too.
	s.write(3)
	s.sync()
	all := s.snapshot()
	name := newest(all) + indexSuffix
	all[name] = []byte("nothing is here")
	s.restore(all)
	if b := check(name, true); b == nil || b.What != BadIndex || b.File != name {
		t.Errorf("of the open segment: %+v", b)
	}
}
