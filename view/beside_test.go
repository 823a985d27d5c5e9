// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package view_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBeside lets the three have their turns in rotation and counts the processor time of the process; the best turn of
// each counts, which what else the machine does has disturbed least.
func BenchmarkBeside(b *testing.B) {
	v := compiled(b, people, nil)
	eachBenchmark(b, func(b *testing.B, body []byte) {
		all := hands(v)
		best := make([]time.Duration, len(all))
		batch := max(1, 8<<20/len(body))
		rounds := 0
		for b.Loop() {
			for i := range all {
				h := (i + rounds) % len(all)
				runtime.GC() // what one leaves behind is not the next one's to clear away
				start := processorTime(b)
				for range batch {
					if err := all[h].pass(body); err != nil {
						b.Fatal(err)
					}
				}
				if took := processorTime(b) - start; best[h] == 0 || took < best[h] {
					best[h] = took
				}
			}
			rounds++
		}
		for i, h := range all {
			b.ReportMetric(float64(len(body)*batch)/1e6/best[i].Seconds(), h.name+"-MB/s")
			if i > 0 {
				b.ReportMetric(float64(best[i])/float64(best[0]), "times-"+h.name)
			}
		}
		b.ReportMetric(0, "ns/op") // of all three together: it says nothing
	})
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
