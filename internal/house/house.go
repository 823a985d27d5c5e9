// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package house holds the tests about the tree itself: who may import whom, which files every practice has, and that
// what the documents show is true. Each test has a fixture that makes it fail.
//
// It stops the house from changing shape unnoticed. It cannot judge whether what stands in a file is good.
package house
