// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net"
	"sync"
	"sync/atomic"
)

// A link is an accepted connection below TLS. It occupies one of the server's places until it is closed.
type link struct {
	net.Conn          // as accepted, or as Server.Wrap returned it
	accepted net.Conn // what Wrap was given; nil: it was not called
	leave    func()   // gives the place back
	once     sync.Once

	peeked []byte       // read by peek, not yet by Read
	hurry  *atomic.Bool // the server is being closed
}

// peek returns the first byte, which a later Read returns again.
func (l *link) peek() (byte, error) {
	var b [1]byte
	if _, err := l.Conn.Read(b[:]); err != nil {
		return 0, err
	}
	l.peeked = b[:]
	return b[0], nil
}

// Read returns the peeked byte, then what comes.
func (l *link) Read(p []byte) (int, error) {
	if len(l.peeked) > 0 && len(p) > 0 {
		n := copy(p, l.peeked)
		l.peeked = l.peeked[n:]
		return n, nil
	}
	return l.Conn.Read(p)
}

// CloseWrite ends our side if the connection can do that. What Wrap returned may leave it to the connection below: it
// has no bytes of ours waiting, or it would do it itself.
func (l *link) CloseWrite() error {
	for _, c := range [...]net.Conn{l.Conn, l.accepted} {
		if h, ok := c.(interface{ CloseWrite() error }); ok {
			return h.CloseWrite()
		}
	}
	return nil
}

// Close closes the connection and gives its place back.
func (l *link) Close() error {
	err := l.Conn.Close()
	l.once.Do(l.leave)
	return err
}
