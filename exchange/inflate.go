// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"

	"yett/problem"
)

const (
	// maxInflation is how many times larger than its compressed form a body may become, once it is beyond
	// freeInflation bytes.
	maxInflation  = 100
	freeInflation = 64 << 10
)

// inflate undoes the content coding of a body that was read whole.
func (b *Body) inflate() {
	coding := strings.ToLower(strings.TrimSpace(b.header.Get("Content-Encoding")))
	if coding == "" || coding == "identity" || len(b.buf) == 0 {
		return
	}
	r, err := inflater(coding, bytes.NewReader(b.buf))
	if err != nil {
		b.err = err
		return
	}
	limit := min(b.Limit, max(freeInflation, int64(len(b.buf))*maxInflation))
	plain, err := readLimited(nil, r, beyond(limit))
	switch {
	case err != nil:
		b.err = &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
			Detail: "The compressed body cannot be read.", Cause: err}
	case int64(len(plain)) > b.Limit:
		b.err = b.tooLarge()
	case int64(len(plain)) > limit:
		b.err = &problem.Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large",
			Detail: fmt.Sprintf("The body is more than %d times as large as its compressed form.", maxInflation)}
	default:
		// What was judged is forwarded: the upstream receives the inflated form.
		b.buf, b.foreign = plain, true
		b.rewritten()
	}
}

func inflater(coding string, r io.Reader) (io.Reader, error) {
	var out io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		out, err = gzip.NewReader(r)
	case "deflate":
		out, err = zlib.NewReader(r)
	default:
		return nil, &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "content_encoding",
			Detail: "The content coding of the body is not supported.",
			Header: []problem.Field{{Name: "Accept-Encoding", Value: "gzip, deflate, identity"}}}
	}
	if err != nil {
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
			Detail: "The compressed body cannot be read.", Cause: err}
	}
	return out, nil
}
