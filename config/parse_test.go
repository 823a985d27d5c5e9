// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"yett/practice"
)

func replace(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

func quoted(s string) string { return strconv.Quote(s) }

func TestNoErrorShowsASecretOrVariable(t *testing.T) {
	const secret = "hunter2hunter2"
	t.Setenv("YETT_TEST_SET", secret)
	t.Setenv("YETT_TEST_ODD", `"`+secret+"\n")
	t.Setenv("YETT_TEST_LONG", strings.Repeat(secret+"+", 9))
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"unknown key like a secret's":    "apikey: { peper: " + secret + " }" + api,
		"another error on its line":      "apikey: { pepper: " + secret + ", stric: true, bind: x }" + api,
		"an error before it on its line": "apikey: { stric: true, bind: x, pepper: " + secret + " }" + api,
		"shortened in the error":         "waf: { limits: { body: \"${YETT_TEST_LONG}\" } }" + api,
		"refused by Validate, no place":  "waf: { rules: [{ id: \"${YETT_TEST_SET}\" }] }" + api,
		"a secret of several lines":      "apikey:\n  pepper: |\n    " + secret + "\n  bind: x\n" + api,
		"refused by a text type":         "waf: { limits: { body: \"${YETT_TEST_SET}\" } }" + api,
		"refused by Validate, quoted":    "cors: { origins: [\"${YETT_TEST_ODD}\"] }" + api,
		"an address":                     replace(api, "http://127", "${YETT_TEST_SET}"),
		"a host":                         api + "    hosts: [\"${YETT_TEST_SET}:\"]\n",
		"an address that listens":        "listen: \"${YETT_TEST_SET}\"" + api,
		"a mode":                         "waf: { mode: \"${YETT_TEST_SET}\" }" + api,
		"a name":                         replace(api, "name: shop", "name: \"${YETT_TEST_ODD}\""),
		"a list":                         "cors: { origins: \"${YETT_TEST_SET}\" }" + api,
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(data)
	}
	for name, text := range texts {
		for _, e := range refuse(t, text) {
			if all := e.Error() + e.Excerpt(false) + e.Got; strings.Contains(all, secret) || strings.Contains(all, secret[:6]) {
				t.Errorf("%s: the error shows it:\n%s\n%s%s", name, e, e.Excerpt(false), e.Got)
			}
		}
	}
}

func TestArgumentsMeanTheFileThatInitWrites(t *testing.T) {
	for _, a := range []Arguments{
		{OpenAPI: "shop.openapi.yaml", Upstream: "http://localhost:9000"},
		{OpenAPI: "../a b/Ünïcode \"quoted\".yaml", Upstream: "https://shop.example.org/base", Listen: "127.0.0.1:9443", Admin: "127.0.0.1:0", Data: `C:\yett`, Observe: true},
		{OpenAPI: "${HOME}/$${x}.yaml", Upstream: "http://[::1]:9000", Data: "line\nbreak: \u2028\u202e#"},
	} {
		f, err := Parse(CommandLine, a.YAML(), known)
		if err != nil {
			t.Errorf("%+v: %v\n%s", a, err, a.YAML())
			continue
		}
		same(t, a, f)
	}
	got := string(Arguments{OpenAPI: "shop.openapi.yaml", Upstream: "http://localhost:9000"}.YAML())
	want, err := os.ReadFile("testdata/good/init.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("yett init writes:\n%s", got)
	}
}

func same(t *testing.T, a Arguments, f *File) {
	t.Helper()
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	rel := func(s string) string {
		if s == "" || filepath.IsAbs(s) {
			return s
		}
		return filepath.Clean(s)
	}
	got := []string{f.APIs[0].OpenAPI, f.APIs[0].Upstream, f.Listen, f.Admin.Listen, f.Data, strconv.FormatBool(f.Observe)}
	want := []string{rel(a.OpenAPI), strings.TrimRight(a.Upstream, "/"), or(a.Listen, DefaultListen), or(a.Admin, DefaultAdminListen), rel(or(a.Data, DefaultData)), strconv.FormatBool(a.Observe)}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v: got %q, want %q", a, got[i], want[i])
		}
	}
}

