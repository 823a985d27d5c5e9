// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package view_test

// How much is tried.
const (
	usualCases = 3000 // of the property test; YETT_CASES asks for more
	longAnswer = 100 << 20
)
