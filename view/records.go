// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"

	"yett/jsonstream"
)

// records passes a stream of JSON records on, each as soon as it is here whole: one a line (NDJSON, JSON Lines), with a
// record separator before it where the type is a JSON sequence (RFC 7464).
func (p *pass) records(dst, chunk []byte, last bool) ([]byte, error) {
	p.buf = append(p.buf, chunk...)
	done := 0
	for {
		n := bytes.IndexByte(p.buf[done:], '\n')
		end := done + n + 1
		if n < 0 {
			if !last || done == len(p.buf) {
				break
			}
			end = len(p.buf)
		}
		var err error
		if dst, err = p.record(dst, p.buf[done:end]); err != nil {
			return dst, err
		}
		done = end
	}
	p.buf = p.buf[:copy(p.buf, p.buf[done:])]
	if len(p.buf) > p.leaf {
		return dst, broken(errTooLong)
	}
	return dst, nil
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

// events passes server-sent events on, each as soon as it is here whole.
func (p *pass) events(dst, chunk []byte, last bool) ([]byte, error) {
	p.buf = append(p.buf, chunk...)
	done := 0
	for {
		n := eventEnd(p.buf[done:])
		if n < 0 {
			break
		}
		var err error
		if dst, err = p.event(dst, p.buf[done:done+n]); err != nil {
			return dst, err
		}
		done += n
	}
	if last && done < len(p.buf) {
		// A browser drops an event that no empty line ends, others do not: it is looked at like the rest.
		var err error
		if dst, err = p.event(dst, p.buf[done:]); err != nil {
			return dst, err
		}
		done = len(p.buf)
	}
	p.buf = p.buf[:copy(p.buf, p.buf[done:])]
	if len(p.buf) > p.leaf {
		return dst, broken(errTooLong)
	}
	return dst, nil
}

// eventEnd is the length of the event at the beginning of b with the empty line behind it; -1 where it does not end. Lines
// end in LF, CR LF or CR.
func eventEnd(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexAny(b[i:], "\r\n")
		if n < 0 {
			return -1
		}
		end, ok := lineEnd(b, i+n)
		if !ok {
			return -1
		}
		if n == 0 {
			return end
		}
		i = end
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

// event appends one event: its data as the caller may see it, in one piece; all else as it came.
func (p *pass) event(dst, event []byte) ([]byte, error) {
	var data []byte
	place, lines := -1, 0
	for i := 0; i < len(event); {
		n := bytes.IndexAny(event[i:], "\r\n")
		next := len(event)
		if n < 0 {
			n = len(event) - i
		} else if end, ok := lineEnd(event, i+n); ok {
			next = end
		}
		line := event[i : i+n]
		name, value, _ := bytes.Cut(line, []byte{':'})
		if string(bytes.TrimPrefix(name, []byte("\ufeff"))) != "data" {
			out, err := p.glance(line)
			if err != nil {
				return dst, err
			}
			dst = append(append(dst, out...), event[i+n:next]...)
		} else {
			if place < 0 {
				place = len(dst)
			}
			if lines++; lines > 1 {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(value, []byte{' '})...)
		}
		i = next
	}
	if place < 0 {
		return dst, nil
	}
	made, err := p.eventData(data)
	if err != nil {
		return dst, err
	}
	tail := bytes.Clone(dst[place:])
	dst = dst[:place]
	for line := range bytes.SplitSeq(made, []byte{'\n'}) {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return append(dst, tail...), nil
}

// eventData is what an event says, as the caller may see it.
func (p *pass) eventData(data []byte) ([]byte, error) {
	if string(data) == doneEvent {
		return data, nil
	}
	p.passed = false
	if !p.textEvents || p.index.Parse(data, limits) == nil && p.index.Kind(p.index.Root()) >= jsonstream.Object {
		return p.document(p.quoted[:0], data, p.root)
	}
	return p.glance(data)
}

// glance looks at a text that is short enough.
func (p *pass) glance(text []byte) ([]byte, error) {
	out, _, err := p.look(jsonstream.None, p.root.rule.watch, text)
	return out, err
}
