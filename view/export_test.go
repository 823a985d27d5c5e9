// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import "yett/exchange"

// Pieces is Preview for a body that comes in pieces.
func (v *View) Pieces(x *exchange.Exchange, contentType string, body []byte, size int) (out []byte, err error) {
	f := formOf(contentType)
	p := v.pass(x, f, v.describe(200, contentType))
	defer p.end()
	for len(body) > size && err == nil {
		out, err = p.Filter(out, body[:size], false, false)
		body = body[size:]
	}
	if err == nil {
		out, err = p.Filter(out, body, false, true)
	}
	return out, err
}
