// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package search finds lines of the log: a small language, and the index of one segment that answers most of it.
//
// It finds what is there. It is no proof that nothing is missing: whoever may write the files can change an index, and
// only the verification of package ledger, which makes each index anew, notices that.
//
// Used alone:
//
//	q, err := search.Parse(`status>=400 client=acme-mobile since=1h`, time.Now())
//	ix, err := search.OpenIndex(file, size)
//	set, exact, err := q.Select(ix) // where not exact, q.Match(line) decides
package search

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Query is terms that must all hold.
type Query struct {
	terms        []term
	since, until int64 // milliseconds; 0: open
}

// A term holds if one of its fields has one of its values; negated, if none has.
type term struct {
	name   string
	op     string // = != > >= < <= ~
	fields []field
	values []value
}

// A value is what a term compares with.
type value struct {
	text   string
	class  byte // of a status: '4' for 4xx
	number float64
	prefix netip.Prefix
}

// Bounds of a query.
const (
	maxText   = 4 << 10
	maxTerms  = 64
	maxValues = 256
)

// kinds of values
type kind uint8

const (
	text kind = iota
	number
	seconds
	boolean
	address
	instant
)

// names are the fields of the language.
var names = map[string]struct {
	kind   kind
	fields []field
}{
	"kind": {text, []field{fKind}}, "id": {text, []field{fID}}, "seq": {number, []field{fSeq}}, "api": {text, []field{fAPI}},
	"op": {text, []field{fOp}}, "method": {text, []field{fMethod}}, "path": {text, []field{fPath}}, "status": {number, []field{fStatus}},
	"principal": {text, []field{fClient, fKey, fSubject, fPerson}}, "client": {text, []field{fClient}}, "key": {text, []field{fKey}},
	"subject": {text, []field{fSubject, fPerson}}, "person": {text, []field{fPerson}}, "actor": {text, []field{fActor}},
	"address": {address, []field{fAddress}}, "code": {text, []field{fCode}}, "reason": {text, []field{fCode}},
	"practice": {text, []field{fPractice}}, "decision": {text, []field{fDecision}}, "rule": {text, []field{fRule}},
	"reached": {boolean, []field{fReached}}, "aborted": {boolean, []field{fAborted}}, "duration": {seconds, []field{fDuration}},
	"upstream": {seconds, []field{fUpstream}}, "bytes_in": {number, []field{fBytesIn}}, "bytes_out": {number, []field{fBytesOut}},
	"proto": {text, []field{fProto}}, "trace": {text, []field{fTrace}}, "since": {instant, nil}, "until": {instant, nil},
}

// An Error says what is wrong with a query, and where.
type Error struct {
	At   int // byte of the text
	What string
	Hint string
}

func (e *Error) Error() string {
	return fmt.Sprintf("at %d: %s (%s)", e.At+1, e.What, e.Hint)
}

// Parse reads a query. Its terms are separated by spaces: a field, one of = != > >= < <= ~ (contains), and a value or
// several with commas between them; "quotes" keep spaces and commas together. since and until take a duration before now
// (90s, 30m, 1h, 7d), a date, an RFC 3339 time, or a time of today (14:00, UTC). An error is an *Error.
func Parse(s string, now time.Time) (*Query, error) {
	if len(s) > maxText {
		return nil, &Error{0, fmt.Sprintf("%d bytes are more than %d", len(s), maxText), "ask for less at once"}
	}
	q := new(Query)
	count := 0
	for at := 0; at < len(s); {
		if s[at] == ' ' {
			at++
			continue
		}
		end := at
		for quoted := false; end < len(s) && (quoted || s[end] != ' '); end++ {
			if s[end] == '"' {
				quoted = !quoted
			}
		}
		n, err := q.term(s[at:end], now)
		if err != nil {
			err.At += at
			return nil, err
		}
		if count += n; len(q.terms) > maxTerms || count > maxValues {
			return nil, &Error{at, "too many terms or values", fmt.Sprintf("at most %d terms and %d values", maxTerms, maxValues)}
		}
		at = end
	}
	return q, nil
}

