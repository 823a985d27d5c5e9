// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net"
	"os"
	"sync"
	"time"
)

// A patience decides how long a Read may take. The engine sets deadlines to bound an idle connection and, in the past,
// to interrupt a Read; between the first and the last byte of a head or a body a limit of ours holds instead.
type patience struct {
	client net.Conn

	mu     sync.Mutex
	woken  chan struct{} // closed when a waiting Read must return; nil while none waits
	engine time.Time     // zero: none
	own    time.Time     // zero: none
	both   bool          // whether the engine's deadline holds beside ours, and not only in the past
	closed bool
}

// set takes a deadline from the engine or a handler.
func (p *patience) set(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine = t; past(t) {
		p.wake()
	}
	return p.apply()
}

// limit lets Reads end at t. Of the engine's deadlines only interruptions hold until lift, or all if both is set.
func (p *patience) limit(t time.Time, both bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own, p.both = t, both
	return p.apply()
}

// lift ends our limit; the engine's deadline holds again.
func (p *patience) lift() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own.IsZero() {
		return nil
	}
	p.own = time.Time{}
	return p.apply()
}

func (p *patience) apply() error {
	t := p.own
	if t.IsZero() || past(p.engine) || p.both && !p.engine.IsZero() && p.engine.Before(t) {
		t = p.engine
	}
	return p.client.SetReadDeadline(t)
}

// spent reports whether a Read that timed out did so by a limit of ours.
func (p *patience) spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return past(p.own) && !past(p.engine)
}

// wait blocks until the engine interrupts or the connection is closed.
func (p *patience) wait() error {
	p.mu.Lock()
	if p.woken == nil {
		p.woken = make(chan struct{})
	}
	woken, idle := p.woken, !p.closed && !past(p.engine)
	p.mu.Unlock()
	if idle {
		<-woken
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	return os.ErrDeadlineExceeded
}

// close ends every wait, now and later.
func (p *patience) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.wake()
}

func (p *patience) wake() {
	if p.woken != nil {
		close(p.woken)
		p.woken = nil
	}
}

func past(t time.Time) bool { return !t.IsZero() && !t.After(time.Now()) }
