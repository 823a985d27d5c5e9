// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/practice"
)

// A transitFake speaks the part of the transit engine's API that we use, as its documentation has it, and encrypts for
// real. It is a fake: it shows that our client is well formed and closed to what goes wrong, not that a server agrees.
type transitFake struct {
	key    KEK
	token  string
	status int // instead of an answer; 0: answer
	calls  []string
}

func (f *transitFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
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
