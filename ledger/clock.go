// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A clock tells the time by which lines are old. The machine's own may be wrong for a while, and what is removed because of
// it does not come back. So a time that is more than a day away from the one known so far is believed only once the
// clock has kept it for a day of real running, across restarts; until then the known time goes on by itself. A gateway
// that rested for weeks removes nothing more for a day, and a clock that is years ahead for an hour removes nothing.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration // real, whatever the clock says

	mu    sync.Mutex
	known time.Time     // zero: not yet
	last  time.Duration // elapsed at the last look
	ahead time.Duration // how far the clock is from the known time
	held  time.Duration // for how long it has kept that
}

const (
	leap  = 24 * time.Hour // how far the clock may be from what is known
	proof = 24 * time.Hour // how long it keeps a time that is believed then
	drift = time.Hour      // within which it is the same
)

// set takes the time that is known at the beginning.
func (c *clock) set(known time.Time, held time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.held, c.last = known.Round(0), max(0, min(held, proof)), c.elapsed()
	if c.known.IsZero() {
		c.known = c.now().Round(0)
	}
	c.ahead = c.now().Round(0).Sub(c.known)
}

// look returns the time that is believed, never one after the machine's, and how far the machine's is from it where it is
// not believed.
func (c *clock) look() (believed time.Time, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, at := c.now().Round(0), c.elapsed()
	passed := max(0, at-c.last)
	c.last = at
	c.known = c.known.Add(passed)
	ahead = now.Sub(c.known)
	switch {
	case ahead.Abs() <= leap:
		c.held, c.ahead = 0, 0
		if ahead > 0 {
			c.known = now
		}
		ahead = 0
	case (ahead - c.ahead).Abs() > drift:
		c.held, c.ahead = 0, ahead
	default:
		if c.held += passed; c.held >= proof {
			c.known, c.held, c.ahead, ahead = now, 0, 0, 0
		}
	}
	if now.Before(c.known) {
		return now, ahead
	}
	return c.known, ahead
}

// state is what a restart goes on from.
func (c *clock) state() (known time.Time, held time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known, c.held
}

// trouble says that the clock is not believed, "" if it is.
func (c *clock) trouble() string {
	believed, ahead := c.look()
	if ahead == 0 {
		return ""
	}
	_, held := c.state()
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return fmt.Sprintf("the machine's clock is %.1f days %s the %s that the log knows; old records are not removed by it until it has kept that for %v more (set the clock, or wait)",
		ahead.Abs().Hours()/24, way, believed.Add(max(0, -ahead)).UTC().Format(time.DateTime), (proof - held).Round(time.Minute))
}

// closedAt returns when the newest line of a closed segment was written at the latest: the time of the checkpoint that
// closed it. Segments without one are of the day after their name.
func (l *Log) closedAt(s *Segment) time.Time {
	l.aging.Lock()
	defer l.aging.Unlock()
	if at, ok := l.ages[s.Name]; ok {
		return at
	}
	day, _, _ := parseName(s.Name)
	at := day.AddDate(0, 0, 2)
	tail, err := readTail(filepath.Join(l.dir, s.Name+noteSuffix), 2*notesMax)
	if err != nil {
		return at // one bad file does not keep the others for ever
	}
	if i := bytes.LastIndex(tail, []byte(origin+"\n")); i >= 0 {
		one, _ := cutNote(tail[i:])
		if c, err := ParseCheckpoint(one, l.verifier); err == nil {
			at = c.Time
		}
	}
	if l.ages == nil || len(l.ages) > 10_000 {
		l.ages = make(map[string]time.Time)
	}
	l.ages[s.Name] = at
	return at
}

// readTail reads the last bytes of a file, nothing where there is none.
func readTail(name string, n int64) (_ []byte, err error) {
	f, err := os.Open(name) // #nosec G304 -- a segment's name in the log's own directory
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	n = min(n, info.Size())
	return io.ReadAll(io.NewSectionReader(f, info.Size()-n, n))
}
