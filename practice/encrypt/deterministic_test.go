// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/practice"
	"yett/store"
)

func TestADeterministicKeyStaysOverRotations(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	at := store.Place{Table: "bank", Row: "1", Column: "mail"}
	s, err := v.Deterministic(t.Context(), "search")
	r.ok(err)
	seal := func(s store.Sealer) []byte {
		sealed, err := s.Seal(t.Context(), []byte("greta@example.org"), at)
		r.ok(err)
		return sealed
	}
	first := seal(s)
	if !bytes.Equal(first, seal(s)) {
		t.Fatal("equal values are sealed to different bytes")
	}
	r.now.Add(time.Hour)
	before := r.keysets()["search"]
	n, err := v.Rotate(t.Context(), "search")
	r.ok(err)
	if after := r.keysets()["search"]; n != 0 || after == before || !bytes.Equal(seal(s), first) {
		t.Errorf("%d values were sealed anew; wrapped anew: %v", n, after != before)
	}
	r.ok(v.settle(t.Context()))
	status, err := v.Status(t.Context())
	r.ok(err)
	if c := status.Classes[0]; c.Cipher != "AES-256-SIV" || !c.Stays || c.Keys != 1 || c.KeyAge != "1h" || c.Pending || c.Older != 0 {
		t.Errorf("status: %+v", c)
	}

	// Under another key-encryption key, in another process.
	again, err := Open(t.Context(), Options{Store: r.db, KEK: key(t, 2), Previous: key(t, 1), Now: r.now.Now})
	r.ok(err)
	s, err = again.Deterministic(t.Context(), "search")
	r.ok(err)
	if !bytes.Equal(seal(s), first) {
		t.Error("the key did not survive")
	}
	if plain, err := s.Open(t.Context(), first, at); err != nil || string(plain) != "greta@example.org" {
		t.Errorf("got %q, %v", plain, err)
	}

	if _, err := again.Class(t.Context(), "search"); err == nil || !strings.Contains(err.Error(), "deterministic, not randomized") {
		t.Errorf("a class is of two kinds: %v", err)
	}
	r.class(again, "notes")
	if _, err := again.Deterministic(t.Context(), "notes"); err == nil || !strings.Contains(err.Error(), "randomized, not deterministic") {
		t.Errorf("a class is of two kinds: %v", err)
	}
}

func TestARotationTellsWhichKeysStay(t *testing.T) {
	r := newRig(t)
	k, err := open(Config{}, &practice.Env{Store: r.db, Data: r.dir, Now: r.now.Now})
	r.ok(err)
	r.class(k.vault, "notes", r.kept)
	r.shop(k.vault, "bank", bank)
	got, err := k.rotate(t.Context(), k.vault.Names(), false)
	r.ok(err)
	want := []Rotated{{"fields/bank/deterministic", 0, true}, {"fields/bank/randomized", 0, false}, {"notes", 0, false}}
	if fmt.Sprint(got.Classes) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got.Classes, want)
	}
	r.now.Add(2 * oldKey)
	if f := k.checkAge(t.Context(), nil); f.Verdict != practice.Weak || !strings.Contains(f.Summary, "a key of") || strings.Contains(f.Summary, "deterministic") {
		t.Errorf("got %+v", f)
	}
	_, err = k.rotate(t.Context(), k.vault.Names(), false)
	r.ok(err)
	r.now.Add(settleAfter)
	r.ok(k.vault.settle(t.Context()))
	if f := k.checkAge(t.Context(), nil); f.Verdict != practice.Effective || !strings.Contains(fmt.Sprint(f.Evidence), "stays so that equal values stay equal") {
		t.Errorf("got %+v", f)
	}
}

func TestFieldsOpenAfterThreeRotations(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.shop(v, "bank", bank)
	var kept []string
	for range 4 {
		kept = append(kept, s.put("/customers/7", customer)["card"].(string))
		_, err := v.Rotate(t.Context(), className("bank", Randomized))
		r.ok(err)
		_, err = v.Rotate(t.Context(), className("bank", Deterministic))
		r.ok(err)
		r.now.Add(time.Hour)
		r.ok(v.settle(t.Context()))
	}
	ids := map[string]bool{}
	// As they are, and read anew from the disk.
	for _, s := range []*shop{s, r.shop(r.open(key(t, 1)), "bank", bank)} {
		for _, card := range kept {
			raw, err := encoding.DecodeString(strings.TrimPrefix(card, sealedMark))
			r.ok(err)
			ids[string(raw[:prefixSize])] = true
			code, out := s.get("/customers/7", fmt.Sprintf(`{"card":%q}`, card))
			if code != http.StatusOK {
				t.Fatalf("got %d %s (%s)", code, out, s.cause)
			}
			same(t, out, `{"card":"4111 1111 1111 1111"}`)
		}
	}
	if len(ids) != 4 {
		t.Errorf("the values are under %d keys, so this shows nothing", len(ids))
	}
}

