// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"time"
)

// writePiece is how many bytes a client must take within WriteStall.
const writePiece = 64 << 10

// Write sends p in pieces, each of which the client must take within WriteStall; setting a deadline is dear, so it may
// take an eighth of that more.
func (c *conn) Write(p []byte) (n int, err error) {
	if c.released.Load() {
		return c.Conn.Write(p)
	}
	for {
		if err := c.limitWrite(); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:min(len(p), n+writePiece)])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

func (c *conn) limitWrite() error {
	c.writes.Lock()
	defer c.writes.Unlock()
	until, engine := time.Now().Add(c.limits.WriteStall), c.writes.engine
	if engine.IsZero() && until.Before(c.writes.set) {
		return nil
	}
	if until = until.Add(c.limits.WriteStall / 8); !engine.IsZero() && engine.Before(until) {
		until = engine
	}
	c.writes.set = until
	return c.Conn.SetWriteDeadline(until)
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline takes the engine's deadline; see patience.
func (c *conn) SetReadDeadline(t time.Time) error { return c.patience.set(t) }

// SetWriteDeadline takes the engine's or a handler's deadline; WriteStall may end a write earlier.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if time.Until(t) > forever/2 {
		t = time.Time{}
	}
	c.writes.Lock()
	defer c.writes.Unlock()
	if c.writes.engine.IsZero() && t.IsZero() && !c.released.Load() {
		return nil // the engine says so after every request
	}
	c.writes.engine, c.writes.set = t, time.Time{}
	return c.Conn.SetWriteDeadline(t)
}
