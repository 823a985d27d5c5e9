// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/practice"
)

// calls sends a request to the admin API of tokens.
func calls(t testing.TB, tokens *Tokens, method, target, body string) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range tokens.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	if w.Header().Get("Content-Type") == "application/json" && w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be stored", target)
	}
	return w.Code, w.Body.String()
}

func TestTheAdminAPI(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	good := is.token(is.signers[0], nil, nil)
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
		has                        string
	}{
		{"nothing was revoked yet", "GET", "/tokens/revocations", "", 200, `{"revocations":[],"total":0}`},
		{"a subject is revoked", "POST", "/tokens/revoke", `{"subject":"greta","reason":"left"}`, 201, `"kind":"subject"`},
		{"an id is revoked", "POST", "/tokens/revoke", `{"id":"j1","issuer":"https://id.example.org"}`, 201, `"kind":"id"`},
		{"the newest come first", "GET", "/tokens/revocations", "", 200, `"name":"j1"`},
		{"as many as are asked for", "GET", "/tokens/revocations?limit=1", "", 200, `"total":2`},
		{"not none", "GET", "/tokens/revocations?limit=0", "", 422, "/limit"},
		{"not too many", "GET", "/tokens/revocations?limit=1001", "", 422, "/limit"},
		{"nothing is named", "POST", "/tokens/revoke", `{}`, 422, "/issued_before"},
		{"a member that nobody knows", "POST", "/tokens/revoke", `{"id":"a","until":1}`, 400, "body_unreadable"},
		{"a member twice", "POST", "/tokens/revoke", `{"id":"a","id":"b"}`, 400, "body_unreadable"},
		{"two values", "POST", "/tokens/revoke", `{"id":"a"}{"id":"b"}`, 400, "body_unreadable"},
		{"a moment that is none", "POST", "/tokens/revoke", `{"issued_before":"soon"}`, 400, "body_unreadable"},
		{"a body without end", "POST", "/tokens/revoke", `{"id":"` + strings.Repeat("a", maxBody) + `"}`, 413, "body_too_large"},
		{"there is no way back", "DELETE", "/tokens/revocations/1", "", 404, ""},
		{"a token is inspected", "POST", "/tokens/inspect", `{"token":"` + good + `"}`, 200, `"valid":true`},
		{"another is not good", "POST", "/tokens/inspect", `{"token":"a.b.c"}`, 200, `"valid":false`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := calls(t, tokens, tt.method, tt.target, tt.body)
			if status != tt.status || !strings.Contains(body, tt.has) {
				t.Errorf("got %d %s, want %d with %s", status, body, tt.status, tt.has)
			}
			if status >= 400 && tt.body != "" && strings.Contains(body, "greta") {
				t.Errorf("an error repeats what was sent: %s", body)
			}
		})
	}
	_, body := calls(t, tokens, "GET", "/tokens/revocations", "")
	var list struct{ Revocations []Revocation }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if r := list.Revocations; len(r) != 2 || r[0].Name != "j1" || !r[0].Until.IsZero() || r[1].Reason != "left" || r[1].By != "admin" || r[1].Until.IsZero() {
		t.Errorf("listed: %+v", r)
	}
}

// TestATokenItselfIsRevoked: whoever has the text of a token need not take it apart. It is revoked by its id, and no other.
func TestATokenItselfIsRevoked(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	text, other := is.token(is.signers[0], nil, with{"jti": "j1"}), is.token(is.signers[0], nil, with{"jti": "j2"})
	for _, tt := range []struct {
		name, body string
		status     int
		has        string
	}{
		{"it has no id", `{"token":"` + is.token(is.signers[0], nil, with{"jti": nil}) + `"}`, 422, "/token"},
		{"it is no JWT", `{"token":"opaque"}`, 422, "/token"},
		{"another id beside it", `{"token":"` + text + `","id":"j2"}`, 422, "/token"},
		{"another issuer beside it", `{"token":"` + text + `","issuer":"https://id.example.org"}`, 422, "/token"},
		{"a moment beside it", `{"token":"` + text + `","issued_before":"2026-11-24T03:00:00Z"}`, 422, "/issued_before"},
		{"it alone", `{"token":"` + text + `","reason":"pasted"}`, 201, `"kind":"id","name":"j1","issuer":"` + is.URL + `","reason":"pasted"`},
	} {
		status, body := calls(t, tokens, "POST", "/tokens/revoke", tt.body)
		if status != tt.status || !strings.Contains(body, tt.has) || strings.Contains(body, text) {
			t.Errorf("%s: got %d %s", tt.name, status, body)
		}
	}
	if v := show(t, tokens, text); v.cause != "revoked" {
		t.Errorf("it: %+v", v)
	}
	if v := show(t, tokens, other); v.status != 204 {
		t.Errorf("another: %+v", v)
	}
}

// TestARevocationForAnIssuerThatIsNotTrusted is taken, because an issuer may come later, and says so, because it may be misspelt.
func TestARevocationForAnIssuerThatIsNotTrusted(t *testing.T) {
	is := newTestIssuer(t)
	for _, tt := range []struct {
		name   string
		config Config
		issuer string
		warns  bool
	}{
		{"it is trusted", is.config(), is.URL, false},
		{"it is not", is.config(), is.URL + "/", true},
		{"none is named", is.config(), "", false},
		{"no issuers are known, as where no gateway runs", Config{}, is.URL, false},
	} {
		tokens := newTokens(t, tt.config, withRevocations(t))
		status, body := calls(t, tokens, "POST", "/tokens/revoke", `{"subject":"ines","issuer":"`+tt.issuer+`"}`)
		if status != 201 || strings.Contains(body, `"warning"`) != tt.warns {
			t.Errorf("%s: got %d %s", tt.name, status, body)
		}
	}
}

// TestTheRecordOfARevocationSealsItsName: what is named may be a person, or a secret of a sort, and stands nowhere in clear.
func TestTheRecordOfARevocationSealsItsName(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	mux := http.NewServeMux()
	for _, r := range tokens.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	for body, person := range map[string]string{
		`{"id":"j1"}`:             "j1",
		`{"subject":"greta"}`:     "greta",
		`{"client":"app"}`:        "app",
		`{"id":"a","client":"b"}`: "", // nothing is done
		`{"token":"` + is.token(is.signers[0], nil, with{"jti": "j2"}) + `"}`: "j2",
	} {
		var a practice.Action
		req := httptest.NewRequest("POST", "/tokens/revoke", strings.NewReader(body))
		mux.ServeHTTP(httptest.NewRecorder(), req.WithContext(practice.WithAction(req.Context(), &a)))
		if a.Person != person || a.Target != "" || a.Note != "" {
			t.Errorf("%s is recorded as %+v", body, a)
		}
	}
}

func TestWithoutIssuersTokensAreNotJudged(t *testing.T) {
	tokens := newTokens(t, Config{}, withRevocations(t))
	if status, body := calls(t, tokens, "POST", "/tokens/inspect", `{"token":"a.b.c"}`); status != 409 || !strings.Contains(body, "no_issuers") {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := calls(t, tokens, "POST", "/tokens/revoke", `{"id":"j1"}`); status != 201 {
		t.Errorf("a revocation: %d %s", status, body)
	}
}
