// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"iter"
	"os"
	"path/filepath"
	"testing"
)

func TestALogThatIsTidiedMeanwhileIsWhole(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile func(s *stand)
		bad       bool
	}{
		{"segments are packed", func(s *stand) {
			if err := s.log.Tidy(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		}, false},
		{"segments expire", func(s *stand) {
			err := s.log.Retire(s.t.Context(), day, func(n *Notice) bool {
				n.Seq = s.log.Number()
				s.log.WriteNotice(*n)
				return true
			}, s.log.Sync)
			if err != nil {
				s.t.Fatal(err)
			}
			if all, err := s.log.Segments(); err != nil || all[0].Start == 0 {
				s.t.Fatal("nothing expired", err)
			}
		}, false},
		{"somebody removes one", func(s *stand) {
			all, err := s.log.Segments()
			if err != nil {
				s.t.Fatal(err)
			}
			for _, suffix := range []string{lineSuffix, treeSuffix} {
				if err := os.Remove(filepath.Join(s.dir, all[3].Name+suffix)); err != nil {
					s.t.Fatal(err)
				}
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.size = 4 << 10
			s.open()
			s.days(5)
			s.write(60)
			first, err := s.log.Segments()
			if err != nil {
				t.Fatal(err)
			}
			// Only the first one has its index: its verification is when the rest happens.
			b, err := first[0].makeIndex(joined)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(first[0].IndexFile(), b, 0o600); err != nil {
				t.Fatal(err)
			}
			public, err := Public(s.key)
			if err != nil {
				t.Fatal(err)
			}
			once := false
			r, err := Verify(t.Context(), s.dir, VerifyOptions{Key: public, Heads: s.h, Live: true, Index: func(lines iter.Seq2[[]byte, error]) ([]byte, error) {
				if !once {
					once = true
					tt.meanwhile(s)
				}
				return joined(lines)
			}})
			if err != nil || !once || tt.bad != (r.Bad != nil) {
				t.Errorf("got %v, %+v", err, r.Bad)
			}
		})
	}
}
