// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// An answer is what a page saw.
type answer struct {
	Read   bool
	Status int
	Body   string
	Fields map[string]string
	Error  string // what fetch said
	Broken string // the page could not even ask
	Origin string // of the page, as the browser has it
}

// String is the answer in words.
func (a *answer) String() string {
	switch {
	case a.Broken != "":
		return "broken: " + a.Broken
	case a.Read:
		return fmt.Sprintf("reads %d", a.Status)
	}
	return "reads nothing"
}

// browseWithin bounds the whole run of the browser.
const browseWithin = 5 * time.Minute

// ask has the browser make all attempts. The answers come in their order.
func ask(ctx context.Context, dir, chromium string, w *world, all []*attempt) ([]answer, error) {
	script := filepath.Join(dir, "cors.mjs")
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("%w (run scripts/browser first)", err)
	}
	job, err := json.Marshal(map[string]any{"chromium": chromium, "rules": w.rules(), "asks": all,
		"cookies": []string{"https://" + hostOn, "https://" + hostOff, "https://" + hostBare}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, browseWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(job), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", script, err)
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil {
		return nil, fmt.Errorf("node %s: %w", script, err)
	}
	if len(answers) != len(all) {
		return nil, fmt.Errorf("%d answers to %d requests", len(answers), len(all))
	}
	return answers, nil
}
