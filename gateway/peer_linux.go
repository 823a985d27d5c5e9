// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net"

	"golang.org/x/sys/unix"

	"yett/practice"
)

// withPeer has the calls of a connection to the socket know whose process they come from, as the kernel says.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	err = raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) // #nosec G115 -- nil where it cannot be told
	})
	if err != nil || cred == nil {
		return ctx
	}
	return practice.WithActor(ctx, userOf(cred.Uid))
}
