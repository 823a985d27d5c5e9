// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yett/problem"
	"yett/store"
)

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

// broken seals nothing.
type broken struct{ gcm }

func (broken) Seal(context.Context, []byte, store.Place) ([]byte, error) {
	return nil, errors.New("no key")
}

func TestOriginalsAreReadByTheOperatorAlone(t *testing.T) {
	key := newGCM(t)
	for _, tt := range []struct {
		name      string
		sealer    store.Sealer
		original  string
		value     string
		wantEntry string // the original once revealed
	}{
		{"sealed, and opened on demand", key, "panic: no table users", `"minus three"`, "panic: no table users"},
		{"control characters stay whole", key, "caf\xc3\xa9 \x00", `"minus three"`, "café \x00"},
		{"without a sealer it is not kept", nil, "panic: no table users", `"minus three"`, ""},
		{"what cannot be sealed is not kept", broken{key}, "panic: no table users", `"minus three"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "activity")
			l, err := Open(t.Context(), dir, Options{Sealer: tt.sealer})
			if err != nil {
				t.Fatal(err)
			}
			r := began(time.Now(), time.Millisecond)
			r.Original = []byte(tt.original)
			r.Findings = []problem.Item{{Pointer: "/a", Detail: "is required"}, {Pointer: "/b", Detail: "must be more", Value: tt.value}, {Pointer: "/c", Value: "second"}}
			l.Observe(r)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(dir + "/*.jsonl")
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			raw, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"no table", "minus three", "second"} {
				if bytes.Contains(raw, []byte(secret)) {
					t.Errorf("the file holds %q:\n%s", secret, raw)
				}
			}
			e, err := l.Find(t.Context(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Reveal(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if e.Original != tt.wantEntry {
				t.Errorf("got %q, want %q", e.Original, tt.wantEntry)
			}
			if tt.wantEntry != "" && (e.Findings[1].Value != tt.value || e.Findings[2].Value != "") {
				t.Errorf("values: %+v", e.Findings)
			}
		})
	}
}

func TestASealedPartOpensInItsOwnRecordAlone(t *testing.T) {
	l, err := Open(t.Context(), filepath.Join(t.TempDir(), "activity"), Options{Sealer: newGCM(t)})
	if err != nil {
		t.Fatal(err)
	}
	one, two := began(time.Now(), 0), began(time.Now().Add(time.Second), 0)
	one.Original = []byte("panic")
	l.Observe(one)
	l.Observe(two)
	l.write(t.Context())
	a, err := l.Find(t.Context(), one.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Find(t.Context(), two.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.Sealed = a.Sealed
	if err := l.Reveal(t.Context(), b); err == nil || b.Original != "" {
		t.Errorf("it opens in another record: %q", b.Original)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
