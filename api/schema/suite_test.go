// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

// suite returns the folder of the JSON Schema Test Suite, "" where this machine does not have it.
func suite(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("YETT_SUITES"); dir != "" {
		return filepath.Join(dir, "json-schema")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		data := filepath.Join(dir, "..", "shared", "data", "json-schema")
		if _, err := os.Stat(data); err == nil {
			return data
		}
	}
	t.Log("neither YETT_SUITES nor ../shared/data: the JSON Schema Test Suite is not run")
	return ""
}

// remotes serves the suite's documents under the URI it expects them at.
func remotes(dir string) func(string) (any, error) {
	return func(uri string) (any, error) {
		path, ok := strings.CutPrefix(uri, "http://localhost:1234/")
		if !ok {
			return nil, errors.New("not one of the suite's")
		}
		f, err := os.Open(filepath.Join(dir, "remotes", filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return jsonschema.UnmarshalJSON(f)
	}
}

// inFile resolves references within one file.
func inFile(from *source.Node, ref string) (*source.Node, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	n, ok := from.File.Root.At(u.Fragment)
	if !ok || u.Path != "" || u.Host != "" {
		return nil, source.Errorf(from, "%s points to nothing", ref)
	}
	return n, nil
}

type group struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// run returns the number of cases in a file of the suite and those that we judge otherwise.
func run(t *testing.T, path string, o schema.Options) (cases int, wrong []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var groups []group
	if err := json.Unmarshal(data, &groups); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(path)
	for _, g := range groups {
		text := g.Schema
		if c := text[0]; c == 't' || c == 'f' {
			text = []byte(`{"allOf":[` + string(text) + `]}`) // a file is a mapping or a sequence
		}
		var s *schema.Schema
		f, err := source.Parse(base, text)
		if err == nil {
			s, err = schema.NewCompiler(o).Compile(f.Root)
		}
		for _, c := range g.Tests {
			cases++
			name := base + ": " + g.Description + ": " + c.Description
			if err != nil {
				wrong = append(wrong, name)
				t.Logf("%s: %v", name, err)
				continue
			}
			var d jsonstream.Doc
			if err := d.Parse(c.Data, jsonstream.Limits{}); err != nil {
				wrong = append(wrong, name)
				t.Logf("%s: %v", name, err)
				continue
			}
			if found := s.Check(&d, d.Root(), &schema.Check{}); (found == nil) != c.Valid {
				wrong = append(wrong, name)
				t.Logf("%s: valid %v, found %v", name, c.Valid, found)
			}
		}
	}
	return cases, wrong
}

func TestRequiredCasesOfTheSuiteAreJudgedAsItSays(t *testing.T) {
	dir := suite(t)
	if dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "tests", "draft2020-12", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	total := 0
	for _, path := range files {
		cases, wrong := run(t, path, schema.Options{Resolve: inFile, Remote: remotes(dir)})
		total += cases
		if len(wrong) > 0 {
			t.Errorf("%d of %d cases of %s are judged otherwise", len(wrong), cases, filepath.Base(path))
		}
	}
	t.Logf("%d cases", total)
	if total < 1299 {
		t.Errorf("%d cases, want 1299 or more", total)
	}
}

func TestOptionalCasesOfTheSuiteFailOnlyWhereListed(t *testing.T) {
	dir := suite(t)
	if dir == "" {
		return
	}
	root := filepath.Join(dir, "tests", "draft2020-12", "optional")
	total := 0
	var all []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		o := schema.Options{Resolve: inFile, Remote: remotes(dir)}
		if strings.HasPrefix(path, filepath.Join(root, "format")+string(filepath.Separator)) {
			o.AssertFormat = true
		}
		cases, wrong := run(t, path, o)
		total += cases
		all = append(all, wrong...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d judged otherwise", total, len(all))
	for _, name := range all {
		if _, ok := exceptions[name]; !ok {
			t.Errorf("judged otherwise, and not listed: %s", name)
		}
	}
	for name := range exceptions {
		if !slices.Contains(all, name) {
			t.Errorf("listed, but judged as the suite says: %s", name)
		}
	}
}

// exceptions are the optional cases that we judge otherwise, and why.
var exceptions = map[string]string{
	idn + "Bidi domain name with a digit-first label is invalid":                                                                      bidi,
	idn + "label starting with a digit before a right-to-left letter is invalid":                                                      bidi,
	idn + "left-to-right label containing a right-to-left letter is invalid":                                                          bidi,
	idn + "right-to-left label mixing both digit types is invalid":                                                                    bidi,
	idn + "A-label that decodes to a Bidi rule violation is invalid":                                                                  bidi,
	"format-assertion.json: schema that uses custom metaschema with format-assertion: false: format-assertion: false: invalid string": "the library asserts formats only where the vocabulary is required",
}

const (
	idn  = "idn-hostname.json: validation of internationalized host names: "
	bidi = "the rule about writing directions (RFC 5893) is not checked"
)
