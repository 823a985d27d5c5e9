// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const person = `{"id":1,"name":"A","address":{"city":"B"},"friends":[{"id":2,"name":"C"}],"notes":{"n":{"text":"t"}},"grid":[[{"x":1}]],"x":1}`

func TestACallerGetsWhatItAsksFor(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct{ name, request, want, query string }{
		{"nothing asked for", "GET /people/1", `{"id":1,"name":"A","address":{"city":"B"},"friends":[{"id":2,"name":"C"}],"notes":{"n":{"text":"t"}},"grid":[[{"x":1}]]}`, ""},
		{"one member, and what is required", "GET /people/1?fields=name", `{"id":1,"name":"A"}`, ""},
		{"a member of a member", "GET /people/1?fields=address.city", `{"id":1,"address":{"city":"B"}}`, ""},
		{"through an array, required ones too", "GET /people/1?fields=friends.name", `{"id":1,"friends":[{"id":2,"name":"C"}]}`, ""},
		{"through arrays of arrays", "GET /people/1?fields=grid.x", `{"id":1,"grid":[[{"x":1}]]}`, ""},
		{"through names that the data chose", "GET /people/1?fields=notes.n.text", `{"id":1,"notes":{"n":{"text":"t"}}}`, ""},
		{"escaped", "GET /people/1?%66ields=name%2Caddress%2Ecity", `{"id":1,"name":"A","address":{"city":"B"}}`, ""},
		{"a member and all of it", "GET /people/1?fields=address.city,address", `{"id":1,"address":{"city":"B"}}`, ""},
		{"everything else of the query stays", "GET /people?a=%41&fields=people.name&&b", `{"people":[{"id":1,"name":"A"}]}`, "a=%41&&b"},
		{"a parameter of the API's own is its own", "GET /own?fields=name", `{"id":1,"name":"A","address":{"city":"B"},"friends":[{"id":2,"name":"C"}],"notes":{"n":{"text":"t"}},"grid":[[{"x":1}]]}`, "fields=name"},
		{"a member of a parameter is the API's too", "GET /spread?fields=zz", `{"id":1,"name":"A","address":{"city":"B"},"friends":[{"id":2,"name":"C"}],"notes":{"n":{"text":"t"}},"grid":[[{"x":1}]]}`, "fields=zz"},
		{"under a range", "GET /range?fields=name", `{"id":1,"name":"A"}`, ""},
		{"of a default answer", "GET /any?fields=name", `{"id":1,"name":"A"}`, ""},
		{"of what is open", "GET /tags?fields=x", `{"x":1}`, ""},
		{"of items of which nothing is said", "GET /lists?fields=name", `[{"name":"A"}]`, ""},
		{"no members to choose from", "GET /picture?fields=name", "", "fields=name"},
		{"nothing is said of the answer", "GET /free?fields=name", "", "fields=name"},
		{"another parameter", "GET /people?page=1&field=x&fields%5B%5D=x", "", "page=1&field=x&fields%5B%5D=x"},
		{"a name that cannot be read", "GET /people?%zz=1&page=1", "", "%zz=1&page=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := person
			switch {
			case strings.Contains(tt.request, "people?"):
				body = `{"people":[` + person + `]}`
			case strings.Contains(tt.request, "lists"):
				body = `[` + person + `]`
			}
			got := s.ask(tt.request, canned{200, []string{asJSON}, body})
			if got.query != tt.query || tt.want != "" && (got.status != 200 || got.body != tt.want) {
				t.Errorf("the API saw %q; got %d %s, want %q and %s", got.query, got.status, got.body, tt.query, tt.want)
			}
		})
	}
}