// term reads one term and returns how many values it has.
func (q *Query) term(s string, now time.Time) (int, *Error) {
	i := strings.IndexAny(s, "=!<>~")
	if i <= 0 {
		return 0, &Error{0, fmt.Sprintf("%.40q is not a term", s), "write field=value, for example status>=400"}
	}
	name, op := s[:i], s[i:i+1]
	if i+1 < len(s) && s[i+1] == '=' && op != "=" && op != "~" {
		op = s[i : i+2]
	}
	known, ok := names[name]
	if !ok {
		return 0, &Error{0, fmt.Sprintf("%.40q is not a field", name), "did you mean " + nearest(name) + "?"}
	}
	if op == "!" {
		return 0, &Error{i, "\"!\" is not an operator", "write !="}
	}
	texts, err := split(s[i+len(op):])
	if err != nil {
		err.At += i + len(op)
		return 0, err
	}
	if known.kind == instant {
		return 0, q.period(name, op, texts, i, now)
	}
	ordered := known.kind == number || known.kind == seconds
	if op == "~" && known.kind != text || len(op) > 0 && (op[0] == '<' || op[0] == '>') && !ordered {
		return 0, &Error{i, fmt.Sprintf("%s cannot be compared with %s", name, op), "write = or !="}
	}
	if len(texts) > 1 && op != "=" && op != "!=" {
		return 0, &Error{i, op + " takes one value", "only = and != take several"}
	}
	t := term{name: name, op: op, fields: known.fields}
	for _, x := range texts {
		v, why, hint := read(name, known.kind, op, x)
		if why != "" {
			return 0, &Error{i + len(op), fmt.Sprintf("%s: %.40q is not %s", name, x, why), hint}
		}
		t.values = append(t.values, v)
	}
	q.terms = append(q.terms, t)
	return len(texts), nil
}

// split parts values at commas outside of quotes.
func split(s string) ([]string, *Error) {
	var all []string
	var b strings.Builder
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	if quoted {
		return nil, &Error{0, "a quote is not closed", "add \""}
	}
	all = append(all, b.String())
	if slices.Contains(all, "") {
		return nil, &Error{0, "a value is empty", "write field=value"}
	}
	return all, nil
}

// read reads one value.
func read(name string, k kind, op, s string) (v value, why, hint string) {
	v.text = s
	switch k {
	case text:
		if name == "id" {
			v.text = strings.TrimPrefix(s, "urn:uuid:")
		}
		if op == "~" {
			v.text = strings.ToLower(s)
		}
		return v, "", ""
	case boolean:
		if s == "true" || s == "false" {
			return v, "", ""
		}
		return v, "true or false", "for example " + name + "=true"
	case address:
		if p, err := netip.ParsePrefix(s); err == nil {
			v.prefix = p.Masked()
			return v, "", ""
		}
		if a, err := netip.ParseAddr(s); err == nil {
			a = a.Unmap().WithZone("")
			v.text, v.prefix = a.String(), netip.PrefixFrom(a, a.BitLen())
			return v, "", ""
		}
		if strings.HasPrefix(s, "a_") {
			return v, "", ""
		}
		return v, "an address or a network", "for example 192.0.2.7 or 192.0.2.0/24"
	case seconds:
		d, err := duration(s)
		v.number = d.Seconds()
		if err == nil {
			return v, "", ""
		}
		return v, "a duration", "for example 250ms or 1.5s"
	}
	if name == "status" && len(s) == 3 && strings.EqualFold(s[1:], "xx") && s[0] >= '1' && s[0] <= '5' && (op == "=" || op == "!=") {
		v.class = s[0]
		return v, "", ""
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n != n || n < 0 {
		return v, "a number", "for example " + name + "=404"
	}
	v.number = n
	return v, "", ""
}

// duration is time.ParseDuration with days.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n < 0 || n > 36500 {
			return 0, strconv.ErrRange
		}
		return time.Duration(n * 24 * float64(time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return d, err
}

// period reads since and until.
func (q *Query) period(name, op string, texts []string, at int, now time.Time) *Error {
	if op != "=" || len(texts) != 1 {
		return &Error{at, name + " takes = and one value", "for example " + name + "=1h"}
	}
	t, ok := moment(texts[0], now.UTC())
	if !ok {
		return &Error{at + 1, fmt.Sprintf("%s: %.40q is not a time", name, texts[0]), "for example 30m, 7d, 2026-11-23, 14:00 or 2026-11-23T14:00:00Z"}
	}
	if name == "since" {
		q.since = max(q.since, t.UnixMilli(), 1)
	} else if ms := t.UnixMilli(); q.until == 0 || ms < q.until {
		q.until = max(ms, 1)
	}
	return nil
}

func moment(s string, now time.Time) (time.Time, bool) {
	if d, err := duration(s); err == nil {
		return now.Add(-d), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			day := now.Truncate(24 * time.Hour)
			return day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second), true
		}
	}
	return time.Time{}, false
}

