// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/jose"
	"yett/problem"
	"yett/store/memory"
)

func TestTokensAreJudgedWhole(t *testing.T) {
	is := newTestIssuer(t)
	own, other := is.signers[0], newSigner(t, "k1")
	tokens := newTokens(t, is.config())
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		token  string
		reason string // "" admits
	}{
		{"a good token", is.token(own, nil, nil), ""},
		{"without a key id", is.token(own, with{"kid": nil}, nil), ""},
		{"the long form of the type", is.token(own, with{"typ": "application/AT+JWT"}, nil), ""},
		{"one of several audiences", is.token(own, nil, with{"aud": []string{"x", audience}}), ""},
		{"over for less than the leeway", is.token(own, nil, with{"exp": now - 50}), ""},
		{"a client without a user", is.token(own, nil, with{"sub": nil}), ""},
		{"scopes as a list", is.token(own, nil, with{"scope": nil, "scp": []string{"orders:read"}}), ""},

		{"signed by somebody else", is.token(other, nil, with{"iat": now - 120}), "wrong signature"},
		{"signed by somebody else without a key id", is.token(other, with{"kid": nil}, with{"iat": now - 120}), "unknown key"},
		{"signed by nobody", strings.TrimRight(is.token(own, with{"alg": "none"}, nil), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), "malformed"},
		{"alg none", is.token(own, with{"alg": "none"}, nil), "malformed"},
		{"a shared secret", is.token(own, with{"alg": "HS256"}, nil), "malformed"},
		{"the algorithm of another key", is.token(own, with{"alg": "RS256"}, with{"iat": now - 120}), "wrong signature"},
		{"critical extensions", is.token(own, with{"crit": []string{"x"}, "x": 1}, nil), "malformed"},
		{"brings its key along", is.token(own, with{"jwk": with{"kty": "EC"}}, nil), "malformed"},
		{"type JWT", is.token(own, with{"typ": "JWT"}, nil), "wrong type"},
		{"no type", is.token(own, with{"typ": nil}, nil), "wrong type"},
		{"an ID token", is.token(own, with{"typ": "JWT"}, with{"nonce": "n"}), "wrong type"},
		{"another issuer", is.token(own, nil, with{"iss": "https://other.example.org"}), "unknown issuer"},
		{"the issuer with a slash", is.token(own, nil, with{"iss": is.URL + "/"}), "unknown issuer"},
		{"no issuer", is.token(own, nil, with{"iss": nil}), "unknown issuer"},
		{"another audience", is.token(own, nil, with{"aud": "https://other.example.org"}), "wrong audience"},
		{"the audience in other case", is.token(own, nil, with{"aud": strings.ToUpper(audience)}), "wrong audience"},
		{"the audience with a slash", is.token(own, nil, with{"aud": audience + "/"}), "wrong audience"},
		{"no audience", is.token(own, nil, with{"aud": nil}), "wrong audience"},
		{"expired", is.token(own, nil, with{"exp": now - 61}), "expired"},
		{"no end", is.token(own, nil, with{"exp": nil}), "no end"},
		{"the end as a text", is.token(own, nil, with{"exp": "9999999999"}), "malformed"},
		{"not valid yet", is.token(own, nil, with{"nbf": now + 90}), "not valid yet"},
		{"issued in the future", is.token(own, nil, with{"iat": now + 90}), "issued in the future"},
		{"issued too long ago", is.token(own, nil, with{"iat": now - 25*3600}), "too old"},
		{"no issue date and a far end", is.token(own, nil, with{"iat": nil, "exp": now + 25*3600}), "too long"},
		{"names nobody", is.token(own, nil, with{"sub": nil, "client_id": nil}), "names nobody"},
		{"bound to something unknown", is.token(own, nil, with{"cnf": with{"kid": "x"}}), "wrong binding"},
		{"a name without end", is.token(own, nil, with{"sub": strings.Repeat("a", 1025)}), "malformed"},
		{"too long", is.token(own, nil, with{"x": strings.Repeat("a", 16<<10)}), "malformed"},
		{"scopes that are no text", is.token(own, nil, with{"scope": 7}), "malformed"},
		{"no token at all", "hello", "malformed"},
		{"two tokens", is.token(own, nil, nil) + "," + is.token(own, nil, nil), "malformed"},
		{"padding", is.token(own, nil, nil) + "==", "malformed"},
		{"a fourth part", is.token(own, nil, nil) + ".e30", "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // the second time, what is remembered is asked
				v := show(t, tokens, tt.token)
				if tt.reason == "" {
					if v.status != 204 || v.credentials == "" {
						t.Fatalf("got %+v", v)
					}
					continue
				}
				if v.status != 401 || v.code != "invalid_token" || v.challenge != `Bearer realm="api", error="invalid_token"` {
					t.Errorf("got %+v", v)
				}
				if !strings.HasPrefix(v.cause, tt.reason) {
					t.Errorf("the record says %q, want %q", v.cause, tt.reason)
				}
				if part := strings.Split(tt.token, "."); len(part) > 1 && len(part[1]) > 20 && strings.Contains(v.cause, part[1][:20]) {
					t.Errorf("the record holds the token: %s", v.cause)
				}
			}
		})
	}
}

