// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"yett/practice/activity"
)

// A logStream passes lines of the log on, and keeps those that say what is missing among them.
type logStream struct {
	w       io.Writer
	rest    []byte // of a line whose end has not come
	missing []string
}

var incompleteLine = []byte(`{"kind":"incomplete"`)

// Write passes on whole lines.
func (s *logStream) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		line := s.rest[:i+1]
		s.rest = s.rest[i+1:]
		var m struct{ Cause string }
		if bytes.HasPrefix(line, incompleteLine) && json.Unmarshal(line, &m) == nil {
			s.missing = append(s.missing, m.Cause)
			continue
		}
		if _, err := s.w.Write(line); err != nil {
			return 0, err
		}
	}
}

// end tells what is missing: that is a finding.
func (s *logStream) end(a *app, what string) error {
	if len(s.missing) == 0 {
		return nil
	}
	for _, m := range s.missing {
		a.err.Printf("%s %s.\n", a.err.Broken(a.err.Symbol("✗")), harmless(m))
	}
	return &failure{what: what + " is not whole", hint: "yett log verify tells more"}
}

// warnState tells what is wrong with the log as a whole, before what it answers.
func (a *app) warnState(s activity.State) {
	screen := a.out
	if a.json { // where the answer is for a machine
		screen = a.err
	}
	cross := screen.Broken(screen.Symbol("✗"))
	if s.Stuck != nil {
		screen.Printf("%s Records are not being written since %s; %s wait in memory.\n", cross, s.Stuck.Since.UTC().Format("2 Jan 2006 15:04:05 MST"), whole(int64(s.Stuck.Waiting))) // #nosec G115 -- a count
	}
	for _, bad := range s.Unreadable {
		screen.Printf("%s Not all of the log can be read: %s.\n", cross, harmless(bad))
	}
}

// periodWarning tells how a period was understood, where it may not be meant so.
func (a *app) periodWarning(p activity.Period) {
	if p.Warning == "" {
		return
	}
	a.err.Printf("%s The period %s: %s.\n", a.err.Soon("!"), boundsWords(p), p.Warning)
}

// boundsWords is a period as it was understood.
func boundsWords(p activity.Period) string {
	stamp := func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05 MST") }
	switch {
	case p.Since.IsZero() && p.Until.IsZero():
		return ""
	case p.Until.IsZero():
		return "since " + stamp(p.Since)
	case p.Since.IsZero():
		return "until " + stamp(p.Until)
	}
	return fmt.Sprintf("from %s to %s", stamp(p.Since), stamp(p.Until))
}
