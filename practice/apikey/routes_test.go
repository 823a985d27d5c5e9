// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// admin serves the routes of k, without Run.
func admin(t *testing.T, k *Keys) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range k.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// callAdmin makes an admin call and returns what the answer holds.
func callAdmin(t *testing.T, s *httptest.Server, method, path, body string) (int, http.Header, map[string]any) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, s.URL+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s %s: %v in %q", method, path, err, b)
	}
	return res.StatusCode, res.Header, out
}

func TestLifeOfAKeyThroughTheAdminAPI(t *testing.T) {
	k, c := newKeys(t)
	s := admin(t, k)
	status, h, made := callAdmin(t, s, "POST", "/keys", `{"client":"acme","owner":"ines","plan":"gold","scopes":["b","a"],"networks":["192.0.2.7","2001:db8::/32"],"expires_in_s":7776000}`)
	if status != 201 || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
		t.Fatalf("create: %d %v %v", status, h, made)
	}
	id, text := made["id"].(string), made["key"].(string)
	if got := fmt.Sprintf("%v %v %v %v %v %v %v", made["client"], made["owner"], made["plan"], made["scopes"], made["networks"], made["expires"], made["state"]); got != "acme ines gold [a b] [192.0.2.7/32 2001:db8::/32] 2027-02-21T14:08:31.204Z live" {
		t.Errorf("create: %s", got)
	}
	wantVerdict(t, k, text, "")
	k.Observe(called(id, "getOrder", c.Now(), "", ""))
	usage(t, k, id, 1)

	status, _, shown := callAdmin(t, s, "GET", "/keys/"+id, "")
	if _, there := shown["key"]; status != 200 || there || shown["calls_30d"] != 1.0 || shown["last_used"] != "2026-11-23T14:08:31.204Z" {
		t.Errorf("show: %d %v", status, shown)
	}
	status, h, next := callAdmin(t, s, "POST", "/keys/"+id+"/rotate", `{"grace_s":60}`)
	if status != 201 || h.Get("Cache-Control") != "no-store" || next["replaces"] != id {
		t.Fatalf("rotate: %d %v", status, next)
	}
	wantVerdict(t, k, next["key"].(string), "")
	c.Add(time.Minute)
	wantVerdict(t, k, text, Reason(Replaced))

	_, _, last := callAdmin(t, s, "POST", "/keys/"+next["id"].(string)+"/rotate", "")
	_, _, old := callAdmin(t, s, "GET", "/keys/"+next["id"].(string), "")
	if old["grace_ends"] != "2026-11-23T15:09:31.204Z" || old["state"] != "grace" || old["replaced_by"] != last["id"] {
		t.Errorf("rotate without a body takes the default grace of an hour; the old key is %v", old)
	}
	status, _, revoked := callAdmin(t, s, "POST", "/keys/"+last["id"].(string)+"/revoke", "")
	if status != 200 || revoked["state"] != "revoked" || revoked["revoked"] != "2026-11-23T14:09:31.204Z" {
		t.Errorf("revoke: %d %v", status, revoked)
	}
	wantVerdict(t, k, last["key"].(string), Reason(Revoked))

	status, _, list := callAdmin(t, s, "GET", "/keys?client=acme", "")
	if keys := list["keys"].([]any); status != 200 || len(keys) != 3 || list["total"] != 3.0 || list["working"] != 1.0 || strings.Contains(fmt.Sprint(list), "yett_") {
		t.Errorf("list: %d %v", status, list)
	}
	if _, _, list = callAdmin(t, s, "GET", "/keys?working=true&limit=1", ""); len(list["keys"].([]any)) != 1 {
		t.Errorf("list of what works: %v", list)
	}
	status, _, used := callAdmin(t, s, "GET", "/keys/"+id+"/usage?days=7", "")
	if status != 200 || used["calls"] != 1.0 || fmt.Sprint(used["days"]) != "[map[calls:1 day:2026-11-23 refused:0]]" {
		t.Errorf("usage: %d %v", status, used)
	}
}

