// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"os"
	"strings"
)

// boot tells one run of the machine from another, "" where that is not known.
func boot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b[:min(len(b), 36)]))
}
