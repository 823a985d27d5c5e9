// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"io"
	"strings"
	"time"

	"yett/problem"
)

// Answer is what goes back to the client.
type Answer struct {
	Status int
	Header Header
	Length int64 // of the body in bytes; -1 unknown

	body     io.ReadCloser
	tunnel   io.ReadWriteCloser
	protocol string
	filters  []Filter
	fields   []string
	unbroken bool
	upstream time.Duration
	sent     int64
	aborted  bool
}

// A Filter looks at the body of an answer on its way out, piece by piece.
type Filter interface {
	// Filter appends to dst what may leave now, of chunk and of what it kept back; last says that no more follows.
	// It may keep back what it cannot judge yet, but nothing else when flush is set. An error before the
	// first byte has left becomes the answer; later it breaks the connection.
	Filter(dst, chunk []byte, flush, last bool) ([]byte, error)
	// Resizes reports whether the length may change. If so the declared length is not passed on.
	Resizes() bool
}

// AddFilter puts f behind the filters already there. It is for Response steps; every exchange needs a Filter of its own.
func (a *Answer) AddFilter(f Filter) { a.filters = append(a.filters, f) }

// Select narrows the answer to the members at these dotted paths, which the caller asked for ("id", "items.name"); arrays
// between them are passed through. The pass over the body applies it.
func (a *Answer) Select(paths []string) { a.fields = paths }

// Selected returns what Select was told, nil for everything.
func (a *Answer) Selected() []string { return a.fields }

// SetBody gives the answer the upstream's body. Whoever serves the exchange closes it.
func (a *Answer) SetBody(body io.ReadCloser) { a.body = body }

// Body returns the body as it comes from the upstream, nil if there is none. A Response step that replaces it (to
// decompress, for instance) calls SetBody with a reader around it.
func (a *Answer) Body() io.ReadCloser { return a.body }

// SetTunnel makes the answer a 101: after the head both sides speak protocol over rwc.
func (a *Answer) SetTunnel(rwc io.ReadWriteCloser, protocol string) {
	a.tunnel, a.protocol = rwc, protocol
}

// Streams reports whether the answer is made of pieces that the client waits for: server-sent events, record streams,
// plain text of unknown length. Such an answer is not held back. An error is nothing to wait for: it never streams, and
// neither does what Unbroken says is one.
func (a *Answer) Streams() bool {
	if a.Status >= 400 || a.unbroken {
		return false
	}
	t := mediaType(a.Header.Get("Content-Type"))
	switch t {
	case "text/event-stream", "multipart/x-mixed-replace":
		return true
	case "text/plain":
		return a.Length < 0
	}
	return Records(t)
}

// Records reports whether a content type is that of a stream of JSON documents, one a line or in a sequence.
func Records(contentType string) bool {
	switch mediaType(contentType) {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/json-lines",
		"application/jsonlines", "application/x-json-stream", "application/stream+json":
		return true
	}
	return Sequence(contentType)
}

// Sequence reports whether a content type is that of a JSON sequence (RFC 7464, RFC 8091).
func Sequence(contentType string) bool {
	t := mediaType(contentType)
	return t == "application/json-seq" || strings.HasSuffix(t, "+json-seq")
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// Coding returns the content codings of the body on all lines, without those that change nothing; "" if the body is as it is.
func (a *Answer) Coding() string {
	var all []string
	for _, line := range a.Header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
				all = append(all, coding)
			}
		}
	}
	return strings.Join(all, ", ")
}

// Unbroken says that the body is looked at as one text: what is looked for may go over any of its pieces, so no client can
// wait for one. It is for Response steps.
func (a *Answer) Unbroken() { a.unbroken = true }

// maxHeld is how much of a filtered answer is held back, so that a filter's refusal is still a clean answer.
const maxHeld = 64 << 10

// A pass is the one way of a body to the client.
type pass struct {
	held      []byte
	committed bool
	streams   bool
	length    int64 // that the head told; -1: none
}

