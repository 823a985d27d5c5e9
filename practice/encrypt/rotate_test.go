// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/store"
)

func TestARotationSealsEveryValueAnew(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.class(v, "notes", r.kept, store.Kept{File: "pepper"})
	pepper, err := r.dir.Sealed(s).ReadOrCreateSecret("pepper", 32)
	r.ok(err)
	const notes = 2*batch + 7
	for i := range notes {
		r.put(s, fmt.Sprintf("%04d", i), fmt.Sprint("note ", i))
	}
	old := r.sealed("0001")

	n, err := v.Rotate(t.Context(), "notes")
	r.ok(err)
	if n != notes+1 {
		t.Errorf("sealed %d anew, want %d", n, notes+1)
	}
	for i := range notes {
		if got := r.get(s, fmt.Sprintf("%04d", i)); got != fmt.Sprint("note ", i) {
			t.Fatalf("note %d is %q", i, got)
		}
	}
	if again, err := r.dir.Sealed(s).ReadOrCreateSecret("pepper", 32); err != nil || string(again) != string(pepper) {
		t.Errorf("the file changed: %v", err)
	}
	status, err := v.Status(t.Context())
	r.ok(err)
	if c := status.Classes[0]; c.Keys != 2 || c.Older != 0 || !c.Pending {
		t.Errorf("after the rotation: %+v", c)
	}

	// The old key stays while somebody may still write with it, and is gone then.
	r.ok(v.settle(t.Context()))
	r.put(rawSealer(old), "late", "")
	r.now.Add(settleAfter)
	if err := v.settle(t.Context()); err == nil {
		t.Error("nobody is told of a value that does not open")
	}
	status, err = v.Status(t.Context())
	r.ok(err)
	if c := status.Classes[0]; c.Keys != 2 {
		t.Errorf("a value that does not open lost its key: %+v", c)
	}
	_, err = r.db.ExecContext(t.Context(), "DELETE FROM notes WHERE id = 'late'")
	r.ok(err)
	r.ok(v.settle(t.Context()))
	status, err = v.Status(t.Context())
	r.ok(err)
	if c := status.Classes[0]; c.Keys != 1 || c.Pending || c.KeyAge != "2m" {
		t.Errorf("after it was settled: %+v", c)
	}
	if _, err := s.Open(t.Context(), old, r.kept.Place("0001")); err == nil {
		t.Error("the removed key still opens")
	}
}

// onDisk reports whether the files of the store hold some bytes: what is deleted must not be found in free pages or in the log.
func (r *rig) onDisk(blob []byte) bool {
	r.t.Helper()
	if len(blob) < 16 {
		r.t.Fatalf("%x is found by chance", blob)
	}
	files, err := filepath.Glob(r.dir.Path("yett.db*"))
	r.ok(err)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		r.ok(err)
		if bytes.Contains(raw, blob) {
			return true
		}
	}
	return false
}

// wrapped is a keyset as it lies in the store.
func (r *rig) wrapped(class string) []byte {
	r.t.Helper()
	row, err := readRow(r.t.Context(), r.db, class)
	r.ok(err)
	return row.wrapped
}

func TestReplacedKeysAreGoneFromTheDisk(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	s := r.class(k.vault, "notes", r.kept)
	for i := range 300 {
		r.put(s, fmt.Sprint(i), fmt.Sprint("note ", i))
	}
	gone := func(what string, blobs ...[]byte) {
		t.Helper()
		for _, b := range blobs {
			if r.onDisk(b) {
				t.Errorf("after %s the old bytes are still on the disk", what)
			}
		}
	}

	old := r.wrapped("notes")
	if !r.onDisk(old) {
		t.Fatal("the search finds nothing")
	}
	r.ok(k.vault.RotateKEK(t.Context()))
	gone("a change of the key-encryption key", old)

	old = r.wrapped("notes")
	elsewhere := Config{KEK: secretFile(t, bytes.Repeat([]byte{5}, 32))}
	k, err = open(elsewhere, r.env())
	r.ok(err)
	gone("a start with another key-encryption key", old)

	s = r.class(k.vault, "notes", r.kept)
	old, value := r.wrapped("notes"), r.sealed("7")
	_, err = k.vault.Rotate(t.Context(), "notes")
	r.ok(err)
	k.vault.now = func() time.Time { return time.Now().Add(settleAfter) }
	r.ok(k.vault.settle(t.Context()))
	gone("the removal of old keys", old, value)
	if got := r.get(s, "7"); got != "note 7" {
		t.Errorf("got %q", got)
	}
}

// Where somebody still reads what was replaced, the change holds, is told, and Run goes on.
func TestWhatCannotBeScrubbedNowIsToldAndTriedAgain(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
	rows, err := r.db.QueryContext(t.Context(), "SELECT wrapped FROM encrypt_keysets")
	r.ok(err)
	defer func() { _ = rows.Close() }() // closed below; again is no error
	if !rows.Next() {
		t.Fatal("no rows")
	}
	old := r.wrapped("notes")
	k.vault.patience = 200 * time.Millisecond
	out, err := k.rotate(t.Context(), nil, true)
	r.ok(err)
	if out.KEK == "" || out.Residue == "" {
		t.Errorf("got %+v", out)
	}
	r.ok(rows.Close())
	r.ok(k.vault.settle(t.Context()))
	if r.onDisk(old) {
		t.Error("the old bytes are still on the disk")
	}
}

