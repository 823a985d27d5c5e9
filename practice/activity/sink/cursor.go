// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Place is where a sink is in a log.
type Place struct {
	Log  string    `json:"log"`           // which one: numbers of another mean nothing in it
	Seq  uint64    `json:"seq"`           // of the last record that the sink has taken, or begins after
	Sent time.Time `json:"sent,omitzero"` // when it took that one
	New  bool      `json:"new,omitempty"` // it began at the beginning, and has not caught up yet
}

// A Cursor remembers a place.
type Cursor interface {
	Load() (Place, error) // the zero Place where nothing is remembered
	Store(Place) error
}

// FileCursor keeps the place in a file of mode 0600, which is replaced whole: after a crash it holds the place before or
// the one after.
func FileCursor(path string) Cursor { return fileCursor(path) }

type fileCursor string

// maxPlace bounds the file, in bytes.
const maxPlace = 1024

func (c fileCursor) Load() (_ Place, err error) {
	f, err := os.Open(string(c))
	if errors.Is(err, os.ErrNotExist) {
		return Place{}, nil
	}
	if err != nil {
		return Place{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxPlace))
	if err != nil {
		return Place{}, err
	}
	// Of older versions it holds the number alone.
	if seq, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 64); err == nil {
		return Place{Seq: seq}, nil
	}
	var p Place
	if json.Unmarshal(b, &p) != nil || p.Log == "" {
		return Place{}, fmt.Errorf("%s: %.80q is not a place in a log (remove the file: the sink then begins as a new one)", string(c), b)
	}
	return p, nil
}

func (c fileCursor) Store(p Place) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next := string(c) + ".new" // one name, so that crashes leave one file behind
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync() // else the name could outlive a power failure without the place
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, string(c))
}
