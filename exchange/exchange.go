// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package exchange is one request and its answer: what the practices look at, and the way a request takes through
// their steps.
//
// A practice is a Step: it looks at one *Exchange and says yes, or no with a reason. Steps do not nest; they are run
// in a flat list, every decision and its time is recorded in one place, and no step can go round the one pass through
// which an answer leaves. What engine reads and writes the bytes is hidden below: steps see no net/http.
//
// By itself it stops what would make two requests of one: paths with more than one reading, fields that must be alone
// and come twice, fields that rewrite the request, hop-by-hop fields, and X-Yett fields that a caller made up. It
// bounds bodies, compressed ones included (OWASP API4:2023), and never lets a cut-off answer look whole. It does not
// judge callers or contents: that is what steps are for. It does not forward trailers.
//
// Used alone, Middleware runs steps before any http.Handler, and a Chain's Handler also runs those on the answer.
//
// Lifetime: a string may be kept for ever, a []byte is borrowed until the call returns. Nobody keeps an *Exchange after
// its step; what survives is a Record.
package exchange

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"yett/api"
	"yett/identity"
	"yett/problem"
)

// An Exchange is one request and its answer. One goroutine uses it at a time.
type Exchange struct {
	ID    uuid.UUID // version 7: its time is in it
	Proto string    // HTTP/1.1, HTTP/2.0
	Start time.Time
	Peer  netip.AddrPort       // the other end of the connection
	TLS   *tls.ConnectionState // nil: in clear
	Trace string               // W3C trace id, 32 hex digits

	Request Request
	Answer  Answer

	Operation   *api.Operation        // nil on the edge and for undeclared paths
	Credentials []identity.Credential // verified; who accepts them is authn
	Caller      *identity.Caller      // nil: anonymous
	Quotas      []Quota               // what limits found, for the fields that tell the caller

	client    netip.Addr
	clientErr error
	eng       engine
	chain     *Chain
	nested    []*Chain
	handed    io.ReadCloser // the body that the innermost handler was given
	decisions []Decision
	note      string
	deferred  []func()
	outcome   *problem.Error
	original  []byte // see Record
	reached   bool
	over      bool          // nothing panicked on the way
	linger    time.Duration // tunnelLinger, less in tests
	passing   pass
}

// Request is the canonical request: what is matched, judged and forwarded is the same.
type Request struct {
	Method string
	Scheme string // https or http
	Host   string // as sent, without the port
	Port   string // "" if none was sent
	Path   string // canonical and still escaped: these bytes are forwarded
	Query  string // raw, without the question mark
	// Ambiguity says which spellings of the path another reader could understand differently.
	Ambiguity api.Ambiguity
	Upgrade   string // protocol asked for, lower case; "" if none
	Params    []api.Param
	Header    Header
	Body      Body
}

// A Quota is what one limit found for this exchange.
type Quota struct {
	Policy    string // "caller", "address"
	Requests  int64  // admitted each Window
	Window    time.Duration
	Remaining int64
	Reset     time.Duration // until all of it is available again
}

// Step looks at an exchange. It returns nil, a *problem.Error that refuses, or a Reply that answers.
type Step func(*Exchange) error

// Context ends when the client goes away or the gateway gives up. It is for calls out and carries no values.
func (x *Exchange) Context() context.Context { return x.eng.context() }

// ClientAddr returns the address of the caller: the peer, or whom a trusted proxy speaks for (see SetClientAddr). It is
// never a v4-mapped address and has no zone.
func (x *Exchange) ClientAddr() (netip.Addr, error) {
	if x.clientErr != nil {
		return netip.Addr{}, x.clientErr
	}
	if x.client.IsValid() {
		return x.client, nil
	}
	a := x.Peer.Addr()
	if !a.IsValid() {
		return netip.Addr{}, errors.New("the peer has no address")
	}
	return a.Unmap().WithZone(""), nil
}

// SetClientAddr says whom the peer speaks for, or that this cannot be read. It is called once, by the practice that
// knows the trusted proxies; lists, limits and records all use the result.
func (x *Exchange) SetClientAddr(a netip.Addr, err error) {
	x.client, x.clientErr = a.Unmap().WithZone(""), err
}

// Defer has f called once when the exchange is over, on every way out: refusals, panics and tunnels included. The last
// one deferred is called first.
func (x *Exchange) Defer(f func()) { x.deferred = append(x.deferred, f) }

