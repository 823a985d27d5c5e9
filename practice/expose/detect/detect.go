// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package detect finds sensitive data in texts: payment cards, IBANs, national identifiers, private keys, tokens and
// the secrets of clouds.
//
// It stops what has a form of its own and, mostly, a checksum. It does not find secrets that look like any other word
// (passwords, keys without a prefix), data that is encoded (base64, percent signs) or spelled out, and it cannot tell a
// card from a number that happens to lie in an issuer's range with a right check digit: README.md has the rule and the
// chance of each kind.
//
// Used alone, New(Kinds()...) makes a Detector; Find finds in a text and Mask writes the text without what was found. It
// costs a nanosecond for some bytes of ordinary text, so it may look at every string.
package detect

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
)

// A Kind is what was found.
type Kind string

// The kinds, as they stand in records and configurations.
const (
	Card        Kind = "card"
	IBAN        Kind = "iban"
	NationalID  Kind = "national_id"
	PrivateKey  Kind = "private_key"
	Token       Kind = "token"
	CloudSecret Kind = "cloud_secret"
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Card, IBAN, NationalID, PrivateKey, Token, CloudSecret} }

// A Match is where something stands in a text.
type Match struct {
	Kind     Kind
	From, To int
	// Partial says that it begins here but ends behind the text, as a PEM block that is cut off: what follows in the next
	// piece of a longer text belongs to it.
	Partial bool
	// Doubtful says that it has the form and the check digit of its kind, in a place where other numbers of the form are
	// expected. Mask leaves it as it is.
	Doubtful bool
}

// Overlap is how many bytes two pieces of a long text must share so that each thing of up to 6,000 bytes stands, with what
// is read around it, whole in one of them. Longer are only private keys and tokens; those are Partial where they are cut.
// In a piece that is not the first, matches that begin within the first Before bytes may lack what stands before them:
// the piece in front has seen them whole, or seen that they are none.
const Overlap = 8 << 10

// Before is how far in front of a match it matters what stands there.
const Before = 1 << 10

// set is some of the kinds.
type set uint8

const (
	cards set = 1 << iota
	ibans
	nationals
	privateKeys
	tokens
	clouds

	everything = 1<<iota - 1
	numeric    = cards | ibans | nationals
)

func setOf(kinds []Kind) (s set) {
	for i, k := range Kinds() {
		for _, wanted := range kinds {
			if k == wanted {
				s |= 1 << i
			}
		}
	}
	return s
}

// A Detector finds some kinds. It is immutable and safe for concurrent use; Detectors of the same kinds are one.
type Detector struct {
	kinds    set
	shortest int    // nothing is found in shorter texts
	digits   uint64 // all ones: two digits in a row matter
	pairs    pairTable
	groups   [][]lead // by the number in pairs
}

var detectors [everything + 1]struct {
	once sync.Once
	d    *Detector
}

// New returns the Detector of some kinds. Without any, it finds nothing. What is no Kind is left out.
func New(kinds ...Kind) *Detector {
	s := setOf(kinds)
	slot := &detectors[s]
	slot.once.Do(func() { slot.d = newDetector(s) })
	return slot.d
}

func newDetector(s set) *Detector {
	d := &Detector{kinds: s, shortest: math.MaxInt}
	for kind, n := range map[set]int{cards: 13, ibans: 15, nationals: 8, privateKeys: 24, tokens: 20, clouds: 20} {
		if s&kind != 0 {
			d.shortest = min(d.shortest, n)
		}
	}
	if s&numeric != 0 {
		d.digits = math.MaxUint64
	}
	d.lead()
	return d
}

// Find appends what it finds in text to dst, in order and without overlaps. It allocates only for that, and takes time
// linear in the text.
func (d *Detector) Find(dst []Match, text []byte) []Match { return d.FindAt(dst, Place{}, text) }

// A Place is what is known of where a text stands. The zero Place says nothing.
type Place struct {
	// Name is what the text is called, as the member of an object is: some things are told by it. It counts as a word in
	// front of the text.
	Name []byte
	// Declared says that a description says what stands here. A number under the name of an id, an order or a phone is
	// Doubtful then, and an address that is signed in advance holds no secret of a cloud.
	Declared bool
	// Number says that a description wants a number here. One is Doubtful then, unless its name tells what it is.
	Number bool
}

// FindAt is Find for a text of which more is known.
func (d *Detector) FindAt(dst []Match, at Place, text []byte) []Match {
	found, _ := d.find(dst, at, text)
	return found
}

