// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package memory

import "runtime"

// heap returns the bytes of all live objects.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
