// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire reads the client's bytes strictly before net/http's engine reads them.
//
// It stops requests that two readers can understand in two ways: Content-Length together with Transfer-Encoding or
// given twice, bare line feeds and carriage returns, folded fields, Transfer-Encoding on HTTP/1.0, chunk extensions,
// look-alike framing fields, absolute targets that name another host (RFC 9112 section 11.2, CWE-444). net/http mends
// most of them silently. Here each is refused, and the refusal is an exchange: the Handler is called with a request
// for which [Refusal] reports what was wrong, so it can answer with a problem document and keep a record. It also
// bounds heads, trailers, connections, streams and the patience with slow senders and slow readers.
//
// It does not judge what a well-formed request means: paths are not normalised, encodings in the query are not read,
// hop-by-hop fields are not removed. HTTP/2 frames are read by net/http; only the resulting request is held to the
// same rules for target, host, fields and pace (http2.go lists what bounds a client there). What net/http refuses inside HTTP/2 (a field block beyond the limit, a
// malformed stream) it answers itself, without the Handler.
//
// To use it alone:
//
//	s := &wire.Server{Handler: h, TLS: config}
//	err := s.Serve(ctx, listener)
//
// where h asks [Refusal] first, and [BodyRefusal] when reading a body failed. The connection under TLS is in r.TLS as
// with net/http, for HTTP/1.1 and HTTP/2 alike. A handler may hijack a request that has Upgrade, and then reads the
// client's bytes unjudged; behind any other request they may have been judged, and replaced, already.
package wire

import (
	"context"
	"net/http"
	"net/url"
)

// contextKey names a value of this package in a context.
type contextKey int

const (
	connKey    contextKey = iota // *conn, on every HTTP/1 connection
	refusedKey                   // Refused, on a request that must be refused
	bodyKey                      // *streamBody, on an HTTP/2 request with a body
)

// Refusal reports whether r stands for a request that must be refused, and why: its bytes were not admitted, or they
// could be read and break a rule all the same. Such an r carries nothing of the client's but its connection: it is a
// GET of /refused without fields and body, so that a handler that forgets to ask serves nobody's request. A handler
// answers with Refused.Status.
func Refusal(r *http.Request) (Refused, bool) {
	ref, ok := r.Context().Value(refusedKey).(Refused)
	return ref, ok
}

// BodyRefusal reports why reading the body of r failed, if this package ended it: its framing broke a rule, or it came
// too slowly. It is false while the body is in order, and for a client that just went away. An answer still arrives. On
// HTTP/1 the context of r is done then, as whenever its connection breaks, and the connection is closed after the
// answer; on HTTP/2 only the stream ends.
func BodyRefusal(r *http.Request) (Refused, bool) {
	v := none
	if c := connOf(r.Context()); c != nil {
		v = violation(c.bodyViolation.Load())
	} else if b, ok := r.Context().Value(bodyKey).(*streamBody); ok {
		v = b.violation()
	}
	if v != none {
		return v.refused(r.Method, pathOf(r.RequestURI)), true
	}
	return Refused{}, false
}

// PlainOnTLS reports whether r came in clear on a listener that speaks TLS. Such requests reach the Handler unrefused
// only where Server.AdmitPlain says so, and then it must not serve them.
func PlainOnTLS(r *http.Request) bool {
	c := connOf(r.Context())
	return c != nil && c.plainOnTLS
}

// standFor makes the request that Refusal is true for.
func standFor(r *http.Request, ref Refused) *http.Request {
	stand := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/refused"}, RequestURI: "/refused", Host: refusedHost,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: http.Header{}, Body: http.NoBody, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
	}
	return stand.WithContext(context.WithValue(r.Context(), refusedKey, ref))
}

// refusedHost names nobody (RFC 6761 section 6.4).
const refusedHost = "refused.invalid"

// connOf returns the screened connection behind ctx, or nil.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey).(*conn)
	return c
}