func (p *pass) reusable() []byte {
	if cap(p.held) > 2*maxHeld {
		return nil
	}
	return p.held[:0]
}

// begin decides how the answer leaves. Response steps have run.
func (x *Exchange) begin() error {
	x.passing.streams = x.Answer.Streams()
	if len(x.Answer.filters) == 0 || x.passing.streams {
		return x.commit(x.length())
	}
	return nil
}

// length returns the length that may be told before the body is known.
func (x *Exchange) length() int64 {
	for _, f := range x.Answer.filters {
		if f.Resizes() {
			return -1
		}
	}
	return x.Answer.Length
}

// commit sends the head. From here on a failure breaks the connection.
func (x *Exchange) commit(length int64) error {
	x.passing.committed, x.passing.length = true, length
	return x.eng.writeHead(x.Answer.Status, &x.Answer.Header, length)
}

// push takes the next piece of the body.
func (x *Exchange) push(chunk []byte, flush, last bool) error {
	p := &x.passing
	if len(x.Answer.filters) == 0 {
		if len(chunk) == 0 {
			return nil
		}
		return x.send(chunk)
	}
	out := chunk
	for i, f := range x.Answer.filters {
		var dst []byte // between two filters; the last one appends to what is held
		if i == len(x.Answer.filters)-1 {
			dst = p.held
		}
		next, err := f.Filter(dst, out, flush || p.streams, last)
		if err != nil {
			x.keepHeld(err, out)
			return err
		}
		out = next
	}
	p.held = out
	if !p.committed {
		if !last && len(p.held) < maxHeld && !flush {
			return nil
		}
		length := x.length()
		if last {
			length = int64(len(p.held)) // all of it was held: the length is known
		}
		if err := x.commit(length); err != nil {
			return err
		}
	}
	if len(p.held) == 0 {
		return nil
	}
	err := x.send(p.held)
	p.held = p.held[:0]
	return err
}

func (x *Exchange) send(b []byte) error {
	n, err := x.eng.write(b)
	x.Answer.sent += int64(n)
	return err
}

// forward moves the upstream's body through the pass.
func (x *Exchange) forward() error {
	if err := x.begin(); err != nil {
		return err
	}
	a := &x.Answer
	if a.body == nil || bodiless(x.Request.Method, a.Status) {
		return x.end()
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	flush := x.passing.streams || a.Length < 0
	for {
		n, rerr := a.body.Read(buf[:])
		last := rerr == io.EOF
		if n > 0 || last {
			if err := x.push(buf[:n], x.passing.streams, last); err != nil {
				return err
			}
			if flush && n > 0 && x.passing.committed {
				if err := x.eng.flush(); err != nil {
					return err
				}
			}
		}
		if last {
			return x.end()
		}
		if rerr != nil && x.Context().Err() != nil {
			return ClientGone(rerr) // it was broken off because nobody reads any more
		}
		if rerr != nil {
			return &problem.Error{Status: 502, Code: "upstream_broke_off",
				Detail: "The service behind this gateway broke off its answer.", Cause: rerr}
		}
	}
}

// end sends the head of an answer without a body, and reports one that is not as long as its head said: the engine then
// breaks it instead of leaving the client to wait, or to take a part for the whole.
func (x *Exchange) end() error {
	p := &x.passing
	if !p.committed {
		return x.commit(x.length())
	}
	if p.length >= 0 && x.Answer.sent != p.length && !bodiless(x.Request.Method, x.Answer.Status) {
		return internal(fmt.Errorf("an answer of %d bytes was declared to have %d", x.Answer.sent, p.length))
	}
	return nil
}

// bodiless reports whether an answer has no body whatever its header says (RFC 9110 section 6.4.1).
func bodiless(method string, status int) bool {
	return method == "HEAD" || status == 204 || status == 304 || status < 200
}
