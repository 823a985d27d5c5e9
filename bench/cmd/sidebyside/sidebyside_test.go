// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestBodiesAreOneKilobyteOfJSON(t *testing.T) {
	for name, body := range map[string]string{"new order": newOrder, "order": string(theOrder)} {
		if len(body) != size || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d bytes, want %d of JSON: %s", name, len(body), size, body)
		}
	}
}

func TestProcessorTimeCountsWhatIsUsed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processor times are read from /proc, which only Linux has")
	}
	before, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
	}
	after, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// Others may have the processor for most of the time, but never all of it; other threads of ours may use some too.
	if used := after - before; used < 5*time.Millisecond || used > time.Duration(runtime.NumCPU())*2*time.Second {
		t.Errorf("200 ms of work took %v of processor time", used)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []float64
		want float64
	}{
		{"the middle of three", []float64{9, 1, 5}, 5},
		{"between the middle two of four", []float64{1, 2, 4, 100}, 3},
		{"one is its own", []float64{7}, 7},
		{"nothing is nothing", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.in); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReportGivesRatiosToNginx(t *testing.T) {
	table := newTable(1000, 1)
	for _, k := range kinds {
		table.add("yett", k.name, 60)
		table.add("nginx", k.name, 20)
	}
	text := table.report(time.Unix(0, 0))
	for _, want := range []string{"| nginx | 20.0 (20.0 to 20.0) | 1.00 |", "| yett | 60.0 (60.0 to 60.0) | 3.00 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
