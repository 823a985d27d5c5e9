// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command github holds the real binary against GitHub's REST description: it starts yett with the description, replays
// every documented request example and every recorded exchange, and prints how many pass validation and why any does not:
// refused.txt lists those that must not. Then its upstream answers with every documented answer, and what comes out must mean
// the same, but for what a reading of the description by other code excuses.
//
//	go run ./cmd/github -yett ../bin/yett -openapi ../.suites/github.json -fixtures ../.suites/fixtures [-upstream URL]
//
// Without -upstream the requests end at a server of its own that answers as is described.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"yett/api"
	"yett/conformance/internal/gate"
	"yett/internal/source"
)

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.binary, "yett", "../bin/yett", "the binary")
	flag.StringVar(&o.openapi, "openapi", "../.suites/github.json", "GitHub's description")
	flag.StringVar(&o.fixtures, "fixtures", "../.suites/fixtures", "recorded exchanges")
	flag.StringVar(&o.upstream, "upstream", "", "a mock of the API; empty: a server that answers 204")
	flag.BoolVar(&o.verbose, "v", false, "every failure")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	binary, openapi, fixtures, upstream string
	verbose                             bool
}

// A request is one to replay.
type request struct {
	op                                *api.Operation // nil for recorded ones
	from, method, target, contentType string
	body                              []byte
}

func run(ctx context.Context, o options) error {
	a, _, err := api.Load(o.openapi, api.Options{})
	if err != nil {
		return err
	}
	j, err := readJudge(o.openapi)
	if err != nil {
		return err
	}
	own := o.upstream == ""
	described, err := answers(a)
	if err != nil {
		return err
	}
	if own {
		s := httptest.NewServer(described)
		defer s.Close()
		o.upstream = s.URL
	}
	documented, skipped := examples(a)
	recorded, err := fixtures(o.fixtures)
	if err != nil {
		return err
	}
	g, err := gate.Start(ctx, o.binary, o.openapi, o.upstream)
	if err != nil {
		return err
	}
	fmt.Printf("%d operations, ready after %.2f s\n", len(a.Operations), g.Ready.Seconds())
	to := gateTarget{g.Client(), "https://" + g.Addr, g.Key}
	refused := replay(to, "documented request examples", documented, o.verbose)
	for why, n := range skipped {
		fmt.Printf("  not a request: %d %s\n", n, why)
	}
	refused = append(refused, replay(to, "recorded exchanges", recorded, o.verbose)...)
	wrong := unexpected(refused)
	passed := len(documented) + len(recorded) - len(refused)
	if own {
		n, differ := described.replay(to, j, documented)
		passed, wrong = passed+n-len(differ), append(wrong, differ...)
	}
	fmt.Printf("%d passed, %d refused, %d not as expected\n", passed, len(refused), len(wrong))
	for _, w := range wrong {
		fmt.Printf("  %s\n", w)
	}
	if err := g.Stop(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errors.New("github: not everything is as expected")
	}
	return nil
}

//go:embed refused.txt
var refusals string

// unexpected compares the requests that were refused with those that must be, each with its reason. The description's own
// examples do not all fit it, and some that were recorded are for other hosts.
func unexpected(refused []string) (wrong []string) {
	expected := map[string]bool{}
	for line := range strings.Lines(refusals) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			expected[line] = true
		}
	}
	for _, r := range refused {
		if !expected[r] {
			wrong = append(wrong, "refused, but is not in refused.txt: "+r)
		}
		delete(expected, r)
	}
	for _, r := range slices.Sorted(maps.Keys(expected)) {
		wrong = append(wrong, "not refused, but is in refused.txt: "+r)
	}
	return wrong
}

// examples builds a request of each documented body, and one of each operation without one. Parameters take their
// documented example of the same name, else the first, else what their schema offers.
func examples(a *api.API) ([]request, map[string]int) {
	var out []request
	skipped := make(map[string]int)
	for _, op := range a.Operations {
		var bodies []api.Example
		params := make(map[*api.Parameter][]api.Example)
		for _, e := range op.Examples() {
			if e.Parameter != nil {
				params[e.Parameter] = append(params[e.Parameter], e)
			} else {
				bodies = append(bodies, e)
			}
		}
		if len(bodies) == 0 {
			if op.Body != nil && op.Body.Required {
				skipped["operations whose required body has no example"]++
				continue
			}
			bodies = []api.Example{{Name: "default"}}
		}
		for _, b := range bodies {
			r := request{op: op, from: op.ID + " " + b.Name, method: op.Method}
			target, ok := target(op, b.Name, params)
			if !ok {
				skipped["operations whose required parameters have no example"]++
				break
			}
			r.target = target
			if b.Media != nil {
				r.contentType = b.Media.Type
				if r.body, ok = encode(b); !ok {
					skipped["bodies that are neither JSON nor text"]++
					continue
				}
			}
			out = append(out, r)
		}
	}
	return out, skipped
}

