// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"yett/jsonstream"
)

// overlap is how many bytes two pieces of a long text share, so that what an edit looks for is in one of them whole: longer
// than a private key of 16,384 bits in its armour.
const overlap = 16 << 10

// A text longer than the window is looked at piece by piece. Where nothing is found, all of a piece but its last bytes
// leaves. Where something is found, it is cut where nothing lies across the cut.

// text is the way of a body that is text. However it comes, its last bytes stay back: a key comes line by line, a card in
// groups, and what leaves of either before all of it is here has left. Who sends lines that readers wait for sends them as
// events or records.
func (p *pass) text(dst, chunk []byte, last bool) ([]byte, error) {
	p.add(chunk)
	if !last && len(p.buf) < p.part {
		return dst, nil
	}
	n, out, err := p.piece(dst, p.buf, p.root.rule.watch, last, plainText{})
	if err != nil {
		return dst, err
	}
	p.buf = p.buf[:copy(p.buf, p.buf[n:])]
	return out, nil
}

// A coding is how a text stands in the body.
type coding interface {
	decode(p *pass, raw []byte) ([]byte, error)
	encode(dst, text []byte) ([]byte, error)
	// cut is the last place at or before n where raw may be cut in two.
	cut(raw []byte, n int) int
}

// piece appends as much of raw as may leave and returns how much that was. What lies in the overlap is tried more than
// once and counted once: when it leaves.
func (p *pass) piece(dst, raw []byte, watch []bound, last bool, c coding) (int, []byte, error) {
	text, err := c.decode(p, raw)
	if err != nil {
		return 0, dst, err
	}
	p.quiet = true
	_, changed, err := p.look(jsonstream.None, p.name, watch, text)
	p.quiet = false
	switch {
	case err != nil:
		return 0, dst, err
	case last && !changed:
		return len(raw), append(dst, raw...), nil
	case !changed:
		n := c.cut(raw, max(0, len(raw)-p.overlap))
		return n, append(dst, raw[:n]...), nil
	}
	n := len(raw)
	if !last {
		if n, err = p.clear(raw, watch, c); err != nil {
			return 0, dst, err
		}
	}
	if text, err = c.decode(p, raw[:n]); err != nil {
		return 0, dst, err
	}
	text, changed, err = p.look(jsonstream.None, p.name, watch, text)
	switch {
	case err != nil:
		return 0, dst, err
	case !changed:
		return n, append(dst, raw[:n]...), nil
	}
	dst, err = c.encode(dst, text)
	return n, dst, err
}

// clear finds a place to cut that no finding lies across. Of many places few are worth a look at all that two pieces share:
// where something near lies across, that is seen at once.
func (p *pass) clear(raw []byte, watch []bound, c coding) (int, error) {
	p.quiet = true
	defer func() { p.quiet = false }()
	looks := maxLooks
	divides := func(at int) (bool, error) {
		ok, err := p.divides(raw, at, min(near, p.overlap), watch, c)
		if !ok || err != nil || near >= p.overlap {
			return ok, err
		}
		if looks--; looks < 0 {
			return false, broken(errTooLong)
		}
		return p.divides(raw, at, p.overlap, watch, c)
	}
	end, step := len(raw)-p.overlap, p.overlap/8
	for n := end; n > 0; n -= step {
		at := c.cut(raw, seam(raw, max(0, n-step), n))
		if ok, err := divides(at); ok || err != nil {
			return at, err
		}
	}
	// Where one finding follows another without anything between, only the very places between them will do.
	for n := end; n > max(0, end-longestToken); n-- {
		if at := c.cut(raw, n); at == n {
			if ok, err := divides(at); ok || err != nil {
				return at, err
			}
		}
	}
	return 0, broken(errTooLong) // nowhere in the window: nothing of it may leave
}

const (
	// longestToken is as long as numbers of cards and accounts are, written with escapes.
	longestToken = 256
	// near is how far around a place to cut is looked first.
	near = 512
	// maxLooks is at how many places of one piece all is looked at: more than the longest key covers.
	maxLooks = 12
)

// divides reports whether what is found on both sides of at, so far around it, is the same alone and together.
func (p *pass) divides(raw []byte, at, around int, watch []bound, c coding) (bool, error) {
	if at <= 0 {
		return false, nil
	}
	from, to := c.cut(raw, max(0, at-around)), c.cut(raw, min(len(raw), at+around))
	var made [3][]byte
	for i, part := range [...][]byte{raw[from:at], raw[at:to], raw[from:to]} {
		text, err := c.decode(p, part)
		if err != nil {
			return false, err
		}
		if made[i], _, err = p.look(jsonstream.None, p.name, watch, bytes.Clone(text)); err != nil {
			return false, err
		}
	}
	left, right, both := made[0], made[1], made[2]
	return len(left)+len(right) == len(both) && bytes.HasPrefix(both, left) && bytes.HasSuffix(both, right), nil
}

