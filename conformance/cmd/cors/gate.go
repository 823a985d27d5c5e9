// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// description is what yett serves here.
const description = `
openapi: 3.1.1
info: { title: pages, version: "1" }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
security: [{ key: [] }]
paths:
  /window:
    get: { operationId: window, security: [], x-yett-public: shop window, responses: { "200": { description: x, content: { "*/*": {} } } } }
  /rare:
    get: { operationId: rare, security: [], x-yett-public: shop window, responses: { "200": { description: x, content: { "*/*": {} } } } }
  /orders:
    post:
      operationId: order
      parameters: [{ name: Idempotency-Key, in: header, schema: { type: string, maxLength: 20 } }]
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses: { "201": { description: x, headers: { Location: { schema: { type: string, maxLength: 50 } } }, content: { "*/*": {} } } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1, maximum: 9999 } }]
    get: { operationId: read, responses: { "200": { description: x, content: { "*/*": {} } } } }
    delete: { operationId: remove, responses: { "200": { description: x, content: { "*/*": {} } } } }
  /notes/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1, maximum: 9999 } }]
    post:
      operationId: leaveNote
      security: []
      x-yett-public: anybody may leave a note
      requestBody: { content: { text/plain: { schema: { type: string, maxLength: 100 } } } }
      responses: { "200": { description: x, content: { "*/*": {} } } }
`

// A gateProcess is a running yett.
type gateProcess struct {
	port, key string
	cmd       *exec.Cmd
	dir       string
}

// startWithin bounds the start.
const startWithin = time.Minute

// startGate runs binary with this cors block, as the API of host.
func startGate(ctx context.Context, binary, upstream, host, cors string) (*gateProcess, error) {
	dir, err := os.MkdirTemp("", "yett")
	if err != nil {
		return nil, err
	}
	g := &gateProcess{dir: dir}
	if err := g.start(ctx, binary, upstream, host, cors); err != nil {
		return nil, errors.Join(fmt.Errorf("yett did not start: %w", err), g.stop())
	}
	return g, nil
}

func (g *gateProcess) start(ctx context.Context, binary, upstream, host, cors string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	listen, err := free()
	if err != nil {
		return err
	}
	admin, err := free()
	if err != nil {
		return err
	}
	_, g.port, _ = net.SplitHostPort(listen)
	config := fmt.Sprintf(`
listen: %s
admin: { listen: %s }
data: data
public_url: https://%s
cors: { %s }
apis:
  - name: pages
    openapi: pages.openapi.yaml
    upstream: %s
    operations:
      rare: { ratelimit: { requests: 1, per: 1h } }
`, listen, admin, host, cors, upstream)
	for name, text := range map[string]string{"yett.yaml": config, "pages.openapi.yaml": description} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	g.cmd = exec.CommandContext(ctx, binary, "run", "-c", "yett.yaml")
	g.cmd.Dir, g.cmd.Stderr = g.dir, os.Stderr
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := g.cmd.Start(); err != nil {
		g.cmd = nil
		return err
	}
	late := time.AfterFunc(startWithin, func() { _ = g.cmd.Process.Kill() }) // ends the output, too
	defer late.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if t := strings.TrimSpace(lines.Text()); strings.HasPrefix(t, "yett_") {
			g.key = t
		}
		if strings.HasPrefix(lines.Text(), "Ready after") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return nil
		}
	}
	return errors.New("it ended before it was ready")
}

// stop ends the process and removes its data.
func (g *gateProcess) stop() error {
	if g.cmd != nil {
		// An interrupt lets it drain; where the system has none, or it does not end, it is killed.
		late := time.AfterFunc(10*time.Second, func() { _ = g.cmd.Process.Kill() })
		if g.cmd.Process.Signal(os.Interrupt) != nil {
			_ = g.cmd.Process.Kill()
		}
		_ = g.cmd.Wait() // how it ends is not judged
		late.Stop()
	}
	return os.RemoveAll(g.dir)
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
