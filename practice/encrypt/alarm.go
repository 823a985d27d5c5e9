// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"maps"
	"sync"
	"time"

	"yett/alert"
)

const (
	// unopenedAlert is raised for each place with a value that does not open.
	unopenedAlert = "sealed_value"
	// quietAfter is how long no such value must be seen before its alert is over.
	quietAfter = time.Hour
)

// An alarm raises alerts of values that do not open, and clears them when none was seen for long enough.
type alarm struct {
	board *alert.Board // nil: nobody is told
	now   func() time.Time

	mu   sync.Mutex
	last map[string]time.Time // by what the alert is about: places of descriptions
}

func (a *alarm) raise(about string) {
	if a.board == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = make(map[string]time.Time)
	}
	a.last[about] = a.now()
	a.board.Raise(unopenedAlert, about, "a sealed value does not open: it was changed or moved in the service behind the gateway, or its key is gone")
}

// settle clears what has been quiet.
func (a *alarm) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.last, func(about string, last time.Time) bool {
		quiet := a.now().Sub(last) >= quietAfter
		if quiet {
			a.board.Clear(unopenedAlert, about)
		}
		return quiet
	})
}
