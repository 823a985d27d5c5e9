// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A Dir is a data directory that belongs to this process until Close. Only its owner may read it (mode 0700;
// on Windows, where it is created decides, and modes are not checked).
type Dir struct {
	path string
	root *os.Root
	lock *os.File
	mu   sync.Mutex // one change of a file at a time
}

// A LockedError says that another process holds the data directory. If it is a gateway, its admin socket is
// the way to speak to it.
type LockedError struct {
	Path string
	PID  int // 0 if unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return e.Path + " belongs to a running gateway"
	}
	return fmt.Sprintf("%s belongs to a running gateway (pid %d)", e.Path, e.PID)
}

// errHeld is what flock reports for a file that another process has locked.
var errHeld = errors.New("held by another process")

const lockName = "lock"

// OpenDir opens the data directory at path, created with mode 0700 if there is none, and takes it for this
// process. It fails with a *LockedError if another process has it, and refuses a directory that others can
// enter.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := CheckPrivate(path, info); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(root, path)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Dir{path: path, root: root, lock: lock}, nil
}

func takeLock(root *os.Root, path string) (*os.File, error) {
	f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f)
	if errors.Is(err, errHeld) {
		err = &LockedError{Path: path, PID: readPID(f)}
	} else if err == nil {
		err = writePID(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func readPID(f *os.File) int {
	b := make([]byte, 20)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil { // its holder is about to write it
		return 0
	}
	return pid
}

func writePID(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// Path returns where name lives in the directory, for what opens its files by path.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Close gives the directory up. The lock file stays, empty: removing it would let two processes hold it.
func (d *Dir) Close() error {
	return errors.Join(d.lock.Truncate(0), d.lock.Close(), d.root.Close())
}

// maxPrivate bounds what ReadFile reads and WriteFile writes.
const maxPrivate = 1 << 20

// ReadFile returns the content of a private file of at most 1 MiB, directly in the directory. It refuses one
// that others on this machine can read, since its content must count as known to them. If there is none, the
// error is fs.ErrNotExist.
func (d *Dir) ReadFile(name string) (_ []byte, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := CheckPrivate(d.Path(name), info); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPrivate {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", d.Path(name), maxPrivate)
	}
	return io.ReadAll(io.LimitReader(f, maxPrivate))
}

// WriteFile puts a private file (mode 0600) of at most 1 MiB directly in the directory, over an older one.
// After a crash at any moment the old content or the new is there, whole.
func (d *Dir) WriteFile(name string, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(data) > maxPrivate {
		return fmt.Errorf("store: %s: %d bytes, more than %d", name, len(data), maxPrivate)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(name, data)
}

// ReadOrCreateSecret returns the n random bytes kept in the private file name, made on the first call. It
// refuses a file that others can read and one of another length: a new secret would make everything that
// depends on the old one unreadable, so yett never replaces it by itself. n is 16 to 1024.
func (d *Dir) ReadOrCreateSecret(name string, n int) ([]byte, error) {
	return readOrCreate(d, name, n)
}

// creating keeps two of a process from making the same secret.
var creating sync.Mutex

func readOrCreate(files Files, name string, n int) ([]byte, error) {
	if n < 16 || n > 1024 {
		return nil, fmt.Errorf("store: a secret of %d bytes (16 to 1024)", n)
	}
	creating.Lock()
	defer creating.Unlock()
	secret, err := files.ReadFile(name)
	if err == nil && len(secret) != n {
		return nil, fmt.Errorf("%s holds %d bytes, not %d: it was cut or replaced (restore it from a backup)", files.Path(name), len(secret), n)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret = make([]byte, n)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	if err := files.WriteFile(name, secret); err != nil {
		return nil, err
	}
	return secret, nil
}

// replace puts what f makes of a file's content in its place, unless f returns nil.
func (d *Dir) replace(name string, f func([]byte) ([]byte, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, err := d.ReadFile(name)
	if err != nil {
		return err
	}
	data, err := f(old)
	if data == nil || err != nil {
		return err
	}
	return d.write(name, data)
}

func (d *Dir) write(name string, data []byte) error {
	tmp := "." + name + ".new"
	// What a crash left behind: the directory is ours, and d.mu is held.
	if err := d.root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.root.Remove(tmp))
	}
	if err := d.root.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(d.root)
}

func checkName(name string) error {
	if name == "" || name == lockName || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\:`) {
		return fmt.Errorf("store: %q cannot name a file in the data directory", name)
	}
	return nil
}

// Remove removes a private file. It is no error if there is none.
func (d *Dir) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(d.root)
}
