// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"sync"

	"yett/api/schema"
	"yett/jsonstream"
	"yett/problem"
)

const (
	// window is the longest document that is indexed as a whole, in bytes. It is as long as what an exchange holds back, so
	// that a fault in such an answer is a clean answer.
	window = 64 << 10
	// maxLeaf is the longest string that is indexed, in bytes of JSON, and the longest record or event. A sealed value of
	// 1 MiB is shorter.
	maxLeaf = 3 << 19
	// maxNames is how many members one object of an answer may have that is longer than the window.
	maxNames = 200_000
)

// A sizes says how long what is held at once may be. Tests make it small, so that short documents are long.
type sizes struct {
	window, leaf  int
	part, overlap int // of a long text
}

var usual = sizes{window: window, leaf: maxLeaf, part: window, overlap: overlap}

// limits bound what one index of an answer costs. The bytes are bounded by window and maxLeaf; a value takes some 40 more, and
// a record could be nothing but values of one digit.
var limits = jsonstream.Limits{Depth: 512, Members: maxNames, Items: 1 << 18, String: maxLeaf, Values: 1 << 18}

// answering is how answers are held against their schemas. Members that are not declared are a matter of edits.
var answering = schema.Check{Direction: schema.Response, Max: problem.MaxItems}

// A pass is the way of one answer's body to the client.
type pass struct {
	walker
	sizes
	form   form
	schema *schema.Schema // nil: nothing is judged
	judge  Judge
	root   place
	opens  bool // sealed values may be in it

	index, plain   jsonstream.Doc
	opened, quoted []byte // scratch
	longest        int    // of what was indexed
	buf            []byte // what could not be judged yet
	seen, line     int    // of records and events: how far buf was searched for an end, and where its last line begins
	lines          []byte // scratch: the data of an event
	begun          bool   // an event has left
	textEvents     bool   // events need not be JSON
	passed         bool   // the judge has let findings pass
	unjudged       bool   // the judge knows that not everything is judged

	long long
	done func()
}

var passes sync.Pool

// take returns a pass that is ready for an answer.
func take() *pass {
	if p, ok := passes.Get().(*pass); ok {
		return p
	}
	p := &pass{sizes: usual}
	p.done = p.end
	return p
}

// end reports what the pass did and gives it back. It runs when the exchange is over.
func (p *pass) end() {
	p.report()
	clear(p.long.frames[:cap(p.long.frames)])
	if p.longest > 2*window {
		p.index.Reset()
		p.plain.Reset()
	} else {
		p.index.Forget()
		p.plain.Forget()
	}
	*p = pass{
		sizes:  usual,
		walker: walker{active: p.active[:0], tally: p.tally[:0], value: kept(p.value), quote: kept(p.quote), path: kept(p.path)},
		index:  p.index, plain: p.plain, opened: kept(p.opened), quoted: kept(p.quoted), buf: kept(p.buf), lines: kept(p.lines), done: p.done,
		long: long{frames: p.long.frames[:0]},
	}
	passes.Put(p)
}

// kept is a buffer for the next answer; long ones go to the collector.
func kept(b []byte) []byte {
	if cap(b) > 4*window {
		return nil
	}
	return b[:0]
}

// Resizes reports that the length of the body may change.
func (p *pass) Resizes() bool { return true }

// Filter takes the next piece of the body. What it keeps back it must, whether or not somebody waits.
func (p *pass) Filter(dst, chunk []byte, _, last bool) ([]byte, error) {
	switch p.form {
	case records, sequence:
		return p.records(dst, chunk, last)
	case events:
		return p.events(dst, chunk, last)
	case text:
		return p.text(dst, chunk, last)
	}
	if !p.long.on {
		if len(p.buf)+len(chunk) <= p.window {
			if last && len(p.buf) == 0 {
				return p.whole(dst, chunk)
			}
			p.add(chunk)
			if last {
				return p.whole(dst, p.buf)
			}
			return dst, nil
		}
		p.begin()
	}
	return p.stream(dst, chunk, last)
}

// add puts chunk behind what is kept back. The buffer doubles: by less at a time, more would become garbage.
func (p *pass) add(chunk []byte) {
	if len(p.buf)+len(chunk) > cap(p.buf) {
		p.buf = slices.Grow(p.buf, max(len(chunk), len(p.buf)))
	}
	p.buf = append(p.buf, chunk...)
}

// whole is an answer that is here from its first byte to its last.
func (p *pass) whole(dst, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return dst, nil // nothing leaves
	}
	return p.document(dst, data, p.root)
}

// document appends one document, a whole body or record, as the caller may see it.
func (p *pass) document(dst, data []byte, at place) ([]byte, error) {
	doc, data, err := p.read(data, at)
	if err != nil {
		return dst, err
	}
	if p.judges() {
		if err := p.found(p.schema.Check(doc, doc.Root(), &answering)); err != nil {
			return dst, err
		}
	}
	out, _, err := p.walk(dst, data, doc, leaving, at)
	return out, err
}

// read indexes data and opens what is sealed in it.
func (p *pass) read(data []byte, at place) (*jsonstream.Doc, []byte, error) {
	p.longest = max(p.longest, len(data))
	if err := p.index.Parse(data, limits); err != nil {
		return nil, nil, broken(err)
	}
	if !p.opens {
		return &p.index, data, nil
	}
	out, changed, err := p.walk(p.opened[:0], data, &p.index, opening, at)
	p.opened = out
	if err != nil || !changed {
		return &p.index, data, err
	}
	if err := p.plain.Parse(out, limits); err != nil {
		return nil, nil, broken(err)
	}
	return &p.plain, out, nil
}

// judges reports whether anything is held against the schema still.
func (p *pass) judges() bool { return p.judge != nil && p.schema != nil && !p.passed }

// found tells the judge what does not fit. What it lets pass once passes in the whole body.
func (p *pass) found(findings []schema.Finding) error {
	if len(findings) == 0 || !p.judges() {
		return nil
	}
	for i := range findings {
		findings[i].Pointer = p.base + findings[i].Pointer
	}
	p.passed = true
	return p.judge(p.x, Judgement{Findings: findings, Unjudged: p.unjudged})
}

// beyond tells the judge that a value was too long to be held against all of its schema.
func (p *pass) beyond() error {
	if p.unjudged || p.judge == nil || p.schema == nil {
		return nil
	}
	p.unjudged = true
	return p.judge(p.x, Judgement{Unjudged: true})
}

// broken is the refusal of an answer that is not what it says it is.
func broken(cause error) error {
	return &problem.Error{Status: http.StatusBadGateway, Code: "upstream_json", Replaces: true,
		Detail: cannotPass, Cause: cause}
}

var (
	errTruncated = errors.New("the text ends inside a JSON value")
	errSyntax    = errors.New("the text is not JSON")
	errTrailing  = errors.New("something follows the JSON value")
	errTooLong   = errors.New("a value is too long to be looked at")
	errTooMany   = errors.New("an object has too many members")
	errDuplicate = errors.New("an object has two members of one name")
	errTooDeep   = errors.New("the document is nested too deep")
)

// stringEnd finds where a string ends whose text begins at from: behind its closing quote, -1 where it does not end.
func stringEnd(b []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		slashes := 0
		for j := i - 2; j >= from && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}
