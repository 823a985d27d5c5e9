// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package ledger

// boot tells one run of the machine from another, "" because that is not known here.
func boot() string { return "" }
