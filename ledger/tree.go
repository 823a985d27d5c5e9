// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// A frontier is a Merkle tree of which only the roots of its full subtrees are known, the largest first. That is enough
// to go on, and to tell its root.
type frontier struct {
	size   int64
	hashes []tlog.Hash
}

// add appends a leaf.
func (f *frontier) add(h tlog.Hash) {
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.hashes) - 1
		h = tlog.NodeHash(f.hashes[last], h)
		f.hashes = f.hashes[:last]
	}
	f.hashes = append(f.hashes, h)
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if len(f.hashes) == 0 {
		return tlog.Hash{}
	}
	h := f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.hashes[i], h)
	}
	return h
}

func (f *frontier) clone() frontier { return frontier{f.size, slices.Clone(f.hashes)} }

func (f *frontier) equal(g *frontier) bool {
	return f.size == g.size && slices.Equal(f.hashes, g.hashes)
}

// append writes the size and the hashes.
func (f *frontier) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(f.size)) // #nosec G115 -- never negative
	for _, h := range f.hashes {
		b = append(b, h[:]...)
	}
	return b
}

// cutFrontier reads what append wrote, and returns what follows.
func cutFrontier(b []byte) (frontier, []byte, error) {
	var f frontier
	if len(b) < 8 {
		return f, nil, errTree
	}
	size := binary.BigEndian.Uint64(b)
	n := bits.OnesCount64(size)
	if b = b[8:]; size > 1<<62 || len(b) < n*tlog.HashSize {
		return f, nil, errTree
	}
	f.size = int64(size)
	for range n {
		f.hashes = append(f.hashes, tlog.Hash(b[:tlog.HashSize]))
		b = b[tlog.HashSize:]
	}
	return f, b, nil
}

var errTree = errors.New("not the hashes of a segment")

// treeMagic begins the file of a segment's hashes. The frontier of all lines before the segment follows, and then an
// entry for each of its lines.
const treeMagic = "yett tree 1\n"

// An entry is what the tree knows of one line.
type entry struct {
	hash tlog.Hash
	end  uint32 // where the line ends, in bytes from the beginning of the segment
}

const entrySize = tlog.HashSize + 4

func (e entry) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, e.hash[:]...), e.end)
}

func readEntry(b []byte) entry {
	return entry{tlog.Hash(b[:tlog.HashSize]), binary.BigEndian.Uint32(b[tlog.HashSize:entrySize])}
}

// treeHeader is how the file of a segment begins that starts at f.
func treeHeader(f *frontier) []byte { return f.append([]byte(treeMagic)) }

// cutTreeHeader reads treeHeader, and returns the entries that follow.
func cutTreeHeader(b []byte) (frontier, []byte, error) {
	rest, ok := bytes.CutPrefix(b, []byte(treeMagic))
	if !ok {
		return frontier{}, nil, errTree
	}
	return cutFrontier(rest)
}
