// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package alert remembers what an operator should know now: a certificate that could not be replaced, a reload that
// failed.
//
// It stops a degraded part from being noticed by users first: whoever falls back to something older or weaker raises an
// alert, and clears it when all is well again. It does not watch anything itself, and it does not deliver: a Board is
// read through the admin API and the metrics.
//
// Used alone, the zero Board is ready for use.
package alert

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// An Alert is one condition that holds since some time.
type Alert struct {
	Name    string    `json:"name"`            // fixed and documented: "reload_failed"
	About   string    `json:"about,omitempty"` // what it is about, where several can be so: a file, an API
	Summary string    `json:"summary"`         // one sentence for the operator; no secret
	Since   time.Time `json:"since"`           // raised first
	Last    time.Time `json:"last"`            // raised last
	Count   int       `json:"count"`           // how often in this time
	Over    time.Time `json:"over,omitzero"`   // cleared; zero while it holds
}

// maxAlerts bounds what holds at the same time; what was cleared goes first.
const maxAlerts = 256

type name struct{ name, about string }

// A Board holds alerts. It is safe for concurrent use.
type Board struct {
	Log *slog.Logger     // default: nowhere
	Now func() time.Time // default: time.Now

	mu     sync.Mutex
	alerts map[name]*Alert
}

// Raise says that a condition holds. The same name and about again only counts, and is logged once.
func (b *Board) Raise(alertName, about, summary string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	a := b.alerts[name{alertName, about}]
	if a == nil || !a.Over.IsZero() {
		if b.alerts == nil {
			b.alerts = make(map[name]*Alert)
		}
		a = &Alert{Name: alertName, About: about, Since: now}
		b.alerts[name{alertName, about}] = a
		b.trim()
	}
	if a.Summary != summary && b.Log != nil {
		b.Log.Error("alert", "alert", alertName, "about", about, "summary", summary)
	}
	a.Summary, a.Last = summary, now
	a.Count++
}

// Clear says that a condition holds no more. It does nothing where it did not hold.
func (b *Board) Clear(alertName, about string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.alerts[name{alertName, about}]
	if a == nil || !a.Over.IsZero() {
		return
	}
	a.Over = b.now()
	if b.Log != nil {
		b.Log.Warn("alert is over", "alert", alertName, "about", about)
	}
}

// All returns the alerts, those that hold first, the newest first among each.
func (b *Board) All() []Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Alert, 0, len(b.alerts))
	for _, a := range b.alerts {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b Alert) int {
		if a.Over.IsZero() != b.Over.IsZero() {
			if a.Over.IsZero() {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Name, b.Name), cmp.Compare(a.About, b.About))
	})
	return all
}

func (b *Board) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// trim forgets the alert that is over the longest; where all still hold, the one that was raised first.
func (b *Board) trim() {
	if len(b.alerts) <= maxAlerts {
		return
	}
	var oldest *Alert
	for _, a := range b.alerts {
		if oldest == nil || older(a, oldest) {
			oldest = a
		}
	}
	delete(b.alerts, name{oldest.Name, oldest.About})
}

func older(a, b *Alert) bool {
	if a.Over.IsZero() != b.Over.IsZero() {
		return !a.Over.IsZero()
	}
	return a.Over.Before(b.Over) || a.Over.Equal(b.Over) && a.Since.Before(b.Since)
}
