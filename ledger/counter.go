// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The counter is a page of memory that is a file: what it counts survives the process, though not the machine. So after
// a process that was killed it is known how many lines never reached a file.
//
//	0   magic, 8 bytes
//	8   what the machine was booted as, 36 bytes
//	48  last number given, 8 bytes
//	56  things under way that will take a number, 8 bytes
//	64  1 if the log was closed in order, 1 byte
const (
	counterName  = "counter"
	counterSize  = 4096 // written when it is made, so that a full disk cannot take it away
	counterMagic = "yettcnt1"
)

// maxOpen bounds what can be under way.
const maxOpen = 1 << 24

// counts is what a counter says.
type counts struct {
	boot  string
	seq   uint64
	open  uint64
	clean bool
}

func decodeCounts(b []byte) (counts, error) {
	if len(b) < counterSize || string(b[:8]) != counterMagic {
		return counts{}, errors.New("not a counter")
	}
	open := binary.NativeEndian.Uint64(b[56:])
	if open > maxOpen {
		open = 0 // nothing of that sort was ever under way
	}
	return counts{
		boot: strings.TrimRight(string(b[8:44]), "\x00"),
		seq:  binary.NativeEndian.Uint64(b[48:]), open: open, clean: b[64] == 1,
	}, nil
}

// readCounts reads the counter of a log, its zero value where there is none.
func readCounts(dir string) (counts, error) {
	name := filepath.Join(dir, counterName)
	b, err := os.ReadFile(name) // #nosec G304 -- a fixed name in the log's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return counts{clean: true}, nil
	}
	if err != nil {
		return counts{}, err
	}
	c, err := decodeCounts(b)
	if err != nil {
		// It is no evidence of anything; the numbers go on from the lines.
		return counts{}, nil
	}
	return c, nil
}

// boot tells one run of the machine from another, "" where that is not known.
func boot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b[:min(len(b), 36)]))
}

// openCounter opens the counter's file for one that goes on after seq.
func openCounter(dir string, seq uint64) (_ *os.File, err error) {
	f, err := os.OpenFile(filepath.Join(dir, counterName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the counter: %w", err), f.Close())
		}
	}()
	page := make([]byte, counterSize)
	copy(page, counterMagic)
	copy(page[8:44], boot())
	binary.NativeEndian.PutUint64(page[48:], seq)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if _, err := f.Write(page); err != nil {
		return nil, err
	}
	return f, f.Sync()
}
