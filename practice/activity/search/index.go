// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"slices"
	"sort"
)

// A Source answers for the lines of one segment: an Index, or a Builder that still grows.
type Source interface {
	// Len returns how many lines there are.
	Len() int
	span() (first, last int64) // milliseconds
	times() ([]int64, error)
	// find adds the lines that have a term to the set, and scan those of all terms that f takes.
	find(f field, term string, s *Set) error
	scan(f field, take func(term []byte) bool, s *Set) error
}

// maxLines bounds a segment.
const maxLines = 1 << 24

// A Builder is the index of lines, in memory. It is for one goroutine at a time.
type Builder struct {
	terms [indexed]map[string][]uint32
	at    []int64
	least int64
	most  int64
}

// Add adds the next line. One that cannot be read takes its place, and has no terms.
func (b *Builder) Add(line []byte) {
	i := uint32(len(b.at)) // #nosec G115 -- maxLines
	var at int64
	var seen [16]struct {
		f field
		v []byte
	}
	n := 0
	ok := eachField(line, func(f field, v []byte) {
		switch {
		case f == fTime:
			at = millis(v)
		case f < field(indexed) && n < len(seen):
			seen[n].f, seen[n].v = f, v
			n++
		}
	})
	if !ok {
		n, at = 0, 0
	}
	for _, x := range seen[:n] {
		if b.terms[x.f] == nil {
			b.terms[x.f] = make(map[string][]uint32)
		}
		l := b.terms[x.f][string(x.v)]
		if len(l) == 0 || l[len(l)-1] != i { // several practices may have observed one call
			b.terms[x.f][string(x.v)] = append(l, i)
		}
	}
	if b.at = append(b.at, at); at != 0 {
		if b.least == 0 || at < b.least {
			b.least = at
		}
		b.most = max(b.most, at)
	}
}

// Len returns how many lines were added.
func (b *Builder) Len() int { return len(b.at) }

func (b *Builder) span() (first, last int64) { return b.least, b.most }
func (b *Builder) times() ([]int64, error)   { return b.at, nil }

func (b *Builder) find(f field, term string, s *Set) error {
	for _, i := range b.terms[f][term] {
		s.add(int(i))
	}
	return nil
}

func (b *Builder) scan(f field, take func([]byte) bool, s *Set) error {
	for term, lines := range b.terms[f] {
		if take([]byte(term)) {
			for _, i := range lines {
				s.add(int(i))
			}
		}
	}
	return nil
}

// An index file is
//
//	magic, number of lines (4), first and last time (8 each), width of a time (1)
//	for each field: place (4) and number of its terms (4)
//	place of the times (4), SHA-256 of all before and of the sums, cut to 16
//	for each field, for each term in order: place of the text (4), place of the lines (4), number of lines (4)
//	texts, each behind its length (2); lines as differences (varint); times after the first one
//	for each 4 KiB between the head and here: CRC-32C (4)
//
// The sums tell a bit that has turned, so that an answer that is not right is none. They are no proof against whoever writes
// such files: verification is.
const (
	indexMagic = "yett index 2\n"
	blockSize  = 4 << 10
	headSize   = len(indexMagic) + 4 + 8 + 8 + 1 + int(indexed)*8 + 4 + 16
	termSize   = 12
)

// ErrIndex says that a file is not an index as it was written. It is made anew of the lines.
var ErrIndex = errors.New("not an index of a segment")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums are those of what lies behind the head.
func sums(body []byte) []byte {
	var all []byte
	for block := range slices.Chunk(body, blockSize) {
		all = binary.BigEndian.AppendUint32(all, crc32.Checksum(block, castagnoli))
	}
	return all
}

// headSum is the sum at the end of a head: of what stands before it, and of the sums.
func headSum(head, sums []byte) []byte {
	h := sha256.New()
	h.Write(head)
	h.Write(sums)
	return h.Sum(nil)[:16]
}

