// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"yett/config"
	"yett/gateway"
	"yett/internal/practicetest"
)

// root is the top of the tree, seen from here.
const root = "../.."

// practices names the folders of all practices.
func practices(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "practice"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// sections are what the README of a practice has, in this order.
var sections = []string{"What it stops", "What it does not stop", "Configuration", "Refusals", "Use alone", "Checks"}

// lacking returns what a practice's folder does not hold.
func lacking(dir fs.FS, name string) []string {
	var bad []string
	for what, pattern := range map[string]string{
		"README.md": "README.md", "practice.go": "practice.go", "checks.go": "checks.go", "example_test.go": "example_test.go",
		"an attack": "testdata/attacks/*.http", "ordinary traffic": "testdata/ordinary/*.http",
	} {
		if practicetest.AtRest[name] != "" && strings.HasPrefix(pattern, "testdata/") {
			continue
		}
		if found, err := fs.Glob(dir, pattern); err != nil || len(found) == 0 {
			bad = append(bad, what)
		}
	}
	readme, err := fs.ReadFile(dir, "README.md")
	at := 0
	for _, s := range sections {
		i := strings.Index(string(readme[at:]), "\n## "+s+"\n")
		if err != nil || i < 0 {
			bad = append(bad, "README section "+s)
			continue
		}
		at += i
	}
	checks, _ := fs.ReadFile(dir, "checks.go") // its absence was told above
	if !regexp.MustCompile(`Cites:\s*\[\]string\{"`).Match(checks) {
		bad = append(bad, "a check that cites")
	}
	if !strings.HasPrefix(string(readme), "# "+name+"\n") {
		bad = append(bad, "README title")
	}
	slices.Sort(bad)
	return bad
}

func TestEveryPracticeHasTheSameFiles(t *testing.T) {
	for _, name := range practices(t) {
		if bad := lacking(os.DirFS(filepath.Join(root, "practice", name)), name); len(bad) > 0 {
			t.Errorf("practice/%s lacks %s", name, strings.Join(bad, ", "))
		}
		if !listed(name) {
			t.Errorf("practice/%s is not in gateway.Practices", name)
		}
	}
	if got := lacking(os.DirFS("testdata/practice"), "half"); strings.Join(got, ", ") != "README section Checks, README section Use alone, a check that cites, example_test.go, ordinary traffic" {
		t.Errorf("the fixture lacks %v", got)
	}
}

func listed(name string) bool {
	for _, p := range gateway.Practices() {
		if p.Name == name {
			return true
		}
	}
	return false
}

// each calls f with every file of the tree that matches the ending. Test data, hidden folders and what is built are left out.
func each(t *testing.T, ending string, f func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == "testdata" || n == "bin" || n == "node_modules" || strings.HasPrefix(n, ".") && n != ".." && n != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ending) || !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		f(filepath.ToSlash(name), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

const header = "// Copyright The yett Authors\n// SPDX-License-Identifier: Apache-2.0\n\n"

// The words are put together here, so that this file does not hold them.
var unwanted = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|regi` + `stry\.|proxy\.go` + `lang|/wo` + `rk/|"/t` + `mp/`)

// blemish says what is wrong with the text of a Go file.
func blemish(text string) string {
	if !strings.HasPrefix(text, header) {
		return "it does not begin with the two-line header"
	}
	if m := unwanted.FindString(text); m != "" {
		return "it holds " + m
	}
	return ""
}

func TestGoFilesHaveTheirHeaderAndNothingLeftOver(t *testing.T) {
	n := 0
	each(t, ".go", func(name, text string) {
		n++
		if why := blemish(text); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	})
	if n < 100 {
		t.Errorf("only %d files were read", n)
	}
	for _, bad := range []string{"package x\n", header + "package x // TO" + "DO: all\n", header + "package x; const p = \"/wo" + "rk/x\"\n"} {
		if blemish(bad) == "" {
			t.Errorf("the fixture passes: %q", bad)
		}
	}
}

// mayUse are the names of net/http that a practice may use outside its admin routes: a status, a method, and Handler.
var mayUse = regexp.MustCompile(`^(Status[A-Z]\w*|Method[A-Z]\w*|Handler)$`)

// callsOut are files that ask servers whom the operator named. No request of a caller passes through them.
var callsOut = map[string]string{
	"practice/token/fetch.go":        "the keys and metadata of issuers",
	"practice/activity/sink/otlp.go": "the collector that records are sent to",
	"practice/encrypt/transit.go":    "the server that keeps the key-encryption key",
}

// httpUses returns the other names of net/http in a Go file.
func httpUses(t *testing.T, name, text string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "http" && !mayUse.MatchString(s.Sel.Name) {
			bad = append(bad, "http."+s.Sel.Name)
		}
		return true
	})
	return bad
}

