// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// A collector takes OTLP as OpenTelemetry's own collector reads it.
type collector struct {
	mu      sync.Mutex
	records int
	bodies  bytes.Buffer
	wrong   error
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	req := plogotlp.NewExportRequest()
	if err == nil {
		err = req.UnmarshalJSON(body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.wrong = err
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	logs := req.Logs()
	c.records += logs.LogRecordCount()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				c.bodies.WriteString(lr.Body().AsString() + "\n")
			}
		}
	}
	answer, err := plogotlp.NewExportResponse().MarshalJSON()
	if err != nil {
		c.wrong = err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // the gate may be gone
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
