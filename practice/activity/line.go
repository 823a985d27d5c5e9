// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"yett/exchange"
)

// maxText bounds every text in a record, in bytes.
const maxText = 512

// appendRecord appends r as one line of JSON, the form of an Entry. It is the allowlist: what is not written here is in
// no log. Every text is bounded, and nothing in it disturbs a terminal or a reader of lines. sealed is what seal made.
func appendRecord(dst []byte, seq uint64, r *exchange.Record, sealed []byte) []byte {
	dst = append(append(append(dst, `{"id":"`...), r.ID...), `","seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(appendTime(append(dst, `,"time":"`...), r.Time), `","kind":"exchange"`...)
	dst = appendText(dst, "api", r.API)
	dst = appendText(dst, "op", r.Operation)
	dst = appendText(dst, "method", r.Method)
	dst = appendText(dst, "path", r.Path)
	if r.Status != 0 {
		dst = strconv.AppendInt(append(dst, `,"status":`...), int64(r.Status), 10)
	}
	if r.Client != "" || r.Subject != "" || r.Key != "" {
		dst = append(dst, `,"principal":`...)
		open := len(dst)
		dst = appendText(dst, "client", r.Client)
		dst = appendText(dst, "key", r.Key)
		dst = appendText(dst, "subject", r.Subject)
		dst[open] = '{' // in place of the first comma
		dst = append(dst, '}')
	}
	if r.Address.IsValid() {
		dst = append(r.Address.AppendTo(append(dst, `,"address":"`...)), '"')
	}
	dst = appendText(dst, "code", r.Code)
	dst = appendText(dst, "cause", r.Cause)
	dst = appendFindings(dst, r)
	dst = appendDecisions(dst, r.Decisions)
	dst = strconv.AppendBool(append(dst, `,"reached":`...), r.Reached)
	dst = strconv.AppendInt(append(dst, `,"duration_us":`...), r.Duration.Microseconds(), 10)
	if r.Upstream >= time.Microsecond {
		dst = strconv.AppendInt(append(dst, `,"upstream_us":`...), r.Upstream.Microseconds(), 10)
	}
	dst = strconv.AppendInt(append(dst, `,"bytes_in":`...), r.BytesIn, 10)
	dst = strconv.AppendInt(append(dst, `,"bytes_out":`...), r.BytesOut, 10)
	if r.Aborted {
		dst = append(dst, `,"aborted":true`...)
	}
	dst = appendText(dst, "proto", r.Proto)
	dst = appendText(dst, "trace", r.Trace)
	if len(sealed) > 0 {
		dst = append(base64.StdEncoding.AppendEncode(append(dst, `,"sealed":"`...), sealed), '"')
	}
	return append(dst, '}', '\n')
}

// maxFindings and maxDecisions bound a line; both are more than any chain of steps makes.
const (
	maxFindings  = 10
	maxDecisions = 64
)

func appendFindings(dst []byte, r *exchange.Record) []byte {
	for i, f := range r.Findings[:min(len(r.Findings), maxFindings)] {
		if i == 0 {
			dst = append(dst, `,"findings":[`...)
		} else {
			dst = append(dst, ',')
		}
		open := len(dst)
		if f.Parameter == "" {
			// The pointer of a whole body is empty, and that says something too.
			dst = appendString(append(dst, `,"pointer":`...), f.Pointer)
		}
		dst = appendText(dst, "parameter", f.Parameter)
		dst = appendText(dst, "in", f.In)
		dst = appendText(dst, "detail", f.Detail)
		dst = appendText(dst, "where", f.Where)
		dst = appendText(dst, "rule", f.Rule)
		dst[open] = '{'
		dst = append(dst, '}')
	}
	if len(r.Findings) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func appendDecisions(dst []byte, all []exchange.Decision) []byte {
	for i, d := range all[:min(len(all), maxDecisions)] {
		if i == 0 {
			dst = append(dst, `,"decisions":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"practice":`...), d.Practice)
		dst = appendText(dst, "decision", d.Outcome.String())
		dst = appendText(dst, "reason", d.Code)
		dst = appendText(dst, "note", d.Note)
		dst = strconv.AppendFloat(append(dst, `,"took_us":`...), float64(d.Took.Nanoseconds())/1000, 'f', -1, 64)
		dst = append(dst, '}')
	}
	if len(all) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// appendNotice appends a line that is not about one exchange: a gap or a stop.
func appendNotice(dst []byte, seq uint64, at time.Time, kind string, lost uint64, cause string) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), seq, 10)
	dst = append(appendTime(append(dst, `,"time":"`...), at), '"')
	dst = appendText(dst, "kind", kind)
	if lost > 0 {
		dst = strconv.AppendUint(append(dst, `,"lost":`...), lost, 10)
	}
	dst = appendText(dst, "cause", cause)
	return append(dst, '}', '\n')
}

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, time.RFC3339Nano) }

// appendText appends a member unless it is empty.
func appendText(dst []byte, name, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return appendString(dst, s)
}

// appendString appends s, bounded, as a JSON string. What is not UTF-8 becomes U+FFFD, what disturbs a question mark.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for left := maxText; len(s) > 0; {
		r, n := utf8.DecodeRuneInString(s)
		if left -= n; left < 0 {
			return append(dst, "…\""...)
		}
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			dst = append(dst, byte(r))
		case disturbing(r):
			dst = append(dst, '?')
		default:
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

// disturbing are control characters, and those that reorder, hide or join text.
func disturbing(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xad || r == 0x61c || r >= 0x200b && r <= 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f
}
