// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"yett/examples/shop"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"yett": main}) }

// TestSessions runs each session in testdata/script with the command itself, as a process of its own. A session begins
// in an empty directory that holds the description of the shop; stage says which words it may use.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		WorkdirRoot:         short(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// What an operator has set must not show in what the tests see.
			fixtures, err := filepath.Abs("testdata")
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, "TESTDATA="+fixtures, "LC_ALL=C.UTF-8", "NO_COLOR=", "TERM=xterm", "TZ=UTC")
			env.Values[stageKey{}] = newStage(env)
			return os.WriteFile(filepath.Join(env.WorkDir, "shop.openapi.yaml"), shop.Description(), 0o600)
		},
		Cmds: words,
	})
}

// short is a directory whose path leaves room for a Unix socket below it.
func short(t *testing.T) string {
	if runtime.GOOS != "darwin" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/tmp", "yett")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
