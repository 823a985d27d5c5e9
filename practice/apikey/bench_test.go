// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"fmt"
	"testing"
	"time"

	"yett/exchange"
)

// imported are keys in a store with n of them, and the texts of the first 100,000.
func imported(b *testing.B, n int) (*Keys, []string) {
	b.Helper()
	k := keysOn(b, newStore(b), time.Now)
	var texts []string
	start := time.Now()
	if _, err := k.Import(context.Background(), wantKeys(n, nil), func(_ Key, text string) error {
		if len(texts) < 100_000 {
			texts = append(texts, text)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d keys imported in %v", n, time.Since(start).Round(time.Millisecond))
	return k, texts
}

// BenchmarkVerify: the cost of a key must not depend on how many there are (row 4 of the practices), nor a wrong secret
// differ from an unknown id.
func BenchmarkVerify(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{10, 1_000_000} {
		k, texts := imported(b, n)
		id := texts[0][len(prefix) : len(prefix)+idLen]
		verify := func(b *testing.B, text string, want Reason) {
			if got := verdict(k, text, office); got != want {
				b.Fatalf("got %q, want %q", got, want)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = k.Verify(ctx, text, office) // the verdict was seen above
			}
		}
		b.Run(fmt.Sprintf("looked up/%d", n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				if _, err := k.Verify(ctx, texts[i%len(texts)], office); err != nil {
					b.Fatal(err)
				}
				k.cache.reset()
				i++
			}
		})
		_, unknown := newKey()
		forged := forge(unknown, id)
		b.Run(fmt.Sprintf("unknown id/%d", n), func(b *testing.B) { verify(b, unknown, Unknown) })
		b.Run(fmt.Sprintf("wrong secret/%d", n), func(b *testing.B) { verify(b, forged, WrongSecret) })
		b.Run(fmt.Sprintf("remembered/%d", n), func(b *testing.B) {
			running(b, k)
			if !within(time.Second, func() bool { return k.feed.fresh(k.now()) }) {
				b.Fatal("the feed is not read")
			}
			verify(b, texts[0], "")
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	k := keysOn(b, newStore(b), time.Now)
	key, _ := create(b, k, NewKey{})
	r := exchange.Record{Key: key.ID, API: "shop", Operation: "getOrder", Time: time.Now(), Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		k.Observe(r)
	}
}
