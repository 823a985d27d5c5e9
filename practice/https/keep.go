// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"yett/internal/watch"
)

// maxFile bounds what is read of one file. Lists of revoked certificates are the largest.
const maxFile = 32 << 20

// lookEvery is how often what is kept is judged by the clock: certificates end, and those that were too early begin.
const lookEvery = time.Minute

// A kept is something that is read from files, which are replaced while it is in use.
type kept interface {
	files() []string             // the first one is what alerts are about
	load(now time.Time) error    // reads all files anew; what cannot be used changes nothing
	warnings(time.Time) []notice // what an operator should know of what is in use
}

// A notice is an alert that holds.
type notice struct{ name, about, summary string }

// A keeper keeps what was read from files up to date.
type keeper struct {
	options Options
	watched *watch.Set
	kept    []kept
	failed  map[kept]error // by the last reading
	raised  map[[2]string]string
}

func newKeeper(o Options) *keeper {
	return &keeper{options: o, watched: watch.Files(), failed: make(map[kept]error), raised: make(map[[2]string]string)}
}

// add reads k for the first time.
func (kp *keeper) add(k kept) error {
	kp.watched.Add(k.files()...)
	kp.kept = append(kp.kept, k)
	return k.load(kp.options.now())
}

// run replaces what has changed, and tells what an operator should know, until ctx ends.
func (kp *keeper) run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		kp.watched.Run(ctx, func() {
			select {
			case changed <- struct{}{}:
			default: // it will be read anyway
			}
		})
	})
	defer watching.Wait()
	defer kp.tell(nil) // whoever comes next says what still holds
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		kp.judge()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			for _, k := range kp.kept {
				kp.failed[k] = k.load(kp.options.now())
			}
		case <-tick.C:
			for _, k := range kp.kept {
				if kp.failed[k] != nil { // perhaps its time has come
					kp.failed[k] = k.load(kp.options.now())
				}
			}
		}
	}
}

// judge tells what holds now.
func (kp *keeper) judge() {
	var all []notice
	for _, k := range kp.kept {
		if err := kp.failed[k]; err != nil {
			all = append(all, notice{"certificate_kept", k.files()[0], fmt.Sprintf("%v; what was read before stays in use", err)})
		}
		all = append(all, k.warnings(kp.options.now())...)
	}
	kp.tell(all)
}

// tell raises what is new in all, and clears what is no more.
func (kp *keeper) tell(all []notice) {
	if kp.options.Alerts == nil {
		return
	}
	holds := make(map[[2]string]string, len(all))
	for _, n := range all {
		holds[[2]string{n.name, n.about}] = n.summary
	}
	for id, summary := range holds {
		if kp.raised[id] != summary {
			kp.options.Alerts.Raise(id[0], id[1], summary)
		}
	}
	for id := range kp.raised {
		if _, ok := holds[id]; !ok {
			kp.options.Alerts.Clear(id[0], id[1])
		}
	}
	kp.raised = holds
}

// readFile reads a file of bounded size. Its error begins with the name of the file.
func readFile(name string) (_ []byte, err error) {
	defer func() {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	info, err := os.Stat(name) // a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(name) // #nosec G304 -- the operator's own file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return data, err
}
