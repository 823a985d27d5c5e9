// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "net/http"

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
