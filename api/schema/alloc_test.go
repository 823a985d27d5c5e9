// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package schema_test

import (
	"testing"

	"yett/api/schema"
	"yett/jsonstream"
)

// Not under the race detector, which makes sync.Pool forget things on purpose.

func TestADocumentThatFitsCostsNoAllocation(t *testing.T) {
	s := compileOrder(t)
	var d jsonstream.Doc
	if err := d.Parse([]byte(order), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	check := &schema.Check{Direction: schema.Request, Closed: true}
	if found := s.Check(&d, d.Root(), check); found != nil {
		t.Fatal(found)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Check(&d, d.Root(), check) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAPieceThatFitsCostsNoAllocation(t *testing.T) {
	l := compileOrder(t).Level()
	var d jsonstream.Doc
	if err := d.Parse([]byte(order), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	items := d.Member(d.Root(), "items")
	check := &schema.Check{Direction: schema.Response}
	n := testing.AllocsPerRun(1000, func() {
		list := l.Member(d.Name(items))
		found := list.Type(jsonstream.Array)
		i := 0
		for c := d.First(items); c != jsonstream.None; c = d.Next(c) {
			found = append(found, list.Item(i).Check(&d, c, check)...)
			i++
		}
		found = append(found, list.End(jsonstream.Array, i, nil)...)
		if found != nil || i == 0 {
			t.Fatal(i, found)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