// Encode returns the index as a file. The same lines make the same bytes.
func (b *Builder) Encode() []byte {
	out := make([]byte, headSize)
	var tables [indexed][]byte
	var dir [indexed][2]uint32
	place := uint32(headSize)
	for f := range b.terms {
		dir[f] = [2]uint32{place, uint32(len(b.terms[f]))} // #nosec G115 -- at most one for each line
		place += dir[f][1] * termSize
	}
	var data []byte
	for f, terms := range b.terms {
		for _, t := range slices.Sorted(maps.Keys(terms)) {
			row := binary.BigEndian.AppendUint32(nil, place+uint32(len(data)))       // #nosec G115 -- a segment has 64 MiB
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(t))), t...) // #nosec G115 -- texts are bounded
			row = binary.BigEndian.AppendUint32(row, place+uint32(len(data)))        // #nosec G115 -- as above
			last := uint32(0)
			for _, i := range terms[t] {
				data = binary.AppendUvarint(data, uint64(i-last))
				last = i
			}
			tables[f] = append(tables[f], binary.BigEndian.AppendUint32(row, uint32(len(terms[t])))...) // #nosec G115 -- maxLines
		}
	}
	for _, t := range tables {
		out = append(out, t...)
	}
	out = append(out, data...)
	times := len(out)
	width := byte(4)
	if b.most-b.least >= 1<<32-1 {
		width = 8
	}
	for _, at := range b.at {
		after := uint64(0)
		if at != 0 {
			after = uint64(at-b.least) + 1 // #nosec G115 -- not negative
		}
		if width == 4 {
			out = binary.BigEndian.AppendUint32(out, uint32(after)) // #nosec G115 -- width says so
		} else {
			out = binary.BigEndian.AppendUint64(out, after)
		}
	}
	h := append(out[:0:0], indexMagic...)
	h = binary.BigEndian.AppendUint32(h, uint32(len(b.at)))                                              // #nosec G115 -- maxLines
	h = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(h, uint64(b.least)), uint64(b.most)) // #nosec G115 -- not negative
	h = append(h, width)
	for _, d := range dir {
		h = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(h, d[0]), d[1])
	}
	h = binary.BigEndian.AppendUint32(h, uint32(times)) // #nosec G115 -- as above
	all := sums(out[headSize:])
	copy(out, append(h, headSum(h, all)...))
	return append(out, all...)
}

// Build makes the index of lines, for ledger.Options.
func Build(lines iter.Seq2[[]byte, error]) ([]byte, error) {
	var b Builder
	for line, err := range lines {
		if err != nil {
			return nil, err
		}
		if b.Len() == maxLines {
			return nil, errors.New("a segment has too many lines for an index")
		}
		b.Add(line)
	}
	return b.Encode(), nil
}

// An Index is an index file. It is for one goroutine.
type Index struct {
	r           io.ReaderAt
	size        int64 // without the sums
	sums        []byte
	blocks      map[int64][]byte // that were read
	lines       int
	least, most int64
	width       int
	dir         [indexed][2]uint32
	timesAt     int64
}

// OpenIndex reads the head of an index. The rest is read where a query asks for it, and held against its sums; whatever it
// holds, no more than size is taken. A file that is not as it was written is ErrIndex, here or later.
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) {
	h := make([]byte, headSize)
	if _, err := r.ReadAt(h, 0); err != nil {
		return nil, ErrIndex
	}
	if !bytes.HasPrefix(h, []byte(indexMagic)) {
		return nil, ErrIndex
	}
	p := h[len(indexMagic):]
	ix := &Index{r: r, lines: int(binary.BigEndian.Uint32(p)), width: int(p[20])}
	ix.least, ix.most = int64(binary.BigEndian.Uint64(p[4:])), int64(binary.BigEndian.Uint64(p[12:])) // #nosec G115 -- compared below
	p = p[21:]
	for f := range ix.dir {
		ix.dir[f] = [2]uint32{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])}
		p = p[8:]
		if int64(ix.dir[f][0])+int64(ix.dir[f][1])*termSize > size {
			return nil, ErrIndex
		}
	}
	ix.timesAt = int64(binary.BigEndian.Uint32(p))
	if ix.lines > maxLines || ix.width != 4 && ix.width != 8 || ix.least < 0 || ix.most < ix.least || ix.timesAt < int64(headSize) {
		return nil, ErrIndex
	}
	ix.size = ix.timesAt + int64(ix.lines*ix.width)
	ix.sums = make([]byte, (ix.size-int64(headSize)+blockSize-1)/blockSize*4)
	if ix.size+int64(len(ix.sums)) != size {
		return nil, ErrIndex
	}
	if _, err := r.ReadAt(ix.sums, ix.size); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(headSum(h[:headSize-16], ix.sums), h[headSize-16:]) {
		return nil, ErrIndex
	}
	return ix, nil
}

// Len returns how many lines the segment has.
func (ix *Index) Len() int { return ix.lines }

func (ix *Index) span() (first, last int64) { return ix.least, ix.most }

