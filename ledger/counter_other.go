// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package ledger

import (
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
)

// A counter hands out numbers. Here the file has them every second only, so that after a process that was killed the
// number of the last one is not known.
type counter struct {
	file *os.File
	seq  *atomic.Uint64
	open *atomic.Int64
}

func newCounter(dir string, seq uint64) (*counter, error) {
	f, err := openCounter(dir, seq)
	if err != nil {
		return nil, err
	}
	c := &counter{f, new(atomic.Uint64), new(atomic.Int64)}
	c.seq.Store(seq)
	return c, nil
}

func (c *counter) close(clean bool) error {
	err := c.sync()
	if clean {
		_, werr := c.file.WriteAt([]byte{1}, 64)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, c.file.Sync(), c.file.Close())
}

func (c *counter) sync() error {
	b := binary.NativeEndian.AppendUint64(nil, c.seq.Load())
	b = binary.NativeEndian.AppendUint64(b, uint64(c.open.Load())) // #nosec G115 -- never negative
	_, err := c.file.WriteAt(b, 48)
	return errors.Join(err, c.file.Sync())
}
