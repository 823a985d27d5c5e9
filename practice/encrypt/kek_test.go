// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/practice"
)

func (r *rig) env() *practice.Env {
	return &practice.Env{Store: r.db, Data: r.dir, Now: time.Now, Keeper: new(practice.Keeper), Shared: new(practice.Keeper)}
}

func secretFile(t *testing.T, content []byte) practice.Secret {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kek")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return practice.SecretFile(name)
}

func TestAKeyIsReadAsItIsInHexOrInBase64(t *testing.T) {
	raw := bytes.Repeat([]byte{9}, 32)
	for name, text := range map[string]string{
		"as it is": string(raw), "hex": hex.EncodeToString(raw), "base64": base64.StdEncoding.EncodeToString(raw) + "\n",
		"base64url": base64.RawURLEncoding.EncodeToString(raw),
	} {
		t.Run(name, func(t *testing.T) {
			k, err := fromSecret("kek", secretFile(t, []byte(text)))
			if err != nil || k.ID() != key(t, 9).ID() {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
	for name, text := range map[string]string{"too short": "hunter2", "a word": "correct horse battery staple !!!", "half of it": hex.EncodeToString(raw[:16])} {
		t.Run(name, func(t *testing.T) {
			_, err := fromSecret("kek", secretFile(t, []byte(text)))
			if err == nil || strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARawKeyMayEndInALineBreak(t *testing.T) {
	raw := bytes.Repeat([]byte{9}, 32)
	for name, end := range map[string]string{"line feed": "\n", "carriage return and line feed": "\r\n", "neither": "!!"} {
		t.Run(name, func(t *testing.T) {
			whole := append(bytes.Clone(raw[:32-len(end)]), end...)
			want, err := NewKEK(whole)
			if err != nil {
				t.Fatal(err)
			}
			for _, after := range []string{"", "\n", "\r\n"} {
				if got, err := fromSecret("kek", secretFile(t, append(bytes.Clone(whole), after...))); err != nil || got.ID() != want.ID() {
					t.Errorf("followed by %q: got %v, %v", after, got, err)
				}
			}
		})
	}
	for _, word := range []string{"correct horse battery staple !!\n", "correct horse battery staple !\r\n"} {
		if _, err := fromSecret("kek", secretFile(t, []byte(word))); err == nil {
			t.Errorf("%q is taken for a key", word)
		}
	}
}

func TestTheKeyBesideTheDataIsMadeOnce(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	if !k.beside || k.place != r.dir.Path(kekFile) {
		t.Errorf("it is at %q", k.place)
	}
	r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
	again, err := open(Config{}, r.env())
	r.ok(err)
	if got := r.get(r.class(again.vault, "notes", r.kept), "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
	info, err := os.Stat(r.dir.Path(kekFile))
	r.ok(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
}

func TestAMissingOrWrongKeyIsRefusedAndNothingIsRewritten(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*rig) error
		want   string
	}{
		"the file is gone": {func(r *rig) error { return r.dir.Remove(kekFile) }, "is missing"},
		"another key":      {func(r *rig) error { return r.dir.WriteFile(kekFile, bytes.Repeat([]byte{3}, 32)) }, "wrapped by the key-encryption key"},
		"it was cut":       {func(r *rig) error { return r.dir.WriteFile(kekFile, []byte("short")) }, "has 32 bytes, this one 5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			k, err := open(Config{}, r.env())
			r.ok(err)
			r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
			right, err := r.dir.ReadFile(kekFile)
			r.ok(err)
			r.ok(tt.change(r))
			before, value := r.keysets(), r.sealed("1")
			if _, err := open(Config{}, r.env()); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "(") {
				t.Errorf("got %v, want %q and a hint", err, tt.want)
			}
			if !maps.Equal(before, r.keysets()) || !bytes.Equal(value, r.sealed("1")) {
				t.Error("the refusal rewrote something")
			}
			if name == "the file is gone" {
				if _, err := r.dir.ReadFile(kekFile); err == nil {
					t.Error("a new key was made over values that need the old one")
				}
			}
			r.ok(r.dir.WriteFile(kekFile, right))
			again, err := open(Config{}, r.env())
			r.ok(err)
			if got := r.get(r.class(again.vault, "notes", r.kept), "1"); got != "secret" {
				t.Errorf("with the right key again: %q", got)
			}
		})
	}
}

func TestTheKeyMovesAwayFromTheData(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	r.put(r.class(k.vault, "notes", r.kept), "1", "secret")

	elsewhere := Config{KEK: secretFile(t, bytes.Repeat([]byte{5}, 32))}
	k, err = open(elsewhere, r.env())
	r.ok(err)
	if f := k.checkKEK(t.Context(), nil); f.Verdict != practice.Weak || f.Fix != "remove "+r.dir.Path(kekFile) {
		t.Errorf("while the old key is there: %+v", f)
	}
	r.ok(r.dir.Remove(kekFile))
	k, err = open(elsewhere, r.env())
	r.ok(err)
	if got := r.get(r.class(k.vault, "notes", r.kept), "1"); got != "secret" || k.beside {
		t.Errorf("got %q", got)
	}
	if f := k.checkKEK(t.Context(), nil); f.Verdict != practice.Effective {
		t.Errorf("kept apart: %+v", f)
	}
	if err := k.vault.RotateKEK(t.Context()); err != errElsewhere {
		t.Errorf("a key that is not ours to change: %v", err)
	}
	if _, err := open(Config{}, r.env()); err == nil {
		t.Error("it opens without the key")
	}
}

// Killed between any two steps, a change of the key-encryption key leaves a directory that opens.
func TestAChangeOfTheKeyIsWholeAtEveryStep(t *testing.T) {
	for name, breakOff := range map[string]func(r *rig, v *Vault, next KEK, key []byte){
		"before the store": func(r *rig, _ *Vault, _ KEK, key []byte) { r.ok(r.dir.WriteFile(nextFile, key)) },
		"before the file is in its place": func(r *rig, v *Vault, next KEK, key []byte) {
			r.ok(r.dir.WriteFile(nextFile, key))
			r.ok(v.rewrap(r.t.Context(), next, v.by()))
		},
		"before the other file is removed": func(r *rig, v *Vault, next KEK, key []byte) {
			r.ok(r.dir.WriteFile(nextFile, key))
			r.ok(v.rewrap(r.t.Context(), next, v.by()))
			r.ok(r.dir.WriteFile(kekFile, key))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			k, err := open(Config{}, r.env())
			r.ok(err)
			r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
			breakOff(r, k.vault, key(t, 4), bytes.Repeat([]byte{4}, 32))
			for range 2 {
				k, err := open(Config{}, r.env())
				r.ok(err)
				if got := r.get(r.class(k.vault, "notes", r.kept), "1"); got != "secret" {
					t.Errorf("got %q", got)
				}
			}
			if _, err := r.dir.ReadFile(nextFile); err == nil {
				t.Error("the other file is still there")
			}
		})
	}
}

// Another process rotates; this one has not heard of it when it changes the key-encryption key.
func TestAChangeOfTheKeyKeepsWhatAnotherProcessRotated(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	s := r.class(k.vault, "notes", r.kept)
	r.put(s, "1", "from before")
	other, err := open(Config{}, r.env())
	r.ok(err)
	theirs := r.class(other.vault, "notes", r.kept)
	_, err = other.vault.Rotate(t.Context(), "notes")
	r.ok(err)
	r.put(theirs, "2", "from after")
	r.ok(k.vault.RotateKEK(t.Context()))
	for range 2 {
		for id, want := range map[string]string{"1": "from before", "2": "from after"} {
			if got := r.get(s, id); got != want {
				t.Errorf("note %s is %q", id, got)
			}
		}
		k, err = open(Config{}, r.env())
		r.ok(err)
		s = r.class(k.vault, "notes", r.kept)
	}
}

// A class that another process made is wrapped anew with the others.
func TestAChangeOfTheKeyTakesClassesOfOthersAlong(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	r.class(k.vault, "notes", r.kept)
	other, err := open(Config{}, r.env())
	r.ok(err)
	r.class(other.vault, "later")
	r.ok(k.vault.RotateKEK(t.Context()))
	again, err := open(Config{}, r.env())
	r.ok(err)
	if got := again.vault.Names(); len(got) != 2 {
		t.Errorf("classes %v", got)
	}
}

// A commit may be told as a failure, when the answer to it is lost. The only copy of the key then lies in kek.new.
func TestTheOnlyCopyOfAKeyIsNotOverwritten(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"the next change": t.Context(), "one that fails": ended} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			k, err := open(Config{}, r.env())
			r.ok(err)
			s := r.class(k.vault, "notes", r.kept)
			r.put(s, "1", "secret")
			r.ok(r.dir.WriteFile(nextFile, bytes.Repeat([]byte{4}, 32)))
			r.ok(k.vault.rewrap(t.Context(), key(t, 4), k.vault.by()))
			if err := k.vault.RotateKEK(ctx); (err == nil) != (ctx.Err() == nil) {
				t.Errorf("RotateKEK = %v", err)
			}
			again, err := open(Config{}, r.env())
			r.ok(err)
			if got := r.get(r.class(again.vault, "notes", r.kept), "1"); got != "secret" {
				t.Errorf("got %q", got)
			}
			if ctx.Err() == nil {
				_, err = k.vault.Rotate(t.Context(), "notes")
				r.ok(err)
			}
		})
	}
}

func TestAReloadCannotMoveTheKey(t *testing.T) {
	r := newRig(t)
	env := r.env()
	_, err := Practice.Build(&Config{}, env)
	r.ok(err)
	_, err = Practice.Build(&Config{KEK: secretFile(t, bytes.Repeat([]byte{5}, 32))}, env)
	if err == nil || !strings.Contains(err.Error(), "at the start") {
		t.Errorf("got %v", err)
	}
}

// A data directory from before there was sealing is sealed when it is first used.
func TestADirectoryInClearIsSealedInPlace(t *testing.T) {
	r := newRig(t)
	pepper := bytes.Repeat([]byte("p3pper!!"), 4)
	r.ok(r.dir.WriteFile("pepper", pepper))
	env := r.env()
	part, err := Practice.Build(&Config{}, env)
	r.ok(err)
	env.Sealing = part.Sealing
	files, err := env.Files("apikey", "pepper")
	r.ok(err)
	got, err := files.ReadOrCreateSecret("pepper", 32)
	if err != nil || !bytes.Equal(got, pepper) {
		t.Errorf("got %q, %v", got, err)
	}
	raw, err := r.dir.ReadFile("pepper")
	if err != nil || bytes.Contains(raw, []byte("p3pper!!")) {
		t.Errorf("it lies in clear: %v", err)
	}
	if n, err := part.Sealing.(*Vault).Rotate(t.Context(), "apikey"); n != 1 || err != nil {
		t.Errorf("sealed anew: %d, %v", n, err)
	}
}