func TestErrorsInArgumentsNameNoLine(t *testing.T) {
	_, err := Parse(CommandLine, Arguments{OpenAPI: "shop.openapi.yaml", Upstream: "localhost:9000"}.YAML(), known)
	want := `command line: apis[0].upstream: "localhost:9000" has no scheme (try http://localhost:9000)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnErrorOfManyIsReportedOnceAndTheRestIsCounted(t *testing.T) {
	errs := refuse(t, strings.Repeat("- x\n", 3)+"")
	if len(errs) != 1 {
		t.Errorf("got %v", errs)
	}
	errs = refuse(t, "cors: { origins: ["+strings.Repeat("x, ", 5000)+"] }"+api)
	if len(errs) != maxErrors || !strings.Contains(errs[len(errs)-1].What, "4801 errors more") {
		t.Errorf("got %d errors, the last %v", len(errs), errs[len(errs)-1])
	}
}

func TestAFileOfVeryManyValuesIsRefusedAsAWhole(t *testing.T) {
	errs := refuse(t, "cors: { origins: ["+strings.Repeat("x,", maxNodes)+"] }"+api)
	if len(errs) != 1 || errs[0].What != "holds more than 200,000 keys and values" {
		t.Errorf("got %v", errs)
	}
}

func TestAPracticeThatCannotBeConfiguredIsFoundAtOnce(t *testing.T) {
	for name, p := range map[string]*practice.Practice{
		"a channel":         define("odd", true, func() oddConfig[chan int] { return oddConfig[chan int]{} }),
		"any":               define("odd", true, func() oddConfig[any] { return oddConfig[any]{} }),
		"a map by number":   define("odd", true, func() oddConfig[map[int]string] { return oddConfig[map[int]string]{} }),
		"a path of numbers": define("odd", true, func() oddFile { return oddFile{} }),
		"a mode of its own": define("odd", true, func() oddMode { return oddMode{} }),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			_, _ = Parse("yett.yaml", []byte(api), []*practice.Practice{p})
		}()
	}
}

type oddConfig[T any] struct{ X T }

func (oddConfig[T]) Validate() error { return nil }

type oddFile struct {
	X int `config:"file"`
}

func (oddFile) Validate() error { return nil }

type oddMode struct{ Mode string }

func (oddMode) Validate() error { return nil }

func TestTheSchemaTakesGoodFilesAndRefusesBrokenOnes(t *testing.T) {
	t.Setenv("YETT_TEST_SET", "x.example.org")
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(known)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("yett.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("yett.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	judge := func(data []byte) error {
		var v any
		if err := yaml.Load(data, &v); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(out)); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("good files: %v, %v", files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(path, data, known); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if err := judge(data); err != nil {
			t.Errorf("%s: the schema refuses it: %v", path, err)
		}
	}
	for _, name := range []string{"unknown_key_at_the_top", "nested_key_unknown", "secret_written_out", "mode_unknown", "mode_and_off",
		"observe_where_others_rely_on_it", "off_without_a_reason", "api_incomplete", "no_apis", "apis_empty", "practice_word_misspelt", "wrong_kinds", "fields"} {
		data, err := os.ReadFile(filepath.Join("testdata", "broken", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if judge(data) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("yett.yaml", data, known)
		if err == nil {
			for _, p := range known {
				if _, err := file.Gateway(p); err != nil {
					t.Fatalf("a setting of a good file: %v", err)
				}
				for _, a := range file.APIs {
					for _, id := range append(a.OperationIDs(), "other") {
						if _, err := file.ForOperation(a, id, p); err != nil {
							t.Fatalf("a setting of a good file: %v", err)
						}
					}
				}
			}
		} else {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxErrors {
				t.Fatalf("got %T: %v", err, err)
			}
			for i, e := range errs {
				if e.Line < 1 || e.Column < 1 || e.Line > bytes.Count(data, []byte("\n"))+1 || e.What == "" || strings.Contains(e.Error(), "\n") || !utf8.ValidString(e.Error()) {
					t.Fatalf("error without a place or of several lines: %#v", e)
				}
				if i > 0 && e.Line < errs[i-1].Line {
					t.Fatalf("line %d after line %d", e.Line, errs[i-1].Line)
				}
				if x := e.Excerpt(true); strings.Count(x, "\n") > 2 {
					t.Fatalf("excerpt of several lines: %q", x)
				}
			}
		}
		// The same bytes as arguments.
		if text := strings.ToValidUTF8(string(data), ""); len(text) < 1000 {
			a := Arguments{OpenAPI: "a/" + text, Upstream: "http://localhost:9000", Data: "d/" + text, Observe: len(text)%2 == 0}
			file, err := Parse(CommandLine, a.YAML(), known)
			switch {
			case err == nil:
				same(t, a, file)
			case !strings.Contains(text, "://"):
				t.Fatalf("arguments do not parse: %v\n%s", err, a.YAML())
			}
		}
	})
}
