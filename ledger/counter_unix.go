// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ledger

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A page is the counter's file in memory.
type page struct {
	file *os.File
	b    []byte
	seq  *atomic.Uint64 // in b
	open *atomic.Int64  // in b
	gone atomic.Bool    // the file was cut: touching it raised a fault
}

func newPage(f *os.File) (*page, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, counterSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED) // #nosec G115 -- a descriptor is small
	if err != nil {
		return nil, err
	}
	// The page is aligned, and so are 48 and 56.
	p := &page{file: f, b: b,
		seq:  (*atomic.Uint64)(unsafe.Pointer(&b[48])), // #nosec G103
		open: (*atomic.Int64)(unsafe.Pointer(&b[56])),  // #nosec G103
	}
	// The page stays as long as anybody has it: who was under way when the log was closed may still count, and must not
	// find the memory gone.
	runtime.AddCleanup(p, func(b []byte) { _ = unix.Munmap(b) }, b) // nobody is left to tell
	return p, nil
}

// reach has the page say n at least.
func (p *page) reach(n uint64) {
	if p.gone.Load() {
		return
	}
	defer p.faulty(debug.SetPanicOnFault(true))
	for {
		have := p.seq.Load()
		if have >= n || p.seq.CompareAndSwap(have, n) {
			return
		}
	}
}

// add counts d more under way.
func (p *page) add(d int64) {
	if p.gone.Load() {
		return
	}
	defer p.faulty(debug.SetPanicOnFault(true))
	p.open.Add(d)
}

// write puts everything in place but the numbers, which who counts has written, and brings them up to b's.
func (p *page) write(b []byte) error {
	if p.gone.Load() {
		return errFault
	}
	func() {
		defer p.faulty(debug.SetPanicOnFault(true))
		copy(p.b[:48], b)
		copy(p.b[64:88], b[64:])
	}()
	p.reach(binary.NativeEndian.Uint64(b[48:]))
	if p.gone.Load() {
		return errFault
	}
	return nil
}

var errFault = errors.New("the counter's file was cut")

// faulty turns the fault of a page whose file was cut into a mark: without it, whoever may write the file could end the
// process.
func (p *page) faulty(before bool) {
	debug.SetPanicOnFault(before)
	r := recover()
	if r == nil {
		return
	}
	if _, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	}); !ok {
		panic(r)
	}
	p.gone.Store(true)
}

func fsyncDir(d *os.File) error { return d.Sync() }
