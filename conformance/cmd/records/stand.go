// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const description = `openapi: 3.1.0
info: { title: records, version: "1" }
paths:
  /open: { get: { operationId: open, security: [], x-yett-public: for everybody, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /things/{id}: { get: { operationId: thing, parameters: [{ name: id, in: path, required: true, schema: { type: string } }], security: [{ login: [] }], responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /shares: { post: { operationId: share, security: [], x-yett-public: for everybody, requestBody: { content: { application/json: { schema: { type: object, properties: { shares: { type: object, additionalProperties: { type: integer } } } } } } }, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
components:
  securitySchemes:
    login: { type: http, scheme: basic }
`

const configuration = `listen: %[1]s
admin: { listen: %[2]s }
data: %[3]s
apis:
  - { name: api, openapi: openapi.yaml, upstream: "%[4]s" }
ratelimit: { requests: 10000000, per: 1m, address: { requests: 10000000, per: 1m } }
activity:
  segment: 64KiB
%[5]s`

// A stand is the binary between clients that count and a service that counts.
type stand struct {
	dir, binary, data string
	addr, adminAddr   string
	extra             string // lines under activity
	up                *httptest.Server
	seen              atomic.Int64 // by the service
	client            *http.Client // HTTP/1.1
	client2           *http.Client // HTTP/2
	cmd               *exec.Cmd
	out               bytes.Buffer
	atClose           []func() error

	mu      sync.Mutex
	answers map[string]bool // trace ids of requests: whether an answer came
}

func newStand(dir, binary string) (*stand, error) {
	s := &stand{dir: dir, binary: binary, data: filepath.Join(dir, "data")}
	s.up = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.seen.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}") // the gate may be gone
	}))
	var err error
	if s.addr, err = free(); err == nil {
		s.adminAddr, err = free()
	}
	s.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- loopback, and a certificate that is made at the start
	s.client2 = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- as above
	s.answers = make(map[string]bool)
	return s, errors.Join(err, os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(description), 0o600))
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// configure writes yett.yaml.
func (s *stand) configure(more string) error {
	return os.WriteFile(filepath.Join(s.dir, "yett.yaml"), fmt.Appendf(nil, configuration, s.addr, s.adminAddr, s.data, s.up.URL, s.extra+more), 0o600)
}

func (s *stand) start(ctx context.Context) error {
	if err := s.configure(""); err != nil {
		return err
	}
	s.cmd = exec.CommandContext(ctx, s.binary, "run", "-c", filepath.Join(s.dir, "yett.yaml")) // #nosec G204 -- the binary that is tested
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		res, err := s.client.Get("https://" + s.adminAddr + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("it does not get ready: %s", s.out.Bytes())
}

// stop ends the binary in order.
func (s *stand) stop() error {
	if s.cmd == nil {
		return nil
	}
	late := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	err := s.cmd.Process.Signal(os.Interrupt)
	if werr := s.cmd.Wait(); werr != nil && s.cmd.ProcessState.ExitCode() != 130 {
		err = errors.Join(err, fmt.Errorf("it ended with %w: %s", werr, tail(s.out.Bytes())))
	}
	s.cmd = nil
	s.client.CloseIdleConnections()
	s.client2.CloseIdleConnections()
	return err
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// kill ends the binary as the kernel does.
func (s *stand) kill() error {
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
	s.client.CloseIdleConnections()
	s.client2.CloseIdleConnections()
	return err
}

func (s *stand) close() error {
	err := s.stop()
	s.up.Close()
	for _, f := range s.atClose {
		err = errors.Join(err, f())
	}
	return err
}

// yett runs a command.
func (s *stand) yett(ctx context.Context, in string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, append(args, "-c", filepath.Join(s.dir, "yett.yaml"))...) // #nosec G204 -- the binary that is tested
	cmd.Stdin = strings.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("yett %s: %w: %s%s", strings.Join(args, " "), err, tail(out), stderr.Bytes())
	}
	return out, err
}

// A count is what clients know.
type count struct{ answered, ok, unavailable, broken int64 }

// ask makes requests with n clients until stop says so: calls that pass, calls of nothing, calls without a credential.
func (s *stand) ask(ctx context.Context, n int, stop func(int64) bool) count {
	var answered, ok, unavailable, broken, asked atomic.Int64
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			for j := i; ctx.Err() == nil && !stop(asked.Add(1)); j++ {
				path := []string{"/open", "/open", "/open", "/nothing", "/things/7"}[j%5]
				switch s.get(ctx, i, path) {
				case 0:
					broken.Add(1)
					continue
				case http.StatusOK:
					ok.Add(1)
				case http.StatusServiceUnavailable:
					unavailable.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	clients.Wait()
	return count{answered.Load(), ok.Load(), unavailable.Load(), broken.Load()}
}

// get makes one request, over HTTP/1.1 where i is even, under a trace id of its own, and returns the status: 0 if there was
// no answer.
func (s *stand) get(ctx context.Context, i int, path string) int {
	trace := fmt.Sprintf("%016x%016x", rand.Uint64()|1, rand.Uint64()) // #nosec G404 -- to be told apart
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.addr+path, nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	client := s.client
	if i%2 == 1 {
		client = s.client2
	}
	res, err := client.Do(req)
	s.mu.Lock()
	s.answers[trace] = err == nil
	s.mu.Unlock()
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body) // the status has come: it is answered
	_ = res.Body.Close()
	return res.StatusCode
}

// A tally is what the log says.
type tally struct {
	records, reached, refused int64
	lost, open                int64
	two                       int64            // over HTTP/2
	traces                    map[string]int64 // how many records each has
}

// logged counts the records.
func (s *stand) logged(ctx context.Context) (t tally, err error) {
	out, err := s.yett(ctx, "", "log", "export")
	if err != nil {
		return t, err
	}
	t.traces = make(map[string]int64)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Kind       string
			Trace      string
			Proto      string
			Reached    bool
			Lost, Open int64
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return t, err
		}
		if e.Kind == "exchange" {
			t.traces[e.Trace]++
			if e.Proto == "HTTP/2.0" {
				t.two++
			}
		}
		switch {
		case e.Kind == "gap":
			t.lost += e.Lost
			t.open += e.Open
		case e.Kind == "exchange" && e.Reached:
			t.records, t.reached = t.records+1, t.reached+1
		case e.Kind == "exchange":
			t.records, t.refused = t.records+1, t.refused+1
		}
	}
	return t, lines.Err()
}

// whole has the binary verify the log.
func (s *stand) whole(ctx context.Context) error {
	_, err := s.yett(ctx, "", "log", "verify")
	return err
}
