// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"yett/api"
)

// An answer is one documented answer of an operation.
type answer struct {
	op          *api.Operation
	from        string
	status      int
	contentType string
	where       string // what is described of it, as a pointer into the description
	body        []byte
}

// A service answers as is described: with the answer that a request asks for by its number, else with the first good one.
type service struct {
	api     *api.API
	router  *api.Router
	all     []answer
	skipped map[string]int
}

// numberField asks the service for an answer.
const numberField = "X-Answer"

func answers(a *api.API) (*service, error) {
	r, err := api.NewRouter(a)
	if err != nil {
		return nil, err
	}
	s := &service{api: a, router: r, skipped: map[string]int{}}
	for _, op := range a.Operations {
		for _, e := range op.AnswerExamples() {
			n := answer{op: op, from: op.ID + " " + e.Response.Status + " " + e.Name, status: statusOf(e.Response.Status), contentType: e.Media.Type, where: e.Media.Where.Pointer()}
			var ok bool
			if n.body, ok = encode(e); !ok {
				s.skipped["of a type that is neither JSON nor text"]++
				continue
			}
			s.all = append(s.all, n)
		}
	}
	return s, nil
}

func statusOf(described string) int {
	if described == "default" {
		return http.StatusBadRequest
	}
	n, err := strconv.Atoi(strings.ReplaceAll(described, "XX", "00"))
	if err != nil {
		return http.StatusOK // the description was loaded: it cannot be
	}
	return n
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // whatever came, the answer is the same
	if n, err := strconv.Atoi(r.Header.Get(numberField)); err == nil && n >= 0 && n < len(s.all) {
		a := s.all[n]
		w.Header().Set("Content-Type", a.contentType)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // the gate may have refused it
		return
	}
	m, _ := s.router.Match("", r.URL.EscapedPath(), nil)
	op := m.Operation(r.Method)
	if op == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for _, res := range op.Responses {
		if status := statusOf(res.Status); status/100 == 2 || status/100 == 3 {
			w.Header()["Content-Type"] = nil
			w.WriteHeader(status)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// leastAnswers is how many documented answers must be compared. The description has more; a set that has shrunk proves nothing.
const leastAnswers = 1000

// replay asks for every documented answer and compares what comes out. It prints each exception, and returns what is none.
func (s *service) replay(to gateTarget, j *judge, requests []request) (n int, wrong []string) {
	first := map[*api.Operation]request{}
	for _, r := range requests {
		if _, ok := first[r.op]; !ok {
			first[r.op] = r
		}
	}
	unasked := 0
	var found [len(reasons)][]string
	for i, a := range s.all {
		r, ok := first[a.op]
		if !ok || to.send(r) != "" {
			unasked++
			continue
		}
		n++
		why, told := s.compare(to, j, r, i)
		found[why] = append(found[why], a.from+": "+told)
	}
	fmt.Printf("documented answers: %d compared of %d, %d mean the same behind the gate\n", n, len(s.all), len(found[unchanged]))
	for why, n := range s.skipped {
		fmt.Printf("  not compared: %d %s\n", n, why)
	}
	if unasked > 0 {
		fmt.Printf("  not compared: %d of operations without a documented request that fits\n", unasked)
	}
	for why, text := range reasons[undeclared:] {
		list := found[int(undeclared)+why]
		sort.Strings(list)
		fmt.Printf("  %d %s\n", len(list), text)
		for _, e := range list {
			fmt.Printf("    %s\n", e)
		}
	}
	if wrong = found[other]; n < leastAnswers {
		wrong = append(wrong, fmt.Sprintf("only %d documented answers were compared, not %d", n, leastAnswers))
	}
	return n, wrong
}

// A reason is why an answer is not what it was.
type reason int

const (
	unchanged reason = iota
	undeclared
	credential
	failure
	other
)

var reasons = [...]string{
	undeclared: "hold what their own schema does not declare, and leave without it",
	credential: "hold a credential, and leave with a mask in its place",
	failure:    "are failures, and told in the gate's own words",
	other:      "differ for no such reason",
}

// credentials are the places of documented answers that hold one, by the look of it: the key of a new app, tokens that were just
// made, and addresses that are signed. A mask anywhere else is a mistake.
var credentials = []struct{ from, at, mask string }{
	{"apps/create-from-manifest 201 default", "/pem", "[redacted private_key]"},
	{"apps/create-installation-access-token 201 default", "/token", "[redacted token]"},
	{"apps/check-token 200 default", "/token", "[redacted token]"},
	{"apps/reset-token 200 default", "/token", "[redacted token]"},
	{"apps/scope-token 200 default", "/token", "[redacted token]"},
	{"orgs/list-attestations 200 default", "/attestations/*/bundle_url", "[redacted cloud_secret]"},
	{"repos/list-attestations 200 default", "/attestations/*/bundle_url", "[redacted cloud_secret]"},
	{"users/list-attestations 200 default", "/attestations/*/bundle_url", "[redacted cloud_secret]"},
}

// masked reports whether a change is a mask in one of these places.
func masked(from string, c change) bool {
	for _, known := range credentials {
		at, err := path.Match(known.at, "/"+strings.Join(c.at, "/"))
		if err == nil && at && from == known.from && strings.HasPrefix(c.what, known.mask) {
			return true
		}
	}
	return false
}

// compare says how an answer has changed, and for what reason.
func (s *service) compare(to gateTarget, j *judge, r request, i int) (why reason, told string) {
	want := s.all[i]
	req, err := http.NewRequest(r.method, to.base+r.target, bytes.NewReader(r.body))
	if err != nil {
		return other, err.Error()
	}
	req.Header.Set("X-API-Key", to.key)
	req.Header.Set(numberField, strconv.Itoa(i))
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := to.client.Do(req)
	if err != nil {
		return other, err.Error()
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return other, err.Error()
	}
	if want.status >= 500 && res.StatusCode == want.status && !bytes.Equal(got, want.body) {
		return failure, strconv.Itoa(want.status)
	}
	if res.StatusCode != want.status {
		return other, fmt.Sprintf("status %d, was %d: %.120s", res.StatusCode, want.status, got)
	}
	if want.status == http.StatusNoContent || want.status == http.StatusNotModified {
		return unchanged, ""
	}
	var a, b any
	if json.Unmarshal(want.body, &a) != nil || json.Unmarshal(got, &b) != nil {
		if bytes.Equal(got, want.body) {
			return unchanged, ""
		}
		return other, fmt.Sprintf("another text: %.120s", got)
	}
	schema := j.schema(want.where)
	if schema == nil {
		return other, "nothing is described of it at " + want.where
	}
	if more := j.undeclared(j.applying(schema), b, ""); len(more) > 0 {
		return other, "leaves with what is not declared: " + strings.Join(more, ", ")
	}
	return excused(j, schema, want.from, a, differ(nil, nil, a, b))
}

// excused says why the places of an answer have changed: for the weightiest reason of all.
func excused(j *judge, schema any, from string, doc any, changes []change) (why reason, told string) {
	var all []string
	for _, c := range changes {
		switch {
		case j.excuses(schema, doc, c.at, c.what):
			why = max(why, undeclared)
		case masked(from, c):
			why = max(why, credential)
		default:
			why = other
		}
		if len(all) < 4 || why == other {
			all = append(all, "/"+strings.Join(c.at, "/")+" "+c.what)
		}
	}
	if more := len(changes) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return why, strings.Join(all, ", ")
}

// A change is one place where two documents differ.
type change struct {
	at   []string
	what string
}

// What a change may be, beside another value.
const (
	lost       = "lost"
	otherItems = "has other items"
	becameNull = "became null"
)

func below(at []string, name string) []string { return append(at[:len(at):len(at)], name) }

// differ lists where two documents differ.
func differ(all []change, at []string, want, got any) []change {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return append(all, change{at, "is no object any more"})
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			if _, ok := g[name]; !ok {
				all = append(all, change{below(at, name), lost})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if _, ok := w[name]; !ok {
				all = append(all, change{below(at, name), "is new"})
				continue
			}
			all = differ(all, below(at, name), w[name], g[name])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return append(all, change{at, otherItems})
		}
		for i := range w {
			all = differ(all, below(at, strconv.Itoa(i)), w[i], g[i])
		}
	default:
		if !reflect.DeepEqual(want, got) {
			if got == nil {
				return append(all, change{at, becameNull})
			}
			text := fmt.Sprint(got)
			if i := strings.Index(text, "[redacted "); i >= 0 {
				return append(all, change{at, text[i:]})
			}
			return append(all, change{at, fmt.Sprintf("was %.40v, is %.40v", want, got)})
		}
	}
	return all
}