func encode(e api.Example) ([]byte, bool) {
	switch api.FormOf(e.Media.Type) {
	case api.JSON:
		b, err := json.Marshal(e.Value.Any())
		return b, err == nil
	case api.Text, api.Opaque:
		return []byte(e.Value.Text), true
	}
	return nil, false
}

// target is the path and query of an operation with its example parameters.
func target(op *api.Operation, name string, params map[*api.Parameter][]api.Example) (string, bool) {
	path, query := op.API.BasePath+op.Path, []string(nil)
	for _, p := range op.Params {
		v := pick(params[p], name)
		if v == nil {
			v = invent(p)
		}
		if v == nil && p.Required {
			return "", false
		}
		if v == nil || p.In != "path" && !p.Required && len(params[p]) == 0 {
			continue
		}
		pairs, ok := p.Encode(v)
		switch {
		case !ok && p.Required:
			return "", false
		case !ok || len(pairs) == 0:
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", pairs[0])
		case p.In == "query":
			query = append(query, pairs...)
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return path, !strings.Contains(path, "{")
}

func pick(all []api.Example, name string) *source.Node {
	for _, e := range all {
		if e.Name == name {
			return e.Value
		}
	}
	if len(all) > 0 {
		return all[0].Value
	}
	return nil
}

// invent is a value for a parameter without an example: of an enumeration, or plain text or a number.
func invent(p *api.Parameter) *source.Node {
	if p.Schema == nil || !p.Required {
		return nil
	}
	text := `"x"`
	if t := p.Schema.Shape().Types().String(); strings.Contains(t, "integer") || strings.Contains(t, "number") {
		text = "1"
	}
	if n := p.Schema.Node(); n != nil {
		if e := n.Get("enum"); e != nil && len(e.Items) > 0 {
			return e.Items[0]
		}
		if d := n.Get("default"); d != nil {
			return d
		}
	}
	f, err := source.Parse("invented", []byte(`{"v":`+text+`}`))
	if err != nil {
		return nil
	}
	return f.Root.Get("v")
}

// fixtures reads the recorded requests.
func fixtures(dir string) ([]request, error) {
	names, err := filepath.Glob(filepath.Join(dir, "scenarios", "*", "*", "normalized-fixture.json"))
	if err != nil {
		return nil, err
	}
	var out []request
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var all []struct {
			Scope, Method, Path string
			Body                json.RawMessage
			ReqHeaders          map[string]any `json:"reqheaders"`
		}
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i, f := range all {
			r := request{from: fmt.Sprintf("%s #%d of %s", filepath.Base(filepath.Dir(name)), i, f.Scope), method: strings.ToUpper(f.Method), target: f.Path}
			if text := ""; json.Unmarshal(f.Body, &text) == nil {
				r.body = []byte(text)
			} else {
				r.body = f.Body
			}
			if t, ok := f.ReqHeaders["content-type"].(string); ok {
				r.contentType = t
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// A gateTarget is where requests are sent.
type gateTarget struct {
	client    *http.Client
	base, key string
}

// replay sends the requests and prints what did not pass, by reason. It returns these, each with its reason.
func replay(to gateTarget, what string, all []request, verbose bool) (refused []string) {
	reasons := make(map[string][]string)
	passed := 0
	for _, r := range all {
		if why := to.send(r); why != "" {
			reasons[why] = append(reasons[why], r.from)
			refused = append(refused, r.from+": "+why)
		} else {
			passed++
		}
	}
	fmt.Printf("%s: %d of %d pass\n", what, passed, len(all))
	var sorted []string
	for why := range reasons {
		sorted = append(sorted, why)
	}
	sort.Slice(sorted, func(i, j int) bool { return len(reasons[sorted[i]]) > len(reasons[sorted[j]]) })
	for _, why := range sorted {
		from := reasons[why]
		if !verbose && len(from) > 3 {
			from = append(from[:3:3], fmt.Sprintf("and %d more", len(reasons[why])-3))
		}
		fmt.Printf("  %d: %s\n      %s\n", len(reasons[why]), why, strings.Join(from, "\n      "))
	}
	return refused
}

// send returns why a request was refused by yett, "" if it was not.
func (g gateTarget) send(r request) string {
	req, err := http.NewRequest(r.method, g.base+r.target, bytes.NewReader(r.body))
	if err != nil {
		return err.Error()
	}
	if u, err := url.Parse(g.base + r.target); err != nil || u.Host == "" {
		return "not a target"
	}
	req.Header.Set("X-API-Key", g.key)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := g.client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err.Error()
	}
	var p struct {
		Instance, Code string
		Errors         []struct{ Pointer, Parameter, Detail string }
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(b, &p) != nil ||
		!strings.HasPrefix(p.Instance, "urn:uuid:") || strings.HasPrefix(p.Code, "upstream") {
		return ""
	}
	why := fmt.Sprintf("%d %s", res.StatusCode, p.Code)
	for _, e := range p.Errors {
		why += fmt.Sprintf("; %s%s %s", e.Parameter, e.Pointer, e.Detail)
	}
	return why
}
