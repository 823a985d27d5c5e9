// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import "slices"

// Select returns the lines of a segment that may be what the query asks for. If it is exact they are; otherwise Match says
// which of them.
func (q *Query) Select(src Source) (_ Set, exact bool, err error) {
	set := newSet(src.Len())
	if !q.touches(src) {
		return set, true, nil
	}
	set.flip()
	exact = true
	for i := range q.terms {
		t := &q.terms[i]
		part := newSet(src.Len())
		for _, f := range t.fields {
			if f >= field(indexed) {
				exact = false
				part = Set{}
				break
			}
			if err := t.lines(src, f, &part); err != nil {
				return Set{}, false, err
			}
		}
		if part.words == nil {
			continue
		}
		if t.negated() {
			part.flip()
		}
		set.and(part)
	}
	return set, exact, q.within(src, &set)
}

// lines adds those of a segment that have the term in one field.
func (t *term) lines(src Source, f field, s *Set) error {
	for i := range t.values {
		v := &t.values[i]
		if t.op != "=" && t.op != "!=" || v.class != 0 || f == fStatus || f == fAddress && v.prefix.IsValid() && !v.prefix.IsSingleIP() {
			return src.scan(f, func(have []byte) bool { return t.holds(f, have) }, s)
		}
	}
	for i := range t.values {
		if err := src.find(f, t.values[i].text, s); err != nil {
			return err
		}
	}
	return nil
}

// touches reports whether the query's period has anything to do with the segment.
func (q *Query) touches(src Source) bool {
	first, last := src.span()
	return src.Len() > 0 && (q.since == 0 || last >= q.since) && (q.until == 0 || first < q.until)
}

// within takes out the lines that did not begin in the period.
func (q *Query) within(src Source, s *Set) error {
	if q.covers(src) || s.Count() == 0 {
		return nil
	}
	times, err := src.times()
	if err != nil {
		return err
	}
	for i := range s.All() {
		if at := times[i]; at == 0 || q.since != 0 && at < q.since || q.until != 0 && at >= q.until {
			s.words[i/64] &^= 1 << (i % 64)
		}
	}
	return nil
}

// covers reports whether the terms leave only lines in the period. A line that cannot be read is in no period, and has no
// term either; so at least one term must ask for something that a line has.
func (q *Query) covers(src Source) bool {
	first, last := src.span()
	inside := (q.since == 0 || first != 0 && q.since <= first) && (q.until == 0 || last < q.until)
	return inside && slices.ContainsFunc(q.terms, func(t term) bool { return !t.negated() })
}

// InPeriod returns how many lines of a segment lie in the query's period, whatever its terms.
func (q *Query) InPeriod(src Source) (int, error) {
	period := Query{since: q.since, until: q.until}
	if first, last := src.span(); period.since != 0 && first != 0 && period.since <= first && (period.until == 0 || last < period.until) {
		return src.Len(), nil
	}
	set, _, err := period.Select(src)
	return set.Count(), err
}