func TestPracticesDoNotKnowTheHTTPEngine(t *testing.T) {
	each(t, ".go", func(name, text string) {
		if !strings.HasPrefix(name, "practice/") || strings.HasSuffix(name, "_test.go") || strings.Count(name, "/") < 2 || strings.HasSuffix(name, "/routes.go") || callsOut[name] != "" {
			return // routes.go holds what the admin API serves
		}
		if bad := httpUses(t, name, text); len(bad) > 0 {
			t.Errorf("%s uses %s (a status, a method and Handler are all that a practice may take from net/http)", name, strings.Join(bad, ", "))
		}
	})
	if got := httpUses(t, "x.go", header+"package x\nimport \"net/http\"\nvar _ = http.StatusOK\nfunc f(r *http.Request) http.Handler { return nil }\n"); strings.Join(got, " ") != "http.Request" {
		t.Errorf("the fixture: got %v", got)
	}
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)([^\n]*)\n(.*?)^```")

// documents are those whose examples must be true.
func documents(name string) bool {
	return name == "README.md" || strings.HasPrefix(name, "docs/") || strings.HasPrefix(name, "practice/") || strings.HasPrefix(name, "examples/")
}

// yamlFault loads a yaml block of a document as a yett.yaml, with an API where it has none.
func yamlFault(block string) error {
	if !regexp.MustCompile(`(?m)^apis:`).MatchString(block) {
		block += "\napis:\n  - { name: shop, openapi: shop.openapi.yaml, upstream: \"http://localhost:9000\" }\n"
	}
	_, err := config.Parse("README.yaml", []byte(block), gateway.Practices())
	return err
}

func TestEveryConfigurationInTheDocumentsLoads(t *testing.T) {
	n := 0
	each(t, ".md", func(name, text string) {
		if !documents(name) {
			return
		}
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if m[1] != "yaml" || strings.Contains(m[2], "openapi") { // ```yaml openapi: a piece of a description
				continue
			}
			n++
			if err := yamlFault(m[3]); err != nil {
				t.Errorf("%s: %v\n%s", name, err, m[3])
			}
		}
	})
	if n < len(practices(t))-1 {
		t.Errorf("only %d configurations were found", n)
	}
	if yamlFault("ratelimit: { request: 1 }\n") == nil {
		t.Error("the fixture loads")
	}
}

// commands finds the words that follow yett in a shell block.
var commands = regexp.MustCompile(`(?m)(?:^|[;&|] *|\$ )(?:\./)?(?:bin/)?yett +([a-z]+)\b`)

func TestEveryCommandInTheDocumentsExists(t *testing.T) {
	var sources strings.Builder
	each(t, ".go", func(name, text string) {
		if strings.HasPrefix(name, "internal/cli/") {
			sources.WriteString(text)
		}
	})
	exists := func(word string) bool {
		return word == "help" || regexp.MustCompile(`Use:\s*"`+word+`[ "]`).MatchString(sources.String())
	}
	each(t, ".md", func(name, text string) {
		if !documents(name) {
			return
		}
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if m[1] != "sh" {
				continue
			}
			for _, c := range commands.FindAllStringSubmatch(m[3], -1) {
				if !exists(c[1]) && !strings.HasPrefix(m[3][strings.Index(m[3], c[0])+len(c[0]):], ".") {
					t.Errorf("%s: there is no command yett %s", name, c[1])
				}
			}
		}
	})
	if !exists("run") || exists("frobnicate") {
		t.Error("the fixture: run must exist, and frobnicate not")
	}
}

func TestGoModPinsExactVersions(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range loose(string(data)) {
		t.Errorf("go.mod: %s", line)
	}
	if len(loose("require (\n\texample.org/a latest\n)\nreplace example.org/a => ../a\n")) != 2 {
		t.Error("the fixture passes")
	}
}

// loose returns the lines of a go.mod that leave open what is built.
func loose(text string) []string {
	pinned := regexp.MustCompile(`^\t\S+ v\d+\.\d+\.\d+\S*( // indirect)?$`)
	var bad []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "replace"):
			bad = append(bad, line)
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case inside && line != "" && !pinned.MatchString(line):
			bad = append(bad, line)
		}
	}
	return bad
}

// unmentioned returns the top-level folders with Go code that a text does not name.
func unmentioned(text string, folders []string) []string {
	var bad []string
	for _, f := range folders {
		if !regexp.MustCompile(`\b` + f + `\b`).MatchString(text) {
			bad = append(bad, f)
		}
	}
	return bad
}

func TestArchitectureAndChangelogNameEveryPackage(t *testing.T) {
	var folders []string
	each(t, ".go", func(name, _ string) {
		if top, _, ok := strings.Cut(name, "/"); ok && !slices.Contains(folders, top) {
			folders = append(folders, top)
		}
	})
	for _, name := range []string{"ARCHITECTURE.md", "CHANGELOG.md"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if bad := unmentioned(string(data), folders); len(bad) > 0 {
			t.Errorf("%s does not mention %s", name, strings.Join(bad, ", "))
		}
	}
	if got := unmentioned("the gateway", []string{"gateway", "gate"}); strings.Join(got, "") != "gate" {
		t.Errorf("the fixture: got %v", got)
	}
}
