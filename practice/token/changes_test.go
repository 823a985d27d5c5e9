// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"yett/store/sqlite"
)

// A test binary called with this variable is another process on the same store: it revokes without end, and prints each id
// when its revocation is acknowledged.
const otherEnv = "YETT_TEST_TOKEN_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(otherEnv); path != "" {
		if err := revokeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func revokeForever(path string) (err error) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	block, err := aes.NewCipher(make([]byte, 32)) // nobody opens it again
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	r, err := openRevocations(ctx, revocationOptions{Store: db, Sealer: placeSealer{aead}, Pepper: testPepper, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if _, err := r.revoke(ctx, NewRevocation{ID: fmt.Sprint(i)}); err != nil {
			return err
		}
		if _, err := fmt.Println(i); err != nil {
			return err
		}
	}
}

// TestAcknowledgedRevocationsSurviveAKill: what another process printed before it was killed holds here within a second of
// its being printed, and after a restart.
func TestAcknowledgedRevocationsSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), otherEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewScanner(out)
	for len(ids) < 25 && lines.Scan() {
		ids = append(ids, lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || len(ids) < 25 {
		t.Fatalf("the other process ended by itself after %d lines: %v", len(ids), err)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r := revocationsOn(t, db, time.Now)
	polls(t, r)
	for _, id := range ids {
		if err := r.check(mine, &verified{id: id}); err != errRevoked {
			t.Errorf("token %s: %v", id, err)
		}
	}
	if err := r.check(mine, &verified{id: "never"}); err != nil {
		t.Errorf("a token that nobody revoked: %v", err)
	}
}

// TestARevocationHoldsOnTheOtherNodeWithinASecond has two nodes with a connection each on one store.
func TestARevocationHoldsOnTheOtherNodeWithinASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	node := func() *revocations {
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		r := revocationsOn(t, db, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := errors.Join(<-ended, db.Close()); err != nil {
				t.Error(err)
			}
		})
		return r
	}
	here, there := node(), node()
	eventually(t, "both have read the table", func() bool { return here.feed.fresh(time.Now()) && there.feed.fresh(time.Now()) })
	var slowest time.Duration
	for i := range 5 { // at whatever moment between two reads
		v := &verified{id: fmt.Sprint(i), subject: "greta"}
		if err := here.check(mine, v); err != nil {
			t.Fatal(err)
		}
		takesBack(t, there, NewRevocation{ID: v.id})
		start := time.Now()
		if err := there.check(mine, v); err != errRevoked {
			t.Errorf("where it was revoked: %v", err)
		}
		for here.check(mine, v) != errRevoked {
			if time.Since(start) > time.Second {
				t.Fatalf("token %d is admitted a second after it was revoked", i)
			}
			time.Sleep(time.Millisecond)
		}
		slowest = max(slowest, time.Since(start))
		if i == 2 {
			time.Sleep(pollEvery / 3)
		}
	}
	t.Logf("the slowest of 5 held after %v", slowest.Round(time.Millisecond))
}

// TestWhatWasRevokedStaysRevoked takes rows from under a node that knows them.
func TestWhatWasRevokedStaysRevoked(t *testing.T) {
	for _, tt := range []struct{ name, sql string }{
		{"the store was put back from a backup", "DELETE FROM token_revocations WHERE seq > 1"},
		{"and others were revoked since, under the same numbers", "UPDATE token_revocations SET mark = zeroblob(32) WHERE seq > 1"},
		{"old rows were cleared", "DELETE FROM token_revocations WHERE seq < 3"},
		{"all rows are gone", "DELETE FROM token_revocations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := openTestStore(t)
			here, there := revocationsOn(t, db, time.Now), revocationsOn(t, db, time.Now)
			for _, id := range []string{"a", "b", "c"} {
				takesBack(t, there, NewRevocation{ID: id})
			}
			polls(t, here)
			if _, err := db.ExecContext(t.Context(), tt.sql); err != nil {
				t.Fatal(err)
			}
			polls(t, here)
			takesBack(t, there, NewRevocation{ID: "d"})
			polls(t, here)
			for _, id := range []string{"a", "b", "c", "d"} {
				if err := here.check(mine, &verified{id: id}); err != errRevoked {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
}

// TestARestoredStoreIsReadAgain: rows under numbers that this node has seen bear other marks now.
func TestARestoredStoreIsReadAgain(t *testing.T) {
	db := openTestStore(t)
	here, there := revocationsOn(t, db, time.Now), revocationsOn(t, db, time.Now)
	for _, id := range []string{"a", "b", "c"} {
		takesBack(t, there, NewRevocation{ID: id})
	}
	polls(t, here)
	if _, err := db.ExecContext(t.Context(), "DELETE FROM token_revocations WHERE seq > 1"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"x", "y", "z"} { // 2, 3, 4
		takesBack(t, there, NewRevocation{ID: id})
	}
	polls(t, here)
	for _, id := range []string{"x", "y", "z"} {
		if err := here.check(mine, &verified{id: id}); err != errRevoked {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestMoreThanOneReadAtOnce has a node begin with more rows than it reads at a time.
func TestMoreThanOneReadAtOnce(t *testing.T) {
	db := openTestStore(t)
	r := revocationsOn(t, db, time.Now)
	if _, err := db.ExecContext(t.Context(), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"+
		" INSERT INTO token_revocations (id, seq, kind, mark, until, created, sealed) SELECT 'r' || i, i, 'id', randomblob(32), 1, 1, '' FROM n", 2*maxRead+1); err != nil {
		t.Fatal(err)
	}
	takesBack(t, r, NewRevocation{ID: "last"})
	fresh := revocationsOn(t, db, time.Now)
	polls(t, fresh)
	if len(fresh.known) != 2*maxRead+2 || fresh.feed.seq != 2*maxRead+2 {
		t.Errorf("%d known, feed at %d", len(fresh.known), fresh.feed.seq)
	}
	if err := fresh.check(mine, &verified{id: "last"}); err != errRevoked {
		t.Errorf("the last one: %v", err)
	}
}
