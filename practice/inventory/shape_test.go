// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
)

func TestAShapeHoldsTheNamesOfAnEndpointAndNoValues(t *testing.T) {
	for _, tt := range []struct{ name, seen, want string }{
		{"words stay", "GET /v1/internal/refunds", "GET /v1/internal/refunds"},
		{"the root", "GET /", "GET /"},
		{"versions and short names with a digit stay", "GET /v2beta1/oauth2/s3", "GET /v2beta1/oauth2/s3"},
		{"file names stay", "GET /wp-login.php", "GET /wp-login.php"},
		{"a slash at the end stays", "GET /orders/", "GET /orders/"},
		{"a number", "GET /orders/7/items/12", "GET /orders/{…}/items/{…}"},
		{"a date", "GET /days/2026-11-23", "GET /days/{…}"},
		{"a UUID", "GET /users/0b5a3f3e-9a31-4c7e-8f0e-2b1d9f3b6a55", "GET /users/{…}"},
		{"a UUID of letters", "GET /users/abcdefab-abcd-abcd-abcd-abcdefabcdef", "GET /users/{…}"},
		{"a hash", "GET /commits/deadbeefdeadbeef", "GET /commits/{…}"},
		{"an order number with a prefix", "GET /orders/ORD-10023", "GET /orders/{…}"},
		{"a token", "GET /reset/dGhpcyBpcyBhIHRva2Vu0", "GET /reset/{…}"},
		{"a long token without a digit", "GET /reset/" + strings.Repeat("kjhg", 9), "GET /reset/{…}"},
		{"an e-mail address", "GET /users/carla@example.org", "GET /users/{…}"},
		{"an escaped e-mail address", "GET /users/carla%40example.org", "GET /users/{…}"},
		{"a phone number", "GET /users/+4915112345678", "GET /users/{…}"},
		{"a name with a space", "GET /users/Carla%20Conti", "GET /users/{…}"},
		{"an address", "GET /hosts/192.0.2.1", "GET /hosts/{…}"},
		{"a session in the path", "GET /cart;jsessionid=AB12", "GET /{…}"},
		{"a control character cannot be", "GET /a\x1b[2J", "GET /{…}"},
		{"a made-up method", "BREW /coffee", "OTHER /coffee"},
		{"a path without end", "GET " + strings.Repeat("/a", 5000), "GET " + strings.Repeat("/a", 12) + "/…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method, path := shape(tt.seen)
			if got := method + " " + path; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzShape(f *testing.F) {
	for _, s := range []string{"GET /orders/7", "BREW //", "", " ", "GET /%00/\xff/{…}/…"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, seen string) {
		method, path := shape(seen)
		if len(path) > (maxSegments+1)*(maxSegment+1) {
			t.Errorf("%d bytes of %d", len(path), len(seen))
		}
		if strings.ContainsFunc(method+path, control) {
			t.Errorf("%q holds a control character", path)
		}
		if !strings.Contains(seen, "{") && !strings.Contains(seen, "…") {
			if _, again := shape("GET " + path); strings.Count(again, variable) != strings.Count(path, variable) {
				t.Errorf("%q becomes %q", path, again)
			}
		}
	})
}

func TestOnlyCallsOfUndeclaredEndpointsAreShadows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		record exchange.Record
		want   bool
	}{
		{"an undeclared path", exchange.Record{Method: "GET", Seen: "GET /drafts", Code: "undeclared_path"}, true},
		{"an undeclared method", exchange.Record{Method: "DELETE", Seen: "DELETE /notes", Code: "undeclared_method"}, true},
		{"a caller outside the list, before anything was looked for", exchange.Record{Method: "GET", Seen: "GET /notes", Code: "address_not_listed"}, false},
		{"bytes that are no request", exchange.Record{Method: "GET", Seen: "GET \x00", Code: "bad_request"}, false},
		{"a question for the methods", exchange.Record{Method: "OPTIONS", Seen: "OPTIONS /drafts", Code: "undeclared_path"}, false},
		{"TRACE", exchange.Record{Method: "TRACE", Seen: "TRACE /notes", Code: "undeclared_method"}, false},
		{"a probe of our own checks", exchange.Record{Method: "GET", Seen: "GET /.well-known/yett-probe/x", Code: "undeclared_path"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := undeclared(tt.record); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDebugPathsAreLookedForBelowTheBaseAndAtTheRoot(t *testing.T) {
	c := newCatalogue([]*api.API{notes(t)})
	for path, want := range map[string]bool{
		"/debug/vars": true, "/v1/debug/vars": true, "/v1/.env": true, "/.git/config": true, "/v1/Actuator": true, "/v1/debug;x": true,
		"/v1debug": false, "/v2/debug": false, "/v1/notes/debug": false, "/debugger": false, "/metrics": false, "/": false, "/v1": false,
	} {
		if got := c.probesDebug(path); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}
