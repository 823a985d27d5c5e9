// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// boot tells one run of the machine from another, "" where that is not known.
func boot() string {
	if id, err := unix.Sysctl("kern.bootsessionuuid"); err == nil && len(id) == 36 {
		return id
	}
	// It moves with the clock, but says more than nothing.
	t, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return ""
	}
	return fmt.Sprint(t.Sec)
}
