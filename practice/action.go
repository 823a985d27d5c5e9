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
	Target string // which thing, by a name that is nobody's: the id of a key
	Person string // to whom: a user or subject; it is recorded sealed, under a pseudonym
	Note   string // more, without names of persons
}

type (
	actionKey struct{}
	actorKey  struct{}
)

// WithAction returns ctx of a call of the admin API that will be recorded as a.
func WithAction(ctx context.Context, a *Action) context.Context {
	return context.WithValue(ctx, actionKey{}, a)
}

// ActionOf returns what a call of the admin API will be recorded as, so that a handler can say to what or whom it did
// something where the path does not. It is never nil; where nobody records the call, what is written there is lost.
func ActionOf(ctx context.Context) *Action {
	if a, ok := ctx.Value(actionKey{}).(*Action); ok {
		return a
	}
	return new(Action)
}

// WithActor returns ctx of a call of the admin API that actor makes.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor returns who makes a call of the admin API, "" if nobody knows.
func Actor(ctx context.Context) string {
	a, _ := ctx.Value(actorKey{}).(string)
	return a
}
