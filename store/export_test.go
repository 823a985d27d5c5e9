// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// SetBusy changes how long a write waits for its turn.
func (db *DB) SetBusy(d time.Duration) { db.busy = d }
