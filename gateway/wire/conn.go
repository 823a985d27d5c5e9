// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// bufferSize holds the head of an ordinary request. Larger heads get a larger buffer for as long as they need it.
const bufferSize = 4 << 10

// A conn is an HTTP/1 connection as the engine sees it: its Read returns only bytes that were judged. When bytes must
// be refused where a request should begin, the engine reads one request of ours in their place; inside a body it reads
// an error. One goroutine at a time reads, as the engine promises.
type conn struct {
	net.Conn         // the client: *link, or *tls.Conn over it
	link       *link // the client without TLS
	limits     Limits
	plainOnTLS bool
	patience   patience // how long a Read may take

	// Of the reading goroutine.
	screen   screen
	buf      []byte // buf[r:ok] is judged, buf[ok:w] is not
	r, ok, w int
	verdict  violation     // on buf[ok:w], told when buf[r:ok] has been read
	err      error         // what every further Read returns
	begun    bool          // the first head has been admitted
	timing   bool          // a limit runs for the head that is being read
	since    time.Time     // when the body began that is being read
	pace     pace          // of it
	until    time.Duration // the limit that is set for it, after since; 0: none

	released      atomic.Bool             // hijacked: bytes pass unjudged
	broken        atomic.Bool             // bytes were refused: the client may still be sending
	sending       atomic.Bool             // a body is not at its end: the client is still sending
	refusal       atomic.Pointer[refusal] // of a head
	bodyViolation atomic.Uint32           // a violation

	writes struct {
		sync.Mutex
		engine time.Time // its deadline or a handler's; zero: none
		set    time.Time // what holds on the connection, if it is ours
	}
}

// A refusal waits for its stand-in to come out of the engine.
type refusal struct {
	target string // one-time, made after the client's last byte was judged: no client can have sent it
	what   Refused
}

// A secureConn is a conn under TLS; net/http takes Request.TLS from it.
type secureConn struct{ *conn }

// ConnectionState tells the engine what the handshake agreed on.
func (c secureConn) ConnectionState() tls.ConnectionState {
	return c.Conn.(*tls.Conn).ConnectionState()
}

func newConn(client net.Conn, l *link, limits Limits) *conn {
	return &conn{
		Conn: client, link: l, limits: limits, patience: patience{client: client},
		screen: newScreen(limits), buf: make([]byte, bufferSize),
	}
}

// Read returns judged bytes, at most to the end of the request they belong to.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.released.Load() {
		if c.r < c.w {
			n := copy(p, c.buf[c.r:c.w])
			c.r += n
			return n, nil
		}
		return c.Conn.Read(p)
	}
	for {
		c.judge()
		switch {
		case c.r < c.ok:
			n := copy(p, c.buf[c.r:c.ok])
			c.r += n
			c.sending.Store(c.screen.phase != inHead)
			return n, nil
		case c.err != nil:
			return 0, c.err
		case c.refusal.Load() != nil, c.screen.phase == atUpgrade && c.r < c.w:
			// Nothing more may be handed over: a stand-in is the last request of its connection, and what follows a
			// request with Upgrade is not known to be HTTP before that is answered. Wait until the engine interrupts.
			return 0, c.patience.wait()
		case c.verdict != none:
			c.refuse(c.verdict)
		case c.r == c.w && c.screen.bulk() >= bufferSize:
			n, err := c.receive(p[:min(int64(len(p)), c.screen.bulk())])
			c.screen.took(n)
			if n > 0 {
				c.sending.Store(c.screen.phase != inHead)
				return n, nil // an error comes again at the next Read
			}
			if err = c.failed(err); err != nil {
				return 0, err
			}
		default:
			if err := c.failed(c.fill()); err != nil {
				return 0, err
			}
		}
	}
}

// judge moves ok forward, at most to the end of the current request.
func (c *conn) judge() {
	for c.ok < c.w && c.verdict == none && (c.r == c.ok || !c.screen.fresh()) {
		head := c.screen.phase == inHead
		admit, drop, v := c.screen.judge(c.buf[c.ok:c.w])
		switch {
		case v != none:
			c.verdict = v
		case drop > 0:
			c.ok += drop
			c.r = c.ok
		case admit == 0:
			return
		default:
			c.ok += admit
			if head {
				c.begun, c.timing = true, false
				c.since, c.pace, c.until = time.Now(), pace{}, 0
			}
		}
	}
}

