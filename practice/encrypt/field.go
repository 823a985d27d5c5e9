// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
	"yett/view"
)

// sealedMark begins a sealed value: who sealed it, and in which version of the form. Base64url of what tink seals follows,
// without padding: all of it may stand in a query as it is.
const sealedMark = "yett1."

// Strict, so that there is one spelling of a sealed value.
var encoding = base64.RawURLEncoding.Strict()

// SealedLen returns how many characters a value of n bytes has once it is sealed: what a column of the upstream must hold.
func SealedLen(n int, mode Mode) int {
	const tag = 16
	n += prefixSize + tag
	if mode == Randomized {
		n += 12 // the nonce
	}
	return len(sealedMark) + encoding.EncodedLen(n)
}

// A spot is what the description says of values at one place.
type spot struct {
	mode          Mode
	file, pointer string // of the schema that bears the word; file is "" for the description's own
	bind          string // what names the row; "": nothing does
}

// String shows the spot as a reference does.
func (s spot) String() string { return s.file + "#" + s.pointer }

// A field seals and opens the values at one spot.
type field struct {
	spot
	api   string
	place []byte // what every value of the field is bound to
	keys  *class
	// other is the class of the other mode, where the API has one: the word was changed, and older values are as they were.
	other *class
	list  bool // the values are arrays, whose items are sealed
	count *counts
	alarm *alarm
}

// counts is what became of the values of one API since the process began.
type counts struct{ sealed, opened, clear, failed atomic.Int64 }

// appendString appends s behind its length, so that no two lists of strings read the same.
func appendString[S string | []byte](dst []byte, s S) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s))) // #nosec G115 -- bodies are far below 4 GiB
	return append(dst, s...)
}

// bound is what every value of the spot is bound to; the name of its member and the id of its row follow.
func (s spot) bound(api string) []byte {
	b := appendString(nil, api)
	b = appendString(b, s.file)
	return appendString(b, s.pointer)
}

// scratch is the working memory of one value. What is left in it is sealed, or a name.
type scratch struct{ bound, raw []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

const maxScratch = 64 << 10

func (f *field) scratch(name, id []byte) *scratch {
	sc, ok := scratches.Get().(*scratch)
	if !ok {
		sc = new(scratch) // cannot be: nothing else is put there
	}
	sc.bound = appendString(appendString(append(sc.bound[:0], f.place...), name), id)
	return sc
}

func (sc *scratch) release() {
	if cap(sc.bound) <= maxScratch && cap(sc.raw) <= maxScratch {
		scratches.Put(sc)
	}
}

// seal appends the sealed form of text, which stands under name in the row id.
func (f *field) seal(dst, name, id, text []byte) ([]byte, error) {
	sc := f.scratch(name, id)
	defer sc.release()
	sealed, err := f.keys.keys.Load().seal(text, sc.bound)
	if err != nil {
		return dst, fmt.Errorf("encrypt: seal a value of %s: %w", f, err)
	}
	f.count.sealed.Add(1)
	return encoding.AppendEncode(append(dst, sealedMark...), sealed), nil
}

// looksSealed reports whether text claims to be sealed.
func looksSealed(text []byte) bool { return bytes.HasPrefix(text, []byte(sealedMark)) }

// open returns what the sealed form of a value says, if it was sealed for name in the row id. Its error is errUnopened, or
// that of the store.
func (f *field) open(ctx context.Context, name, id, text []byte) ([]byte, error) {
	sc := f.scratch(name, id)
	defer sc.release()
	text, _ = bytes.CutPrefix(text, []byte(sealedMark))
	var err error
	sc.raw, err = encoding.AppendDecode(sc.raw[:0], text)
	if err != nil || len(sc.raw) != encoding.DecodedLen(len(text)) { // the decoder skips line breaks
		return nil, errUnopened
	}
	by := f.keys
	if f.other != nil && !by.keys.Load().holds(sc.raw) && f.other.keys.Load().holds(sc.raw) {
		by = f.other
	}
	return by.open(ctx, sc.raw, sc.bound)
}

// sealValue is the edit of a request: a string becomes sealed. What cannot be sealed does not go on in clear.
func (f *field) sealValue(x *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
	switch {
	case v.Kind == jsonstream.Null, f.list && v.Kind == jsonstream.Array:
		return dst, false, nil
	case v.Kind != jsonstream.String:
		return dst, false, &problem.Error{Status: http.StatusUnprocessableEntity, Code: "not_sealable", Detail: "A value that must be text is none.",
			Cause: fmt.Errorf("a %s at %s", v.Kind, f)}
	}
	id, ok := f.row(x, v)
	if !ok {
		return dst, false, &problem.Error{Status: http.StatusUnprocessableEntity, Code: "bind_missing",
			Detail: fmt.Sprintf("The body holds a value that belongs to a %q, and does not say which.", f.bind),
			Cause:  fmt.Errorf("a value of %s without %q", f, f.bind)}
	}
	dst, err := f.seal(append(dst, '"'), v.Name(), id, v.Text)
	if err != nil {
		return dst, false, err
	}
	return append(dst, '"'), true, nil
}

// openValue is the edit of an answer: a sealed string becomes plain. One in clear is from before there was sealing.
func (f *field) openValue(x *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
	if v.Kind != jsonstream.String {
		return dst, false, nil
	}
	if !looksSealed(v.Text) {
		if len(v.Text) > 0 { // an empty one tells nothing
			f.count.clear.Add(1)
		}
		return dst, false, nil
	}
	id, ok := f.row(x, v)
	if !ok {
		return dst, false, f.unopened(fmt.Errorf("it is bound to %q, and the answer does not say which", f.bind))
	}
	// Not the context of x: an exchange that is only tried (view.Preview) has none.
	plain, err := f.open(context.Background(), v.Name(), id, v.Text)
	if err != nil {
		return dst, false, f.unopened(err)
	}
	if dst, err = jsontext.AppendQuote(dst, plain); err != nil {
		return dst, false, f.unopened(errors.New("it is no text"))
	}
	f.count.opened.Add(1)
	return dst, true, nil
}

// row returns what names the row of a value: the path parameter, or the member beside the value. One that is empty names
// nothing.
func (f *field) row(x *exchange.Exchange, v view.Value) ([]byte, bool) {
	if f.bind == "" {
		return nil, true
	}
	for i := range x.Request.Params {
		if p := &x.Request.Params[i]; p.Name == f.bind {
			return []byte(p.Value), p.Value != ""
		}
	}
	id, ok := v.Sibling(f.bind)
	return id, ok && len(id) > 0
}

// unopened refuses an answer. The sealed text stands neither in the refusal nor in the record.
func (f *field) unopened(cause error) error {
	f.count.failed.Add(1)
	f.alarm.raise(f.api + " " + f.String())
	return &problem.Error{Status: http.StatusBadGateway, Code: "sealed_value",
		Detail: "The service behind this gateway gave an answer that cannot be passed on.", Cause: fmt.Errorf("a value of %s: %w", f, cause)}
}
