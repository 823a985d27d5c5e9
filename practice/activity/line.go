// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"yett/exchange"
	"yett/practice"
)

// maxText bounds every text in a record, in bytes.
const maxText = 512

// appendRecord appends r as one line of JSON, the form of an Entry, without a line feed. It is the allowlist: what is not
// written here is in no log. Every text is bounded, and nothing in it disturbs a terminal or a reader of lines.
func (l *Log) appendRecord(ctx context.Context, dst []byte, seq uint64, r *exchange.Record) []byte {
	p := l.personal(ctx, r)
	dst = appendHead(dst, seq, r.ID, r.Time, KindExchange)
	dst = appendText(dst, "api", r.API)
	dst = appendText(dst, "op", r.Operation)
	dst = appendText(dst, "method", method(r.Method))
	dst = appendText(dst, "path", r.Path)
	if r.Status != 0 {
		dst = strconv.AppendInt(append(dst, `,"status":`...), int64(r.Status), 10)
	}
	if p.client != "" || p.subject != "" || p.person != "" || r.Key != "" {
		dst = append(dst, `,"principal":`...)
		open := len(dst)
		dst = appendText(dst, "client", p.client)
		dst = appendText(dst, "key", r.Key)
		dst = appendText(dst, "subject", p.subject)
		dst = appendText(dst, "person", p.person)
		dst[open] = '{' // in place of the first comma
		dst = append(dst, '}')
	}
	dst = appendText(dst, "address", p.address)
	dst = appendText(dst, "code", r.Code)
	dst = appendText(dst, "cause", p.cause)
	dst = appendFindings(dst, r)
	dst = appendDecisions(dst, r.Decisions)
	dst = strconv.AppendBool(append(dst, `,"reached":`...), r.Reached)
	dst = appendSeconds(dst, "duration", r.Duration)
	if r.Upstream >= time.Microsecond {
		dst = appendSeconds(dst, "upstream", r.Upstream)
	}
	dst = strconv.AppendInt(append(dst, `,"bytes_in":`...), r.BytesIn, 10)
	dst = strconv.AppendInt(append(dst, `,"bytes_out":`...), r.BytesOut, 10)
	if r.Aborted {
		dst = append(dst, `,"aborted":true`...)
	}
	dst = appendText(dst, "proto", r.Proto)
	dst = appendText(dst, "trace", r.Trace)
	dst = appendSealed(dst, p.sealed)
	return append(dst, '}')
}

// appendHead begins a line.
func appendHead(dst []byte, seq uint64, id string, at time.Time, kind string) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), seq, 10)
	dst = appendText(dst, "id", id)
	dst = append(appendTime(append(dst, `,"time":"`...), at), '"')
	return appendText(dst, "kind", kind)
}

func appendSealed(dst, sealed []byte) []byte {
	if len(sealed) == 0 {
		return dst
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, `,"sealed":"`...), sealed), '"')
}

// appendSeconds appends a duration in seconds, to the tenth of a microsecond.
func appendSeconds(dst []byte, name string, d time.Duration) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendFloat(dst, float64(d/100)/1e7, 'f', -1, 64)
}

// maxFindings and maxDecisions bound a line; both are more than any chain of steps makes.
const (
	maxFindings  = 10
	maxDecisions = 64
)

func appendFindings(dst []byte, r *exchange.Record) []byte {
	for i := range r.Findings[:min(len(r.Findings), maxFindings)] {
		f := &r.Findings[i]
		p := locate(f)
		if i == 0 {
			dst = append(dst, `,"findings":[`...)
		} else {
			dst = append(dst, ',')
		}
		open := len(dst)
		if f.Parameter == "" {
			// The pointer of a whole body is empty, and that says something too.
			dst = appendString(append(dst, `,"pointer":`...), p.pointer)
		}
		dst = appendText(dst, "parameter", p.parameter)
		dst = appendText(dst, "in", f.In)
		dst = appendText(dst, "detail", p.detail)
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
		note, _ := noteOf(&d)
		dst = appendText(dst, "note", note)
		dst = append(appendSeconds(dst, "took", d.Took), '}')
	}
	if len(all) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// appendAction appends an action as one line.
func appendAction(dst []byte, seq uint64, a *practice.Action, person string, sealed []byte) []byte {
	dst = appendHead(dst, seq, a.ID, a.Time, KindAdmin)
	dst = appendText(dst, "op", a.Op)
	if a.Status != 0 {
		dst = strconv.AppendInt(append(dst, `,"status":`...), int64(a.Status), 10)
	}
	dst = appendText(dst, "actor", a.Actor)
	dst = appendText(dst, "target", a.Target)
	dst = appendText(dst, "person", person)
	dst = appendText(dst, "note", a.Note)
	return append(appendSealed(dst, sealed), '}')
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