// fill reads more behind what cannot be judged yet.
func (c *conn) fill() error {
	switch {
	case c.r == c.w:
		c.r, c.ok, c.w = 0, 0, 0
		if len(c.buf) > bufferSize {
			c.buf = make([]byte, bufferSize)
		}
	case c.w < len(c.buf):
	case c.r > 0: // then r is ok: judged bytes are read before more is fetched
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r, c.ok = 0, 0
	default: // a head beyond the buffer; the screen refuses it at its limit
		larger := make([]byte, 2*len(c.buf))
		copy(larger, c.buf)
		c.buf = larger
	}
	n, err := c.receive(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

// receive reads from the client, for as long as patience lasts.
func (c *conn) receive(p []byte) (int, error) {
	var err error
	switch {
	case c.screen.phase != inHead && c.screen.phase != atUpgrade:
		return c.receiveBody(p)
	case c.screen.phase == inHead && (c.ok < c.w || !c.begun):
		if !c.timing {
			c.timing = true
			err = c.patience.limit(time.Now().Add(c.limits.HeaderTimeout), false)
		}
	default: // idle: the engine's deadline holds
		c.timing = false
		err = c.patience.lift()
	}
	if err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// receiveBody waits for the next bytes of a body as long as their pace allows; setting a deadline is dear, so they may
// take an eighth of BodyIdle more.
func (c *conn) receiveBody(p []byte) (int, error) {
	start := time.Since(c.since)
	until := start + c.pace.left(c.limits)
	if slack := c.limits.BodyIdle / 8; until > c.until || until < c.until-slack {
		c.until = until + slack
		if err := c.patience.limit(c.since.Add(c.until), true); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	c.pace.note(n, time.Since(c.since)-start)
	return n, err
}

// failed decides what a receive that brought nothing means: a verdict (then it returns nil), or an error for the engine.
func (c *conn) failed(err error) error {
	if err == nil {
		return nil
	}
	late := errors.Is(err, os.ErrDeadlineExceeded) && c.patience.spent()
	switch c.screen.phase {
	case atUpgrade:
		return err
	case inHead:
		switch {
		case c.ok == c.w: // between two requests
			return err
		case late:
			c.verdict = headTooSlow
		case err == io.EOF:
			c.verdict = headCutOff
		default:
			return err
		}
		return nil
	default:
		switch {
		case late:
			c.verdict = bodyTooSlow
			return nil
		case err == io.EOF:
			// An end here must never look like the end of the body.
			c.err = readError(io.ErrUnexpectedEOF)
			return c.err
		}
		return err
	}
}

// refuse puts the verdict in the place of the bytes it is about.
func (c *conn) refuse(v violation) {
	c.broken.Store(true)
	if c.screen.phase != inHead {
		c.bodyViolation.Store(uint32(v))
		c.err = readError(v.refused("", ""))
		return
	}
	seen := c.buf[c.ok:c.w]
	method, target := c.screen.head.method.of(seen), c.screen.head.target.of(seen)
	ref := &refusal{target: "/refused-" + rand.Text(), what: v.refused(string(method), pathOf(string(target)))}
	standIn := "GET " + ref.target + " HTTP/1.1\r\nHost: " + refusedHost + "\r\nConnection: close\r\n\r\n"
	c.r, c.ok, c.w = 0, len(standIn), len(standIn)
	copy(c.buf, standIn)
	c.refusal.Store(ref)
}

// refused reports whether target is that of this connection's stand-in.
func (c *conn) refused(target string) (Refused, bool) {
	ref := c.refusal.Load()
	if ref == nil || ref.target != target {
		return Refused{}, false
	}
	return ref.what, true
}

// answered tells that the engine has answered a request and reads the next one.
func (c *conn) answered() {
	if c.screen.phase == atUpgrade {
		c.screen.nextHead()
	}
}

// release lets bytes pass unjudged from now on, those that were read already first.
func (c *conn) release() error {
	c.released.Store(true)
	return errors.Join(c.patience.lift(), c.SetWriteDeadline(time.Time{}))
}

// readError makes the engine end the connection without a word of its own.
func readError(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
