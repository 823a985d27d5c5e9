// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/jose"
)

// suite returns the folder of the JOSE cookbook: below $YETT_SUITES, or below shared/data beside the repository.
func suite(t *testing.T) string {
	t.Helper()
	root := os.Getenv("YETT_SUITES")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	dir := filepath.Join(root, "jose")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no examples of RFC 7520: set YETT_SUITES to the folder that holds them; the tables beside this test cover the rules")
	}
	return dir
}

// example is one file of the cookbook. Output is compact, or JSON in one of two forms.
type example struct {
	Input struct {
		Payload string
		Key     json.RawMessage
	}
	Output struct {
		Compact  string
		JSON     json.RawMessage `json:"json"`
		JSONFlat json.RawMessage `json:"json_flat"`
	}
}

func read(t *testing.T, file string) (e example) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRFC7520(t *testing.T) {
	dir := suite(t)
	taken := map[string]bool{"4_1.": true, "4_2.": true, "4_3.": true} // RS256, PS384, ES512; all others are HMAC, JSON, or encrypted
	forms := 0
	for _, kind := range []string{"jws", "jwe"} {
		files, err := filepath.Glob(filepath.Join(dir, kind, "*.json"))
		if err != nil || len(files) < 8 {
			t.Fatalf("%d files of %s: %v", len(files), kind, err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			t.Run(name, func(t *testing.T) {
				e := read(t, file)
				for form, text := range map[string]string{"compact": e.Output.Compact, "json": string(e.Output.JSON), "json_flat": string(e.Output.JSONFlat)} {
					if text == "" {
						continue
					}
					forms++
					s, err := jose.Parse(text, jose.Limits{})
					if want := form == "compact" && kind == "jws" && taken[name[:4]]; want != (err == nil) {
						t.Fatalf("%s: got %v, taken should be %t", form, err, want)
					}
					if err != nil {
						continue
					}
					if err := s.Verify(public(t, e.Input.Key)); err != nil || string(s.Payload) != e.Input.Payload {
						t.Errorf("%v, %q", err, s.Payload)
					}
				}
			})
		}
	}
	if forms < 40 {
		t.Errorf("%d forms were read, want at least 40", forms)
	}
}

// public takes the private members off a key of the cookbook.
func public(t *testing.T, jwk json.RawMessage) *jose.Key {
	t.Helper()
	if _, err := jose.ParseKey(jwk); err == nil {
		t.Error("a private key was taken for a public one")
	}
	var m map[string]any
	if err := json.Unmarshal(jwk, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		delete(m, name)
	}
	k, err := jose.ParseKey(must(json.Marshal(m)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRFC7520Keys(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suite(t), "jwk", "*.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = jose.ParseKey(data)
		if want := strings.Contains(file, "public"); want != (err == nil) {
			t.Errorf("%s: got %v, taken should be %t", filepath.Base(file), err, want)
		}
	}
}

func TestRFC8037(t *testing.T) {
	e := read(t, filepath.Join(suite(t), "curve25519", "jws.json"))
	s := must(jose.Parse(e.Output.Compact, jose.Limits{}))
	if err := s.Verify(public(t, e.Input.Key)); err != nil || string(s.Payload) != e.Input.Payload {
		t.Errorf("%v, %q", err, s.Payload)
	}
}
