// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A file appends to a file that others may move away, as logrotate does. A disk has no deadline: Send may hang, which a
// Follower notices.
type file struct {
	path string
	form form
	f    *os.File
}

// openFile makes no file: whoever only looks whether the sink could be opened may be another user than the one who writes
// it. Whether one can be made is tried beside it. Send makes it.
func openFile(path string, form form) (*file, error) {
	s := &file{path: path, form: form}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return s, s.reopen()
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".yett-*")
	if err != nil {
		return s, err
	}
	return s, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// reopen opens the file that has the name now.
func (s *file) reopen() error {
	// Looked at before it is opened: a named pipe would wait for a reader.
	if info, err := os.Stat(s.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file (for the standard output use type: stdout)", s.path)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	old := s.f
	s.f = f
	if old != nil {
		return old.Close()
	}
	return nil
}

// moved reports whether the name is no longer that of the open file.
func (s *file) moved() bool {
	if s.f == nil {
		return true
	}
	named, err := os.Stat(s.path)
	if err != nil {
		return true // opening it will say why, or make it anew
	}
	open, err := s.f.Stat()
	return err != nil || !os.SameFile(named, open)
}

func (s *file) Send(ctx context.Context, batch []Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.moved() {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if _, err := s.f.Write(s.form.lines(batch)); err != nil {
		// The batch will come again. Half a line must not stand before it.
		return errors.Join(err, s.f.Truncate(info.Size()))
	}
	return nil
}

func (s *file) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// An output writes to a stream, one record a line. Whoever reads it may have stopped, and a write cannot be called back:
// so it goes on beside, and the next batch waits for it.
type output struct {
	w       io.Writer
	form    form
	timeout time.Duration
	busy    chan error // of the write under way
}

func (s *output) Send(ctx context.Context, batch []Record) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.busy != nil {
		// That batch was said to have failed, so it comes again, and may stand there twice: at least once is promised.
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
	s.busy = make(chan error, 1)
	go func(w io.Writer, b []byte, done chan<- error) {
		_, err := w.Write(b)
		done <- err
	}(s.w, s.form.lines(batch), s.busy)
	return s.wait(ctx)
}

func (s *output) wait(ctx context.Context) error {
	select {
	case err := <-s.busy:
		s.busy = nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("nobody reads the output: %w", ctx.Err())
	}
}

// Close leaves the stream open: it is not ours.
func (s *output) Close() error { return nil }