// rawSealer seals by giving back what it is.
type rawSealer []byte

func (s rawSealer) Seal(context.Context, []byte, store.Place) ([]byte, error) { return s, nil }
func (rawSealer) Open(context.Context, []byte, store.Place) ([]byte, error) {
	return nil, errors.New("never")
}

// onRotated calls itself when a class has its new key, before its values are sealed anew.
type onRotated func()

func (onRotated) Enabled(context.Context, slog.Level) bool { return true }
func (f onRotated) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "keys rotated" {
		f()
	}
	return nil
}
func (f onRotated) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f onRotated) WithGroup(string) slog.Handler      { return f }

// A rotation of many values takes minutes. Meanwhile the keys are looked at, and classes are opened.
func TestNobodyWaitsForARotationOfManyValues(t *testing.T) {
	r := newRig(t)
	held, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	v, err := Open(t.Context(), Options{Store: r.db, Files: r.dir, KEK: key(t, 1), Now: r.now.Now, Log: slog.New(onRotated(func() {
		all.Go(func() { // has the turn to write, for which the values are waiting
			if err := r.db.InTx(t.Context(), func(*sql.Tx) error { close(held); <-release; return nil }); err != nil {
				t.Error(err)
			}
		})
		<-held
	}))})
	r.ok(err)
	s := r.class(v, "notes", r.kept)
	r.put(s, "1", "secret")
	all.Go(func() {
		if n, err := v.Rotate(t.Context(), "notes"); n != 1 || err != nil {
			t.Errorf("Rotate = %d, %v", n, err)
		}
	})
	<-held
	looked := make(chan error, 1)
	go func() {
		_, err := v.Status(t.Context())
		_, err2 := v.Class(t.Context(), "notes", store.Kept{File: "more"})
		v.Names()
		looked <- errors.Join(err, err2)
	}()
	select {
	case err := <-looked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the keys cannot be looked at while values are sealed anew")
	}
	close(release)
	all.Wait()
	if got := r.get(s, "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
}

// A place that is named while old keys are about to be removed may hold values that need them.
func TestAPlaceThatIsNamedLateKeepsTheOldKeys(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.class(v, "notes", r.kept)
	r.put(s, "1", "secret")
	late := store.Kept{Table: "late", Row: "id", Column: "text"}
	sealed, err := s.Seal(t.Context(), []byte("late"), late.Place("1"))
	r.ok(err)
	_, err = r.db.ExecContext(t.Context(), "CREATE TABLE late (id TEXT PRIMARY KEY, text BYTEA NOT NULL)")
	r.ok(err)
	_, err = r.db.ExecContext(t.Context(), "INSERT INTO late (id, text) VALUES ('1', $1)", sealed)
	r.ok(err)
	_, err = v.Rotate(t.Context(), "notes")
	r.ok(err)
	r.now.Add(settleAfter)
	named := false
	v.now = func() time.Time {
		if !named {
			named = true
			r.class(v, "notes", late)
		}
		return r.now.Now()
	}
	for _, left := range []int{2, 1} {
		r.ok(v.settle(t.Context()))
		if n := v.named("notes").keys.Load().handle.Len(); n != left {
			t.Errorf("%d keys, want %d", n, left)
		}
		var now []byte
		r.ok(r.db.QueryRowContext(t.Context(), "SELECT text FROM late").Scan(&now))
		if plain, err := s.Open(t.Context(), now, late.Place("1")); err != nil || string(plain) != "late" {
			t.Errorf("with %d keys left: %q, %v", left, plain, err)
		}
	}
}

// meddled is a key-encryption key; somebody changes the keys the first time that it wraps.
type meddled struct {
	KEK
	once sync.Once
	do   func()
}

func (m *meddled) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	sealed, err := m.KEK.EncryptWithContext(ctx, plain, bound)
	m.once.Do(m.do)
	return sealed, err
}

// Another process changes the same keys between the reading and the writing of them.
func TestAChangeBeginsAnewWhereKeysChangedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*rig, *Vault, *meddled) error{
		"a rotation": func(r *rig, v *Vault, m *meddled) error {
			by := KEK(m)
			v.kek.Store(&by)
			_, err := v.Rotate(r.t.Context(), "notes")
			return err
		},
		"a new key-encryption key": func(r *rig, v *Vault, m *meddled) error { return v.rewrap(r.t.Context(), m, v.by()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			one, two := r.open(key(t, 1)), r.open(key(t, 1))
			r.put(r.class(one, "notes", r.kept), "1", "from before")
			theirs := r.class(two, "notes", r.kept)
			r.ok(change(r, one, &meddled{KEK: key(t, 1), do: func() {
				_, err := two.Rotate(t.Context(), "notes")
				r.ok(err)
				r.put(theirs, "2", "meanwhile")
				r.class(two, "new")
			}}))
			again := r.open(key(t, 1))
			s := r.class(again, "notes", r.kept)
			for id, want := range map[string]string{"1": "from before", "2": "meanwhile"} {
				if got := r.get(s, id); got != want {
					t.Errorf("note %s is %q", id, got)
				}
			}
			r.class(again, "new")
		})
	}
}

