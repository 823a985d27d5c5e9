// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"weak"

	"yett/alert"
	"yett/internal/watch"
)

// listKept is the alert that a file of networks cannot be read, and what it held before stays in force.
const listKept = "list_kept"

// A cache remembers what files held, for as long as any list uses it: a file that several levels name is read once, and
// not again at a reload if it has not changed. What no list uses any more is forgotten.
type cache struct {
	mu   sync.Mutex
	sets map[string]weak.Pointer[set]
}

// read returns what the file holds. It is an error if the file cannot be read whole.
func (c *cache) read(name string) (*set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.sets {
		if p.Value() == nil {
			delete(c.sets, name)
		}
	}
	if s := c.sets[name].Value(); s != nil {
		if info, err := os.Stat(name); err == nil && unchanged(info, s.info) {
			return s, nil
		}
	}
	s, err := readFile(name)
	if err != nil {
		return nil, err
	}
	if c.sets == nil {
		c.sets = make(map[string]weak.Pointer[set])
	}
	c.sets[name] = weak.Make(s)
	return s, nil
}

// files are those that the lists of one generation name. open is called before run.
type files struct {
	cache   *cache
	alerts  *alert.Board
	watched *watch.Set
	sources []*source
	kept    atomic.Pointer[map[string]error] // by name: why what it held before is still in force
}

func newFiles(c *cache, alerts *alert.Board) *files {
	f := &files{cache: c, alerts: alerts, watched: watch.Files()}
	f.kept.Store(&map[string]error{})
	return f
}

// open reads the file, unless another list has.
func (f *files) open(name string) (*source, error) {
	if src := f.named(name); src != nil {
		return src, nil
	}
	f.watched.Add(name)
	s, err := f.cache.read(name)
	if err != nil {
		return nil, err
	}
	src := newSource(name, s)
	f.sources = append(f.sources, src)
	return src, nil
}

// named returns the source that is a file of this name.
func (f *files) named(name string) *source {
	for _, s := range f.sources {
		if s.name == name {
			return s
		}
	}
	return nil
}

// run reads files that change, until ctx ends.
func (f *files) run(ctx context.Context) error {
	defer func() { // whoever comes next has read them whole, or does not name them
		for name := range *f.kept.Load() {
			f.alerts.Clear(listKept, name)
		}
	}()
	f.watched.Run(ctx, f.renew)
	return nil
}

// renew takes over what has changed. A file that cannot be read whole stays as it was, and the alert says so: half a
// list of networks would refuse callers, half a list of denied ones would admit them.
func (f *files) renew() {
	kept := make(map[string]error)
	for _, src := range f.sources {
		s, err := f.cache.read(src.name)
		if err != nil {
			kept[src.name] = err
			f.alerts.Raise(listKept, src.name, fmt.Sprintf("%v; the %d networks read before stay in force", err, src.now.Load().size()))
			continue
		}
		src.now.Store(s)
		f.alerts.Clear(listKept, src.name)
	}
	f.kept.Store(&kept)
}
