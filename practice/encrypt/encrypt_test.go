// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/store"
)

func TestAValueOpensAtItsOwnPlaceAlone(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s, other := r.class(v, "notes", r.kept), r.class(v, "others")
	at := store.Place{Table: "notes", Row: "7", Column: "text"}
	sealed, err := s.Seal(t.Context(), []byte("secret"), at)
	r.ok(err)
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)/2] ^= 1
	for _, tt := range []struct {
		name   string
		sealer store.Sealer
		sealed []byte
		at     store.Place
		opens  bool
	}{
		{"where it was sealed", s, sealed, at, true},
		{"in another row", s, sealed, store.Place{Table: "notes", Row: "8", Column: "text"}, false},
		{"in another column", s, sealed, store.Place{Table: "notes", Row: "7", Column: "title"}, false},
		{"in another table", s, sealed, store.Place{Table: "memos", Row: "7", Column: "text"}, false},
		{"in another class", other, sealed, at, false},
		{"with one bit changed", s, flipped, at, false},
		{"cut", s, sealed[:len(sealed)-1], at, false},
		{"empty", s, nil, at, false},
		{"in clear", s, []byte("secret"), at, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, err := tt.sealer.Open(t.Context(), tt.sealed, tt.at)
			if (err == nil) != tt.opens || tt.opens && string(plain) != "secret" {
				t.Errorf("got %q, %v", plain, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the value: %v", err)
			}
		})
	}
	again, err := s.Seal(t.Context(), []byte("secret"), at)
	r.ok(err)
	if bytes.Equal(sealed, again) {
		t.Error("the same text sealed twice gives the same bytes")
	}
	if _, err := s.Seal(t.Context(), make([]byte, maxPlain+1), at); err == nil {
		t.Error("there is no bound")
	}
}

func TestAStoreOpensAgainWithItsKeyAlone(t *testing.T) {
	r := newRig(t)
	r.put(r.class(r.open(key(t, 1)), "notes", r.kept), "1", "secret")
	before := r.keysets()

	if got := r.get(r.class(r.open(key(t, 1)), "notes", r.kept), "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
	_, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 2)})
	if wrong, ok := errors.AsType[*WrongKEKError](err); !ok || wrong.Want != key(t, 1).ID() || wrong.Got != key(t, 2).ID() {
		t.Errorf("another key: got %v", err)
	}
	// One that only says it is the right one.
	_, err = Open(t.Context(), Options{Store: r.db, KEK: impostor{key(t, 2), key(t, 1).ID()}})
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("an impostor: got %v", err)
	}
	if !maps.Equal(before, r.keysets()) {
		t.Error("a refusal rewrote the keysets")
	}
}

// An impostor has another key's id.
type impostor struct {
	KEK
	id string
}

func (i impostor) ID() string { return i.id }

func TestAKeysetIsBoundToItsClass(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	r.class(v, "weak")
	r.class(v, "strong")
	_, err := r.db.ExecContext(t.Context(), "UPDATE encrypt_keysets SET wrapped = (SELECT wrapped FROM encrypt_keysets WHERE class = 'weak') WHERE class = 'strong'")
	r.ok(err)
	if _, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 1)}); err == nil {
		t.Error("a keyset opens as another class's")
	}
}

func TestThePreviousKeyIsReplaced(t *testing.T) {
	r := newRig(t)
	r.put(r.class(r.open(key(t, 1)), "notes", r.kept), "1", "secret")
	v, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 2), Previous: key(t, 1)})
	r.ok(err)
	if got := r.get(r.class(v, "notes", r.kept), "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
	if got := r.get(r.class(r.open(key(t, 2)), "notes", r.kept), "1"); got != "secret" {
		t.Errorf("with the new key alone: got %q", got)
	}
	if _, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 1)}); err == nil {
		t.Error("the previous key still opens")
	}
	if _, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 4), Previous: key(t, 3)}); err == nil {
		t.Error("neither key is the right one, and it opens")
	}
}

func TestNothingSecretLiesInTheStore(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 7))
	s := r.class(v, "notes", r.kept)
	r.put(s, "1", "a secret of the customer")
	files := r.dir.Sealed(r.class(v, "files", store.Kept{File: "pepper"}))
	pepper, err := files.ReadOrCreateSecret("pepper", 32)
	r.ok(err)
	n := 0
	r.ok(filepath.WalkDir(r.dir.Path("."), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		raw, err := os.ReadFile(name)
		for _, secret := range [][]byte{[]byte("a secret of the customer"), pepper, bytes.Repeat([]byte{7}, 32)} {
			if bytes.Contains(raw, secret) {
				t.Errorf("%s holds a secret", d.Name())
			}
		}
		return err
	}))
	if n < 2 {
		t.Errorf("only %d files were read", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	r := newRig(b)
	v, err := Open(context.Background(), Options{Store: r.db, KEK: key(b, 1)})
	r.ok(err)
	s, err := v.Class(context.Background(), "notes")
	r.ok(err)
	plain, at := make([]byte, 256), store.Place{Table: "notes", Row: "7", Column: "text"}
	sealed, err := s.Seal(b.Context(), plain, at)
	r.ok(err)
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Seal(b.Context(), plain, at); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Open(b.Context(), sealed, at); err != nil {
				b.Fatal(err)
			}
		}
	})
}
