// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A packed segment is its lines in blocks, each compressed by itself, so that one line costs the reading of one block.
//
//	magic
//	block*  raw length (4), packed length (4), SHA-256 of both and of the packed bytes, cut to 16; packed bytes
//	table   for each block: where it begins in the file (8) and in the lines (8)
//	footer  length of the lines (8), number of blocks (4), SHA-256 of the table and of these, cut to 16
//
// Not a byte of it can change without being noticed, even where the lines would stay the same.
const (
	packMagic  = "yett segment 1\n"
	blockRaw   = 128 << 10 // bytes of lines after which a block ends
	blockMax   = 4 << 20   // no block is larger: a line is far shorter
	blockHead  = 8 + sumSize
	packFooter = 12 + sumSize
	sumSize    = 16
)

var errPack = errors.New("not a packed segment")

func sum(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)[:sumSize]
}

var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
})

var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockMax))
})

// pack writes the lines of a file as a packed segment.
func pack(from, to string) (err error) {
	in, err := os.Open(from) // #nosec G304 -- a segment's name in the log's own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	tmp := to + ".new"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- as above
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	err = packTo(w, bufio.NewReaderSize(in, 1<<20))
	if err = errors.Join(err, w.Flush(), out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return errors.Join(os.Rename(tmp, to), syncDir(filepath.Dir(to)))
}

func packTo(w io.Writer, r *bufio.Reader) error {
	enc, err := packer()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, packMagic); err != nil {
		return err
	}
	var (
		at, rawAt uint64 = uint64(len(packMagic)), 0
		table     []byte
		raw, buf  []byte
	)
	for end := false; !end; {
		line, err := r.ReadSlice('\n')
		raw = append(raw, line...)
		end = errors.Is(err, io.EOF)
		if err != nil && !end && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(raw) > blockMax {
			return errPack
		}
		if err != nil && !end || len(raw) < blockRaw && !end || len(raw) == 0 {
			continue
		}
		buf = enc.EncodeAll(raw, append(buf[:0], make([]byte, blockHead)...))
		binary.BigEndian.PutUint32(buf, uint32(len(raw)))               // #nosec G115 -- blockMax
		binary.BigEndian.PutUint32(buf[4:], uint32(len(buf)-blockHead)) // #nosec G115 -- about as long
		copy(buf[8:], sum(buf[:8], buf[blockHead:]))
		if _, err := w.Write(buf); err != nil {
			return err
		}
		table = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(table, at), rawAt)
		at, rawAt = at+uint64(len(buf)), rawAt+uint64(len(raw))
		raw = raw[:0]
	}
	_, err = w.Write(appendFooter(table, rawAt))
	return err
}

func appendFooter(table []byte, raw uint64) []byte {
	blocks := uint32(len(table) / 16) // #nosec G115 -- a segment has thousands
	b := binary.BigEndian.AppendUint64(table, raw)
	b = binary.BigEndian.AppendUint32(b, blocks)
	return append(b, sum(b)...)
}

// A packed reads the lines of a packed segment as if they were a file. It is for one goroutine.
type packed struct {
	file  *os.File
	table []byte
	raw   int64 // length of the lines
	end   int64 // of the blocks in the file
	block int   // in held; -1: none
	held  []byte
}

func openPacked(name string) (_ *packed, err error) {
	f, err := os.Open(name) // #nosec G304 -- a segment's name in the log's own directory
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	var foot [packFooter]byte
	if size < int64(len(packMagic)+packFooter) {
		return nil, errPack
	}
	if _, err := f.ReadAt(foot[:], size-packFooter); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(foot[8:]))
	raw := binary.BigEndian.Uint64(foot[:])
	end := size - packFooter - n*16
	if end < int64(len(packMagic)) || raw > 1<<40 {
		return nil, errPack
	}
	table := make([]byte, n*16)
	if _, err := f.ReadAt(table, end); err != nil {
		return nil, err
	}
	if !bytes.Equal(foot[12:], sum(table, foot[:12])) {
		return nil, errPack
	}
	return &packed{file: f, table: table, raw: int64(raw), end: end, block: -1}, nil
}

func (p *packed) Size() int64  { return p.raw }
func (p *packed) Close() error { return p.file.Close() }

func (p *packed) blocks() int { return len(p.table) / 16 }

// at returns where a block begins in the file and in the lines; one behind the last one is where they end.
func (p *packed) at(i int) (file, raw int64) {
	if i == p.blocks() {
		return p.end, p.raw
	}
	return int64(binary.BigEndian.Uint64(p.table[16*i:])), int64(binary.BigEndian.Uint64(p.table[16*i+8:])) // #nosec G115 -- load compares
}

// load makes a block the held one.
func (p *packed) load(i int) error {
	if p.block == i {
		return nil
	}
	b, err := p.read(i)
	if err != nil {
		return err
	}
	dec, err := unpacker()
	if err != nil {
		return err
	}
	p.block = -1
	if p.held, err = dec.DecodeAll(b[blockHead:], p.held[:0]); err != nil || uint32(len(p.held)) != binary.BigEndian.Uint32(b) { // #nosec G115 -- blockMax
		return errPack
	}
	p.block = i
	return nil
}

// read returns a block as it lies in the file, its head included.
func (p *packed) read(i int) ([]byte, error) {
	from, rawFrom := p.at(i)
	to, rawTo := p.at(i + 1)
	if from < int64(len(packMagic)) || to > p.end || to-from <= blockHead || to-from > blockMax || rawTo-rawFrom <= 0 || rawTo-rawFrom > blockMax {
		return nil, errPack
	}
	b := make([]byte, to-from)
	if _, err := p.file.ReadAt(b, from); err != nil {
		return nil, err
	}
	if int64(binary.BigEndian.Uint32(b)) != rawTo-rawFrom || int64(binary.BigEndian.Uint32(b[4:])) != int64(len(b)-blockHead) ||
		!bytes.Equal(b[8:blockHead], sum(b[:8], b[blockHead:])) {
		return nil, errPack
	}
	return b, nil
}

// check reads every byte of the file. It returns how many bytes of lines stand before the first bad block.
func (p *packed) check() (whole int64, err error) {
	magic := make([]byte, len(packMagic))
	if _, err := p.file.ReadAt(magic, 0); err != nil || string(magic) != packMagic {
		return 0, errPack
	}
	if first, _ := p.at(0); first != int64(len(packMagic)) {
		return 0, errPack
	}
	for i := range p.blocks() {
		if _, err := p.read(i); err != nil {
			_, raw := p.at(i)
			return raw, err
		}
	}
	return p.raw, nil
}

// ReadAt implements io.ReaderAt over the lines.
func (p *packed) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		if off >= p.raw {
			return n, io.EOF
		}
		i := sort.Search(p.blocks(), func(i int) bool { _, raw := p.at(i); return raw > off }) - 1
		if i < 0 {
			return n, errPack
		}
		if err := p.load(i); err != nil {
			return n, err
		}
		_, raw := p.at(i)
		if off-raw < 0 || off-raw >= int64(len(p.held)) {
			return n, errPack
		}
		m := copy(b[n:], p.held[off-raw:])
		n, off = n+m, off+int64(m)
	}
	return n, nil
}
