// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/tls"
	"io"
	"time"
)

const (
	lingerTime  = time.Second // for the client to see the answer and hang up
	lingerBytes = 16 << 20    // read and thrown away meanwhile: what honest clients send too much still leaves them the answer
)

// CloseWrite ends our side. The engine calls it when it gives up a request whose body it has not read, a tunnel when
// its other side has ended.
func (c *conn) CloseWrite() error {
	err := c.halfClose()
	if !c.released.Load() {
		c.drain()
	}
	return err
}

// Close ends the connection. After a refusal, or an answer to a body that nobody read to its end, the client may still
// be sending, and closing at once could make its kernel throw our answer away (RFC 9112 section 9.6): so our side ends
// first, and what comes is read for a moment. The engine does the same, but not where the client asked for the close.
func (c *conn) Close() error {
	c.patience.close()
	still := c.broken.Swap(false) || c.sending.Swap(false) && !c.released.Load()
	if still && !c.link.hurry.Load() && c.halfClose() == nil {
		c.drain()
	}
	return c.Conn.Close()
}

// halfClose says under TLS and under TCP that nothing more will be written.
func (c *conn) halfClose() error {
	if t, ok := c.Conn.(*tls.Conn); ok {
		if err := t.CloseWrite(); err != nil {
			return err
		}
	}
	return c.link.CloseWrite()
}

// drain throws away what the client still sends, below TLS, within lingerTime and lingerBytes.
func (c *conn) drain() {
	if c.link.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // closed already
	}
	// Any outcome is fine: the client hung up, sent too much, or had its moment.
	_, _ = io.CopyN(io.Discard, c.link, lingerBytes)
}