func TestAPlainIssuerTakesNoIDTokens(t *testing.T) {
	is := newTestIssuer(t)
	own := is.signers[0]
	tokens := newTokens(t, is.config(func(c *IssuerConfig) { c.Typ = "JWT" }))
	for _, tt := range []struct {
		name           string
		header, claims with
		admitted       bool
	}{
		{"type JWT", with{"typ": "JWT"}, nil, true},
		{"no type", with{"typ": nil}, nil, true},
		{"at+jwt", nil, nil, true},
		{"a type of its own", with{"typ": "id_token+jwt"}, nil, false},
		{"a proof", with{"typ": "dpop+jwt"}, nil, false},
		{"a nonce", with{"typ": "JWT"}, with{"nonce": "n"}, false},
		{"a hash of an access token", with{"typ": "JWT"}, with{"at_hash": "x"}, false},
		{"a hash of a code", with{"typ": nil}, with{"c_hash": "x"}, false},
		{"a hash of a state", with{"typ": nil}, with{"s_hash": "x"}, false},
		{"a logout token", with{"typ": "JWT"}, with{"events": with{}}, false},
		{"for another use", with{"typ": "JWT"}, with{"token_use": "id"}, false},
		{"for use as an access token", with{"typ": "JWT"}, with{"token_use": "access"}, true},
		{"an ID token by its claim", with{"typ": "JWT"}, with{"typ": "ID"}, false},
		{"a bearer token by its claim", with{"typ": "JWT"}, with{"typ": "Bearer"}, true},
		{"a login time and a scope", with{"typ": "JWT"}, with{"auth_time": 1}, true},
		{"a login time and no scope", with{"typ": "JWT"}, with{"auth_time": 1, "scope": nil}, false},
		{"for the client itself", with{"typ": "JWT"}, with{"scope": nil, "client_id": nil, "azp": audience}, false},
		{"for another client", with{"typ": "JWT"}, with{"scope": nil, "client_id": nil, "azp": "app"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if v := show(t, tokens, is.token(own, tt.header, tt.claims)); (v.status == 204) != tt.admitted {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestCallersAreReadFromTheClaims(t *testing.T) {
	is := newTestIssuer(t)
	own := is.signers[0]
	for _, tt := range []struct {
		name   string
		change func(*IssuerConfig)
		claims with
		want   string
	}{
		{"as RFC 9068 has it", nil, nil, "ines app orders:read,profile"},
		{"scopes are sorted, each once", nil, with{"scope": "b a  b"}, "ines app a,b"},
		{"a client for itself", nil, with{"sub": nil}, "app app orders:read,profile"},
		{"azp where there is no client_id", nil, with{"client_id": nil, "azp": "spa"}, "ines spa orders:read,profile"},
		{"scp where there is no scope", nil, with{"scope": nil, "scp": []string{"z", "y"}}, "ines app y,z"},
		{"scope before scp", nil, with{"scope": "x", "scp": []string{"y"}}, "ines app x"},
		{"claims of another name", func(c *IssuerConfig) { c.ScopesClaim, c.ClientClaim = "permissions", "appid" },
			with{"permissions": []string{"p"}, "appid": "q"}, "ines q p"},
		{"no scopes", nil, with{"scope": nil}, "ines app "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := is.config()
			if tt.change != nil {
				c = is.config(tt.change)
			}
			if v := show(t, newTokens(t, c), is.token(own, nil, tt.claims)); v.caller != tt.want {
				t.Errorf("got %q of %+v, want %q", v.caller, v, tt.want)
			}
		})
	}
}

func TestWhereATokenIsPresented(t *testing.T) {
	is := newTestIssuer(t)
	good, bad := is.token(is.signers[0], nil, nil), is.token(newSigner(t, "k1"), nil, nil)
	shop := &api.API{Name: "shop", Schemes: map[string]*api.Scheme{
		"token": {Name: "token", Kind: api.Bearer}, "oauth": {Name: "oauth", Kind: api.OAuth2},
		"ours":   {Name: "ours", Kind: api.OpenIDConnect, Issuer: is.URL + "/.well-known/openid-configuration"},
		"theirs": {Name: "theirs", Kind: api.OpenIDConnect, Issuer: "https://other.example.org/.well-known/openid-configuration"},
		"key":    {Name: "key", Kind: api.APIKey, In: "header", Param: "X-API-Key"},
		"basic":  {Name: "basic", Kind: api.Basic},
	}}
	keyed := &api.API{Name: "keyed", Schemes: map[string]*api.Scheme{"token": shop.Schemes["token"],
		"key": {Name: "key", Kind: api.APIKey, In: "header", Param: "authorization"}}}
	op := func(a *api.API, public string, schemes ...string) *api.Operation {
		o := &api.Operation{API: a, ID: "op", Public: public}
		for _, s := range schemes {
			o.Security = append(o.Security, api.Requirement{{Scheme: a.Schemes[s]}})
		}
		return o
	}
	key := "yett_k7q2m9d_NobodyWasEverGivenThisKeyItIsAnExample12345_qk26"
	for _, tt := range []struct {
		name        string
		op          *api.Operation
		fields      []string
		status      int
		code        string
		credentials string
	}{
		{"every scheme that takes tokens", op(shop, "", "token", "oauth", "ours", "theirs", "key"), []string{"Authorization: Bearer " + good}, 204, "", "token=ines oauth=ines ours=ines"},
		{"the scheme in any case, more than one blank", op(shop, "", "token"), []string{"Authorization: bEARER   " + good}, 204, "", "token=ines"},
		{"an operation that takes none", op(shop, "", "key"), []string{"Authorization: Bearer " + bad}, 204, "", ""},
		{"no token", op(shop, "", "token"), nil, 204, "", ""},
		{"a password", op(shop, "", "token", "basic"), []string{"Authorization: Basic aW5lczpo"}, 204, "", ""},
		{"a public operation tells who calls", op(shop, "a shop window"), []string{"Authorization: Bearer " + good}, 204, "", "token=ines"},
		{"a public operation refuses a bad token", op(shop, "a shop window"), []string{"Authorization: Bearer " + bad}, 401, "invalid_token", ""},
		{"a public operation needs none", op(shop, "a shop window"), nil, 204, "", ""},
		{"two in one field", op(shop, "", "token"), []string{"Authorization: Bearer " + good + ", Bearer " + good}, 401, "invalid_token", ""},
		{"no text", op(shop, "", "token"), []string{"Authorization: Bearer"}, 401, "invalid_token", ""},
		{"an API key where the description has none there", op(shop, "", "token"), []string{"Authorization: Bearer " + key}, 401, "invalid_token", ""},
		{"an API key where the description has it there", op(keyed, "", "token", "key"), []string{"Authorization: Bearer " + key}, 204, "", ""},
		{"a token beside keys in the same field", op(keyed, "", "token", "key"), []string{"Authorization: Bearer " + good}, 204, "", "token=ines"},
		{"not bound, shown with a proof", op(shop, "", "token"), []string{"Authorization: DPoP " + good}, 401, "invalid_token", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ask(t, newTokens(t, is.config()).Check, tt.op, tt.fields...)
			if v.status != tt.status || v.code != tt.code || v.credentials != tt.credentials {
				t.Errorf("got %+v", v)
			}
		})
	}
	t.Run("an issuer limited to schemes", func(t *testing.T) {
		tokens := newTokens(t, is.config(func(c *IssuerConfig) { c.Schemes = []string{"oauth"} }))
		if v := ask(t, tokens.Check, op(shop, "", "token", "oauth"), "Authorization: Bearer "+good); v.credentials != "oauth=ines" {
			t.Errorf("got %+v", v)
		}
	})
	t.Run("two fields", func(t *testing.T) {
		// The engine refuses them as well; another one might not.
		x := new(exchange.Exchange)
		x.Request.Header.Add("Authorization", "Basic x")
		x.Request.Header.Add("Authorization", "Bearer "+good)
		if code := problem.Code(newTokens(t, is.config()).Check(x)); code != "repeated_credential" {
			t.Errorf("got %q", code)
		}
	})
	t.Run("no issuers", func(t *testing.T) {
		if v := show(t, newTokens(t, Config{}), bad); v.status != 204 {
			t.Errorf("got %+v", v)
		}
	})
}

func TestBindings(t *testing.T) {
	is := newTestIssuer(t)
	own := is.signers[0]
	thumb := strings.Repeat("A", 43)
	bound := is.token(own, nil, with{"cnf": with{"jkt": thumb}})
	certified := is.token(own, nil, with{"cnf": with{"x5t#S256": thumb}})
	counters := memory.New(memory.Options{})
	tokens := newTokens(t, is.config())
	for _, tt := range []struct {
		name, field string
		tokens      *Tokens
		why         string
	}{
		{"bound to a key, shown as a bearer token", "Bearer " + bound, tokens, "wrong binding"},
		{"bound to a key, without a proof", "DPoP " + bound, tokens, "wrong proof"},
		{"bound to a certificate, without one", "Bearer " + certified, tokens, "wrong certificate"},
		{"bound to nothing where it must be", "Bearer " + is.token(own, nil, nil), newTokens(t, is.config(func(c *IssuerConfig) { c.DPoP = "required" })), "wrong binding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ask(t, tt.tokens.Check, nil, "Authorization: "+tt.field)
			want := "Bearer "
			if strings.HasPrefix(tt.field, "DPoP") {
				want = "DPoP "
			}
			if v.status != 401 || !strings.HasPrefix(v.cause, tt.why) || !strings.HasPrefix(v.challenge, want) || !strings.Contains(v.challenge, `error="invalid_token"`) {
				t.Errorf("got %+v", v)
			}
		})
	}
	t.Run("bound to a key, with a proof, once", func(t *testing.T) {
		key, err := jose.GeneratePrivateKey("ES256")
		if err != nil {
			t.Fatal(err)
		}
		text := is.token(own, nil, with{"cnf": with{"jkt": key.Public().Thumbprint()}})
		sum := sha256.Sum256([]byte(text))
		proof := func(iat int64) string {
			text, err := key.SignProof(fmt.Appendf(nil, `{"htm":"GET","htu":"https://api.example.org/orders/1","iat":%d,"jti":"one","ath":%q}`,
				iat, base64.RawURLEncoding.EncodeToString(sum[:])))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		now := time.Now().Unix() + 1 // iat is cut to seconds, and must not lie before the start
		for _, tt := range []struct {
			name, proof string
			status      int
			retry       string
		}{
			{"of before the start", proof(now - 10), 503, "1"},
			{"the first time", proof(now), 204, ""},
			{"again", proof(now), 401, ""},
		} {
			v := ask(t, newTokens(t, is.config(), func(o *Options) { o.Counters = counters }).Check, nil, "Authorization: DPoP "+text, "Dpop: "+tt.proof)
			if v.status != tt.status || v.retry != tt.retry {
				t.Errorf("%s: %+v", tt.name, v)
			}
		}
	})
	t.Run("nobody remembers proofs", func(t *testing.T) {
		v := ask(t, newTokens(t, is.config(), func(o *Options) { o.Counters = nil }).Check, nil, "Authorization: DPoP "+bound)
		if v.status != 503 || v.retry == "" {
			t.Errorf("got %+v", v)
		}
	})
}

func TestGuessingEnds(t *testing.T) {
	is := newTestIssuer(t)
	good, bad := is.token(is.signers[0], nil, nil), is.token(newSigner(t, "k1"), nil, with{"iat": time.Now().Unix() - 120})
	tokens := newTokens(t, is.config(), func(o *Options) { o.Counters = memory.New(memory.Options{}) })
	for i := range 101 {
		v := ask(t, tokens.Check, nil, "From: [2001:db8::1]:9", "Authorization: Bearer "+bad)
		if want := map[bool]int{true: 401, false: 429}[i < 100]; v.status != want || (v.retry != "") != (want == 429) {
			t.Fatalf("attempt %d: %+v", i+1, v)
		}
	}
	for _, tt := range []struct {
		name, from, token string
		status            int
	}{
		{"a neighbour in the same network", "[2001:db8::2]:9", bad, 429},
		{"another network", "[2001:db8:0:1::1]:9", bad, 401},
		{"a good token from the same address", "[2001:db8::1]:9", good, 204},
	} {
		if v := ask(t, tokens.Check, nil, "From: "+tt.from, "Authorization: Bearer "+tt.token); v.status != tt.status {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestRequireRefusesWhoShowsNothing(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config())
	h := tokens.Handler(greeter{})
	for _, tt := range []struct {
		name, token, want string
		status            int
	}{
		{"nobody", "", "no_token", 401},
		{"a good token", is.token(is.signers[0], nil, nil), "ines", 200},
	} {
		if status, body := call(h, tt.token); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

// FuzzTokens holds that one text is admitted, and no other.
func FuzzTokens(f *testing.F) {
	is := newTestIssuer(f)
	c := is.config()
	c.JWKSCooldown = 10 * time.Minute
	tokens := newTokens(f, c)
	good := is.token(is.signers[0], nil, with{"exp": time.Now().Add(time.Hour).Unix()})
	if v := show(f, tokens, good); v.status != 204 {
		f.Fatalf("got %+v", v)
	}
	f.Add(good)
	f.Add(good + "=")
	f.Add(good[:len(good)-1])
	f.Add("a.b.c")
	f.Add("e30.e30.e30")
	f.Add(strings.Repeat(".", 100))
	f.Fuzz(func(t *testing.T, text string) {
		tokens.core.cache.resize(100 + len(text)%2*100) // sometimes all is forgotten
		_, _, err := tokens.find(t.Context(), text, time.Now())
		if (err == nil) != (text == good) {
			t.Errorf("%q: %v", text, err)
		}
		tokens.Inspect(t.Context(), text)
	})
}
