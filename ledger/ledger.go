// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Options shape a Log.
type Options struct {
	Key   string           // that signs the checkpoints, made by NewKey
	Heads Heads            // nil: a consistent rollback of all files cannot be told
	Now   func() time.Time // default: time.Now
	Log   *slog.Logger     // default: nowhere
	// Elapsed tells how much time really passed, whatever the clock says. Default: that of the process.
	Elapsed     func() time.Duration
	SegmentSize int64 // bytes of lines after which a new segment begins; default 64 MiB
	// Reserve is how much room is held on the disk, so that old lines can be removed when it is full. Default 16 MiB, or half
	// of what is free where that is less; negative: none.
	Reserve int64
	// Index makes the index of a closed segment of its lines; the same lines always make the same bytes. Nil: none.
	Index func(iter.Seq2[[]byte, error]) ([]byte, error)
}

// A Log is the lines in one directory. One process may have it open. Write is for one goroutine; all else is safe for
// concurrent use.
type Log struct {
	dir      string
	o        Options
	signer   note.Signer
	verifier note.Verifier
	counter  *counter // from Begin on
	catalog  catalog
	clock    clock

	aging sync.Mutex
	ages  map[string]time.Time // when segments were closed

	begin    sync.Mutex // one Begin at a time
	began    atomic.Bool
	pending  *resumption // what Begin does first
	headless error       // why the head could not be had: Begin tries again, and refuses
	asked    time.Time   // when Begin last tried

	failing  atomic.Bool            // the last flush: the disk takes nothing
	unproven atomic.Pointer[string] // why nothing tells whether the log was set back before this start
	roomless atomic.Bool            // there is no reserve, and that was said
	names    atomic.Bool            // files were made whose names are not on the disk yet
	retiring int64                  // lines of the last notice that some are removed

	syncing sync.Mutex // one Sync at a time; taken before mu
	notes   file
	noted   int64 // bytes in notes
	number  int64 // of the newest checkpoint
	signed  int64 // lines under it

	// The newest head, while Heads has not taken it.
	unkept      *head
	storing     chan outcome // of a StoreHead that has not returned
	headTimeout time.Duration
	failed      time.Duration // Elapsed when it first did not take one; 0: it does
	headError   atomic.Pointer[string]
	remembered  time.Duration // Elapsed when the time that is known was last kept

	mu       sync.Mutex    // of everything below
	opened   time.Duration // Elapsed when the segment was opened here
	tree     frontier      // of all lines, written or buffered
	seq      uint64        // of the last of them
	name     string        // of the segment that is open, or was last
	file     file          // its lines; nil: the next flush begins a segment
	hashes   file          // its tree
	size     int64         // bytes of lines in file
	treeSize int64         // bytes in hashes
	start    frontier      // before the segment
	buf      []byte        // lines for file
	treeBuf  []byte        // entries for hashes
	ready    bool          // mended
	closed   bool

	safe     mark   // what of the segment is on the disk
	memory   []byte // lines in file after that
	most     int    // bytes in memory
	over     uint64 // number of the last line after that which found no room in memory
	spoilt   error  // of the disk: what is in file after safe is not known
	openFile func(name string, flag int) (file, error)
}

// A file is what the log needs of one.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
	Name() string
	Close() error
}

// A mark is a place in the log, and in its open segment.
type mark struct {
	tree           frontier
	seq            uint64
	size, treeSize int64
}

func openFile(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag, 0o600) // #nosec G304 -- a segment's name in the log's own directory
	if err != nil {
		return nil, err
	}
	return f, nil
}

// flushAt is how many bytes wait for Sync at most while the disk takes them.
const flushAt = 64 << 10

// maxSegment keeps the places of lines within 32 bits, whatever happens to Sync.
const maxSegment = 3 << 30

// Open opens the log in dir, made with mode 0700 if there is none. It changes nothing in a log that this version wrote;
// older ones without hashes get them. What a crash left behind is mended by Begin.
func Open(ctx context.Context, dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		began := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(began) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SegmentSize <= 0 || o.SegmentSize > 1<<30 {
		o.SegmentSize = 64 << 20
	}
	if o.Reserve == 0 {
		o.Reserve = reserveSize
	}
	signer, err := note.NewSigner(o.Key)
	if err != nil {
		return nil, errKey
	}
	public, err := Public(o.Key)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{dir: dir, o: o, signer: signer, verifier: verifier, catalog: catalog{dir: dir}, clock: clock{now: o.Now, elapsed: o.Elapsed}, openFile: openFile, most: maxMemory, headTimeout: headTimeout}
	return l, l.resume(ctx)
}

// Begin makes the log ready for lines: it mends what a crash left behind and says what is missing. It is called before
// Number, and does nothing the second time. A log that nobody writes to stays as it is.
//
// It refuses while the head cannot be had, or is not one of this log: going on would put a new one in its place, and with it
// the proof of what happened before. Where there is none at all the log begins, and says so in a line that Verify names.
func (l *Log) Begin() error {
	if l.began.Load() { // every request asks
		return nil
	}
	l.begin.Lock()
	defer l.begin.Unlock()
	if l.began.Load() {
		return nil
	}
	if l.headless != nil {
		if time.Since(l.asked) < time.Second {
			return l.headless // every request asks
		}
		l.asked = time.Now()
		if err := l.resume(context.Background()); err != nil {
			return err
		}
		if l.headless != nil {
			return l.headless
		}
	}
	if err := l.mend(); err != nil {
		return err
	}
	l.began.Store(true)
	return nil
}

