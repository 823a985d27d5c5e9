// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// CheckPrivate checks nothing on Windows: who may read a file follows from the directory that holds it.
func CheckPrivate(string, fs.FileInfo) error { return nil }

// flock locks f for this process until f is closed, also by the end of the process, however it ends. The
// locked byte lies far beyond the content, because a locked range cannot be read by others.
func flock(f *os.File) error {
	at := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

// syncDir does nothing: NTFS makes names durable by itself.
func syncDir(*os.Root) error { return nil }
