// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/store/sqlite"
)

// A test binary called with this variable is another process on the same store: see other.
const otherEnv = "YETT_TEST_APIKEY"

func TestMain(m *testing.M) {
	if task := os.Getenv(otherEnv); task != "" {
		if err := other(task, os.Getenv(otherEnv+"_STORE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// other revokes a key, or makes and revokes keys without end and prints each when it is acknowledged.
func other(task, path string) (err error) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	k, err := New(Config{}, Options{Store: db, Pepper: testPepper})
	if err != nil {
		return err
	}
	if id, ok := strings.CutPrefix(task, "revoke "); ok {
		_, err := k.Revoke(ctx, id)
		return err
	}
	for {
		_, live, err := k.Create(ctx, NewKey{Client: "acme"})
		if err != nil {
			return err
		}
		dead, deadText, err := k.Create(ctx, NewKey{Client: "acme"})
		if err != nil {
			return err
		}
		if _, err := k.Revoke(ctx, dead.ID); err != nil {
			return err
		}
		if _, err := fmt.Println(live, deadText); err != nil {
			return err
		}
	}
}

func otherProcess(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), otherEnv+"="+task, otherEnv+"_STORE="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestRevocationInAnotherProcessHoldsWithinASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	k := keysOn(t, openStore(t, path), time.Now)
	running(t, k)
	key, text := create(t, k, NewKey{})
	if !within(5*time.Second, func() bool { return verdict(k, text, office) == "" && k.cache.size() == 1 }) {
		t.Fatal("the key is not remembered")
	}
	if err := otherProcess(t, "revoke "+key.ID, path).Run(); err != nil {
		t.Fatal(err)
	}
	start := time.Now() // later than the revocation, by what the other process needs to end
	if !within(time.Second, func() bool { return verdict(k, text, office) == Reason(Revoked) }) {
		t.Fatalf("a second after its revocation the key is %q", verdict(k, text, office))
	}
	t.Logf("held within %v of the end of the process that revoked", time.Since(start).Round(time.Millisecond))
}

func TestRevocationOnAnotherNodeHoldsWithinASecond(t *testing.T) {
	db := newStore(t)
	here, there := keysOn(t, db, time.Now), keysOn(t, db, time.Now)
	running(t, here)
	for range 5 { // at whatever moment between two polls
		key, text := create(t, there, NewKey{})
		if !within(5*time.Second, func() bool { return verdict(here, text, office) == "" && here.cache.size() == 1 }) {
			t.Fatal("the key is not remembered")
		}
		revoke(t, there, key.ID)
		start := time.Now()
		if !within(time.Second, func() bool { return verdict(here, text, office) == Reason(Revoked) }) {
			t.Fatalf("after %v the key is %q", time.Since(start), verdict(here, text, office))
		}
	}
}

// Acknowledged is durable: what another process printed before it was killed is true after it.
func TestAcknowledgedChangesSurviveKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	cmd := otherProcess(t, "churn", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	s := bufio.NewScanner(out)
	for len(lines) < 25 && s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for s.Scan() { // what was acknowledged before the signal came
		if strings.Count(s.Text(), "yett_") == 2 && len(s.Text()) == 2*keyLen+1 {
			lines = append(lines, s.Text())
		}
	}
	if err := cmd.Wait(); err == nil || len(lines) < 25 {
		t.Fatalf("the other process ended by itself after %d lines: %v", len(lines), err)
	}
	k := keysOn(t, openStore(t, path), time.Now)
	for _, l := range lines {
		live, dead, _ := strings.Cut(l, " ")
		wantVerdict(t, k, live, "")
		wantVerdict(t, k, dead, Reason(Revoked))
	}
}

func TestKeysSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	before := keysOn(t, db, time.Now)
	_, live := create(t, before, NewKey{})
	dead, deadText := create(t, before, NewKey{})
	revoke(t, before, dead.ID)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	after := keysOn(t, openStore(t, path), time.Now)
	wantVerdict(t, after, live, "")
	wantVerdict(t, after, deadText, Reason(Revoked))
}

func TestRotationOnAnotherNodeHolds(t *testing.T) {
	db := newStore(t)
	here, there := keysOn(t, db, time.Now), keysOn(t, db, time.Now)
	cached(t, here)
	key, text := create(t, there, NewKey{})
	wantVerdict(t, here, text, "")
	rotate(t, there, key.ID, 0)
	cached(t, here) // the next poll
	wantVerdict(t, here, text, Reason(Replaced))
}

func TestGapInTheFeedForgetsEverything(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct{ name, sql string }{
		{"a node slept, and what it missed is gone", "DELETE FROM apikey_changes WHERE seq < (SELECT MAX(seq) FROM apikey_changes)"},
		{"the store was put back from a backup", "DELETE FROM apikey_changes WHERE seq > 1"},
		{"the feed is empty", "DELETE FROM apikey_changes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := newStore(t)
			here, there := keysOn(t, db, time.Now), keysOn(t, db, time.Now)
			first, _ := create(t, there, NewKey{})
			second, _ := create(t, there, NewKey{})
			revoke(t, there, first.ID)
			revoke(t, there, second.ID)
			cached(t, here)
			key, text := create(t, there, NewKey{})
			wantVerdict(t, here, text, "")
			revoke(t, there, key.ID)
			other, _ := create(t, there, NewKey{})
			revoke(t, there, other.ID)
			if _, err := db.ExecContext(ctx, tt.sql); err != nil {
				t.Fatal(err)
			}
			cached(t, here)
			if here.cache.size() != 0 {
				t.Error("keys are still remembered")
			}
			wantVerdict(t, here, text, Reason(Revoked))
			wantVerdict(t, here, text, Reason(Revoked))
		})
	}
}

func TestFeedIsBounded(t *testing.T) {
	ctx := context.Background()
	db := newStore(t)
	here, there := keysOn(t, db, time.Now), keysOn(t, db, time.Now)
	cached(t, here)
	key, text := create(t, there, NewKey{})
	wantVerdict(t, here, text, "")
	revoke(t, there, key.ID)
	if _, err := db.ExecContext(ctx, "INSERT INTO apikey_changes (seq, key_id) VALUES ($1, 'k000000')", 3*keptChanges); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		key, _ := create(t, there, NewKey{})
		revoke(t, there, key.ID)
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM apikey_changes WHERE seq <= $1", 2*keptChanges+3).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d old changes are kept, %v", n, err)
	}
	cached(t, here)
	if got := here.feed.seq; got != 3*keptChanges+3 {
		t.Errorf("the feed stands at %d", got)
	}
	wantVerdict(t, here, text, Reason(Revoked))
}

func TestManyChangesAtOnceForgetEverything(t *testing.T) {
	ctx := context.Background()
	db := newStore(t)
	k := keysOn(t, db, time.Now)
	key, _ := create(t, k, NewKey{})
	revoke(t, k, key.ID)
	cached(t, k)
	_, text := create(t, k, NewKey{})
	wantVerdict(t, k, text, "")
	if _, err := db.ExecContext(ctx, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"+
		" INSERT INTO apikey_changes (seq, key_id) SELECT i, 'k' || i FROM n", maxChanges+2); err != nil {
		t.Fatal(err)
	}
	cached(t, k)
	if k.cache.size() != 0 || k.feed.seq != maxChanges+2 {
		t.Errorf("%d keys remembered, feed at %d", k.cache.size(), k.feed.seq)
	}
	cached(t, k)
	if k.feed.seq != maxChanges+2 {
		t.Errorf("feed at %d", k.feed.seq)
	}
}
