// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yett/practice"
)

// A transitFake speaks the part of the transit engine's API that we use, as its documentation has it, and encrypts for
// real. It is a fake: it shows that our client is well formed and closed to what goes wrong, not that a server agrees.
type transitFake struct {
	key    KEK
	token  string
	status int // instead of an answer; 0: answer
	calls  []string
	during func() // a call
}

func (f *transitFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	if f.during != nil {
		f.during()
	}
	fail := func(status int, why string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{why}})
	}
	if f.status != 0 {
		fail(f.status, "Vault is sealed")
		return
	}
	if r.Header.Get("X-Vault-Token") != f.token {
		fail(http.StatusForbidden, "permission denied")
		return
	}
	var in struct {
		Plaintext, Ciphertext string
		Bound                 string `json:"associated_data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(http.StatusBadRequest, "no JSON")
		return
	}
	bound, err := base64.StdEncoding.DecodeString(in.Bound)
	if err != nil {
		fail(http.StatusBadRequest, "failed to base64-decode associated_data")
		return
	}
	answer := func(name, value string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "data": map[string]any{name: value, "key_version": 1}})
	}
	switch r.URL.Path {
	case "/v1/transit/encrypt/yett":
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil {
			fail(http.StatusBadRequest, "failed to base64-decode plaintext")
			return
		}
		sealed, err := f.key.EncryptWithContext(r.Context(), plain, bound)
		if err != nil {
			fail(http.StatusInternalServerError, "internal error")
			return
		}
		answer("ciphertext", "vault:v1:"+base64.StdEncoding.EncodeToString(sealed))
	case "/v1/transit/decrypt/yett":
		text, ok := strings.CutPrefix(in.Ciphertext, "vault:v1:")
		sealed, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			fail(http.StatusBadRequest, "invalid ciphertext: no prefix")
			return
		}
		plain, err := f.key.DecryptWithContext(r.Context(), sealed, bound)
		if err != nil {
			fail(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		answer("plaintext", base64.StdEncoding.EncodeToString(plain))
	default:
		fail(http.StatusNotFound, "no handler for route")
	}
}

func newTransit(t *testing.T) (*transitFake, *httptest.Server, Config) {
	t.Helper()
	f := &transitFake{key: key(t, 8), token: "hvs.token-of-the-gateway"}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s, Config{Transit: Transit{Address: s.URL, Mount: "transit", Key: "yett", Token: secretFile(t, []byte(f.token+"\n"))}}
}

func TestTheKeyNeverLeavesItsServer(t *testing.T) {
	f, server, c := newTransit(t)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	k, err := open(c, r.env())
	r.ok(err)
	s := r.class(k.vault, "notes", r.kept)
	r.put(s, "1", "secret")
	if _, err := r.dir.ReadFile(kekFile); err == nil {
		t.Error("a key was made beside the data all the same")
	}
	again, err := open(c, r.env())
	r.ok(err)
	if got := r.get(r.class(again.vault, "notes", r.kept), "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
	r.ok(k.vault.RotateKEK(t.Context()))
	f.status = http.StatusServiceUnavailable
	before := len(f.calls)
	for range 100 {
		r.get(s, "1")
		r.put(s, "2", "another")
	}
	if len(f.calls) != before {
		t.Errorf("requests ask the server: %q", f.calls[before:])
	}
	for _, tt := range []struct {
		name string
		fail func()
		want string
	}{
		{"a sealed server", func() {}, "503: it is sealed or not ready"},
		{"a token that may not", func() { f.status, f.token = 0, "another" }, "403: the token may not"},
		{"another key there", func() { f.token, f.key = "hvs.token-of-the-gateway", key(t, 1) }, "message authentication failed"},
		{"an answer that makes no sense", func() { f.status = http.StatusTeapot }, "418"},
		{"nobody there", server.Close, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.fail()
			_, err := open(c, r.env())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hvs.") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func TestKeysMoveToAServer(t *testing.T) {
	_, _, c := newTransit(t)
	r := newRig(t)
	k, err := open(Config{}, r.env())
	r.ok(err)
	r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
	_, err = open(c, r.env())
	r.ok(err)
	r.ok(r.dir.Remove(kekFile))
	k, err = open(c, r.env())
	r.ok(err)
	if got := r.get(r.class(k.vault, "notes", r.kept), "1"); got != "secret" {
		t.Errorf("got %q", got)
	}
}

// A server may take seconds to answer. Nobody waits for it to write.
func TestOthersWriteWhileTheServerIsAsked(t *testing.T) {
	f, _, c := newTransit(t)
	r := newRig(t)
	writes := 0
	f.during = func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := r.db.ExecContext(ctx, "DELETE FROM notes"); err != nil {
			t.Errorf("a write beside call %d: %v", len(f.calls), err)
		}
		writes++
	}
	k, err := open(c, r.env())
	r.ok(err)
	r.class(k.vault, "notes", r.kept)
	_, err = k.vault.Rotate(t.Context(), "notes")
	r.ok(err)
	r.ok(k.vault.RotateKEK(t.Context()))
	if writes < 5 {
		t.Errorf("the server was asked %d times: %q", writes, f.calls)
	}
}

func TestOnePlaceHasOneNameHoweverItIsWritten(t *testing.T) {
	token := practice.SecretEnv("TOKEN")
	want := "transit/yett at https://vault.example.org:8200"
	for _, address := range []string{"https://vault.example.org:8200", "https://vault.example.org:8200/", "https://vault.example.org:8200//", "HTTPS://Vault.Example.org:8200"} {
		k, err := NewTransit(Transit{Address: address, Key: "yett", Token: token})
		if err != nil || k.ID() != want {
			t.Errorf("%s is %v, %v; want %s", address, k, err, want)
		}
	}
}

// The server moves, or is written in another way than when the keys were wrapped: what it opens is its own.
func TestAServerMayChangeItsAddress(t *testing.T) {
	f, server, c := newTransit(t)
	r := newRig(t)
	k, err := open(c, r.env())
	r.ok(err)
	r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
	r.class(k.vault, "others")
	_, err = r.db.ExecContext(t.Context(), "UPDATE encrypt_keysets SET kek = $1 WHERE class = 'notes'", "transit/yett at "+server.URL+"/")
	r.ok(err)

	moved := httptest.NewServer(f)
	t.Cleanup(moved.Close)
	server.Close()
	c.Transit.Address = moved.URL
	for range 2 {
		k, err = open(c, r.env())
		r.ok(err)
		if got := r.get(r.class(k.vault, "notes", r.kept), "1"); got != "secret" {
			t.Errorf("got %q", got)
		}
		for class, row := range r.keysets() {
			if !strings.HasPrefix(row, "transit/yett at "+moved.URL+" ") {
				t.Errorf("%s is wrapped by %.60q", class, row)
			}
		}
	}

	before := r.keysets()
	f.key = key(t, 1)
	c.Transit.Address = newServer(t, f)
	_, err = open(c, r.env())
	if wrong, ok := errors.AsType[*WrongKEKError](err); !ok || !strings.Contains(err.Error(), moved.URL) || !strings.Contains(err.Error(), "message authentication failed") || wrong.Got != "transit/yett at "+c.Transit.Address {
		t.Errorf("another key there: %v", err)
	}
	f.status = http.StatusServiceUnavailable
	if _, err = open(c, r.env()); err == nil || !strings.Contains(err.Error(), "503: it is sealed") {
		t.Errorf("a server that cannot tell: %v", err)
	}
	if !maps.Equal(before, r.keysets()) {
		t.Error("a refusal rewrote something")
	}
}

func newServer(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestKeysLeaveAServer(t *testing.T) {
	other := &transitFake{key: key(t, 3), token: "hvs.token-of-another"}
	for name, to := range map[string]Config{
		"for a file":         {KEK: secretFile(t, bytes.Repeat([]byte{5}, 32))},
		"for another server": {Transit: Transit{Address: newServer(t, other), Key: "yett", Token: secretFile(t, []byte(other.token))}},
	} {
		t.Run(name, func(t *testing.T) {
			_, server, from := newTransit(t)
			r := newRig(t)
			k, err := open(from, r.env())
			r.ok(err)
			r.put(r.class(k.vault, "notes", r.kept), "1", "secret")
			if _, err := open(to, r.env()); err == nil || !strings.Contains(err.Error(), "encrypt.previous_transit") {
				t.Errorf("without the previous one: %v", err)
			}
			with := to
			with.PreviousTransit = from.Transit
			r.ok(with.Validate())
			_, err = open(with, r.env())
			r.ok(err)
			server.Close()
			k, err = open(to, r.env())
			r.ok(err)
			if got := r.get(r.class(k.vault, "notes", r.kept), "1"); got != "secret" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWhatIsWrongWithTheConfigurationIsTold(t *testing.T) {
	token := practice.SecretEnv("VAULT_TOKEN")
	good := Transit{Address: "https://vault.example.org:8200", Mount: "transit", Key: "yett", Token: token}
	for _, tt := range []struct {
		name string
		c    Config
		want string // "" is good
	}{
		{"the defaults", Config{}, ""},
		{"a file", Config{KEK: practice.SecretFile("kek"), Transit: Transit{Mount: "transit"}}, ""},
		{"a server", Config{Transit: good}, ""},
		{"a server on this machine in clear", Config{Transit: Transit{"http://127.0.0.1:8200", "transit", "yett", token, "", ""}}, ""},
		{"a server elsewhere in clear", Config{Transit: Transit{"http://vault.example.org", "transit", "yett", token, "", ""}}, "transit.address"},
		{"an address with a user", Config{Transit: Transit{"https://root@vault.example.org", "transit", "yett", token, "", ""}}, "transit.address"},
		{"both", Config{KEK: practice.SecretFile("kek"), Transit: good}, "kek: and transit"},
		{"no address", Config{Transit: Transit{Key: "yett", Token: token}}, "transit.address"},
		{"a key that is a path", Config{Transit: Transit{"https://vault.example.org", "transit", "../sys", token, "", ""}}, "transit.key"},
		{"a mount that climbs", Config{Transit: Transit{"https://vault.example.org", "a/../b", "yett", token, "", ""}}, "transit.mount"},
		{"a previous one without a key", Config{PreviousTransit: Transit{Address: "https://vault.example.org", Token: token}}, "previous_transit.key"},
		{"a previous one in clear", Config{PreviousTransit: Transit{"http://vault.example.org", "transit", "yett", token, "", ""}}, "previous_transit.address"},
		{"a previous one without an address", Config{PreviousTransit: Transit{Key: "yett", Token: token}}, "previous_transit.address"},
		{"two previous ones", Config{Previous: token, PreviousTransit: Transit{"https://vault.example.org", "transit", "yett", token, "", ""}}, "previous: "},
		{"no token", Config{Transit: Transit{"https://vault.example.org", "transit", "yett", practice.Secret{}, "", ""}}, "transit.token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAKEKNeverPrintsItself(t *testing.T) {
	k := key(t, 'K')
	if text := fmt.Sprintf("%v %+v", k.ID(), Config{KEK: practice.SecretFile("kek")}); bytes.Contains([]byte(text), []byte("KKKK")) {
		t.Error(text)
	}
}
