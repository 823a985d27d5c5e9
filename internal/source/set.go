// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	// maxFiles is how many files one description may be spread over.
	maxFiles = 1000
	// maxHops is how long a chain of references may be.
	maxHops = 32
)

// A Set is the files of one folder that refer to one another. Files outside the folder, and anything that needs the
// network, are refused: a description that fetches a part of itself can be changed by whoever serves that part.
type Set struct {
	files fs.FS
	dir   string // how the operator named the folder

	mu     sync.Mutex
	loaded map[string]*File
}

// NewSet returns a set that reads from files. See Dir for a folder on disk.
func NewSet(files fs.FS) *Set { return &Set{files: files, loaded: map[string]*File{}} }

// Open reads the file at name and returns it with the set of the folder it lies in.
func Open(name string) (*Set, *File, error) {
	dir, base := filepath.Split(name)
	s := NewSet(Dir(filepath.Clean(dir)))
	s.dir = dir
	f, err := s.Load(base)
	if err != nil {
		return nil, nil, err
	}
	return s, f, nil
}

// Dir is a folder on disk as a file system. Unlike os.DirFS it does not follow links that lead out of the folder.
func Dir(dir string) fs.FS { return folder(dir) }

type folder string

func (d folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return os.OpenInRoot(string(d), filepath.FromSlash(name))
}

// Load returns the file at a slash-separated path inside the folder. It is read once, however often it is asked for.
func (s *Set) Load(file string) (*File, error) {
	file = path.Clean(file)
	name := file
	if s.dir != "" {
		name = s.dir + filepath.FromSlash(file)
	}
	if !fs.ValidPath(file) {
		return nil, &Error{Where: Where{Name: name}, What: "outside the folder of the description"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.loaded[file]; f != nil {
		return f, nil
	}
	if len(s.loaded) == maxFiles {
		return nil, &Error{Where: Where{Name: name}, What: fmt.Sprintf("more than %d files", maxFiles)}
	}
	data, err := s.readFile(file)
	if err != nil {
		return nil, &Error{Where: Where{Name: name}, What: reason(err)}
	}
	f, err := parse(name, file, data)
	if err != nil {
		return nil, err
	}
	s.loaded[file] = f
	return f, nil
}

// Files returns the files that were read, by their path.
func (s *Set) Files() []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.loaded), func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
}

// readFile reads at most one byte more than Parse takes, and only regular files: a pipe would wait for ever.
func (s *Set) readFile(file string) (data []byte, err error) {
	if info, err := fs.Stat(s.files, file); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := s.files.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// reason is what went wrong with a file, without its path, which the message has already.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

// Resolve returns what the reference ref, written at from, points to: "#/components/schemas/Order" in the same file,
// "./common.yaml#/Order" in another. Where it points to a mapping that holds nothing but a $ref, that is followed too;
// a circle of such is refused. References with a scheme, out of the folder, or to an anchor are refused.
func (s *Set) Resolve(from *Node, ref string) (*Node, error) {
	at := from
	for range maxHops {
		n, err := s.step(at, ref)
		if err != nil {
			return nil, err
		}
		next, pure := pureRef(n)
		if !pure {
			return n, nil
		}
		at, ref = n, next
	}
	return nil, Errorf(from, "$ref %s leads round in a circle", quote(ref))
}

// Follow returns n, or where n is a mapping with a $ref, what the chain of references leads to. Other keys beside $ref
// are ignored on the way, as OpenAPI does outside of schemas.
func (s *Set) Follow(n *Node) (*Node, error) {
	start := n
	for range maxHops {
		ref := n.Get("$ref")
		if ref == nil || ref.Kind != String {
			return n, nil
		}
		next, err := s.step(ref, ref.Text)
		if err != nil {
			return nil, err
		}
		n = next
	}
	return nil, Errorf(start, "$ref leads round in a circle")
}

func pureRef(n *Node) (string, bool) {
	if n.Kind != Mapping || len(n.Keys) != 1 || n.Keys[0].Text != "$ref" || n.Items[0].Kind != String {
		return "", false
	}
	return n.Items[0].Text, true
}

// step resolves one reference.
func (s *Set) step(from *Node, ref string) (*Node, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, Errorf(from, "$ref %s is not a reference", quote(ref))
	}
	if u.Scheme != "" || u.Host != "" || u.RawQuery != "" {
		return nil, Errorf(from, "$ref %s is not in the folder of the description", quote(ref)).
			WithHint("copy what it points to beside the description")
	}
	file := from.File
	if u.Path != "" {
		to := path.Join(path.Dir(file.Path), u.Path)
		if path.IsAbs(u.Path) || strings.Contains(u.Path, `\`) || !fs.ValidPath(to) {
			return nil, Errorf(from, "$ref %s leaves the folder of the description", quote(ref))
		}
		if file, err = s.Load(to); err != nil {
			return nil, s.blame(from, ref, err)
		}
	}
	if u.Fragment != "" && u.Fragment[0] != '/' {
		return nil, Errorf(from, "$ref %s points to an anchor", quote(ref)).WithHint("only #/ pointers are followed")
	}
	n, ok := file.Root.At(u.Fragment)
	if !ok {
		return nil, Errorf(from, "$ref %s points to nothing", quote(ref))
	}
	return n, nil
}

// blame says who wanted the file that cannot be read. A file that can be read but is wrong is blamed itself.
func (s *Set) blame(from *Node, ref string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Where.Line == 0 {
		return Errorf(from, "$ref %s: %s", quote(ref), e.What)
	}
	return err
}