// bytes returns a part of the file, as it was written or not at all.
func (ix *Index) bytes(at, n int64) ([]byte, error) {
	if at < int64(headSize) || n < 0 || at+n > ix.size {
		return nil, ErrIndex
	}
	first, last := (at-int64(headSize))/blockSize, (at+n-1-int64(headSize))/blockSize
	if n == 0 || first == last {
		b, err := ix.block(first)
		if err != nil {
			return nil, err
		}
		from := at - int64(headSize) - first*blockSize
		return b[from : from+n : from+n], nil
	}
	b, err := ix.read(first, last)
	if err != nil {
		return nil, err
	}
	from := at - int64(headSize) - first*blockSize
	return b[from : from+n : from+n], nil
}

// block reads one, once: to find a term, one looks at the same few again and again.
func (ix *Index) block(i int64) ([]byte, error) {
	if b, ok := ix.blocks[i]; ok {
		return b, nil
	}
	b, err := ix.read(i, i)
	if err == nil {
		if ix.blocks == nil {
			ix.blocks = make(map[int64][]byte)
		}
		ix.blocks[i] = b
	}
	return b, err
}

// read reads blocks and holds them against their sums.
func (ix *Index) read(first, last int64) ([]byte, error) {
	from := int64(headSize) + first*blockSize
	b := make([]byte, max(0, min(int64(headSize)+(last+1)*blockSize, ix.size)-from))
	if _, err := ix.r.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(sums(b), ix.sums[min(int64(len(ix.sums)), first*4):min(int64(len(ix.sums)), (last+1)*4)]) {
		return nil, ErrIndex
	}
	return b, nil
}

func (ix *Index) times() ([]int64, error) {
	b, err := ix.bytes(ix.timesAt, int64(ix.lines*ix.width))
	if err != nil {
		return nil, err
	}
	all := make([]int64, ix.lines)
	for i := range all {
		var after uint64
		if ix.width == 4 {
			after = uint64(binary.BigEndian.Uint32(b[4*i:]))
		} else {
			after = binary.BigEndian.Uint64(b[8*i:])
		}
		if after > 0 && after < 1<<62 {
			all[i] = ix.least + int64(after) - 1
		}
	}
	return all, nil
}

// term reads the row of a term, and its text.
func (ix *Index) term(f field, i int) (row, text []byte, err error) {
	if row, err = ix.bytes(int64(ix.dir[f][0])+int64(i)*termSize, termSize); err != nil {
		return nil, nil, err
	}
	at := int64(binary.BigEndian.Uint32(row))
	n, err := ix.bytes(at, 2)
	if err != nil {
		return nil, nil, err
	}
	text, err = ix.bytes(at+2, int64(binary.BigEndian.Uint16(n)))
	return row, text, err
}

func (ix *Index) find(f field, term string, s *Set) error {
	var failed error
	i := sort.Search(int(ix.dir[f][1]), func(i int) bool {
		_, text, err := ix.term(f, i)
		if err != nil {
			failed = err
		}
		return string(text) >= term
	})
	if failed != nil || i == int(ix.dir[f][1]) {
		return failed
	}
	row, text, err := ix.term(f, i)
	if err != nil || string(text) != term {
		return err
	}
	return ix.add(row, s)
}

// add adds the lines of a term.
func (ix *Index) add(row []byte, s *Set) error {
	at, n := int64(binary.BigEndian.Uint32(row[4:])), int64(binary.BigEndian.Uint32(row[8:]))
	if n > int64(ix.lines) {
		return ErrIndex
	}
	b, err := ix.bytes(at, min(n*binary.MaxVarintLen32, ix.size-at))
	if err != nil {
		return err
	}
	line := uint64(0)
	for range n {
		d, w := binary.Uvarint(b)
		if w <= 0 || d > maxLines {
			return ErrIndex
		}
		b, line = b[w:], line+d
		if line >= uint64(ix.lines) { // #nosec G115 -- not negative
			return ErrIndex
		}
		s.add(int(line)) // #nosec G115 -- below lines
	}
	return nil
}

func (ix *Index) scan(f field, take func([]byte) bool, s *Set) error {
	n := int64(ix.dir[f][1])
	if n == 0 {
		return nil
	}
	table, err := ix.bytes(int64(ix.dir[f][0]), n*termSize)
	if err != nil {
		return err
	}
	for ; len(table) > 0; table = table[termSize:] {
		at, end := int64(binary.BigEndian.Uint32(table)), int64(binary.BigEndian.Uint32(table[4:]))
		b, err := ix.bytes(at, end-at)
		if err != nil {
			return err
		}
		if len(b) < 2 {
			return ErrIndex
		}
		if take(b[2:]) {
			if err := ix.add(table, s); err != nil {
				return err
			}
		}
	}
	return nil
}
