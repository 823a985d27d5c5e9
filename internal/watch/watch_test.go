// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestChangesAreToldOnceTheyRest(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cert, "one")
	write(key, "one")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var calls atomic.Int64
		s := Files(cert, key, filepath.Join(dir, "absent"))
		write(cert, "changed before Run") // after it was looked at
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx, func() { calls.Add(1) }) }()
		for _, tt := range []struct {
			name string
			do   func()
			want int64
		}{
			{"a change before Run is told", func() {}, 1},
			{"nothing changes", func() {}, 1},
			{"a pair is told once", func() { write(cert, "two!"); time.Sleep(Every); write(key, "two!") }, 2},
			{"a replaced file of the same size", func() {
				if err := os.Rename(cert, key); err != nil {
					t.Error(err)
				}
			}, 3},
			{"a file that appears", func() { write(filepath.Join(dir, "absent"), "here") }, 4},
			{"a file that goes", func() {
				if err := os.Remove(key); err != nil {
					t.Error(err)
				}
			}, 5},
		} {
			tt.do()
			time.Sleep(4 * Every)
			synctest.Wait()
			if got := calls.Load(); got != tt.want {
				t.Errorf("%s: called %d times, want %d", tt.name, got, tt.want)
			}
		}
		stop()
		<-done
	})
}
