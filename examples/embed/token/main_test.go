// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"yett/jose"
)

const audience = "https://api.example.org"

// newIssuer serves metadata and one key.
func newIssuer(t *testing.T) (url string, key *jose.PrivateKey) {
	t.Helper()
	key, err := jose.GeneratePrivateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	answer := func(path string, v any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		})
	}
	answer("/.well-known/openid-configuration", map[string]string{"issuer": s.URL, "jwks_uri": s.URL + "/keys"})
	answer("/keys", map[string][]*jose.Key{"keys": {key.Public()}})
	return s.URL, key
}

func sign(t *testing.T, key *jose.PrivateKey, issuer, audience string, end time.Time) string {
	t.Helper()
	text, err := key.Sign("at+jwt", fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":"ines","iat":%d,"exp":%d}`, issuer, audience, time.Now().Unix(), end.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestOnlyCallersWithATokenAreGreeted(t *testing.T) {
	issuer, key := newIssuer(t)
	_, forger := newIssuer(t)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", issuer, audience, ready) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var url string
	select {
	case addr := <-ready:
		url = "http://" + addr.String()
	case err := <-ended:
		t.Fatal(err)
	}
	later, earlier := time.Now().Add(time.Minute), time.Now().Add(-2*time.Minute)
	for _, tt := range []struct {
		name, token string
		status      int
		body        string
	}{
		{"no token", "", 401, `"code":"no_token"`},
		{"a good token", sign(t, key, issuer, audience, later), 200, "hello, ines\n"},
		{"another API's", sign(t, key, issuer, "https://other.example.org", later), 401, `"code":"invalid_token"`},
		{"one that is over", sign(t, key, issuer, audience, earlier), 401, `"code":"invalid_token"`},
		{"another issuer's", sign(t, key, "https://other.example.org", audience, later), 401, `"code":"invalid_token"`},
		{"one of a key that may be new", sign(t, forger, issuer, audience, later), 503, `"code":"cannot_decide"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, body := get(t, url, tt.token); status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %q, want %d %q", status, body, tt.status, tt.body)
			}
		})
	}
}

func TestAProgramThatNamesNobodyDoesNotStart(t *testing.T) {
	for _, issuer := range []string{"", "http://id.example.org"} {
		if err := run(t.Context(), "127.0.0.1:0", issuer, audience, nil); err == nil {
			t.Errorf("it started with the issuer %q", issuer)
		}
	}
	if err := run(t.Context(), "127.0.0.1:0", "https://id.example.org", "", nil); err == nil {
		t.Error("it started without an audience")
	}
}

func TestNothingElseOfTheGatewayIsPulledIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		other := strings.HasPrefix(pkg, "yett/practice/") && pkg != "yett/practice/token"
		if other || pkg == "yett/gateway" || pkg == "yett/config" || pkg == "yett/admin" || strings.HasPrefix(pkg, "yett/gateway/") {
			t.Errorf("the program pulls in %s", pkg)
		}
	}
}
