// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"yett/internal/source"
)

func TestReferencesAreResolvedWithinTheFolder(t *testing.T) {
	files := fstest.MapFS{
		"api.yaml": {Data: []byte(`
local: {$ref: '#/parts/a~1b'}
parts:
  a/b: {type: string}
  hop: {$ref: '#/parts/a~1b'}
  described: {$ref: '#/parts/hop', description: x}
  loop: {$ref: '#/parts/pool'}
  pool: {$ref: '#/parts/loop'}
  loud: {$ref: '#/parts/loud', x: 1}
  percent%: {type: number}
  é: {type: integer}
`)},
		"sub/one.yaml":   {Data: []byte("x: {$ref: '../two.json#/y'}\nz: {$ref: '#/x'}\nup: {$ref: '../../out.yaml'}\n")},
		"two.json":       {Data: []byte(`{"y":{"type":"null"}}`)},
		"broken.yaml":    {Data: []byte("a: 1\na: 2\n")},
		"with space.yml": {Data: []byte("type: array\n")},
		"folder/x.yaml":  {Data: []byte("a: 1")},
	}
	for _, tt := range []struct{ name, from, ref, want string }{
		{"the file itself", "api.yaml", "#", "api.yaml:2 "},
		{"a place in it", "api.yaml", "#/parts/a~1b", "api.yaml:4 /parts/a~1b"},
		{"through a reference that is nothing else", "api.yaml", "#/parts/hop", "api.yaml:4 /parts/a~1b"},
		{"but not through one with neighbours", "api.yaml", "#/parts/described", "api.yaml:6 /parts/described"},
		{"percent escapes are undone", "api.yaml", "#/parts/percent%25", "api.yaml:10 /parts/percent%"},
		{"once", "api.yaml", "#/parts/%C3%A9", "api.yaml:11 /parts/é"},
		{"another file", "api.yaml", "./sub/one.yaml#/x", "two.json:1 /y"},
		{"from there on relative to it", "sub/one.yaml", "#/z", "two.json:1 /y"},
		{"a name with a space", "api.yaml", "with%20space.yml", "with space.yml:1 "},
		{"a file that is none", "api.yaml", "none.yaml", `api.yaml:2: $ref "none.yaml": no such file`},
		{"a folder", "api.yaml", "folder", `api.yaml:2: $ref "folder": not a regular file`},
		{"a file that is wrong is blamed itself", "api.yaml", "broken.yaml", `broken.yaml:2: key "a" is here twice (first on line 1)`},
		{"a place that is none", "api.yaml", "#/parts/none", `api.yaml:2: $ref "#/parts/none" points to nothing`},
		{"an anchor", "api.yaml", "#parts", `api.yaml:2: $ref "#parts" points to an anchor (only #/ pointers are followed)`},
		{"a circle", "api.yaml", "#/parts/loop", `api.yaml:2: $ref "#/parts/loop" leads round in a circle`},
		{"out of the folder", "sub/one.yaml", "../../out.yaml", `sub/one.yaml:1: $ref "../../out.yaml" leaves the folder of the description`},
		{"in a roundabout way", "api.yaml", "sub/../../out.yaml", `api.yaml:2: $ref "sub/../../out.yaml" leaves the folder of the description`},
		{"in escapes", "api.yaml", "%2e%2e/out.yaml", `api.yaml:2: $ref "%2e%2e/out.yaml" leaves the folder of the description`},
		{"from the root of the disk", "api.yaml", "/etc/passwd", `api.yaml:2: $ref "/etc/passwd" leaves the folder of the description`},
		{"with the other slash", "api.yaml", `..\out.yaml`, `api.yaml:2: $ref "..\\out.yaml" leaves the folder of the description`},
		{"over the network", "api.yaml", "https://example.org/x.yaml#/a",
			`api.yaml:2: $ref "https://example.org/x.yaml#/a" is not in the folder of the description (copy what it points to beside the description)`},
		{"over the network without a scheme", "api.yaml", "//example.org/x.yaml",
			`api.yaml:2: $ref "//example.org/x.yaml" is not in the folder of the description (copy what it points to beside the description)`},
		{"by a file URI", "api.yaml", "file:///etc/passwd",
			`api.yaml:2: $ref "file:///etc/passwd" is not in the folder of the description (copy what it points to beside the description)`},
		{"no reference at all", "api.yaml", "%zz", `api.yaml:2: $ref "%zz" is not a reference`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := source.NewSet(files)
			f, err := s.Load(tt.from)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if n, err := s.Resolve(f.Root, tt.ref); err != nil {
				got = err.Error()
			} else {
				got = n.Where().String() + " " + n.Pointer()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}

	t.Run("Follow goes to the end of a chain", func(t *testing.T) {
		s := source.NewSet(files)
		f, err := s.Load("api.yaml")
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.Follow(f.Root.Get("parts").Get("described"))
		if err != nil || n.Pointer() != "/parts/a~1b" {
			t.Errorf("%v, %v", n.Pointer(), err)
		}
		if n, err = s.Follow(f.Root.Get("parts").Get("a/b")); err != nil || n.Pointer() != "/parts/a~1b" {
			t.Errorf("what is no reference: %v, %v", n.Pointer(), err)
		}
		if _, err = s.Follow(f.Root.Get("parts").Get("loud")); err == nil || !strings.Contains(err.Error(), "circle") {
			t.Errorf("a circle: %v", err)
		}
	})
}

func TestOpenNamesFilesAsTheOperatorDoes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "api.yaml"), "a: {$ref: 'parts/x.yaml#/b'}\nc: {$ref: link.yaml}\n")
	if err := os.Mkdir(filepath.Join(dir, "parts"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "parts", "x.yaml"), "b: 1\n")
	t.Chdir(dir)

	s, f, err := source.Open("api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Follow(f.Root.Get("a"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Where().String(), filepath.Join("parts", "x.yaml")+":1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	full := filepath.Join(dir, "api.yaml")
	if _, f, err = source.Open(full); err != nil || f.Name != full || f.Path != "api.yaml" {
		t.Errorf("%v, %+v", err, f)
	}
	if _, _, err := source.Open(filepath.Join(dir, "none.yaml")); err == nil || err.Error() != filepath.Join(dir, "none.yaml")+": no such file" {
		t.Errorf("got %v", err)
	}
}

func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret.yaml"), "a: 1\n")
	write(t, filepath.Join(dir, "api.yaml"), "x: {$ref: link.yaml}\n")
	if err := os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	s, f, err := source.Open(filepath.Join(dir, "api.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Follow(f.Root.Get("x")); err == nil {
		t.Errorf("read %v", n.Any())
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
