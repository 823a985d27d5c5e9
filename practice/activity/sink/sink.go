// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package sink brings records of the log to where an operator wants them besides: a file, the standard output, a syslog
// server (RFC 5424) or a collector of OpenTelemetry (OTLP).
//
// It stops whoever takes over the machine from taking the only copy of the records with it, and lets others watch them
// (ASVS V16, OWASP API10:2019). It does not prove that a copy is whole, which only the log itself can do, and it is not
// faster than the server it speaks to. The log on the disk is the source: a sink has no queue. A slow or dead one falls
// behind and catches up, and nothing is lost to it while the log still holds the records. Each record arrives at least once,
// in order. What that promise is worth ends where a protocol acknowledges nothing: of syslog, what the kernel had
// taken when a connection broke can be lost, and datagrams always can; OTLP is acknowledged.
//
// A server is spoken to as the operator named it: no redirect is followed and no proxy of the environment is used. What it
// answers is bounded, and so is how long it may take.
//
// Used alone:
//
//	s, err := sink.Open(sink.Config{Type: "syslog", Address: "tls://logs.example.org:6514"}, sink.Options{})
//	f := &sink.Follower{Sink: s, Source: log, Cursor: sink.FileCursor("logs.cursor")}
//	err = f.Run(ctx)
package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"yett/practice/activity/ocsf"
)

// A Record is one line of the log.
type Record struct {
	Seq  uint64
	Time time.Time // when it began
	Kind string
	Line []byte // JSON, with or without the line feed
}

// A Sink takes records. Send returns nil once all of the batch are taken, an error that wraps a *RejectedError if the
// server took the batch but will never take some of it, and any other if the batch should come again, after a pause where it
// wraps a *BusyError; some of it may have been taken then.
// A batch has at most 512 records and 1 MiB. Send is used by one goroutine. Close may be called while it goes on: the sink
// is then closed once it has ended.
type Sink interface {
	Send(ctx context.Context, batch []Record) error
	Close() error
}

// A RejectedError says that a batch was taken except for some records, which would be rejected every time.
type RejectedError struct {
	Count  uint64
	Reason string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%d records were rejected: %s", e.Count, e.Reason)
}

// A BusyError says that a server asked to be left alone for a time.
type BusyError struct {
	After time.Duration
	Err   error
}

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }

// Options are what a program supplies. The zero value works.
type Options struct {
	Stdout   io.Writer // default: os.Stdout
	Hostname string    // what records are sent as coming from; default: the machine's
}

// Open opens what c describes. A file is opened at once and a secret read; a server is first spoken to by Send, so that a dead
// one keeps nobody from starting.
func Open(c Config, o Options) (Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Hostname == "" {
		if name, err := os.Hostname(); err == nil { // without a name it is the nil value of RFC 5424
			o.Hostname = name
		}
	}
	form := asIs
	if c.Format == "ocsf" {
		form = asOCSF
	}
	s, err := newSink(c, o, form)
	if err != nil {
		return nil, err
	}
	return &guarded{sink: s}, nil
}

func newSink(c Config, o Options, form form) (Sink, error) {
	switch c.Type {
	case "file":
		return openFile(c.Path, form)
	case "stdout":
		return &output{w: o.Stdout, form: form, timeout: c.Timeout}, nil
	case "syslog":
		return newSyslog(c, o, form)
	default: // Validate knows no other
		return newOTLP(c, o, form)
	}
}

// A guarded sink may be closed although a Send hangs.
type guarded struct {
	sink Sink

	mu      sync.Mutex
	sending bool
	closed  bool
}

var errClosed = errors.New("the sink is closed")

func (s *guarded) Send(ctx context.Context, batch []Record) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.sending = true
	s.mu.Unlock()
	err := s.sink.Send(ctx, batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = false
	if s.closed {
		err = errors.Join(err, s.sink.Close())
	}
	return err
}

func (s *guarded) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if s.closed = true; s.sending {
		return nil
	}
	return s.sink.Close()
}

// A form appends a record as one line, without the line feed.
type form func(dst []byte, r *Record) []byte

func asIs(dst []byte, r *Record) []byte {
	from := len(dst)
	dst = append(dst, bytes.TrimRight(r.Line, "\r\n")...)
	// The log has no such bytes. Whoever wrote into it by hand shall not forge a second line at the server.
	for i, b := range dst[from:] {
		if b < ' ' || b == 0x7f {
			dst[from+i] = ' '
		}
	}
	return dst
}

// asOCSF sends a line that is no record as it is: whoever looks for traces of a hand in the log wants to see it.
func asOCSF(dst []byte, r *Record) []byte {
	out, err := ocsf.Append(dst, r.Line)
	if err != nil {
		return asIs(dst, r)
	}
	return out
}

// lines is the batch as lines that end in a line feed.
func (f form) lines(batch []Record) []byte {
	var b []byte
	for i := range batch {
		b = append(f(b, &batch[i]), '\n')
	}
	return b
}

// A gist is what syslog and OTLP tell of a record outside its text.
type gist struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Status  int    `json:"status"`
	Address string `json:"address"`
	Code    string `json:"code"`
	Trace   string `json:"trace"`
}

// gistOf reads a line. One that is no record has an empty gist.
func gistOf(r *Record) gist {
	var g gist
	if json.Unmarshal(r.Line, &g) != nil {
		return gist{}
	}
	return g
}

// A severity is the number in syslog (RFC 5424 section 6.2.1), and the number and the name in OTLP.
type severity struct {
	syslog, otlp int
	name         string
}

// severity of a record: records that are missing weigh most, then what failed, then what was refused.
func (g *gist) severity(kind string) severity {
	switch {
	case kind == "gap":
		return severity{3, 17, "ERROR"}
	case g.Status >= 500:
		return severity{4, 13, "WARN"}
	case g.Status >= 400:
		return severity{5, 10, "INFO2"}
	}
	return severity{6, 9, "INFO"}
}
