// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long Heads may take nothing before Sync fails.
const patience = time.Minute

var errHanging = errors.New("it does not answer")

// An outcome is what came of a StoreHead.
type outcome struct{ err error }

// keepHead gives the newest head to Heads; after the files, so that these are never behind it. One that hangs is not waited
// for twice, and no other is given meanwhile, so that an older one never comes last.
func (l *Log) keepHead(ctx context.Context) error {
	if l.o.Heads == nil || l.unkept == nil {
		return nil
	}
	if l.storing != nil && !l.returned(ctx) { // of an older head
		return l.missed(ctx, errHanging)
	}
	h, done := l.unkept, make(chan outcome, 1)
	l.storing = done
	asking, cancel := context.WithTimeout(ctx, l.headTimeout)
	go func() {
		defer cancel()
		done <- outcome{l.o.Heads.StoreHead(asking, h.encode())}
	}()
	came := outcome{errHanging} // the next one asks what became of it
	select {
	case came = <-done:
		l.storing = nil
	case <-asking.Done():
		select {
		case came = <-done:
			l.storing = nil
		default:
		}
	}
	if came.err != nil {
		return l.missed(ctx, came.err)
	}
	l.unkept, l.failed = nil, 0
	l.headError.Store(nil)
	return nil
}

// returned reports whether the StoreHead under way has returned. It waits for that, but only the first time.
func (l *Log) returned(ctx context.Context) bool {
	if l.failed == 0 {
		waiting, cancel := context.WithTimeout(ctx, l.headTimeout)
		defer cancel()
		select {
		case <-l.storing: // whatever came of it, the newest one follows
			l.storing = nil
			return true
		case <-waiting.Done():
		}
	}
	select {
	case <-l.storing:
		l.storing = nil
		return true
	default:
		return false
	}
}

// missed takes note that Heads did not take a head. It returns an error once that has lasted.
func (l *Log) missed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil // who asked did not wait
	}
	now := max(1, l.o.Elapsed())
	if l.failed == 0 {
		l.failed = now
		l.o.Log.Error("the newest checkpoint of the records cannot be kept in the store", "error", err.Error())
	}
	text := fmt.Sprintf("the newest checkpoint has not been kept in the store for %v: %v", (now - l.failed).Round(time.Second), err)
	l.headError.Store(&text)
	if now-l.failed < patience {
		return nil
	}
	return errors.New(text)
}
