// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"testing"

	"yett/exchange"
)

// ordinary is an exchange whose answer is declared.
func ordinary(t testing.TB) *exchange.Exchange {
	t.Helper()
	x := new(exchange.Exchange)
	for _, op := range store(t).Operations {
		if op.ID == "getPerson" {
			x.Operation = op
		}
	}
	x.Request.Method, x.Request.Query = "GET", "page=1&limit=20"
	x.Answer.Status, x.Answer.Length = 200, 100
	x.Answer.Header.Set("Content-Type", "application/json; charset=utf-8")
	x.Answer.Header.Set("Cache-Control", "private")
	return x
}

func TestAnOrdinaryAnswerCostsNoAllocation(t *testing.T) {
	m, x := New(Defaults()), ordinary(t)
	n := testing.AllocsPerRun(1000, func() {
		if m.Request(x) != nil || m.Response(x) != nil {
			t.Fatal("it is refused")
		}
		m.Header(x)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSteps(b *testing.B) {
	m, x := New(Defaults()), ordinary(b)
	b.ReportAllocs()
	for b.Loop() {
		if m.Request(x) != nil || m.Response(x) != nil {
			b.Fatal("it is refused")
		}
		m.Header(x)
	}
}

func BenchmarkFields(b *testing.B) {
	m, x := New(Defaults()), ordinary(b)
	b.ReportAllocs()
	for b.Loop() {
		x.Request.Query = "page=1&fields=name,address.city,friends.name"
		if m.Request(x) != nil {
			b.Fatal("it is refused")
		}
	}
}