// Note says in a few words what the running step found ("k4tn8w2", "18 of 60 a minute"). It stands in the record
// behind the step's decision and never reaches the caller. It holds no secret. Words of the caller's follow a colon
// ("origin_not_allowed: https://example.net"): what follows the first colon and space is kept sealed.
func (x *Exchange) Note(s string) { x.note = s }

// Instance returns the correlation id as the URI of RFC 9457's instance member.
func (x *Exchange) Instance() string { return "urn:uuid:" + x.ID.String() }

// Committed reports whether the head of the answer has left: from then on a failure breaks the connection.
func (x *Exchange) Committed() bool { return x.passing.committed }

// Outcome returns the refusal that the caller gets, nil if there is none. It is set when Header steps run.
func (x *Exchange) Outcome() *problem.Error { return x.outcome }

type reply struct {
	status int
	header []Field
	body   []byte
}

func (*reply) Error() string { return "answered by the gateway" }

// Reply returns an error value with which a step answers the request well (a preflight, a health probe).
func Reply(status int, header []Field, body []byte) error {
	return &reply{status: status, header: header, body: body}
}

var pool = sync.Pool{New: func() any { return new(Exchange) }}

// open readies an exchange for a new request.
func open(eng engine, now time.Time) *Exchange {
	x := pool.Get().(*Exchange)
	x.eng, x.Start, x.linger = eng, now, tunnelLinger
	id, err := uuid.NewV7()
	if err != nil {
		// crypto/rand does not fail on the systems we run on; without randomness nothing may be decided.
		panic("exchange: no randomness: " + err.Error())
	}
	x.ID = id
	x.Request.Body.header = &x.Request.Header
	x.Request.Body.Limit = DefaultBodyLimit
	x.Answer.Length = -1
	return x
}

// trace takes the trace id of a valid traceparent (W3C Trace Context), or makes one.
func (x *Exchange) trace() {
	if tp := x.Request.Header.Get("Traceparent"); len(tp) >= 55 && tp[:3] == "00-" && tp[35] == '-' && lowerHex(tp[3:35]) {
		x.Trace = tp[3:35]
		return
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	var text [32]byte
	hex.Encode(text[:], b[:])
	x.Trace = string(text[:])
}

func lowerHex(s string) bool {
	zero := true
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// release runs what was deferred. A panic in one does not keep the others from running.
func (x *Exchange) release() {
	for len(x.deferred) > 0 {
		f := x.deferred[len(x.deferred)-1]
		x.deferred = x.deferred[:len(x.deferred)-1]
		func() {
			defer func() {
				if recover() != nil {
					x.decide("exchange", Failed, "panic_in_defer", 0)
				}
			}()
			f()
		}()
	}
}

// recycle returns x to the pool, unless a transport is still reading its body.
func (x *Exchange) recycle() {
	if !x.Request.Body.detach() {
		return
	}
	if poisoned.Load() {
		x.poison()
		return
	}
	req, ans := &x.Request, &x.Answer
	req.Header.Reset()
	ans.Header.Reset()
	req.Body.reset()
	clear(x.decisions)
	clear(x.Credentials)
	clear(req.Params)
	clear(x.nested)
	clear(ans.filters)
	clear(x.deferred[:cap(x.deferred)]) // they were called from the end; what they hold must not stay
	*x = Exchange{
		Request:     Request{Header: req.Header, Params: req.Params[:0], Body: Body{buf: req.Body.buf, doc: req.Body.doc, outs: req.Body.outs}},
		Answer:      Answer{Header: ans.Header, filters: ans.filters[:0]},
		Credentials: x.Credentials[:0],
		Quotas:      x.Quotas[:0],
		decisions:   x.decisions[:0],
		deferred:    x.deferred[:0],
		nested:      x.nested[:0],
		passing:     pass{held: x.passing.reusable()},
	}
	pool.Put(x)
}

// poisoned makes every exchange single-use and overwrites its buffers when it ends, so that a []byte kept too long
// shows at once. Tests switch it on.
var poisoned atomic.Bool

func (x *Exchange) poison() {
	for i := range x.Request.Body.buf {
		x.Request.Body.buf[i] = 0xDB
	}
	for i := range x.passing.held {
		x.passing.held[i] = 0xDB
	}
}

// internal is the refusal of what is our own fault.
func internal(cause error) *problem.Error {
	return &problem.Error{Status: http.StatusInternalServerError, Code: "internal",
		Detail: "The request could not be handled.", Cause: cause}
}
