// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "net/http"

// What one HTTP/2 client can make us hold or wait for, and what bounds it. The engine, as it is configured here (its own
// numbers are those of Go 1.26):
//
//   - Too many streams: those beyond Streams are reset. Opening and resetting them in a row (CVE-2023-44487) starts no
//     more than Streams handlers at a time, because a reset stream counts until its handler is done; with four times
//     as many waiting the connection ends (ENHANCE_YOUR_CALM). Streams that the client makes the engine reset
//     (CVE-2025-8671) count alike.
//   - Endless heads: a field block beyond HeaderBytes is answered with 431, and far beyond it ends the connection,
//     however many CONTINUATION frames it comes in (CVE-2023-45288). CONTINUATION frames that hold nothing, and frames
//     that stop halfway, are no frames to the engine: the connection is idle, or does not answer a PING, and ends
//     after at most Idle/2 and HeaderTimeout.
//   - PING, SETTINGS and RST_STREAM floods: acknowledgements of SETTINGS are merged; beyond 10,000 other frames that
//     wait to be sent the connection ends. Who reads the answers costs no memory, only the time to make them; there is
//     no bound on how many frames may come in a second.
//   - A client that takes no bytes: each write to the connection must be over within WriteStall. Taking them one by one
//     does not help, for a TLS connection whose write came to its deadline is at its end.
//   - Bodies that no handler reads: 1 MiB for a connection. So bodies of one connection can hold up each other; a
//     client that mixes them must not mind.
//
// Bounded here: the memory of announced frames (maxFrame), slow bodies and answers whose window stays closed (see
// streamAnswer and streamBody), and what judgeHTTP2 judges. Not bounded: the engine's own short answer to a field block
// that is too large or malformed waits for its window as long as the connection lives; it counts as one of Streams.

// maxFrame is the largest frame a client may send. The engine makes room for a frame when it is announced, before its
// bytes come: this is the least that HTTP/2 allows (RFC 9113 section 6.5.2), not the engine's own 1 MiB.
const maxFrame = 16 << 10

// judgeHTTP2 holds a request that came over HTTP/2 to the rules of the HTTP/1 head that frames no bytes, so that a
// target or host that is refused on one protocol is refused on both.
func judgeHTTP2(r *http.Request, l Limits) violation {
	if v := judgeMethod([]byte(r.Method)); v != none {
		return v
	}
	authority, v := judgeTarget([]byte(r.Method), []byte(r.RequestURI))
	switch {
	case v != none:
		return v
	case authority != span{}:
		return badTarget // :path is never in absolute form (RFC 9113 section 8.3.1)
	case !validAuthority([]byte(r.Host)):
		return badHost
	}
	// The engine has taken 100-continue away.
	if len(r.Header["Expect"]) > 0 {
		return badExpectation
	}
	fields := 0
	for name, values := range r.Header {
		fields += len(values)
		if framingName([]byte(name)) == lookalikeName {
			return lookalike
		}
	}
	if fields > l.Headers {
		return tooManyFields
	}
	if hosts := r.Header["Host"]; len(hosts) > 1 || len(hosts) == 1 && hosts[0] != r.Host {
		return repeatedHost
	}
	return none
}
