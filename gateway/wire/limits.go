// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"time"
)

// Limits bounds what one client can make the server hold or wait for. A zero field means its default; there is no way
// to say "unlimited". Connections counts all clients together: behind a load balancer they share one address, and a
// limit for each address would refuse honest ones there without anybody having set it.
type Limits struct {
	HeaderBytes   int           // request line and fields, in bytes. Default 64 KiB
	Headers       int           // fields in one head. Default 100
	HeaderTimeout time.Duration // for a TLS handshake, and from the first byte of a head to its last. Default 10 s
	BodyIdle      time.Duration // longest wait for the next bytes of a body. Default 30 s
	BodyRate      int           // bytes per second a body must reach on average once BodyIdle is used up. Default 128
	WriteStall    time.Duration // longest wait for a client to take what is being written. Default 30 s
	Idle          time.Duration // a connection without a request. Default 60 s
	Connections   int           // at the same time; further ones are closed at once. Default 10,000
	Streams       int           // HTTP/2 streams of one connection at the same time. Default 100
}

// withDefaults returns l with every field set.
func (l Limits) withDefaults() Limits {
	return Limits{
		HeaderBytes:   cmp.Or(l.HeaderBytes, 64<<10),
		Headers:       cmp.Or(l.Headers, 100),
		HeaderTimeout: cmp.Or(l.HeaderTimeout, 10*time.Second),
		BodyIdle:      cmp.Or(l.BodyIdle, 30*time.Second),
		BodyRate:      cmp.Or(l.BodyRate, 128),
		WriteStall:    cmp.Or(l.WriteStall, 30*time.Second),
		Idle:          cmp.Or(l.Idle, 60*time.Second),
		Connections:   cmp.Or(l.Connections, 10_000),
		Streams:       cmp.Or(l.Streams, 100),
	}
}
