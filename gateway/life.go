// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// running is what the practices of a generation run, as long as it serves.
type running struct {
	stop context.CancelFunc
	done chan error // buffered
}

// begin runs what the practices of the current generation run, and serves its address in clear. background ends when
// nothing is served any more.
func (g *Gateway) begin(background context.Context) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.background = background
	gen := g.gen.Load()
	g.run(gen)
	g.servePlain(background, gen, &g.plain)
}

func (g *Gateway) run(gen *generation) {
	ctx, stop := context.WithCancel(g.background)
	r := &running{stop: stop, done: make(chan error, 1)}
	go func() {
		err := gen.runAll(ctx)
		if ctx.Err() == nil { // before its time: nothing may be served without it
			g.fail(fmt.Errorf("the practices ended: %w", err))
			err = nil
		}
		r.done <- err
	}()
	g.running = r
}

// end has the practices flush and end.
func (g *Gateway) end() error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	return g.settle()
}

// settle waits for what the practices of the current generation run to flush and end.
func (g *Gateway) settle() error {
	r := g.running
	if r == nil {
		return nil
	}
	g.running = nil
	r.stop()
	select {
	case err := <-r.done:
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-time.After(drainFor):
		return errors.New("the practices did not end in time")
	}
}

// enter takes part in the current generation, until leave. A generation that somebody takes part in is not closed.
func (g *Gateway) enter() *generation {
	for {
		gen := g.gen.Load()
		gen.inside.Add(1)
		if g.gen.Load() == gen {
			return gen
		}
		gen.leave() // it was replaced in between, and may be closed already
	}
}

func (gen *generation) leave() {
	if gen.inside.Add(-1) == 0 && gen.replaced.Load() {
		gen.emptied()
	}
}

// generations are those that were replaced and have exchanges in flight: streams may last for hours.
type generations struct {
	mu  sync.Mutex
	all []*generation
}

// retire closes gen as soon as nobody takes part in it any more. told takes what closing it brought.
func (s *generations) retire(gen *generation, told func(error)) {
	s.mu.Lock()
	s.all = append(s.all, gen)
	s.mu.Unlock()
	var once sync.Once
	gen.emptied = func() {
		once.Do(func() {
			go func() { // who leaves last is serving a caller, and does not wait for it
				if s.remove(gen) {
					told(gen.close())
				}
			}()
		})
	}
	gen.replaced.Store(true)
	if gen.inside.Load() == 0 {
		gen.emptied()
	}
}

func (s *generations) remove(gen *generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.all, gen)
	if i < 0 {
		return false
	}
	s.all = slices.Delete(s.all, i, i+1)
	return true
}

// count is how many generations have exchanges in flight, the current one included.
func (s *generations) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) + 1
}

// close closes what is left when the process ends.
func (s *generations) close() error {
	s.mu.Lock()
	all := s.all
	s.all = nil
	s.mu.Unlock()
	var errs []error
	for _, gen := range all {
		errs = append(errs, gen.close())
	}
	return errors.Join(errs...)
}
