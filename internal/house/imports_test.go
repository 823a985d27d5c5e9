// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// An arrow lets the packages that match From import those that match To.
type arrow struct{ From, To, Because string }

// arrows are all imports allowed within the house. A pattern is as path.Match takes it, with /... for itself and all below.
var arrows = []arrow{
	{"cmd/yett", "jose", "sessions have an issuer of tokens"},
	{"cmd/yett", "internal/cli", "main is signals and the exit code; the rest is the command line's"},
	{"internal/cli", "gateway", "a command builds, starts or asks a gateway"},
	{"internal/cli", "alert", "yett status shows what holds"},
	{"internal/cli", "admin", "a command speaks to a running gateway"},
	{"internal/cli", "config", "a command reads yett.yaml"},
	{"internal/cli", "api", "the table of operations"},
	{"internal/cli", "exchange", "refusals are told on the terminal as records"},
	{"internal/cli", "ledger", "what verification found"},
	{"internal/cli", "practice/...", "commands of a practice show its own types"},
	{"internal/cli", "problem", "what a refusal is"},
	{"internal/cli", "store/...", "commands work on the store where no gateway runs"},
	{"internal/cli", "internal/cli/...", "how output looks on a terminal"},
	{"internal/cli", "internal/demo", "yett demo"},
	{"internal/cli", "internal/source", "positions in files"},
	{"internal/demo", "examples/shop", "the careless shop is what is attacked"},
	{"internal/demo", "gateway", "the gate before it"},
	{"internal/demo", "ledger", "what verification found"},
	{"internal/demo", "config", "the demo's own yett.yaml"},
	{"internal/demo", "admin", "keys for the demo"},
	{"internal/demo", "exchange", "what the records say of an attack"},
	{"internal/demo", "internal/cli/term", "how the table looks"},
	{"internal/practicetest", "gateway", "attacks meet the real gateway"},
	{"internal/practicetest", "config", "a stand has a yett.yaml"},
	{"internal/practicetest", "admin", "keys for the attacks"},
	{"internal/practicetest", "exchange", "what the records say of an attack"},
	{"internal/practicetest", "problem", "what a refusal is"},
	{"internal/practicetest", "examples/shop", "the careless shop is what is attacked"},
	{"gateway", "practice/...", "composition: the only package that knows all practices"},
	{"gateway", "gateway/wire", "bytes are screened below the engine"},
	{"gateway", "store/...", "composition chooses the stores"},
	{"gateway", "admin", "checks ask through the admin API"},
	{"gateway", "config", "a generation is one configuration"},
	{"gateway", "api", "what is routed and chained are described operations"},
	{"gateway", "exchange", "the vocabulary"},
	{"gateway", "problem", "the vocabulary"},
	{"gateway", "practice", "the contract"},
	{"gateway", "internal/source", "positions in files"},
	{"gateway", "alert", "the board that practices raise alerts on"},
	{"gateway", "internal/telemetry", "metrics of reloads and alerts"},
	{"gateway", "internal/watch", "a changed configuration is reloaded"},
	{"internal/telemetry", "alert", "alerts are metrics too"},
	{"practice", "alert", "the contract hands out the board"},
	{"practice/*", "alert", "what falls back to something older says so"},
	{"practice/*", "internal/watch", "files that practices read are replaced while they serve"},
	{"config", "practice", "a block is decoded into what the practice declares"},
	{"config", "internal/source", "positions in files"},
	{"practice", "api", "the contract names the described API"},
	{"practice", "exchange", "the contract is steps on an exchange"},
	{"practice", "store", "the contract hands out stores"},
	{"practice/*", "practice", "the contract"},
	{"practice/*", "exchange", "the vocabulary"},
	{"practice/*", "identity", "the vocabulary"},
	{"practice/*", "problem", "the vocabulary"},
	{"practice/*", "api", "the description is the policy"},
	{"practice/*", "api/schema", "the compiled schemas of the description"},
	{"practice/*", "jsonstream", "a body is read once, as an index"},
	{"practice/*", "store", "the contract of the stores, never one of them"},
	{"practice", "view", "a part says what becomes of values"},
	{"practice/*", "view", "what becomes of the values of bodies"},
	{"practice/*", "internal/source", "the words of a description stand at nodes with positions"},
	{"practice/expose", "practice/expose/detect", "finding sensitive data in a text"},
	{"gateway", "view", "the edits of all practices become one pass"},
	{"view", "api", "places are those of a description"},
	{"view", "api/schema", "shapes and schemas of places"},
	{"view", "exchange", "a pass is a filter of an exchange"},
	{"view", "jsonstream", "an answer is an index, or many"},
	{"view", "problem", "a broken answer is refused"},
	{"view", "internal/source", "words have positions"},
	{"practice/*", "jose", "tokens are read and written in one place"},
	{"practice/activity", "ledger", "records are lines under a Merkle tree"},
	{"practice/activity", "practice/activity/*", "the language of searches, and where records go besides"},
	{"practice/activity/sink", "practice", "a sink's credentials are secrets"},
	{"practice/activity/sink", "practice/activity/ocsf", "another form of a record"},
	{"examples/embed/activity", "ledger", "a log of its own"},
	{"jose", "jsonstream", "headers, keys and claims are strict JSON"},
	{"examples/embed/*", "jose", "a program that makes its own tokens"},
	{"internal/demo", "jose", "tokens of the demonstration"},
	{"exchange", "api", "an exchange knows its operation"},
	{"exchange", "identity", "an exchange knows its caller"},
	{"exchange", "problem", "a step refuses with a problem"},
	{"exchange", "jsonstream", "the index of a body"},
	{"api", "api/schema", "schemas are part of a description"},
	{"api", "jsonstream", "bodies become indexes"},
	{"api", "internal/source", "positions in files"},
	{"api/schema", "jsonstream", "schemas judge indexes"},
	{"api/schema", "internal/source", "positions in files"},
	{"store/sqlite", "store", "implements the contract"},
	{"store/memory", "store", "implements the contract"},
	{"store/storetest", "store", "tests the contract"},
	{"examples/shop/cmd/shop", "examples/shop", "the shop as a program"},
	{"examples/embed/*", "practice/...", "a practice is usable alone"},
	{"examples/embed/*", "exchange", "a handler reads what a step learned"},
	{"examples/embed/*", "api", "a step that needs the description"},
	{"examples/embed/*", "identity", "a step that says who calls"},
	{"examples/embed/*", "problem", "the vocabulary"},
	{"examples/embed/*", "alert", "what falls back says so"},
	{"examples/embed/*", "store/...", "a program chooses its stores"},
}

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath, Dir, Name, Doc         string
	Imports                            []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Deps                               []string
}

