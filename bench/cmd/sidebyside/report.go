// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A table is the cost of every peer and kind, round by round, in microseconds.
type table struct {
	n, rounds int
	peers     []string // in the order of their first measurement
	cost      map[string][]float64
	versions  []string
}

func newTable(n, rounds int) *table {
	return &table{n: n, rounds: rounds, cost: make(map[string][]float64)}
}

func (t *table) add(peer, kind string, cost float64) {
	if !slices.Contains(t.peers, peer) {
		t.peers = append(t.peers, peer)
	}
	t.cost[peer+kind] = append(t.cost[peer+kind], cost)
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// measuredAgainst is the peer that ratios are to.
const measuredAgainst = "nginx"

func (t *table) report(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Side by side, %s\n\n", now.Format(time.DateOnly))
	b.WriteString("Processor time of the proxy's own processes, user and system, for one answered request, in µs.\n")
	fmt.Fprintf(&b, "Median of %d interleaved rounds of %d requests (lowest to highest), and the ratio to nginx in the same run.\n\n", t.rounds, t.n)
	b.WriteString("| | GET with key, 1 KB answer | ratio | POST of 1 KB JSON, 1 KB answer | ratio |\n|---|---:|---:|---:|---:|\n")
	slices.Sort(t.peers)
	for _, p := range t.peers {
		fmt.Fprintf(&b, "| %s |", p)
		for _, k := range kinds {
			all := t.cost[p+k.name]
			m := median(all)
			fmt.Fprintf(&b, " %.1f (%.1f to %.1f) | %.2f |", m, slices.Min(all), slices.Max(all), m/median(t.cost[measuredAgainst+k.name]))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nAll three: %d connections kept alive, TLS 1.3 with AES-128-GCM and HTTP/1.1 to the client, HTTP/1.1 in clear to the backend.\n", connections)
	b.WriteString("yett: every practice of this version on, key checked, both directions looked at, one record of each exchange written; rate limits raised.\n")
	b.WriteString("ReverseProxy: httputil.ReverseProxy alone. nginx: proxy_pass alone, no access log.\n\n")
	for _, v := range t.versions {
		b.WriteString("- " + v + "\n")
	}
	return b.String()
}
