// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// A Cursor remembers the number of the last record that a sink has taken.
type Cursor interface {
	Load() (uint64, error) // 0 where nothing was taken yet
	Store(seq uint64) error
}

// FileCursor keeps the number in a file of mode 0600, which is replaced whole: after a crash it holds the number before or
// the one after.
func FileCursor(path string) Cursor { return fileCursor(path) }

type fileCursor string

func (c fileCursor) Load() (_ uint64, err error) {
	f, err := os.Open(string(c))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, 32)) // more than the longest number
	if err != nil {
		return 0, err
	}
	seq, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not the number of a record (remove the file to send the log once more)", string(c), b)
	}
	return seq, nil
}

func (c fileCursor) Store(seq uint64) error {
	next := string(c) + ".new" // one name, so that crashes leave one file behind
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatUint(seq, 10) + "\n")
	if err == nil {
		err = f.Sync() // else the name could outlive a power failure without the number
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, string(c))
}