// seam finds where a text is likely to be cut without cutting what an edit looks for: behind the last line break, else
// behind the last blank or comma.
func seam(raw []byte, from, to int) int {
	for _, among := range []string{"\n", " \t,;|"} {
		if n := bytes.LastIndexAny(raw[from:to], among); n >= 0 {
			return from + n + 1
		}
	}
	return to
}

// plainText is a body of text.
type plainText struct{}

func (plainText) decode(_ *pass, raw []byte) ([]byte, error) { return raw, nil }
func (plainText) encode(dst, text []byte) ([]byte, error)    { return append(dst, text...), nil }
func (plainText) cut(raw []byte, n int) int {
	for n > 0 && n < len(raw) && !utf8.RuneStart(raw[n]) {
		n--
	}
	return n
}

// jsonText is what stands between the quotes of a JSON string.
type jsonText struct{}

func (jsonText) decode(p *pass, raw []byte) ([]byte, error) {
	p.quoted = append(append(append(p.quoted[:0], '"'), raw...), '"')
	if err := p.index.Parse(p.quoted, limits); err != nil {
		return nil, broken(err)
	}
	return p.index.Text(p.index.Root()), nil
}

func (jsonText) encode(dst, text []byte) ([]byte, error) {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return dst, broken(err)
	}
	return append(dst, quoted[1:len(quoted)-1]...), nil
}

// cut goes from the beginning: whether a backslash begins an escape depends on all before it.
func (jsonText) cut(raw []byte, n int) int {
	n = min(n, len(raw))
	at := 0
	for at < n {
		step := 1
		switch c := raw[at]; {
		case c == '\\' && at+6 <= len(raw) && raw[at+1] == 'u':
			if step = 6; highSurrogate(raw[at : at+6]) {
				step = 12
			}
		case c == '\\':
			step = 2
		case c >= utf8.RuneSelf:
			_, step = utf8.DecodeRune(raw[at:])
		default:
			for at+step < n && raw[at+step] != '\\' && raw[at+step] < utf8.RuneSelf {
				step++
			}
		}
		if at+step > n {
			return at
		}
		at += step
	}
	return at
}

// longestEscape is the length of a surrogate pair: at the end of what is there, half of one may be missing.
const longestEscape = 12

func highSurrogate(escape []byte) bool {
	return (escape[2] == 'd' || escape[2] == 'D') && bytes.IndexByte([]byte("89abAB"), escape[3]) >= 0
}

// openString enters a string that no index holds.
func (p *pass) openString(dst []byte) ([]byte, bool, error) {
	l := &p.long
	p.base = l.next.path
	if err := p.beyond(); err != nil {
		return dst, false, err
	}
	dst, err := p.replaceLong(dst, jsonstream.String)
	if err != nil {
		return dst, false, err
	}
	if !l.next.drop {
		if p.anyActive(l.next.at.rule.replace[opening]) {
			return dst, false, broken(errTooLong) // nothing sealed is as long
		}
		dst = append(slices.Grow(p.comma(dst), len(p.buf)-l.at), '"')
	}
	l.at++
	l.state = inString
	return dst, true, nil
}

func (w *walker) anyActive(list []bound) bool {
	return slices.ContainsFunc(list, func(b bound) bool { return w.active[b.index] })
}

// pieceOfString goes on inside a string.
func (p *pass) pieceOfString(dst []byte) ([]byte, bool, error) {
	l := &p.long
	b := p.buf[l.at:]
	p.base, p.name = l.next.path, l.next.name
	end := stringEnd(b, 0) - 1 // of what stands between the quotes
	last := end >= 0 && end <= p.part
	switch {
	case last:
	case end < 0 && len(b) < 2*p.overlap:
		return dst, false, nil
	default:
		if end < 0 {
			end = len(b) - longestEscape
		}
		end = jsonText{}.cut(b, min(end, p.part))
	}
	n := end
	if l.next.drop {
		if _, err := (jsonText{}).decode(p, b[:n]); err != nil {
			return dst, false, err
		}
	} else {
		var err error
		if n, dst, err = p.piece(dst, b[:end], l.next.at.rule.watch, last, jsonText{}); err != nil {
			return dst, false, err
		}
	}
	l.at += n
	if !last {
		return dst, n > 0, nil
	}
	l.at++
	if !l.next.drop {
		dst = append(dst, '"')
	}
	p.after()
	return dst, true, nil
}
