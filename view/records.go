// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"

	"yett/jsonstream"
)

// records passes a stream of JSON records on, each as soon as it is here whole: one a line (NDJSON, JSON Lines), or with a
// record separator before it and over as many lines as it takes where the type is a JSON sequence (RFC 7464).
func (p *pass) records(dst, chunk []byte, last bool) ([]byte, error) {
	p.add(chunk)
	done := 0
	for {
		n := bytes.IndexByte(p.buf[p.seen:], '\n')
		end := p.seen + n + 1
		if n < 0 {
			if p.seen = len(p.buf); !last || done == len(p.buf) {
				break
			}
			end = len(p.buf)
		} else if open, err := p.goesOn(end); open || err != nil {
			if err != nil {
				return dst, err
			}
			p.seen = end
			continue
		}
		var err error
		if dst, err = p.record(dst, p.buf[done:end]); err != nil {
			return dst, err
		}
		done, p.seen = end, end
		p.long.scanner = scanner{pos: end, commas: p.long.commas[:0]}
	}
	return dst, p.keep(done)
}

// goesOn reports whether a record goes on behind the line that ends at end, as one of a sequence may (RFC 7464 section 2.2).
func (p *pass) goesOn(end int) (bool, error) {
	if p.form != sequence {
		return false, nil
	}
	s := &p.long.scanner
	if len(s.commas) == 0 {
		s.commas = append(s.commas, -1)
	}
	err := s.scan(p.buf[:end], 0)
	return s.depth > 0 || s.quoted, err
}

// keep holds on to what comes behind done, which is not whole yet.
func (p *pass) keep(done int) error {
	if done > 0 {
		p.buf = p.buf[:copy(p.buf, p.buf[done:])]
		p.seen, p.line = p.seen-done, p.line-done
		p.long.shift(done)
	}
	if len(p.buf) > p.leaf {
		return broken(errTooLong)
	}
	return nil
}

func (p *pass) record(dst, line []byte) ([]byte, error) {
	data := bytes.TrimLeft(line, "\x1e")
	dst = append(dst, line[:len(line)-len(data)]...)
	rest := bytes.TrimRight(data, " \t\r\n")
	if len(bytes.TrimLeft(rest, " \t")) == 0 {
		return append(dst, data...), nil
	}
	if len(rest) > p.leaf {
		return dst, broken(errTooLong)
	}
	p.passed, p.gone = false, false // each record is judged
	before := len(dst) - (len(line) - len(data))
	dst, err := p.document(dst, rest, p.root)
	if err != nil {
		return dst, err
	}
	if p.gone {
		return dst[:before], nil
	}
	return append(dst, data[len(rest):]...), nil
}

// doneEvent is what some streams of JSON events end with, which is not JSON.
const doneEvent = "[DONE]"

// events passes server-sent events on, each as soon as it is here whole, and comments between them, which keep the connection
// open, as soon as their line is.
func (p *pass) events(dst, chunk []byte, last bool) ([]byte, error) {
	p.add(chunk)
	done := 0
	for {
		end := p.eventEnd(done)
		if end < 0 && last && done < len(p.buf) {
			end = len(p.buf) // a browser drops an event that no empty line ends, others do not: it is looked at like the rest
			p.seen, p.line = end, end
		}
		if end < 0 {
			break
		}
		var err error
		if dst, err = p.event(dst, p.buf[done:end]); err != nil {
			return dst, err
		}
		p.begun = true
		done = end
	}
	return dst, p.keep(done)
}

// eventEnd finds the end of the event that begins at from, with the empty line behind it; -1 where it does not end. Lines
// end in LF, CR LF or CR.
func (p *pass) eventEnd(from int) int {
	for {
		n := bytes.IndexAny(p.buf[p.seen:], "\r\n")
		if n < 0 {
			p.seen = len(p.buf)
			return -1
		}
		at := p.seen + n
		end, ok := lineEnd(p.buf, at)
		empty := at == p.line
		if !ok && !empty {
			p.seen = at
			return -1
		}
		if !ok {
			end = at + 1 // whole already: if a LF follows, it is passed on by itself
		}
		comment := p.line == from && p.buf[from] == ':'
		p.seen, p.line = end, end
		if empty || comment {
			return end
		}
	}
}

// lineEnd returns where the next line begins; false where a CR is the last byte and an LF may follow.
func lineEnd(b []byte, at int) (int, bool) {
	if b[at] == '\n' {
		return at + 1, true
	}
	if at+1 == len(b) {
		return 0, false
	}
	if b[at+1] == '\n' {
		return at + 2, true
	}
	return at + 1, true
}

// event appends one event: its data as the caller may see it, in place of its first line of data; comments and what else the
// standard knows as it came. Other fields say nothing to readers that follow the standard, and to others nobody knows what:
// they do not leave.
func (p *pass) event(dst, event []byte) ([]byte, error) {
	if !p.begun {
		event = bytes.TrimPrefix(event, []byte("\ufeff"))
	}
	p.lines = p.lines[:0]
	lines := 0
	for line := range eachLine(event) {
		if field, value := fieldOf(line); field == "data" {
			if lines++; lines > 1 {
				p.lines = append(p.lines, '\n')
			}
			p.lines = append(p.lines, value...)
		}
	}
	data := p.lines
	if lines > 0 {
		var err error
		if data, err = p.eventData(data); err != nil {
			return dst, err
		}
	}
	for line, end := range eachLine(event) {
		switch field, _ := fieldOf(line); field {
		case "data":
			if lines == 0 {
				continue // all of it is there already
			}
			lines = 0
			for line := range bytes.SplitSeq(data, []byte{'\n'}) {
				dst = append(append(append(dst, "data: "...), line...), '\n')
			}
		case "", "event", "id", "retry":
			out, err := p.glance(line)
			if err != nil {
				return dst, err
			}
			dst = append(append(dst, out...), end...)
		}
	}
	return dst, nil
}

// eachLine yields the lines of an event and how each ends.
func eachLine(event []byte) func(yield func(line, end []byte) bool) {
	return func(yield func(line, end []byte) bool) {
		for len(event) > 0 {
			n, next := bytes.IndexAny(event, "\r\n"), len(event)
			if n < 0 {
				n = len(event)
			} else if end, ok := lineEnd(event, n); ok {
				next = end
			}
			if !yield(event[:n], event[n:next]) {
				return
			}
			event = event[next:]
		}
	}
}

// fieldOf takes a line apart. A comment has the name "", and an empty line too.
func fieldOf(line []byte) (name string, value []byte) {
	field, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(field) {
	case "":
		return "", value
	case "data":
		return "data", value
	case "event":
		return "event", value
	case "id":
		return "id", value
	case "retry":
		return "retry", value
	}
	return "other", value
}

// eventData is what an event says, as the caller may see it.
func (p *pass) eventData(data []byte) ([]byte, error) {
	if string(data) == doneEvent {
		return data, nil
	}
	p.passed = false
	if !p.textEvents || p.index.Parse(data, limits) == nil && p.index.Kind(p.index.Root()) >= jsonstream.Object {
		out, err := p.document(p.quoted[:0], data, p.root)
		p.quoted = out
		return out, err
	}
	return p.glance(data)
}

// glance looks at a text that is short enough.
func (p *pass) glance(text []byte) ([]byte, error) {
	out, _, err := p.look(jsonstream.None, nil, p.root.rule.watch, text)
	return out, err
}
