// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"cmp"
	"math"
)

// Limits bound what one document may cost. A field that is zero or negative means the default, never "no limit".
type Limits struct {
	// Depth is how many objects and arrays may lie in one another; [] has depth 1. Default 64, at most 1,000.
	Depth int
	// Members is how many members one object may have. Default 10,000.
	Members int
	// Items is how many items one array may have. Default 100,000.
	Items int
	// String is how many bytes a string or a name may have once decoded. Default 1 MiB.
	String int
	// Values is how many values the document may hold in all, containers included. It bounds the memory of the index:
	// 36 bytes a value, and 8 to 16 more for each member of an object with over 16. Default 200,000 (7 to 10 MB).
	Values int
}

const (
	// maxDepth bounds the recursion of Any, Equal and Hash. It is below 10,000, where jsontext stops in its own words.
	maxDepth = 1_000
	// maxNumber is the longest number taken, in bytes. Every float64 can be written exactly in about 1,080;
	// longer ones serve only to make arithmetic with them dear.
	maxNumber = 1_100
)

func (l Limits) withDefaults() Limits {
	l.Depth = min(orDefault(l.Depth, 64), maxDepth)
	l.Members = orDefault(l.Members, 10_000)
	l.Items = orDefault(l.Items, 100_000)
	l.String = orDefault(l.String, 1<<20)
	l.Values = min(orDefault(l.Values, 200_000), math.MaxInt32)
	return l
}

func orDefault(n, def int) int { return cmp.Or(max(n, 0), def) }
