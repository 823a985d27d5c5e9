// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// StartConfigured runs binary with a yett.yaml that it writes into dir, beside the files that dir holds already:
// openapi.yaml is the description, api is what else stands at the API, settings are blocks of practices for the gateway.
func StartConfigured(ctx context.Context, binary, dir, upstream, api, settings string) (*Gate, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "yett")
	if err != nil {
		return nil, err
	}
	g := &Gate{dir: data, binary: binary, Roots: filepath.Join(data, "data", "ca.pem")}
	admin, err := free()
	if err == nil {
		g.Addr, err = free()
	}
	if err == nil {
		text := fmt.Sprintf("listen: %s\nadmin: { listen: %s }\ndata: %s\napis:\n  - name: api\n    openapi: openapi.yaml\n    upstream: %s\n%s%s",
			g.Addr, admin, filepath.Join(data, "data"), upstream, api, settings)
		err = os.WriteFile(filepath.Join(dir, "yett.yaml"), []byte(text), 0o600)
	}
	if err == nil {
		err = g.launch(exec.CommandContext(ctx, binary, "run", "-c", filepath.Join(dir, "yett.yaml")))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("yett did not start: %w", err), g.Stop())
	}
	return g, nil
}

// Run runs a command of yett against this gate and returns what it prints.
func (g *Gate) Run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, g.binary, append(args, "--data", filepath.Join(g.dir, "data"))...).CombinedOutput()
	return string(out), err
}

// Resident returns how much memory the process holds, in KiB. It asks Linux.
func (g *Gate) Resident() (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte("VmRSS:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the system does not tell")
	}
	return strconv.Atoi(string(fields[0]))
}