func TestFieldsLoseNothingWhileKeysAreRotated(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.shop(v, "bank", bank)
	var fields []*field
	for _, p := range s.fields.plan.places {
		fields = append(fields, s.fields.field(p.spot, false))
	}
	var all sync.WaitGroup
	done := make(chan struct{})
	sealed := make(chan []byte, 64)
	for range 2 {
		all.Go(func() {
			for n := 0; ; n++ {
				text, err := fields[n%len(fields)].seal(nil, []byte("name"), []byte("id"), fmt.Append(nil, "value ", n))
				if err != nil {
					t.Error(err)
				}
				select {
				case sealed <- append(fmt.Append(nil, n, " "), text...):
				case <-done:
					return
				}
			}
		})
		all.Go(func() {
			for {
				select {
				case both := <-sealed:
					number, text, _ := bytes.Cut(both, []byte(" "))
					n := 0
					_, err := fmt.Sscan(string(number), &n)
					if err != nil {
						t.Error(err)
					}
					plain, err := fields[n%len(fields)].open(t.Context(), []byte("name"), []byte("id"), text)
					if want := fmt.Sprint("value ", n); err != nil || string(plain) != want {
						t.Errorf("%s came back as %q, %v", want, plain, err)
					}
				case <-done:
					return
				}
			}
		})
	}
	for range 20 {
		for _, name := range v.Names() {
			_, err := v.Rotate(t.Context(), name)
			r.ok(err)
		}
		r.now.Add(settleAfter)
		r.ok(v.settle(t.Context()))
	}
	close(done)
	all.Wait()
	if s.fields.counts.sealed.Load() < 100 {
		t.Errorf("only %d values were sealed meanwhile", s.fields.counts.sealed.Load())
	}
}

func TestManyWhoMeetANewKeyAtOnceAllHearOfIt(t *testing.T) {
	r := newRig(t)
	one, two := r.open(key(t, 1)), r.open(key(t, 1))
	s := r.class(one, "log")
	other := r.class(two, "log")
	at := store.Place{Table: "log", Row: "1", Column: "text"}
	for range 20 {
		_, err := one.Rotate(t.Context(), "log")
		r.ok(err)
		sealed, err := s.Seal(t.Context(), []byte("line"), at)
		r.ok(err)
		r.now.Add(time.Second)
		var all sync.WaitGroup
		errs := make(chan error, 8)
		for range cap(errs) {
			all.Go(func() {
				_, err := other.Open(t.Context(), sealed, at)
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		for err := range errs {
			r.ok(err)
		}
	}
}

func TestValuesOpenAfterTheWordWasChanged(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	old := r.shop(v, "bank", bank).put("/customers/7", customer)
	swapped := strings.NewReplacer("x-yett-encrypt: randomized", "x-yett-encrypt: deterministic", "x-yett-encrypt: deterministic", "x-yett-encrypt: randomized").Replace(bank)
	// A randomized value cannot be searched.
	for _, name := range []string{"mail", "tags", "words"} {
		_, after, _ := strings.Cut(swapped, "- { name: "+name)
		line, _, _ := strings.Cut(after, "\n")
		swapped = strings.Replace(swapped, "        - { name: "+name+line+"\n", "", 1)
	}
	s := r.shop(v, "bank", swapped)
	if s.put("/customers/7", customer)["card"] != s.put("/customers/7", customer)["card"] {
		t.Fatal("the word was not changed, so this shows nothing")
	}
	code, out := s.get("/customers/7", fmt.Sprintf(`{"card":%q,"mail":%q,"pin":%q}`, old["card"], old["mail"], old["pin"]))
	if code != http.StatusOK {
		t.Fatal(code, out, s.cause)
	}
	same(t, out, `{"card":"4111 1111 1111 1111","mail":"greta@example.org","pin":"0000"}`)
}

func TestAVaultThatCannotAskTheStoreSaysSo(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	s := r.class(v, "log")
	r.ok(r.db.Close())
	_, err := s.Open(t.Context(), []byte{1, 2, 3, 4, 5, 6, 7, 8}, store.Place{Table: "log", Row: "1", Column: "text"})
	if err == nil || errors.Is(err, errUnopened) || !strings.Contains(err.Error(), "look for the key") {
		t.Errorf("got %v", err)
	}
}
