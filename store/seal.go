// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
)

// A Sealing hands out the Sealers of everything secret that yett keeps (OWASP API8:2023, ASVS V11). Package encrypt
// implements it.
type Sealing interface {
	// Class returns the Sealer of one class of secrets, which has keys of its own, made on the first call ever. kept
	// says where its values lie, so that a rotation seals every one of them anew; where a class names none, its values
	// cannot be written again (lines of a log), and its old keys stay. Every process names the same places for a class,
	// each time it starts.
	Class(ctx context.Context, name string, kept ...Kept) (Sealer, error)
}

// Kept is where sealed values of a class lie: a column, or a file of the data directory.
type Kept struct {
	Table, Row, Column string // Row is the name of the TEXT column whose value is the row of the Place
	File               string
}

// Place returns the place of the value in a row, or in the file.
func (k Kept) Place(row string) Place {
	if k.File != "" {
		return Place{Table: "file", Row: k.File, Column: "content"}
	}
	return Place{Table: k.Table, Row: row, Column: k.Column}
}

// Bytes names the place so that no two places read the same: each name behind its length. It is what a Sealer binds.
func (p Place) Bytes() []byte {
	b := make([]byte, 0, 12+len(p.Table)+len(p.Row)+len(p.Column))
	for _, s := range []string{p.Table, p.Row, p.Column} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) // #nosec G115 -- names are far below 4 GiB
		b = append(b, s...)
	}
	return b
}

// Files are private files of a data directory, in clear (Dir) or sealed (SealedDir).
type Files interface {
	// Path returns where a file lies.
	Path(name string) string
	// ReadFile returns the content; where there is none, the error is fs.ErrNotExist.
	ReadFile(name string) ([]byte, error)
	// WriteFile puts the content in place of an older one, whole or not at all.
	WriteFile(name string, data []byte) error
	// ReadOrCreateSecret returns the n random bytes kept in a file, made on the first call.
	ReadOrCreateSecret(name string, n int) ([]byte, error)
}

var (
	_ Files = (*Dir)(nil)
	_ Files = (*SealedDir)(nil)
)

// sealedMark begins a sealed file. No PEM file does, and a random secret of 32 bytes only by a chance of 2^-128.
const sealedMark = "yett sealed file 1\n"

// errUnsealed is why Replace leaves a file alone.
var errUnsealed = errors.New("not sealed")

// A SealedDir keeps files of a Dir sealed, each bound to its name: they do not open under another one, or in a directory
// with other keys. A file that lies there in clear, from before there was sealing, is sealed in place when it is first
// read. Bytes on the disk that a replaced file leaves behind are not overwritten: that is the file system's business.
type SealedDir struct {
	dir    *Dir
	sealer Sealer
}

// Sealed returns dir as files that s seals.
func (d *Dir) Sealed(s Sealer) *SealedDir { return &SealedDir{dir: d, sealer: s} }

// Path returns where a file lies.
func (d *SealedDir) Path(name string) string { return d.dir.Path(name) }

// ReadFile returns the content of a sealed file. One in clear is sealed in place first.
func (d *SealedDir) ReadFile(name string) ([]byte, error) {
	raw, err := d.dir.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if body, ok := cutMark(raw); ok {
		return d.sealer.Open(context.Background(), body, Kept{File: name}.Place(""))
	}
	if err := d.WriteFile(name, raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// WriteFile seals data into a file, over an older one.
func (d *SealedDir) WriteFile(name string, data []byte) error {
	sealed, err := d.sealer.Seal(context.Background(), data, Kept{File: name}.Place(""))
	if err != nil {
		return err
	}
	return d.dir.WriteFile(name, append([]byte(sealedMark), sealed...))
}

// ReadOrCreateSecret returns the n random bytes sealed in a file, made on the first call.
func (d *SealedDir) ReadOrCreateSecret(name string, n int) ([]byte, error) {
	return readOrCreate(d, name, n)
}

// Reseal gives the sealed content of a file to f and puts what f returns in its place, or leaves the file if f returns
// nil. It reports whether there is such a file, sealed.
func (d *Dir) Reseal(name string, f func(sealed []byte) ([]byte, error)) (bool, error) {
	err := d.replace(name, func(raw []byte) ([]byte, error) {
		body, ok := cutMark(raw)
		if !ok {
			return nil, errUnsealed
		}
		again, err := f(body)
		if again == nil || err != nil {
			return nil, err
		}
		return append([]byte(sealedMark), again...), nil
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errUnsealed) {
		return false, nil
	}
	return err == nil, err
}

func cutMark(raw []byte) ([]byte, bool) {
	if len(raw) < len(sealedMark) || string(raw[:len(sealedMark)]) != sealedMark {
		return nil, false
	}
	return raw[len(sealedMark):], true
}