const module = "yett/"

// list asks go list once for the whole tree.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,Doc,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles"}, args...)...)
	c.Dir = root
	out, err := c.Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func matches(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// forbidden returns the imports that no arrow allows, as "a → b".
func forbidden(packages []pkg) []string {
	var bad []string
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module)
			if ours && !slices.ContainsFunc(arrows, func(a arrow) bool { return matches(a.From, from) && matches(a.To, to) }) {
				bad = append(bad, from+" → "+to)
			}
		}
	}
	return bad
}

func TestEveryImportHasAReason(t *testing.T) {
	for _, a := range arrows {
		if a.Because == "" {
			t.Errorf("%s → %s has no reason", a.From, a.To)
		}
	}
	for _, i := range forbidden(list(t, "./...")) {
		t.Errorf("%s: no arrow allows it (see arrows, and ask whether it should)", i)
	}
	fixture := []pkg{
		{ImportPath: "yett/practice/authn", Imports: []string{"yett/practice/apikey", "yett/gateway", "yett/problem", "fmt"}},
		{ImportPath: "yett/exchange", Imports: []string{"yett/practice"}},
		{ImportPath: "yett/practice/ratelimit", Imports: []string{"yett/store/memory"}},
	}
	want := "practice/authn → practice/apikey, practice/authn → gateway, exchange → practice, practice/ratelimit → store/memory"
	if got := strings.Join(forbidden(fixture), ", "); got != want {
		t.Errorf("the fixture: got %s, want %s", got, want)
	}
}

// embedded returns what an example drags in that a program using one practice does not want.
func embedded(p pkg) []string {
	own := module + "practice/" + path.Base(p.ImportPath)
	var bad []string
	for _, d := range p.Deps {
		name, ours := strings.CutPrefix(d, module)
		if ours && (name == "gateway" || strings.HasPrefix(name, "gateway/") || name == "config" || strings.HasPrefix(name, "practice/") && d != own && !strings.HasPrefix(d, own+"/")) {
			bad = append(bad, name)
		}
	}
	return bad
}

func TestEachPracticeIsUsableAlone(t *testing.T) {
	examples := make(map[string]bool)
	for _, p := range list(t, "./examples/embed/...") {
		examples[path.Base(p.ImportPath)] = len(p.TestGoFiles)+len(p.XTestGoFiles) > 0
		if bad := embedded(p); len(bad) > 0 {
			t.Errorf("%s pulls in %s", p.ImportPath, strings.Join(bad, ", "))
		}
	}
	for _, name := range practices(t) {
		if tested, ok := examples[name]; !ok || !tested {
			t.Errorf("examples/embed/%s: there is no program with a test", name)
		}
	}
	fixture := pkg{ImportPath: "yett/examples/embed/authn", Deps: []string{"yett/practice/authn", "yett/practice/apikey", "yett/gateway/wire", "yett/exchange", "fmt"}}
	if got := fmt.Sprint(embedded(fixture)); got != "[practice/apikey gateway/wire]" {
		t.Errorf("the fixture: got %s", got)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	undocumented := func(p pkg) bool { return len(p.GoFiles) > 0 && len(strings.Fields(p.Doc)) < 6 }
	for _, p := range list(t, "./...") {
		if undocumented(p) {
			t.Errorf("%s: its package comment says %q", p.ImportPath, p.Doc)
		}
	}
	if !undocumented(pkg{GoFiles: []string{"a.go"}, Doc: "Package a is a."}) {
		t.Error("the fixture passes")
	}
}
