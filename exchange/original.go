// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"io"
	"time"

	"yett/problem"
)

// maxOriginal is how much of an answer that was replaced is kept for the operator, and originalWait how long the caller
// waits for it: a service that fails may also be slow.
const (
	maxOriginal  = 2 << 10
	originalWait = 200 * time.Millisecond
)

// keepOriginal keeps the beginning of the upstream's answer, nothing of which has left, where err stands in its place.
func (x *Exchange) keepOriginal(err error) {
	p, ok := errors.AsType[*problem.Error](err)
	body := x.Answer.body
	if !ok || !p.Replaces || x.original != nil || body == nil {
		return
	}
	buf, n := make([]byte, maxOriginal), 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, _ = io.ReadFull(body, buf) // what broke off is kept as far as it came
	}()
	timer := time.NewTimer(originalWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		x.closeAnswer() // which ends the read
		<-done
	}
	x.original = buf[:n]
}

// keepHeld is keepOriginal for an answer that is refused while it passes: piece is what was looked at.
func (x *Exchange) keepHeld(err error, piece []byte) {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || !p.Replaces || x.passing.committed {
		return
	}
	held := x.passing.held[:min(len(x.passing.held), maxOriginal)]
	x.original = append(append([]byte{}, held...), piece[:min(len(piece), maxOriginal-len(held))]...)
}
