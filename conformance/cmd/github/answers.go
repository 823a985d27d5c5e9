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
)

// An answer is one documented answer of an operation.
type answer struct {
	op          *api.Operation
	from        string
	status      int
	contentType string
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
			n := answer{op: op, from: op.ID + " " + e.Response.Status + " " + e.Name, status: statusOf(e.Response.Status), contentType: e.Media.Type}
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
	var all []exception
	same, unasked := 0, 0
	for i, a := range s.all {
		r, ok := first[a.op]
		if !ok || to.send(r) != "" {
			unasked++
			continue
		}
		n++
		if why := s.compare(to, r, i); why != "" {
			all = append(all, exception{why, a.from})
		} else {
			same++
		}
	}
	fmt.Printf("documented answers: %d of %d mean the same behind the gate\n", same, n)
	for why, n := range s.skipped {
		fmt.Printf("  not compared: %d %s\n", n, why)
	}
	if unasked > 0 {
		fmt.Printf("  not compared: %d of operations without a documented request that fits\n", unasked)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].why < all[j].why })
	for _, e := range all {
		fmt.Printf("  %s: %s\n", e.from, e.why)
	}
	return n, len(all)
}

func (s *service) compare(to gateTarget, r request, i int) string {
	want := s.all[i]
	req, err := http.NewRequest(r.method, to.base+r.target, bytes.NewReader(r.body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("X-API-Key", to.key)
	req.Header.Set(numberField, strconv.Itoa(i))
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := to.client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err.Error()
	}
	if res.StatusCode != want.status {
		return fmt.Sprintf("status %d, was %d: %.120s", res.StatusCode, want.status, got)
	}
	if bytes.Equal(got, want.body) || want.status == http.StatusNoContent || want.status == http.StatusNotModified {
		return ""
	}
	var a, b any
	if json.Unmarshal(want.body, &a) != nil || json.Unmarshal(got, &b) != nil {
		return "another text: " + fmt.Sprintf("%.120s", got)
	}
	return differ("", a, b)
}

// differ is the first place where two documents differ.
func differ(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at + " is no object any more"
		}
		var lost []string
		for name := range w {
			if _, ok := g[name]; !ok {
				lost = append(lost, name)
			}
		}
		if len(lost) > 0 {
			sort.Strings(lost)
			return at + " has lost " + strings.Join(lost, ", ")
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				return at + " has got " + name
			}
			if d := differ(at+"/"+name, w[name], g[name]); d != "" {
				return d
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return at + " has other items"
		}
		for i := range w {
			if d := differ(fmt.Sprintf("%s/%d", at, i), w[i], g[i]); d != "" {
				return d
			}
		}
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s was %v, is %v", at, want, got)
		}
	}
	return ""
}
