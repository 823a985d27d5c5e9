// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package view_test

// How much is tried, which takes ten times as long here.
const (
	usualCases = 600 // of the property test; YETT_CASES asks for more
	longAnswer = 20 << 20
)