// nearest is the field whose name is most like s.
func nearest(s string) string {
	best, least := "", 1<<30
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if d := distance(s, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is how many letters must be changed, put in or taken out.
func distance(a, b string) int {
	a = a[:min(len(a), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := last
			if a[i] != b[j] {
				next = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// Resolve adds pseudonyms: a subject is found by its person, an address by what stands in its place.
func (q *Query) Resolve(person func(subject string) (string, bool), pseudonym func(netip.Addr) string) {
	for i := range q.terms {
		t := &q.terms[i]
		for _, v := range slices.Clone(t.values) {
			switch {
			case (t.name == "subject" || t.name == "principal") && t.op != "~":
				if p, ok := person(v.text); ok {
					t.values = append(t.values, value{text: p})
				}
			case t.name == "address" && v.prefix.IsValid() && v.prefix.IsSingleIP():
				t.values = append(t.values, value{text: pseudonym(v.prefix.Addr())})
			}
		}
	}
}

// String is the query in one form, with its period as times.
func (q *Query) String() string {
	var all []string
	for _, t := range q.terms {
		var vs []string
		for _, v := range t.values {
			if strings.ContainsAny(v.text, " ,\"") {
				v.text = `"` + strings.ReplaceAll(v.text, `"`, "") + `"`
			}
			vs = append(vs, v.text)
		}
		all = append(all, t.name+t.op+strings.Join(vs, ","))
	}
	for _, p := range []struct {
		name string
		ms   int64
	}{{"since", q.since}, {"until", q.until}} {
		if p.ms != 0 {
			all = append(all, p.name+"="+time.UnixMilli(p.ms).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	return strings.Join(all, " ")
}

// holds reports whether one value of a line, of field f, is what the term asks for; negation is left to the caller.
func (t *term) holds(f field, have []byte) bool {
	switch t.op {
	case "~":
		return bytes.Contains(bytes.ToLower(have), []byte(t.values[0].text))
	case "=", "!=":
		return slices.ContainsFunc(t.values, func(v value) bool { return v.is(f, have) })
	}
	n, err := strconv.ParseFloat(string(have), 64)
	if err != nil {
		return false
	}
	c := cmp.Compare(n, t.values[0].number)
	switch t.op {
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "<":
		return c < 0
	}
	return c <= 0
}

func (v *value) is(f field, have []byte) bool {
	switch f {
	case fStatus:
		if v.class != 0 {
			return len(have) == 3 && have[0] == v.class
		}
		fallthrough
	case fSeq, fDuration, fUpstream, fBytesIn, fBytesOut:
		n, err := strconv.ParseFloat(string(have), 64)
		return err == nil && n == v.number
	case fAddress:
		if string(have) == v.text {
			return true
		}
		if !v.prefix.IsValid() {
			return false
		}
		a, err := netip.ParseAddr(string(have))
		return err == nil && v.prefix.Contains(a.Unmap())
	}
	return string(have) == v.text
}

func (t *term) negated() bool { return t.op == "!=" }

// Match reports whether a line of the log is what the query asks for. What cannot be read matches nothing.
func (q *Query) Match(line []byte) bool {
	matches, _ := q.Judge(line)
	return matches
}

// Judge is Match, and tells lines that cannot be read.
func (q *Query) Judge(line []byte) (matches, readable bool) {
	var held [maxTerms]bool
	var at int64
	ok := eachField(line, func(f field, have []byte) {
		if f == fTime {
			at = millis(have)
			return
		}
		for i := range q.terms {
			if t := &q.terms[i]; !held[i] && slices.Contains(t.fields, f) {
				held[i] = t.holds(f, have)
			}
		}
	})
	if !ok || at == 0 {
		return false, false
	}
	if q.since != 0 && at < q.since || q.until != 0 && at >= q.until {
		return false, true
	}
	for i := range q.terms {
		if held[i] == q.terms[i].negated() {
			return false, true
		}
	}
	return true, true
}

// Period returns the bounds of the query, zero where it has none.
func (q *Query) Period() (since, until time.Time) {
	if q.since != 0 {
		since = time.UnixMilli(q.since).UTC()
	}
	if q.until != 0 {
		until = time.UnixMilli(q.until).UTC()
	}
	return since, until
}

// millis reads a time, 0 where it is none.
func millis(b []byte) int64 {
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