func TestWhatCannotBeAskedForIsRefused(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct{ name, fields, code, tells string }{
		{"a member that is not declared", "fields=password_hash", "unknown_field", "password_hash is not there"},
		{"beside one that is", "fields=name,address.zip", "unknown_field", "address.zip is not there"},
		{"a write-only member", "fields=password", "unknown_field", "password is not there"},
		{"a write-only one below", "fields=address.door", "unknown_field", "address.door is not there"},
		{"a member of a string", "fields=name.first", "unknown_field", "name.first is not there"},
		{"a name that is not fit to print", "fields=%3Cscript%3E", "unknown_field", "names a member that is not there"},
		{"a name that could be a number of somebody's", "fields=4111111111111111", "unknown_field", "names a member that is not there"},
		{"twice", "fields=id&fields=name", "fields_invalid", "twice"},
		{"twice, one escaped", "fields=id&%66ields=name", "fields_invalid", "twice"},
		{"nothing", "fields=", "fields_invalid", "must name members"},
		{"nothing at all", "fields", "fields_invalid", "must name members"},
		{"an empty name", "fields=address..city", "fields_invalid", "must name members"},
		{"a comma at the end", "fields=id,", "fields_invalid", "must name members"},
		{"a broken escape", "fields=%zz", "fields_invalid", "cannot be read"},
		{"bytes that are not UTF-8", "fields=%ff", "fields_invalid", "cannot be read"},
		{"a semicolon, where others split", "fields=id;page=1", "fields_invalid", "cannot be read"},
		{"too many", "fields=" + strings.Repeat("id,", 64) + "id", "fields_invalid", "more than 64"},
		{"too deep", "fields=" + strings.Repeat("friends.", 8) + "id", "fields_invalid", "deeper than 8"},
		{"too long", "fields=" + strings.Repeat("a", 65), "fields_invalid", "more than 64 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.ask("GET /people/1?"+tt.fields, canned{200, []string{asJSON}, person})
			if got.status != 400 || got.code != tt.code || !strings.Contains(got.body, tt.tells) || got.query != "none" {
				t.Errorf("got %d %q %s, want 400 %q with %q", got.status, got.code, got.body, tt.code, tt.tells)
			}
		})
	}
}

func TestAsMuchAsMayBeAskedForIsTaken(t *testing.T) {
	s := guard(t, Defaults())
	for _, fields := range []string{strings.Repeat("id,", 63) + "id", strings.Repeat("friends.", 7) + "id", "notes." + strings.Repeat("a", 64)} {
		if got := s.ask("GET /people/1?fields="+fields, canned{200, []string{asJSON}, person}); got.status != 200 {
			t.Errorf("%s: got %d %s", fields, got.status, got.body)
		}
	}
}

func TestFieldsAreForReading(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct{ request, query string }{
		{"HEAD /people/1?fields=name", ""},
		{"POST /people?fields=name", "fields=name"},
	} {
		if got := s.ask(tt.request, canned{200, []string{asJSON}, person}); got.query != tt.query {
			t.Errorf("%s: the API saw %q", tt.request, got.query)
		}
	}
	if got := guard(t, Config{Undeclared: Strip}).ask("GET /people/1?fields=name", canned{200, []string{asJSON}, person}); got.query != "fields=name" || !strings.Contains(got.body, "city") {
		t.Errorf("switched off: the API saw %q, got %s", got.query, got.body)
	}
}

func TestAViewHasItsOwnEntityTag(t *testing.T) {
	s := guard(t, Defaults())
	up := canned{200, []string{asJSON, `ETag: "version-1"`, "Last-Modified: Thu, 01 Dec 2022 16:00:00 GMT"}, person}
	tags := map[string]string{}
	for _, fields := range []string{"", "?fields=name", "?fields=name,address"} {
		got := s.ask("GET /people/1"+fields, up)
		tag := got.header.Get("ETag")
		if len(tag) < 10 || strings.Contains(tag, "version-1") || tags[tag] != "" {
			t.Errorf("%q has the tag %s of %q", fields, tag, tags[tag])
		}
		tags[tag] = fmt.Sprintf("%q", fields)
		if head := s.ask("HEAD /people/1"+fields, up); head.header.Get("ETag") != tag || head.status != http.StatusOK {
			t.Errorf("HEAD %q: %d %s, want the tag of GET, %s", fields, head.status, head.header.Get("ETag"), tag)
		}
	}
}
