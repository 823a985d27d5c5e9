// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/jsonstream"
)

// An answer is one documented answer of an operation.
type answer struct {
	op          *api.Operation
	from        string
	status      int
	contentType string
	schema      *schema.Schema // nil: none is described
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
			n := answer{op: op, from: op.ID + " " + e.Response.Status + " " + e.Name, status: statusOf(e.Response.Status), contentType: e.Media.Type, schema: e.Media.Schema}
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

// replay asks for every documented answer and compares what comes out. It prints each exception.
func (s *service) replay(to gateTarget, requests []request) (n, bad int) {
	first := map[*api.Operation]request{}
	for _, r := range requests {
		if _, ok := first[r.op]; !ok {
			first[r.op] = r
		}
	}
	type exception struct{ why, from string }
	var all, excused []exception
	same, unasked := 0, 0
	for i, a := range s.all {
		r, ok := first[a.op]
		if !ok || to.send(r) != "" {
			unasked++
			continue
		}
		n++
		switch why, described := s.compare(to, r, i); {
		case why == "":
			same++
		case described:
			excused = append(excused, exception{why, a.from})
		default:
			all = append(all, exception{why, a.from})
		}
	}
	fmt.Printf("documented answers: %d of %d mean the same behind the gate\n", same, n)
	for why, n := range s.skipped {
		fmt.Printf("  not compared: %d %s\n", n, why)
	}
	if unasked > 0 {
		fmt.Printf("  not compared: %d of operations without a documented request that fits\n", unasked)
	}
	print := func(list []exception) {
		sort.Slice(list, func(i, j int) bool { return list[i].why < list[j].why })
		for _, e := range list {
			fmt.Printf("    %s: %s\n", e.from, e.why)
		}
	}
	fmt.Printf("  %d hold what their own schema does not declare, or a credential, and leave without it:\n", len(excused))
	print(excused)
	fmt.Printf("  %d differ for no such reason\n", len(all))
	print(all)
	return n, len(all)
}

// compare says how an answer has changed, and whether the description itself is why.
func (s *service) compare(to gateTarget, r request, i int) (why string, described bool) {
	want := s.all[i]
	req, err := http.NewRequest(r.method, to.base+r.target, bytes.NewReader(r.body))
	if err != nil {
		return err.Error(), false
	}
	req.Header.Set("X-API-Key", to.key)
	req.Header.Set(numberField, strconv.Itoa(i))
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := to.client.Do(req)
	if err != nil {
		return err.Error(), false
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err.Error(), false
	}
	if want.status >= 500 && res.StatusCode == want.status && !bytes.Equal(got, want.body) {
		return "a failure is told in the gate's own words", true
	}
	if res.StatusCode != want.status {
		return fmt.Sprintf("status %d, was %d: %.120s", res.StatusCode, want.status, got), false
	}
	if bytes.Equal(got, want.body) || want.status == http.StatusNoContent || want.status == http.StatusNotModified {
		return "", false
	}
	var a, b any
	if json.Unmarshal(want.body, &a) != nil || json.Unmarshal(got, &b) != nil {
		return "another text: " + fmt.Sprintf("%.120s", got), false
	}
	changes := differ(nil, "", a, b)
	undeclared := map[string]bool{}
	var doc jsonstream.Doc
	if want.schema != nil && doc.Parse(want.body, jsonstream.Limits{}) == nil {
		for _, f := range want.schema.Check(&doc, doc.Root(), &schema.Check{Direction: schema.Response, Closed: true, Max: 10_000}) {
			undeclared[f.Pointer] = f.Keyword == "undeclared" || f.Keyword == "additionalProperties" // the latter where it is false
		}
	}
	described = true
	var told []string
	for _, c := range changes {
		ok := c.what == "lost" && undeclared[c.at] || strings.Contains(c.what, "[redacted ")
		described = described && ok
		if len(told) < 4 {
			told = append(told, c.at+" "+c.what)
		}
	}
	if len(changes) > len(told) {
		told = append(told, fmt.Sprintf("and %d more", len(changes)-len(told)))
	}
	return strings.Join(told, ", "), described
}

// A change is one place where two documents differ.
type change struct{ at, what string }

// differ lists where two documents differ.
func differ(all []change, at string, want, got any) []change {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return append(all, change{at, "is no object any more"})
		}
		for name := range w {
			if _, ok := g[name]; !ok {
				all = append(all, change{at + "/" + name, "lost"})
			}
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				all = append(all, change{at + "/" + name, "is new"})
				continue
			}
			all = differ(all, at+"/"+name, w[name], g[name])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return append(all, change{at, "has other items"})
		}
		for i := range w {
			all = differ(all, fmt.Sprintf("%s/%d", at, i), w[i], g[i])
		}
	default:
		if !reflect.DeepEqual(want, got) {
			text := fmt.Sprint(got)
			if i := strings.Index(text, "[redacted "); i >= 0 {
				return append(all, change{at, text[i:]})
			}
			return append(all, change{at, fmt.Sprintf("was %.40v, is %.40v", want, got)})
		}
	}
	return all
}
