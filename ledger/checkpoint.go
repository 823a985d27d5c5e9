// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Checkpoint says what the log was at a moment.
type Checkpoint struct {
	Size   int64     // lines under it
	Root   tlog.Hash // of their tree
	Number int64     // of the checkpoint, counted from 1
	Seq    uint64    // of the last line
	Time   time.Time // UTC, in whole milliseconds
}

// origin is the first line of every checkpoint, as the field writes them (C2SP tlog-checkpoint).
const origin = "yett activity"

const stamp = "2006-01-02T15:04:05.000Z"

// text is what is signed.
func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\ncheckpoint %d\nseq %d\ntime %s\n", origin, c.Size, c.Root, c.Number, c.Seq, c.Time.UTC().Format(stamp))
}

// sign returns the checkpoint as a signed note.
func (c *Checkpoint) sign(s note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text()}, s)
}

// ParseCheckpoint reads a signed checkpoint. Every byte counts: what is signed but written otherwise is refused.
func ParseCheckpoint(signed []byte, v note.Verifier) (*Checkpoint, error) {
	c, err := parseCheckpoint(signed, v)
	if err != nil {
		return nil, err
	}
	if c.Size < 1 || c.Number < 1 {
		return nil, errCheckpoint
	}
	return c, nil
}

// parseCheckpoint is ParseCheckpoint, and reads that of an empty log too, which heads are made of only.
func parseCheckpoint(signed []byte, v note.Verifier) (*Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return nil, fmt.Errorf("the signature of a checkpoint: %w", err)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return nil, errCheckpoint
	}
	if sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil || base64.StdEncoding.EncodeToString(sig) != n.Sigs[0].Base64 {
		return nil, errCheckpoint
	}
	c := new(Checkpoint)
	var root, at string
	if _, err := fmt.Sscanf(strings.TrimPrefix(n.Text, origin), "\n%d\n%s\ncheckpoint %d\nseq %d\ntime %s\n", &c.Size, &root, &c.Number, &c.Seq, &at); err != nil {
		return nil, errCheckpoint
	}
	if c.Root, err = tlog.ParseHash(root); err != nil {
		return nil, errCheckpoint
	}
	if c.Time, err = time.Parse(stamp, at); err != nil {
		return nil, errCheckpoint
	}
	again, err := note.Sign(&note.Note{Text: c.text(), Sigs: n.Sigs})
	if err != nil || !bytes.Equal(again, signed) || c.Size < 0 || c.Number < 0 {
		return nil, errCheckpoint
	}
	return c, nil
}

var errCheckpoint = errors.New("not a checkpoint of this log")

// notesMax bounds one checkpoint in a file.
const notesMax = 1024

// cutNote returns the first checkpoint of a file of them, and what follows; note is nil where none is whole.
func cutNote(b []byte) (one, rest []byte) {
	// Six lines, an empty one, the signature, and an empty line that ends it.
	head := b[:min(len(b), notesMax)]
	at := 0
	for range 9 {
		i := bytes.IndexByte(head[at:], '\n')
		if i < 0 {
			return nil, b
		}
		at += i + 1
	}
	if head[at-1] != '\n' || head[at-2] != '\n' {
		return nil, b
	}
	return b[:at-1], b[at:]
}

// NewKey returns a new signing key, in the form of package note. It is a secret.
func NewKey() (string, error) {
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	key, _, err := note.GenerateKey(rand.Reader, fmt.Sprintf("yett-%x", id))
	return key, err
}

// Public returns the public half of a signing key: what others need to verify checkpoints.
func Public(key string) (string, error) {
	s, err := note.NewSigner(key)
	if err != nil {
		return "", errKey
	}
	// PRIVATE+KEY+name+hash+seed; the public key is derived from the seed.
	parts := strings.SplitN(key, "+", 5)
	if len(parts) != 5 {
		return "", errKey
	}
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize { // one byte before it names the algorithm
		return "", errKey
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errKey
	}
	return note.NewEd25519VerifierKey(s.Name(), public)
}

// errKey never shows the key.
var errKey = errors.New("not a signing key of a log")

// NewVerifier returns what verifies checkpoints signed with the key of which public is the public half.
func NewVerifier(public string) (note.Verifier, error) { return note.NewVerifier(public) }

// Newest returns the newest signed checkpoint, nil if there is none.
func (l *Log) Newest(ctx context.Context) ([]byte, error) {
	if l.o.Heads != nil {
		h, err := l.loadHead(ctx)
		if err != nil {
			return nil, err
		}
		if h != nil && h.at.Number > 0 {
			return h.signed, nil
		}
	}
	found, err := list(l.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range slices.Backward(found) {
		b, err := readWhole(filepath.Join(l.dir, f.name+noteSuffix), maxTree)
		if err != nil {
			return nil, err
		}
		var last []byte
		for one, rest := cutNote(b); one != nil; one, rest = cutNote(rest) {
			last = one
		}
		if last != nil {
			return last, nil
		}
	}
	return nil, nil
}

// A Heads keeps the newest checkpoint, with the hashes that are needed to go on from it, outside the log's own files.
type Heads interface {
	// LoadHead returns what StoreHead was last given, nil if nothing.
	LoadHead(ctx context.Context) ([]byte, error)
	StoreHead(ctx context.Context, head []byte) error
}

// A head is what Heads keep.
type head struct {
	signed []byte
	at     Checkpoint
	tree   frontier
}

func (h *head) encode() []byte {
	return h.tree.append(append(bytes.Clone(h.signed), '\n'))
}

// parseHead reads what encode wrote. The hashes must make the signed root.
func parseHead(b []byte, v note.Verifier) (*head, error) {
	signed, rest := cutNote(b)
	if signed == nil {
		return nil, errCheckpoint
	}
	c, err := parseCheckpoint(signed, v)
	if err != nil {
		return nil, err
	}
	f, rest, err := cutFrontier(rest)
	if err != nil || len(rest) > 0 || f.size != c.Size || f.root() != c.Root {
		return nil, errCheckpoint
	}
	return &head{signed, *c, f}, nil
}
