// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"sync"

	"yett/api"
)

// levels is what is configured for the operations of one generation, for the checks.
type levels struct {
	mu  sync.Mutex
	api map[*api.API]Config
	own map[*api.Operation]Config
}

// add remembers the Config of an API, or of one operation.
func (l *levels) add(a *api.API, op *api.Operation, c Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == nil {
		l.api, l.own = map[*api.API]Config{}, map[*api.Operation]Config{}
	}
	if op != nil {
		l.own[op] = c
		return
	}
	l.api[a] = c
}

// of returns what holds for an operation; false: the practice is off there.
func (l *levels) of(op *api.Operation) (Config, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.own[op]; ok {
		return c, true
	}
	c, ok := l.api[op.API]
	return c, ok
}
