// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package alert

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAnAlertHoldsUntilItIsCleared(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var log bytes.Buffer
	b := &Board{Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))}
	b.Clear("reload_failed", "") // it never held
	b.Raise("certificate_kept", "a.pem", "a.pem does not match a.key")
	now = now.Add(time.Minute)
	for range 3 {
		b.Raise("reload_failed", "", "yett.yaml:3 is wrong")
	}
	all := b.All()
	if len(all) != 2 || all[0].Name != "reload_failed" || all[0].Count != 3 || all[1].About != "a.pem" {
		t.Errorf("got %+v", all)
	}
	if n := strings.Count(log.String(), "reload_failed"); n != 1 {
		t.Errorf("one condition is logged %d times", n)
	}
	b.Clear("reload_failed", "")
	if all = b.All(); all[0].Name != "certificate_kept" || all[1].Over != now {
		t.Errorf("what still holds comes first: %+v", all)
	}
	b.Raise("reload_failed", "", "again")
	if all = b.All(); all[0].Count != 1 || !all[0].Over.IsZero() {
		t.Errorf("raised again it begins anew: %+v", all[0])
	}
}

func TestABoardIsBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := &Board{Now: func() time.Time { now = now.Add(time.Second); return now }}
	b.Raise("old", "", "over")
	b.Clear("old", "")
	b.Raise("first", "", "holds")
	for i := range maxAlerts {
		b.Raise("many", fmt.Sprint(i), "holds")
	}
	all := b.All()
	if len(all) != maxAlerts {
		t.Errorf("%d alerts are kept", len(all))
	}
	for _, a := range all {
		if a.Name == "old" || a.Name == "first" {
			t.Errorf("%s is kept before newer ones", a.Name)
		}
	}
}
