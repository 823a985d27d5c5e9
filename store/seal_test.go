// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"yett/store"
)

// gcm is the smallest Sealer that seals.
type gcm struct{ cipher.AEAD }

func newGCM(t *testing.T) gcm {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm{aead}
}

func (g gcm) Seal(_ context.Context, plain []byte, p store.Place) ([]byte, error) {
	return g.AEAD.Seal(nil, nil, plain, p.Bytes()), nil
}

func (g gcm) Open(_ context.Context, sealed []byte, p store.Place) ([]byte, error) {
	return g.AEAD.Open(nil, nil, sealed, p.Bytes())
}

func TestNoTwoPlacesReadTheSame(t *testing.T) {
	seen := make(map[string]store.Place)
	for _, p := range []store.Place{{}, {Table: "a"}, {Row: "a"}, {Column: "a"}, {"a", "bc", "d"}, {"ab", "c", "d"}, {"a", "b", "cd"}, {"abcd", "", ""}, {"a\x00", "b", ""}} {
		if other, ok := seen[string(p.Bytes())]; ok {
			t.Errorf("%q and %q read the same", p, other)
		}
		seen[string(p.Bytes())] = p
	}
}

func ownDir(t *testing.T) *store.Dir {
	t.Helper()
	d, err := store.OpenDir(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestAFileInClearIsSealedInPlace(t *testing.T) {
	d := ownDir(t)
	clear := []byte("thirty-two bytes of great secrecy")
	if err := d.WriteFile("pepper", clear); err != nil {
		t.Fatal(err)
	}
	s := d.Sealed(newGCM(t))
	for range 2 { // in clear, then sealed
		got, err := s.ReadFile("pepper")
		if err != nil || !bytes.Equal(got, clear) {
			t.Fatalf("got %q, %v", got, err)
		}
		raw, err := os.ReadFile(d.Path("pepper"))
		if err != nil || bytes.Contains(raw, clear[:8]) {
			t.Fatalf("the file still holds it: %q, %v", raw, err)
		}
	}
}

func TestASealedFileOpensUnderItsNameAlone(t *testing.T) {
	d := ownDir(t)
	s := d.Sealed(newGCM(t))
	secret, err := s.ReadOrCreateSecret("pepper", 32)
	if err != nil || len(secret) != 32 {
		t.Fatal(secret, err)
	}
	again, err := s.ReadOrCreateSecret("pepper", 32)
	if err != nil || !bytes.Equal(secret, again) {
		t.Errorf("the secret changed: %v", err)
	}
	raw, err := d.ReadFile("pepper")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile("other", raw); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadFile("other"); err == nil {
		t.Error("it opens under another name")
	}
	if _, err := d.Sealed(newGCM(t)).ReadFile("pepper"); err == nil {
		t.Error("it opens with another key")
	}
	if now, err := d.ReadFile("pepper"); err != nil || !bytes.Equal(now, raw) {
		t.Error("a failure to open changed the file")
	}
	if _, err := s.ReadFile("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestResealChangesSealedFilesOnly(t *testing.T) {
	d := ownDir(t)
	old, next := newGCM(t), newGCM(t)
	if err := d.Sealed(old).WriteFile("pepper", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	place := store.Kept{File: "pepper"}.Place("")
	done, err := d.Reseal("pepper", func(sealed []byte) ([]byte, error) {
		plain, err := old.Open(t.Context(), sealed, place)
		if err != nil {
			return nil, err
		}
		return next.Seal(t.Context(), plain, place)
	})
	if err != nil || !done {
		t.Fatal(done, err)
	}
	if got, err := d.Sealed(next).ReadFile("pepper"); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := d.WriteFile("clear", []byte("text")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clear", "nothing"} {
		done, err := d.Reseal(name, func([]byte) ([]byte, error) { t.Error("was asked"); return nil, nil })
		if done || err != nil {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
}