// Number takes the next number. Whoever takes one writes a line with it, or a gap that names it, and in order.
func (l *Log) Number() uint64 { return l.counter.next() }

// Enter counts one more thing under way that will take a number when it Leaves.
func (l *Log) Enter() { l.counter.under(1) }

// Leave takes back Enter.
func (l *Log) Leave() { l.counter.under(-1) }

// Write appends a line, without a line feed in it, whose number is seq. A full buffer goes to the file at once, the rest
// with Sync; what a file does not take stays in the buffer. Waiting tells how much that is.
func (l *Log) Write(line []byte, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(line, seq)
}

// WriteNotice appends a line that the log writes of itself. A zero time is now.
func (l *Log) WriteNotice(n Notice) {
	if n.Time.IsZero() {
		n.Time = l.o.Now()
	}
	if n.Kind == KindAccepted {
		l.unproven.Store(nil)
	}
	l.Write(n.line(), n.Seq)
}

func (l *Log) write(line []byte, seq uint64) {
	l.buf = append(append(l.buf, line...), '\n')
	h := tlog.RecordHash(l.buf[len(l.buf)-len(line)-1 : len(l.buf)-1])
	l.tree.add(h)
	l.seq = seq
	l.treeBuf = entry{h, uint32(l.size + int64(len(l.buf)))}.append(l.treeBuf) // #nosec G115 -- maxSegment
}

// Seq returns the number of the last line, 0 if there is none.
func (l *Log) Seq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending != nil {
		return l.pending.seq
	}
	return l.seq
}

// Writing reports whether lines are written here: whether Begin was called.
func (l *Log) Writing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// Waiting returns how many bytes no file has taken yet.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buf)
}

// Flush brings the lines so far to the operating system, where readers see them; not yet to the disk.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flush()
}

// Full reports whether the buffer should be flushed.
func (l *Log) Full() bool { return l.Waiting() >= flushAt }

// flush writes what is buffered. Where that fails, the same bytes are written again next time, at the same place.
func (l *Log) flush() error {
	err := l.bringOut()
	l.failing.Store(err != nil)
	return err
}

func (l *Log) bringOut() error {
	if l.spoilt != nil {
		return l.spoilt
	}
	if len(l.buf) == 0 && len(l.treeBuf) == 0 {
		return nil
	}
	if l.size+int64(len(l.buf)) > maxSegment {
		return errors.New("the segment is too large: checkpoints cannot be made")
	}
	if l.file == nil {
		if err := l.openSegment(); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(l.buf, l.size); err != nil {
		// What was written of it is taken back, so that no line stands there in half.
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(l.buf))
	l.remember()
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	if _, err := l.hashes.WriteAt(l.treeBuf, l.treeSize); err != nil {
		return errors.Join(err, l.hashes.Truncate(l.treeSize))
	}
	l.treeSize += int64(len(l.treeBuf))
	l.treeBuf = l.treeBuf[:0]
	return nil
}

// openSegment begins a segment: today's, and never an earlier day's than the last one's, so that the order of the names
// is the order of the lines whatever the clock does.
func (l *Log) openSegment() error {
	day, part := l.o.Now().UTC().Format(time.DateOnly), 0
	if l.name != "" {
		last, n, _ := parseName(l.name)
		if d := last.Format(time.DateOnly); d >= day {
			day, part = d, n+1
		}
	}
	name := segmentName(day, part)
	base := filepath.Join(l.dir, name)
	// The hashes first: what a crash leaves of a segment without lines is nothing.
	header := treeHeader(&l.start)
	hashes, err := l.openFile(base+treeSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	var file file
	if _, err = hashes.WriteAt(header, 0); err == nil {
		file, err = l.openFile(base+lineSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if err != nil {
		// The next flush tries again, under the same name.
		return errors.Join(err, hashes.Close())
	}
	l.catalog.forget()
	l.opened = l.o.Elapsed()
	l.names.Store(true)
	l.name, l.file, l.hashes, l.size, l.treeSize = name, file, hashes, 0, int64(len(header))
	l.safe = mark{tree: l.start.clone(), seq: l.safe.seq, treeSize: l.treeSize}
	return nil
}

// Close writes that the log was closed in order, where anything was written at all. Every number that was taken must be
// written before.
func (l *Log) Close(ctx context.Context) error {
	l.begin.Lock()
	defer l.begin.Unlock()
	if !l.began.Load() || l.closed {
		return nil
	}
	l.closed = true
	l.WriteNotice(Notice{Seq: l.Number(), Kind: KindStop})
	err := l.Sync(ctx)
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		err = errors.Join(err, l.letGo())
	}
	clean := err == nil && l.seq == l.counter.seq.Load() && len(l.buf) == 0
	return errors.Join(err, l.counter.close(clean))
}
