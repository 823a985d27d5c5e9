// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"net/http"
	"strings"
	"testing"
)

func TestAnAttackCountsOnlyWhenThePracticeStoppedIt(t *testing.T) {
	refusal := File{Status: "401", Code: "unauthenticated"}
	leak := File{Status: "2xx", Tells: []string{"goroutine"}}
	leaks := File{Status: "2xx", Tells: []string{"goroutine", "hash"}, Keeps: []string{"name"}}
	unseen := File{Status: "2xx", Record: true}
	quiet := File{Status: "401", Code: "invalid_token"}
	said := func(detail, more, challenge string) answer {
		return answer{status: 401, code: "invalid_token", id: "1", record: "invalid_token", header: http.Header{"Www-Authenticate": {challenge}},
			body: []byte(`{"type":"about:blank","title":"Unauthorized","status":401,"detail":"` + detail + `","instance":"urn:uuid:1"` + more + `,"code":"invalid_token"}` + "\n")}
	}
	for _, tt := range []struct {
		name string
		f    File
		a    answer
		why  string // part of it; "" stopped
	}{
		{"refused without a word of why", quiet, said("The access token is not valid here.", "", `Bearer error="invalid_token"`), ""},
		{"refused with the reason for detail", quiet, said("expired: exp was 2026-11-24T03:00:00Z", "", ""), "says nothing"},
		{"refused with a word more", quiet, said("The access token is not valid here. It is over.", "", ""), "says nothing"},
		{"refused with a member more", quiet, said("The access token is not valid here.", `,"errors":[{"detail":"exp"}]`, ""), "says nothing"},
		{"refused with the reason in the challenge", quiet, said("The access token is not valid here.", "", `Bearer error="invalid_token", error_description="expired"`), "says nothing"},
		{"refused, recorded and unseen upstream", refusal, answer{status: 401, code: "unauthenticated", id: "1", record: "unauthenticated"}, ""},
		{"another status", refusal, answer{status: 403, code: "unauthenticated", id: "1", record: "unauthenticated"}, "got 403"},
		{"another code", refusal, answer{status: 401, code: "invalid_key", id: "1", record: "invalid_key"}, "invalid_key"},
		{"no correlation id", refusal, answer{status: 401, code: "unauthenticated"}, "correlation id"},
		{"an id that leads nowhere", refusal, answer{status: 401, code: "unauthenticated", id: "1", record: "none"}, `record "none"`},
		{"refused after the shop was asked", refusal, answer{status: 401, code: "unauthenticated", id: "1", record: "unauthenticated", reached: 1}, "reached the shop"},
		{"a leak that was masked", leak, answer{status: 200, reached: 1, body: []byte("*********")}, ""},
		{"a leak in the body", leak, answer{status: 200, reached: 1, body: []byte("goroutine 1")}, "reads"},
		{"a leak in the head", leak, answer{status: 200, reached: 1, header: http.Header{"X-Debug": {"goroutine 1"}}}, "reads"},
		{"a leak of which the shop was not asked", leak, answer{status: 200}, "did not reach the shop"},
		{"nothing but the leak is gone", leaks, answer{status: 200, reached: 1, body: []byte("name")}, ""},
		{"one of two leaks", leaks, answer{status: 200, reached: 1, body: []byte("name hash")}, `reads "hash"`},
		{"more than the leak is gone", leaks, answer{status: 200, reached: 1}, `no client reads "name"`},
		{"recorded", unseen, answer{status: 200, reached: 1, logged: true}, ""},
		{"not recorded", unseen, answer{status: 200, reached: 1}, "no record"},
	} {
		t.Run(tt.name, func(t *testing.T) { compare(t, stopped(&tt.f, &tt.a), tt.why) })
	}
}

