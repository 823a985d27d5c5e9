// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"net/netip"
	"runtime"
	"testing"
)

const million = 1_000_000

func BenchmarkLoadAMillion(b *testing.B) {
	name := many(b, million)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var s *set
	for b.Loop() {
		var err error
		if s, err = readFile(name); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(s.size()), "B/network")
	runtime.KeepAlive(s)
}

func BenchmarkLookUpAmongAMillion(b *testing.B) {
	l, err := New(Config{NetworksFiles: []string{many(b, million)}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for name, addr := range map[string]string{"listed": "20.34.51.1", "unlisted": "20.34.51.2", "IPv6": "2001:db8:1:4::1"} {
		b.Run(name, func(b *testing.B) {
			a := netip.MustParseAddr(addr)
			b.ReportAllocs()
			for b.Loop() {
				l.decide(a)
			}
		})
	}
}
