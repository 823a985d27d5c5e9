// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package ocsf writes records of the log in the words of the Open Cybersecurity Schema Framework, version 1.3.0.
//
// It lets a log server that knows OCSF search the records beside those of other products (OWASP API10:2019). It stops
// nothing and proves nothing: who wants to know that a record is whole asks the log itself. What the log keeps sealed stays
// behind, and persons are called by their pseudonyms.
//
// An exchange becomes an HTTP Activity (4002), an administrative action an API Activity (6003), and what the log says of
// itself a Base Event (0). What OCSF has no word for, the decisions of the practices first of all, lies in unmapped. The
// same line always gives the same event.
//
// Used alone:
//
//	event, err := ocsf.Append(nil, line)
package ocsf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is that of the schema.
const Version = "1.3.0"

// maxLine bounds a line, in bytes. A record of the log is far shorter.
const maxLine = 1 << 20

// A record is a line of the log, as far as an event tells of it.
type record struct {
	Seq       uint64          `json:"seq"`
	ID        string          `json:"id"`
	Time      time.Time       `json:"time"`
	Kind      string          `json:"kind"`
	API       string          `json:"api"`
	Op        string          `json:"op"`
	Method    string          `json:"method"`
	Path      string          `json:"path"`
	Status    int             `json:"status"`
	Principal principal       `json:"principal"`
	Actor     string          `json:"actor"`
	Address   string          `json:"address"`
	Code      string          `json:"code"`
	Cause     string          `json:"cause"`
	From      uint64          `json:"from"`
	To        uint64          `json:"to"`
	Findings  json.RawMessage `json:"findings"`
	Decisions json.RawMessage `json:"decisions"`
	Reached   bool            `json:"reached"`
	Duration  float64         `json:"duration"` // seconds, as Upstream
	Upstream  float64         `json:"upstream"`
	BytesIn   int64           `json:"bytes_in"`
	BytesOut  int64           `json:"bytes_out"`
	Aborted   bool            `json:"aborted"`
	Proto     string          `json:"proto"`
	Trace     string          `json:"trace"`
}

type principal struct {
	Client string `json:"client"`
	Key    string `json:"key"`
	Person string `json:"person"`
}

// Append appends one record of the log as an event: a line of JSON without a line feed. It is an error if the line is
// longer than 1 MiB, is not a JSON object, or names no kind; dst is then as it was.
func Append(dst, line []byte) ([]byte, error) {
	if len(line) > maxLine {
		return dst, fmt.Errorf("a line of %d bytes (at most %d)", len(line), maxLine)
	}
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return dst, fmt.Errorf("not a record: %w", err)
	}
	var e any
	switch r.Kind {
	case "":
		return dst, errors.New("not a record: it names no kind")
	case "exchange":
		e = httpActivity(&r)
	case "admin":
		e = apiActivity(&r)
	default:
		var err error
		if e, err = baseEvent(&r, line); err != nil {
			return dst, err
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // an event is no web page
	if err := enc.Encode(e); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}