func TestAnAttackThatIsStoppedAnywayProvesNothing(t *testing.T) {
	refusal := File{Status: "401"}
	leak := File{Status: "2xx", Tells: []string{"goroutine"}}
	unseen := File{Status: "2xx", Record: true}
	for _, tt := range []struct {
		name string
		f    File
		a    answer
		why  string // part of it; "" succeeded
	}{
		{"it reached the shop", refusal, answer{status: 500, reached: 1}, ""},
		{"another layer stopped it", refusal, answer{status: 403, code: "insufficient_scope"}, "insufficient_scope"},
		{"it leaks", leak, answer{reached: 1, body: []byte("goroutine 1")}, ""},
		{"nothing leaks anyway", leak, answer{reached: 1}, "no client reads"},
		{"one of two leaks", File{Tells: []string{"goroutine", "hash"}}, answer{reached: 1, body: []byte("goroutine 1")}, `"hash"`},
		{"nobody notices", unseen, answer{reached: 1}, ""},
		{"somebody else notices", unseen, answer{reached: 1, logged: true}, "a record"},
	} {
		t.Run(tt.name, func(t *testing.T) { compare(t, succeeded(&tt.f, &tt.a), tt.why) })
	}
}

func TestOrdinaryTrafficMustReachTheShopOnce(t *testing.T) {
	f := File{Status: "2xx", Keeps: []string{"order"}}
	for _, tt := range []struct {
		name string
		a    answer
		why  string
	}{
		{"answered well", answer{status: 201, reached: 1, body: []byte("an order")}, ""},
		{"answered with too little", answer{status: 201, reached: 1}, `no client reads "order"`},
		{"refused", answer{status: 429, code: "rate_limited"}, "rate_limited"},
		{"answered by somebody else", answer{status: 204}, "0 times"},
		{"sent twice", answer{status: 200, reached: 2}, "2 times"},
	} {
		t.Run(tt.name, func(t *testing.T) { compare(t, passed(&f, &tt.a), tt.why) })
	}
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFileBecomesTheBytesOfARequest(t *testing.T) {
	for _, tt := range []struct{ name, file, want, err string }{
		{"a head", "# expect: 2xx\nGET / HTTP/1.1\nHost: {host}\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
		{"a body gets a length", "# expect: 2xx\nPUT / HTTP/1.1\nX-API-Key: {key}\n\n{\n}\n", "PUT / HTTP/1.1\r\nX-API-Key: k\r\nContent-Length: 4\r\n\r\n{\r\n}", ""},
		{"chunks are sent as they stand", "# expect: 2xx\nPUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n0\n\n", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", ""},
		{"other braces stay", "# expect: 2xx\nGET /{id} HTTP/1.1\n", "GET /{id} HTTP/1.1\r\n\r\n", ""},
		{"no expectation", "GET / HTTP/1.1\n", "", "what to expect"},
		{"a misspelt directive", "# expct: 401\nGET / HTTP/1.1\n", "", "no such directive"},
		{"a word for a status", "# expect: refused\nGET / HTTP/1.1\n", "", "neither a status"},
		{"another layer without a reason", "# expect: 401\n# also: authn\nGET / HTTP/1.1\n", "", "needs a reason"},
		{"repeated without end", "# expect: 429\n# repeat: 100000\nGET / HTTP/1.1\n", "", "repeat"},
		{"another word for a description", "# expect: 2xx\n# described: well\nGET / HTTP/1.1\n", "", "not otherwise"},
		{"no request", "# expect: 401\n", "", "no request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := ParseFile("x.http", []byte(tt.file))
			if err != nil || tt.err != "" {
				if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			got, err := f.bytes(map[string]string{"host": "h", "key": "k"}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(got); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A practice that does nothing must not pass: here it is one that is off.
func TestTheHarnessSeesAnAttackThatGetsThrough(t *testing.T) {
	st, err := OpenStand(t, OpenShop(t), nil, nil, "authn")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	f, err := ParseFile("x.http", []byte("# expect: 401 unauthenticated\nGET /orders/1 HTTP/1.1\nHost: {host}\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := st.fire(f)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, stopped(f, a), "got 200")
	compare(t, succeeded(f, a), "")
}
