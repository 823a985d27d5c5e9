// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ledger

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A counter hands out numbers.
type counter struct {
	file *os.File
	page []byte
	seq  *atomic.Uint64 // in page
	open *atomic.Int64  // in page
}

func newCounter(dir string, seq uint64) (*counter, error) {
	f, err := openCounter(dir, seq)
	if err != nil {
		return nil, err
	}
	page, err := unix.Mmap(int(f.Fd()), 0, counterSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED) // #nosec G115 -- a descriptor is small
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// The page is aligned, and so are 48 and 56.
	c := &counter{f, page,
		(*atomic.Uint64)(unsafe.Pointer(&page[48])), // #nosec G103
		(*atomic.Int64)(unsafe.Pointer(&page[56])),  // #nosec G103
	}
	// The page stays as long as anybody has the counter: who was under way when the log was closed may still count, and
	// must not find the memory gone.
	runtime.AddCleanup(c, func(p []byte) { _ = unix.Munmap(p) }, page) // nobody is left to tell
	return c, nil
}

// close says whether everything that has a number is in the log.
func (c *counter) close(clean bool) error {
	if clean {
		c.page[64] = 1
	}
	return errors.Join(c.file.Sync(), c.file.Close())
}

// sync brings the numbers to the disk, for the machine's own end.
func (c *counter) sync() error { return c.file.Sync() }