func TestValuesThatCannotBeWrittenAgainKeepTheirKeys(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.class(v, "log")
	at := store.Place{Table: "log", Row: "1", Column: "text"}
	sealed, err := s.Seal(t.Context(), []byte("line"), at)
	r.ok(err)
	_, err = v.Rotate(t.Context(), "log")
	r.ok(err)
	r.now.Add(time.Hour)
	r.ok(v.settle(t.Context()))
	if plain, err := s.Open(t.Context(), sealed, at); err != nil || string(plain) != "line" {
		t.Errorf("got %q, %v", plain, err)
	}
}

func TestAnotherProcessHearsOfNewKeys(t *testing.T) {
	r := newRig(t)
	one, two := r.open(key(t, 1)), r.open(key(t, 1))
	s := r.class(one, "notes", r.kept)
	other := r.class(two, "notes", r.kept)
	r.put(s, "1", "secret")
	_, err := one.Rotate(t.Context(), "notes")
	r.ok(err)
	if got := r.get(other, "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
}

func TestWritersAndReadersGoOnWhileKeysAreRotated(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.class(v, "notes", r.kept)
	for i := range 50 {
		r.put(s, fmt.Sprint(i), "0")
	}
	var all sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				id := fmt.Sprint(rand.IntN(50))
				if w == 0 {
					r.get(s, id)
				} else {
					r.put(s, id, fmt.Sprint(n))
				}
			}
		})
	}
	for range 5 {
		_, err := v.Rotate(t.Context(), "notes")
		r.ok(err)
	}
	close(done)
	all.Wait()
	r.now.Add(settleAfter)
	r.ok(v.settle(t.Context()))
	for i := range 50 {
		r.get(s, fmt.Sprint(i))
	}
	if n := v.classes["notes"].keys.Load().handle.Len(); n != 1 {
		t.Errorf("%d keys are left", n)
	}
}

// rotateIn tells a copy of the test binary to rotate the keys in a data directory until it is killed.
const rotateIn = "YETT_ENCRYPT_ROTATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(rotateIn); path != "" {
		rotateForEver(path)
	}
	os.Exit(m.Run())
}

func rotateForEver(path string) {
	dir, err := store.OpenDir(path)
	if err != nil {
		panic(err)
	}
	v, _ := reopen(dir)
	if _, err := v.Class(context.Background(), "notes", store.Kept{Table: "notes", Row: "id", Column: "text"}); err != nil {
		panic(err)
	}
	for {
		for _, name := range v.Names() {
			if _, err := v.Rotate(context.Background(), name); err != nil {
				panic(err)
			}
		}
		if err := v.RotateKEK(context.Background()); err != nil {
			panic(err)
		}
	}
}

func TestARotationKilledAtAnyMomentLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	const notes = 100
	// Values of an API lie elsewhere: they open for ever as they were sealed.
	var kept map[string]any
	func() {
		dir, err := store.OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		v, db := reopen(dir)
		r := &rig{t: t, db: db, dir: dir, kept: store.Kept{Table: "notes", Row: "id", Column: "text"}}
		_, err = db.ExecContext(t.Context(), "CREATE TABLE notes (id TEXT PRIMARY KEY, text BYTEA NOT NULL)")
		r.ok(err)
		s := r.class(v, "notes", r.kept)
		for i := range notes {
			r.put(s, fmt.Sprint(i), fmt.Sprint("note ", i))
		}
		kept = r.shop(v, "bank", bank).put("/customers", `{"card":"4111","mail":"greta@example.org"}`)
		r.ok(errors.Join(db.Close(), dir.Close()))
	}()
	for round := range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rotateIn+"="+path)
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		dir, err := store.OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		v, db := reopen(dir)
		r := &rig{t: t, db: db, dir: dir, kept: store.Kept{Table: "notes", Row: "id", Column: "text"}}
		s := r.class(v, "notes", r.kept)
		for i := range notes {
			if got := r.get(s, fmt.Sprint(i)); got != fmt.Sprint("note ", i) {
				t.Fatalf("round %d: note %d is %q", round, i, got)
			}
		}
		bank := r.shop(v, "bank", bank)
		if code, out := bank.get("/customers/1", fmt.Sprintf(`{"card":%q,"mail":%q}`, kept["card"], kept["mail"])); code != http.StatusOK || !strings.Contains(out, "4111") || !strings.Contains(out, "greta") {
			t.Fatalf("round %d: %d %s (%s)", round, code, out, bank.cause)
		}
		if again := bank.put("/customers", `{"mail":"greta@example.org"}`); again["mail"] != kept["mail"] {
			t.Fatalf("round %d: it is not found any more", round)
		}
		r.ok(errors.Join(db.Close(), dir.Close()))
	}
}
