// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package gateway

import (
	"context"
	"net"

	"yett/practice"
)

// withPeer has the calls of a connection to the socket come from the user who runs the gateway: its mode lets nobody
// else in but the superuser.
func withPeer(ctx context.Context, _ net.Conn) context.Context {
	return practice.WithActor(ctx, thisUser())
}