func TestFirstKeyThroughTheAdminAPI(t *testing.T) {
	k, _ := newKeys(t)
	s := admin(t, k)
	status, _, first := callAdmin(t, s, "POST", "/keys/first", "")
	if status != 201 || first["all_scopes"] != true || first["expires"] != "2026-11-24T14:08:31.204Z" {
		t.Fatalf("first: %d %v", status, first)
	}
	wantVerdict(t, k, first["key"].(string), "")
	if status, _, again := callAdmin(t, s, "POST", "/keys/first", ""); status != 409 || again["code"] != "not_first" {
		t.Errorf("again: %d %v", status, again)
	}
}

func TestAdminAPIRefuses(t *testing.T) {
	k, _ := newKeys(t)
	s := admin(t, k)
	key, _ := create(t, k, NewKey{Client: "partner-nord"})
	revoked, _ := create(t, k, NewKey{})
	revoke(t, k, revoked.ID)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		code, detail             string // a part of what the caller reads
	}{
		{"a body that is not JSON", "POST", "/keys", `{"client":`, 400, "body_unreadable", "not JSON"},
		{"a member twice", "POST", "/keys", `{"client":"a","client":"b"}`, 400, "body_unreadable", "twice"},
		{"two values", "POST", "/keys", `{"client":"a"}{"client":"b"}`, 400, "body_unreadable", "not JSON"},
		{"a member nobody knows", "POST", "/keys", `{"client":"a","all_scopes":true}`, 422, "body_invalid", "#/all_scopes"},
		{"a member in other case", "POST", "/keys", `{"Client":"a"}`, 422, "body_invalid", "#/Client"},
		{"a number for a client", "POST", "/keys", `{"client":7}`, 422, "body_invalid", "#/client"},
		{"no client", "POST", "/keys", `{}`, 422, "body_invalid", "#/client"},
		{"a network that is none", "POST", "/keys", `{"client":"a","networks":["10.0.0.0/8","intern"]}`, 422, "body_invalid", "#/networks/1"},
		{"an expiry in days", "POST", "/keys", `{"client":"a","expires":"90d"}`, 422, "body_invalid", "#/expires"},
		{"an expiry in the past", "POST", "/keys", `{"client":"a","expires":"2020-01-01T00:00:00Z"}`, 422, "body_invalid", "#/expires"},
		{"the zero time as expiry, which would mean never", "POST", "/keys", `{"client":"a","expires":"0001-01-01T00:00:00Z"}`, 422, "body_invalid", "#/expires"},
		{"an expiry twice", "POST", "/keys", `{"client":"a","expires":"2030-01-01T00:00:00Z","expires_in_s":60}`, 422, "body_invalid", "#/expires"},
		{"an expiry of no time", "POST", "/keys", `{"client":"a","expires_in_s":0}`, 422, "body_invalid", "#/expires_in_s"},
		{"an expiry that overflows", "POST", "/keys", `{"client":"a","expires_in_s":9223372036854775807}`, 422, "body_invalid", "#/expires_in_s"},
		{"a body of 70 KB", "POST", "/keys", `{"client":"` + strings.Repeat("a", 70<<10) + `"}`, 413, "body_too_large", "65536"},
		{"a grace beyond the limit", "POST", "/keys/" + key.ID + "/rotate", `{"grace_s":99999999999}`, 422, "body_invalid", "#/grace_s"},
		{"a negative grace", "POST", "/keys/" + key.ID + "/rotate", `{"grace_s":-1}`, 422, "body_invalid", "#/grace_s"},
		{"rotation of a revoked key", "POST", "/keys/" + revoked.ID + "/rotate", "", 409, "key_not_live", "Make a new one"},
		{"an id with one character too few", "POST", "/keys/" + key.ID[:6] + "/revoke", "", 404, "no_such_key", "did you mean " + key.ID + " of partner-nord?"},
		{"an id like no other", "GET", "/keys/orders", "", 404, "no_such_key", `no key "orders".`},
		{"usage of an id like no other", "GET", "/keys/orders/usage", "", 404, "no_such_key", "no key"},
		{"usage of no days", "GET", "/keys/" + key.ID + "/usage?days=0", "", 422, "body_invalid", "#/days"},
		{"usage of some days", "GET", "/keys/" + key.ID + "/usage?days=some", "", 422, "body_invalid", "#/days"},
		{"a list without limit", "GET", "/keys?limit=100000", "", 422, "body_invalid", "#/limit"},
		{"a list of the perhaps working", "GET", "/keys?working=perhaps", "", 422, "body_invalid", "#/working"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, h, p := callAdmin(t, s, tt.method, tt.path, tt.body)
			if status != tt.status || p["code"] != tt.code || h.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %v, want %d %s", status, p, tt.status, tt.code)
			}
			if !strings.Contains(fmt.Sprint(p["detail"], p["errors"]), tt.detail) {
				t.Errorf("the caller reads %v %v, want %q in it", p["detail"], p["errors"], tt.detail)
			}
		})
	}
	if c, err := k.Count(t.Context()); err != nil || c.Total != 2 {
		t.Errorf("%d keys, %v; the refused calls made some", c.Total, err)
	}
	res, err := s.Client().Post(s.URL+"/keys", "text/plain", strings.NewReader(`{"client":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != 415 {
		t.Errorf("a form's media type: %d, %v; want 415", res.StatusCode, err)
	}
}

func importLines(t *testing.T, s *httptest.Server, body io.Reader) []map[string]any {
	t.Helper()
	res, err := s.Client().Post(s.URL+"/keys/import", "application/x-ndjson", body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("import: %d %v", res.StatusCode, res.Header)
	}
	if !res.Close {
		t.Error("the connection is kept, with what was not read of the request still on it")
	}
	var out []map[string]any
	for sc := bufio.NewScanner(res.Body); sc.Scan(); {
		var l map[string]any
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

func TestImportThroughTheAdminAPI(t *testing.T) {
	k, _ := newKeys(t)
	s := admin(t, k)
	// Sent while the answer is read: neither side may wait for the other's end.
	const n = importBatch + 500
	in, w := io.Pipe()
	go func() {
		for i := range n {
			if _, err := fmt.Fprintf(w, "{\"client\":\"client-%d\",\"scopes\":[\"orders:read\"]}\n", i); err != nil {
				t.Error(err)
			}
		}
		_ = w.Close() // a pipe's Close does not fail
	}()
	lines := importLines(t, s, in)
	if len(lines) != n {
		t.Fatalf("%d lines, want %d", len(lines), n)
	}
	for i, l := range lines {
		if l["client"] != fmt.Sprintf("client-%d", i) {
			t.Fatalf("line %d is of %v", i, l["client"])
		}
	}
	wantVerdict(t, k, lines[n-1]["key"].(string), "")

	for _, tt := range []struct{ name, body, want string }{
		{"a line that does not fit", "{\"client\":\"a\"}\n\n{\"client\":\"B\"}\n", `3 body_invalid client`},
		{"a line that is not JSON", "{\"client\":\"a\"}\nclient: b\n", `2 body_unreadable`},
		{"a line of 70 KB", strings.Repeat("x", 70<<10), `1 body_unreadable`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := importLines(t, s, strings.NewReader(tt.body))
			if len(lines) != 1 {
				t.Fatalf("%d lines: %v", len(lines), lines)
			}
			e, ok := lines[0]["error"].(map[string]any)
			if !ok || !strings.HasPrefix(fmt.Sprintf("%v %v %v", e["line"], e["code"], e["detail"]), tt.want) {
				t.Errorf("the last line is %v, want %s", lines[0], tt.want)
			}
		})
	}
	if c, err := k.Count(t.Context()); err != nil || c.Total != n {
		t.Errorf("%d keys, %v; want %d", c.Total, err, n)
	}
}
