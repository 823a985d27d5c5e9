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
  /long:
    get:
      operationId: long
      security: []
      x-yett-public: everybody may read on
      responses:
        "200":
          description: a long answer
          content:
            application/json:
              schema:
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
	// longMemory is how much more memory the process may hold while such an answer passes than while one passes that nobody
	// looks into, in KiB.
	longMemory = 10 << 10
)

// longItem is one item of the answer, and what is left of it.
func longItem(i int) (sent, left string) {
	return fmt.Sprintf(`{"id":%d,"name":"item %d","hash":"$2y$10$abcdefghijklmnopqrstuv","card":"4111111111111111","parts":[{"n":1,"card":"4111111111111111","cost":3}],"debug":{"sql":"select"}}`, i, i),
		fmt.Sprintf(`{"id":%d,"name":"item %d","card":"****1111","parts":[{"n":1,"card":"***"}]}`, i, i)
}

// longAnswer sends 100 MB through the gate. The service goes on beyond the middle only once the client has read the beginning.
func longAnswer(ctx context.Context, binary string) (t *table, err error) {
	begun := make(chan struct{})
	var once sync.Once
	waited := make(chan bool, 1)
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
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, "", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	client := g.Client()
	client.Timeout = 5 * time.Minute
	ask := func(path string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, "GET", "https://localhost:"+g.Port()+path, nil)
		if err != nil {
			return nil, err
		}
		return client.Do(req)
	}
	t = &table{}
	read := func(path string, mark func()) (peak int, err error) {
		res, err := ask(path)
		if err != nil {
			return 0, err
		}
		stop := watch(ctx, g)
		n, err := io.Copy(io.Discard, &marking{r: res.Body, mark: mark})
		if peak = stop(); err == nil && n < longBytes/4 {
			err = fmt.Errorf("%d bytes of %s", n, path)
		}
		return peak, errors.Join(err, res.Body.Close())
	}
	// The start has left the collector a goal that the first long answer fills, whatever it is: that is not what is measured.
	if _, err := read("/long", func() { once.Do(func() { close(begun) }) }); err != nil {
		return nil, err
	}
	t.check("the first bytes are out before the last are in", <-waited)
	before, err := read("/raw", func() {})
	if err != nil {
		return nil, err
	}
	res, err := ask("/long")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	stop := watch(ctx, g)
	count := 0
	dec := json.NewDecoder(res.Body)
	for _, want := range []string{"{", "items", "["} {
		tok, err := dec.Token()
		if err != nil || fmt.Sprint(tok) != want {
			return nil, fmt.Errorf("the answer begins with %v, %w", tok, err)
		}
	}
	same := true
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("item %d: %w", count, err)
		}
		_, left := longItem(count)
		same = same && bytes.Equal(raw, []byte(left))
		count++
	}
	_, err = io.Copy(io.Discard, res.Body)
	peak := stop()
	if err != nil {
		return nil, err
	}
	fmt.Printf("answers: long: %d items, %d KiB resident at most while %d MB passed, %d while as many passed unread\n", count, peak, longBytes>>20, before)
	t.check("every item leaves as it may", same && count > longBytes/200, count)
	t.check("memory does not grow with the answer", peak-before < longMemory, before, peak)
	return t, nil
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
