// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"yett/conformance/internal/gate"
)

const longDescription = `openapi: 3.1.0
info: { title: long, version: "1" }
paths:
  /raw:
    get:
      operationId: raw
      security: []
      x-yett-public: everybody may read on
      responses:
        "200": { description: as long an answer that nobody looks into, content: { application/octet-stream: {} } }
  /short:
    get:
      operationId: short
      security: []
      x-yett-public: everybody may read on
      responses: { "200": { description: a short one, content: { application/json: { schema: { $ref: '#/components/schemas/List' } } } } }
  /long:
    get:
      operationId: long
      security: []
      x-yett-public: everybody may read on
      responses: { "200": { description: a long one, content: { application/json: { schema: { $ref: '#/components/schemas/List' } } } } }
components:
  schemas:
    List:
      type: object
      properties:
        items:
          type: array
          items:
            type: object
            required: [id]
            properties:
              id: { type: integer }
              name: { type: string, maxLength: 100 }
              card: { type: string, x-yett-mask: last4 }
              parts: { type: array, items: { type: object, properties: { n: { type: integer }, card: { type: string, x-yett-mask: redact } } } }
`

const (
	longBytes = 100 << 20
	longRuns  = 3
	// longMemory is how much more memory the process may hold while such an answer passes than while one passes that nobody
	// looks into, and longResident how much at all, in KiB.
	longMemory   = 10 << 10
	longResident = 80 << 10
	// shortAnswers are enough that what the start has left is collected and given back. They are short, so that nothing that
	// grows with an answer is in what the long one is measured against.
	shortAnswers = 2000
)

// longItem is one item of the answer, and what is left of it.
func longItem(i int) (sent, left string) {
	return fmt.Sprintf(`{"id":%d,"name":"item %d","hash":"$2y$10$abcdefghijklmnopqrstuv","card":"4111111111111111","parts":[{"n":1,"card":"4111111111111111","cost":3}],"debug":{"sql":"select"}}`, i, i),
		fmt.Sprintf(`{"id":%d,"name":"item %d","card":"****1111","parts":[{"n":1,"card":"***"}]}`, i, i)
}

// longAnswer sends 100 MB through the gate. The service goes on beyond the middle only once the client has read the beginning.
// The memory is held against that of 100 MB that nobody looks into, read before any long answer was.
func longAnswer(ctx context.Context, binary string) (t *table, err error) {
	begun := make(chan struct{})
	var once sync.Once
	waited := make(chan bool, 1)
	first, _ := longItem(0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/raw" {
			w.Header().Set("Content-Type", "application/octet-stream")
			for range longBytes >> 16 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return // the gate is gone, and the client tells
				}
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/short" {
			_, _ = io.WriteString(w, `{"items":[`+strings.Repeat(first+",", 99)+first+`]}`) // the gate may be gone
			return
		}
		out := bufio.NewWriter(w)
		n, i, asked := 0, 0, false
		_, _ = out.WriteString(`{"items":[`)
		for ; n < longBytes; i++ {
			if i > 0 {
				_ = out.WriteByte(',')
			}
			sent, _ := longItem(i)
			k, err := out.WriteString(sent)
			if err != nil {
				return // the gate is gone, and the client tells
			}
			if n += k; n > longBytes/2 && !asked {
				asked = true
				_ = out.Flush()
				select {
				case <-begun:
					select {
					case waited <- true:
					default: // the second time
					}
				case <-time.After(20 * time.Second):
					waited <- false
				}
			}
		}
		_, _ = out.WriteString(`]}`)
		_ = out.Flush()
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(longDescription), 0o600); err != nil {
		return nil, err
	}
	restore, err := collectOften()
	if err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, "", "")
	if err = errors.Join(err, restore()); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	client := g.Client()
	client.Timeout = 5 * time.Minute
	// read asks for an answer, reads it as it comes, and returns the most memory that the process held meanwhile.
	read := func(path string, as func(io.Reader) error) (peak int, err error) {
		req, err := http.NewRequestWithContext(ctx, "GET", "https://localhost:"+g.Port()+path, nil)
		if err != nil {
			return 0, err
		}
		stop := watch(ctx, g)
		res, err := client.Do(req)
		if err != nil {
			return stop(), err
		}
		if res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s is answered with %d", path, res.StatusCode)
		} else {
			err = as(res.Body)
		}
		return stop(), errors.Join(err, res.Body.Close())
	}
	for range shortAnswers {
		if _, err := read("/short", unread(0)); err != nil {
			return nil, err
		}
	}
	t = &table{}
	raw, long := 0, 0
	for range longRuns {
		peak, err := read("/raw", unread(longBytes))
		if err != nil {
			return nil, err
		}
		raw = max(raw, peak)
	}
	for i := range longRuns {
		var all items
		peak, err := read("/long", func(body io.Reader) error {
			return all.read(&marking{r: body, mark: func() { once.Do(func() { close(begun) }) }})
		})
		if err != nil {
			return nil, err
		}
		if i == 0 {
			t.check("the first bytes are out before the last are in", <-waited)
		}
		t.check("every item leaves as it may", all.same && all.count > longBytes/200, all.count)
		long = max(long, peak)
	}
	fmt.Printf("answers: long: %d KiB resident at most while %d MB passed, %d while as many passed that nobody looks into\n", long, longBytes>>20, raw)
	t.check("memory does not grow with the answer", long-raw < longMemory, raw, long)
	t.check("and the answer would not fit into it", long < longResident, long)
	return t, nil
}

// collectOften has the processes that are started from here on collect garbage before there is much of it, so that the memory
// they hold is what they use. Otherwise the heap may double without need, and what one answer takes is lost in that. The
// function that it returns ends this.
func collectOften() (restore func() error, err error) {
	const name = "GOGC"
	before, set := os.LookupEnv(name)
	restore = func() error {
		if set {
			return os.Setenv(name, before)
		}
		return os.Unsetenv(name)
	}
	return restore, os.Setenv(name, "10")
}

// unread reads what nobody looks into, of which there must be so many bytes at least.
func unread(least int64) func(io.Reader) error {
	return func(body io.Reader) error {
		n, err := io.Copy(io.Discard, body)
		if err == nil && n < least {
			err = fmt.Errorf("%d bytes came, not %d", n, least)
		}
		return err
	}
}

// items is what came of the long answer.
type items struct {
	count int
	same  bool // each is as it may leave
}

func (a *items) read(r io.Reader) error {
	dec := json.NewDecoder(r)
	for _, want := range []string{"{", "items", "["} {
		tok, err := dec.Token()
		if err != nil || fmt.Sprint(tok) != want {
			return fmt.Errorf("the answer begins with %v, %w", tok, err)
		}
	}
	a.same = true
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("item %d: %w", a.count, err)
		}
		_, left := longItem(a.count)
		a.same = a.same && bytes.Equal(raw, []byte(left))
		a.count++
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// watch samples the memory of the process until it is stopped, and returns the most it saw, in KiB.
func watch(ctx context.Context, g *gate.Gate) (stop func() int) {
	ctx, cancel := context.WithCancel(ctx)
	most := make(chan int, 1)
	go func() {
		peak := 0
		for ctx.Err() == nil {
			if n, err := g.Resident(); err == nil {
				peak = max(peak, n)
			}
			time.Sleep(5 * time.Millisecond)
		}
		most <- peak
	}()
	return func() int {
		cancel()
		return <-most
	}
}

// marking tells of the first bytes that are read.
type marking struct {
	r    io.Reader
	mark func()
}

func (m *marking) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.mark()
	}
	return n, err
}
