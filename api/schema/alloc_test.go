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