// find is FindAt, and tells how many bytes rules have read besides.
func (d *Detector) find(dst []Match, at Place, text []byte) ([]Match, int) {
	if len(text) < d.shortest {
		return dst, 0
	}
	if e := d.next(text, 0); e.at < len(text) {
		return d.scan(dst, at, text, e)
	}
	if len(at.Name) > 0 && len(text) == awsLength && d.kinds&clouds != 0 {
		s := newScan(d.kinds, text, at, dst)
		s.whole()
		return s.found, s.steps
	}
	return dst, 0
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// An event is eight bytes of a text in which something may begin.
type event struct {
	at     int
	bytes  uint64
	digits uint64 // 0x80 in each byte that ends three digits in a row, or two shortly behind a letter
	pairs  uint8  // not 0: there are pairs of anchors
}

// next returns the next event from i on; its at is the length of the text where there is none. It looks at eight bytes at a
// time. Each two at even places are looked up in a table of what may be part of an anchor. Numbers are told by three
// digits in a row, wherever they stand, or by two: behind two letters, as in an IBAN, or a letter and a blank.
func (d *Detector) next(text []byte, i int) event {
	last := len(text) - 8
	if i > last {
		if i >= len(text) {
			return event{at: len(text)}
		}
		i = last // once more, for the few bytes that are left
	}
	var before uint64 // the eight bytes in front
	if i >= 8 {
		before = binary.LittleEndian.Uint64(text[i-8:])
	} else {
		before = binary.LittleEndian.Uint64(text) << (8 * uint(8-i)) // of none, 0
	}
	digits, letters := digitsOf(before)&d.digits, before<<1&highs
	for {
		x := binary.LittleEndian.Uint64(text[i:])
		digitsBefore, lettersBefore := digits, letters
		digits, letters = digitsOf(x)&d.digits, x<<1&highs // letters have the bit 0x40, and few others
		numbers := digits & (digits<<8 | digitsBefore>>56) & (digits<<16 | digitsBefore>>48 | letters<<24 | lettersBefore>>40)
		pairs := d.pairs[uint16(x)] | d.pairs[uint16(x>>16)] | d.pairs[uint16(x>>32)] | d.pairs[uint16(x>>48)]
		if numbers|uint64(pairs) != 0 {
			return event{i, x, numbers, pairs}
		}
		if i += 8; i > last {
			if i >= len(text) {
				return event{at: len(text)}
			}
			before = binary.LittleEndian.Uint64(text[max(0, last-8):])
			if last < 8 {
				before <<= 8 * uint(8-last)
			}
			digits, letters = digitsOf(before)&d.digits, before<<1&highs
			i = last
		}
	}
}

// digitsOf has 0x80 for each byte that is a digit: that, without its 0x30, is less than ten.
func digitsOf(x uint64) uint64 {
	x ^= 0x30 * ones
	return ^((x&^highs + 0x76*ones) | x) & highs
}

// A scan is one look at one text.
type scan struct {
	kinds set
	text  []byte
	place Place
	found []Match
	own   int // found before are the caller's

	done           int  // what stands before is decided
	later          span // a cloud secret that stands ahead of what was looked at; its to is 0: none does
	read           int  // digits before were looked at
	jwt            int  // base64url before is part of a word that is no JSON Web Token
	last           span // the word in front of a number that was looked at last
	linked, isLink bool // whether the text is one address, once it was asked
	jwk            int  // members before stand in objects that were judged

	names [16]naming // what its name says
	runs  [6]stretch // where runs of the classes of anchors end
	steps int        // bytes that rules have read
}

// longestName is how much of a name is looked at. What is longer was not written by whoever named members.
const longestName = 96

func newScan(kinds set, text []byte, at Place, dst []Match) scan {
	at.Name = at.Name[:min(len(at.Name), longestName)]
	return scan{kinds: kinds, text: text, place: at, found: dst, own: len(dst)}
}

// scan follows events.
func (d *Detector) scan(dst []Match, at Place, text []byte, e event) ([]Match, int) {
	s := newScan(d.kinds, text, at, dst)
	for e.at < len(text) {
		s.follow(d, e)
		e = d.next(text, max(e.at+8, s.done, s.read))
	}
	s.due(len(text))
	if len(at.Name) > 0 && len(s.found) == s.own {
		s.whole()
	}
	return s.found, s.steps
}

// follow looks at the numbers and anchors of an event, in order.
func (s *scan) follow(d *Detector, e event) {
	places := e.digits
	if e.pairs != 0 {
		for k := 0; k < 64; k += 16 {
			if d.pairs[uint16(e.bytes>>k)] != 0 {
				places |= 1 << k
			}
		}
	}
	for ; places != 0; places &= places - 1 {
		bit := bits.TrailingZeros64(places)
		at := e.at + bit>>3
		if s.later.to > 0 {
			s.due(at)
		}
		if bit&7 != 0 {
			s.digits(at - 1)
			continue
		}
		group := d.groups[d.pairs[uint16(e.bytes>>bit)]]
		for i := range group {
			if from := at - int(group[i].offset); from >= s.done && group[i].matches(s.text, from) {
				s.anchor(group[i].anchor, from)
			}
		}
	}
}

// digits looks at the number that the digit at i is in, if that was not looked at.
func (s *scan) digits(i int) {
	if i < s.read || i < s.done {
		return
	}
	for i > s.done && digit(s.text[i-1]) {
		i--
	}
	s.number(i)
}

// A span is a piece of the text.
type span struct{ from, to int }

// due notes the secret that stood ahead, if that is where the scan has come.
func (s *scan) due(at int) {
	if l := s.later; l.to > 0 && at >= l.from {
		s.later = span{}
		s.add(CloudSecret, l.from, l.to, false)
	}
}

// add notes a match. Later ones begin behind it, unless they hold it whole.
func (s *scan) add(k Kind, from, to int, partial bool) {
	s.note(Match{Kind: k, From: from, To: to, Partial: partial})
}

// addDoubtful is add for what may be another number of the same form.
func (s *scan) addDoubtful(k Kind, from, to int, doubtful bool) {
	s.note(Match{Kind: k, From: from, To: to, Doubtful: doubtful})
}

func (s *scan) note(m Match) {
	from, to := m.From, m.To
	if m.Kind == CloudSecret && s.presigned(from) {
		return
	}
	if to > s.later.from {
		s.due(from)
		s.later = span{}
	}
	for len(s.found) > s.own {
		last := s.found[len(s.found)-1]
		if last.To <= from {
			break
		}
		if last.From < from {
			from = last.To
			break
		}
		s.found = s.found[:len(s.found)-1]
	}
	if from < to {
		m.From = from
		s.found = append(s.found, m)
		s.done = max(s.done, to)
	}
}
