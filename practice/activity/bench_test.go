// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"yett/exchange"
)

// usual is the record of an ordinary call.
func usual(at time.Time, i int) exchange.Record {
	r := began(at, 400*time.Microsecond)
	r.API, r.Operation, r.Path, r.Trace, r.Proto = "shop", fmt.Sprintf("operation%d", i%31), "/orders/{id}", "4bf92f3577b34da6a3ce929d0e0e4736", "HTTP/2.0"
	r.Client, r.Subject, r.Key = fmt.Sprintf("client-%d", i%997), fmt.Sprintf("client-%d", i%997), fmt.Sprintf("k%06d", i%997)
	r.Address = netip.AddrFrom4([4]byte{10, byte(i % 7), byte(i / 256), byte(i)})
	r.Decisions = chain
	return r
}

var chain = func() (all []exchange.Decision) {
	for _, p := range []string{"activity", "https", "allowlist", "ratelimit", "route", "allowlist", "apikey", "authn", "ratelimit", "validate", "sanitize"} {
		all = append(all, exchange.Decision{Practice: p, Took: 512})
	}
	return all
}()

// BenchmarkAppend is what a request pays: Check and Observe, with the usual queue and the writer beside it. The clock stands
// still while the writer catches up, as it does between the requests of a gateway: otherwise this would measure the writer
// (see BenchmarkWrite) or how a queue without bounds grows.
func BenchmarkAppend(b *testing.B) {
	l := opened(b, b.TempDir(), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	r := usual(time.Now(), 1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := l.Check(nil); err != nil {
			b.Fatal(err)
		}
		l.Observe(r)
		if i%4096 == 4095 {
			b.StopTimer()
			if err := l.Flush(ctx); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	closed(b, l)
	report, err := l.Verify(b.Context())
	if err != nil || report.Bad != nil || report.Lost != 0 {
		b.Fatal(err, report)
	}
}

// BenchmarkWrite is a record from the queue to the file: its line, its hash, its place.
func BenchmarkWrite(b *testing.B) {
	l := opened(b, b.TempDir(), Options{})
	if err := l.ledger.Begin(); err != nil {
		b.Fatal(err)
	}
	i := item{record: usual(time.Now(), 1)}
	b.ReportAllocs()
	for b.Loop() {
		i.seq = l.ledger.Number()
		l.writeItem(b.Context(), &i)
		if l.ledger.Full() {
			if err := l.ledger.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	closed(b, l)
}

// BenchmarkSearch looks for one client's calls of one operation over a day, among YETT_RECORDS records (100,000 if it is not
// set) of which all began on that day.
func BenchmarkSearch(b *testing.B) {
	n := 100_000
	if s := os.Getenv("YETT_RECORDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	now := noon
	l := opened(b, b.TempDir(), Options{Now: func() time.Time { return now }})
	if err := l.ledger.Begin(); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for i := range n {
		now = noon.Add(time.Duration(i) * (10 * time.Hour / time.Duration(n)))
		it := item{seq: l.ledger.Number(), record: usual(now, i)}
		l.writeItem(b.Context(), &it)
		if i%50_000 == 49_999 {
			if err := l.ledger.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.ledger.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	wrote := time.Since(start)
	if err := l.ledger.Tidy(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d records written in %v, indexed and packed in %v", n, wrote, time.Since(start)-wrote)
	find := func() *Found {
		q, err := l.Query(b.Context(), "principal=client-7 op=operation3 since=2026-11-23 until=2026-11-24")
		if err != nil {
			b.Fatal(err)
		}
		f, err := l.Search(b.Context(), q, 100)
		if err != nil || !f.All || int64(n) != f.Of {
			b.Fatal(f, err)
		}
		return f
	}
	find() // reads the segment that is open
	var f *Found
	for b.Loop() {
		f = find()
	}
	b.ReportMetric(float64(f.Matched), "found")
	closed(b, l)
}
