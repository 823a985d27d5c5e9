// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// github is the path of GitHub's REST description (1,223 operations), which is too large to keep here.
func github(t testing.TB) string {
	t.Helper()
	path := os.Getenv("YETT_GITHUB_OPENAPI")
	if path == "" {
		t.Skip("GitHub's description is not part of this repository: set YETT_GITHUB_OPENAPI to api.github.com.json of npm @octokit/openapi")
	}
	return path
}

func TestGitHubLoads(t *testing.T) {
	path := github(t)
	start := time.Now()
	a, warnings, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	for i, w := range warnings {
		if i < 10 {
			t.Log(w)
		}
	}
	if len(a.Operations) != 1223 || !a.AssumedKey || a.BasePath != "" {
		t.Errorf("%d operations, assumed key %v, base path %q; want 1223, true, the root", len(a.Operations), a.AssumedKey, a.BasePath)
	}
	if _, err := NewRouter(a); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations and %d warnings in %v", len(a.Operations), len(warnings), took)
}

// githubMistakes are the request examples of GitHub (version 23.0.2 of the npm package) that contradict their own
// description. Each was read beside its schema. Those marked undeclared would pass plain JSON Schema: the schema
// lists properties, says nothing of others, and the example has one that is not listed.
var githubMistakes = map[string]string{
	"codespaces/create-with-pr-for-authenticated-user":              "undeclared: the example is that of creating without a pull request",
	"codespaces/publish-for-authenticated-user":                     "undeclared: repository, described as name",
	"codespaces/set-repositories-for-secret-for-authenticated-user": "ids as strings, described as integers",
	"copilot-spaces/update-for-org":                                 "undeclared: _destroy and id",
	"copilot-spaces/update-for-user":                                "undeclared: _destroy and id",
	"gists/update":                                                  "null for a file, which is not nullable; the text beside it says that null deletes",
	"markdown/render-raw":                                           "an object for text/plain and text/x-markdown",
	"migrations/update-import":                                      "undeclared: human_name",
	"orgs/convert-member-to-outside-collaborator":                   "null for an object: the example of an answer",
	"orgs/create-issue-field":                                       "priority is required and missing",
	"orgs/list-attestations-bulk":                                   "undeclared: predicateType, described as predicate_type",
	"projects/add-field-for-org":                                    "the form of the answer, not of the request",
	"projects/add-field-for-user":                                   "the form of the answer, not of the request",
	"security-advisories/update-repository-advisory":                "a list, described as an object",
	"users/create-public-ssh-key-for-authenticated-user":            "title and key changed places, so the key breaks its pattern",
	"users/create-ssh-signing-key-for-authenticated-user":           "title and key changed places, so the key breaks its pattern",
	"users/list-attestations-bulk":                                  "undeclared: predicateType, described as predicate_type",
}

// TestGitHubExamples sends every documented request example of GitHub through our checks.
func TestGitHubExamples(t *testing.T) {
	a, _, err := Load(github(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	total, passed := 0, 0
	for _, op := range a.Operations {
		for _, e := range op.Examples() {
			total++
			wrong := replay(e)
			if len(wrong) == 0 {
				passed++
				continue
			}
			why := githubMistakes[op.ID]
			if why == "" {
				t.Errorf("%s: line %d does not pass, and is no known mistake: %s", op.ID, e.Value.Line, strings.Join(wrong, "; "))
			}
			t.Logf("%s, line %d: %s: %s", op.ID, e.Value.Line, why, strings.Join(wrong, "; "))
		}
	}
	t.Logf("%d of %d documented request examples pass", passed, total)
	if total < 400 {
		t.Errorf("only %d examples were found", total)
	}
}

// BenchmarkMatchGitHub compares ten of GitHub's operations with all of them.
func BenchmarkMatchGitHub(b *testing.B) {
	a, _, err := Load(github(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	ten := &API{}
	for _, op := range a.Operations {
		if strings.HasPrefix(op.Path, "/repos/{owner}/{repo}/issues/{issue_number}") && len(ten.Operations) < 10 {
			ten.Operations = append(ten.Operations, op)
		}
	}
	for _, api := range []*API{ten, a} {
		r := router(b, api)
		b.Run(fmt.Sprintf("%d operations", len(api.Operations)), func(b *testing.B) {
			b.ReportAllocs()
			params := make([]Param, 0, 8)
			for b.Loop() {
				m, p := r.Match("api.example.org", "/repos/octocat/hello-world/issues/1347", params[:0])
				if m.Operation("GET") == nil || len(p) != 3 {
					b.Fatal("no match")
				}
			}
		})
	}
}
