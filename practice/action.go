// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice

import (
	"context"
	"time"
)

// An Action is something that was done to the gateway: a call of the admin API that changes something, or a new
// configuration. It is recorded like an exchange.
type Action struct {
	ID     string // UUIDv7
	Time   time.Time
	Op     string // pattern of the route: "POST /keys/{id}/revoke"
	Status int    // of the answer
	Actor  string // user of the operating system who did it; "": nobody, the gateway itself
	Target string // what the pattern's wildcards stood for; it may name a person
	Note   string // more, without names
}

type actorKey struct{}

// WithActor returns ctx of a call of the admin API that actor makes.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor returns who makes a call of the admin API, "" if nobody knows.
func Actor(ctx context.Context) string {
	a, _ := ctx.Value(actorKey{}).(string)
	return a
}
