// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package storetest holds the suites that every implementation of package store passes, so that a practice
// tested on one behaves the same on all. It stops an implementation that loses acknowledged rows, runs a
// migration twice, or admits more than a rate allows. It does not measure speed.
//
// Used alone, in the test of an implementation:
//
//	func TestCounters(t *testing.T) {
//		storetest.Counters(t, func(t *testing.T, now func() time.Time) store.Counters {
//			return memory.New(memory.Options{Now: now})
//		})
//	}
package storetest
