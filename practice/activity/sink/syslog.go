// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxDatagram bounds a message that is one datagram. Syslog servers read 8 KiB by default, and some systems send no more
// than 9 over the loopback.
const maxDatagram = 8 << 10

// A syslog sends messages of RFC 5424: over a stream with their length before them (RFC 6587 section 3.4.1, RFC 5425
// section 4.3), over a socket of the machine that is a stream as lines, and otherwise one a datagram (RFC 5426).
type syslog struct {
	network, address string
	tls              *tls.Config // for tls
	form             form
	timeout          time.Duration
	facility         int
	from             string // HOSTNAME APP-NAME PROCID

	conn  net.Conn
	frame framing
}

// A framing is how one message is told from the next.
type framing int

const (
	byDatagram framing = iota
	byLength
	byLine
)

func newSyslog(c Config, o Options, form form) (*syslog, error) {
	network, address, err := splitAddress(c.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	s := &syslog{network: network, address: address, form: form, timeout: c.Timeout, facility: facilities[c.Facility],
		from: headerText(o.Hostname, 255) + " yett " + strconv.Itoa(os.Getpid())}
	if network == "tls" {
		if s.tls, err = tlsConfig(c.CA); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	return s, nil
}

// Send sends the batch in one deadline. After a failure the connection is given up, because half a message may lie on it.
func (s *syslog) Send(ctx context.Context, batch []Record) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.hungUp() {
		if err := s.Close(); err != nil {
			return err
		}
	}
	if s.conn == nil {
		if err := s.dial(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // fails only once it is closed
	defer stop()
	return s.write(batch)
}

func (s *syslog) write(batch []Record) error {
	var out, msg []byte
	for i := range batch {
		msg = s.message(msg[:0], &batch[i], s.form(nil, &batch[i]))
		switch s.frame {
		case byDatagram:
			if len(msg) > maxDatagram {
				msg = s.message(msg[:0], &batch[i], leftOut(&batch[i]))
			}
			if _, err := s.conn.Write(msg); err != nil {
				return err
			}
			continue
		case byLength:
			out = append(strconv.AppendInt(out, int64(len(msg)), 10), ' ')
			out = append(out, msg...)
		case byLine:
			out = append(append(out, msg...), '\n')
		}
	}
	if len(out) == 0 {
		return nil
	}
	_, err := s.conn.Write(out)
	return err
}

// message appends one message without structured data. The text has no byte order mark, although it is UTF-8: readers of
// JSON stumble over it (RFC 5424 section 6.4 leaves the choice).
func (s *syslog) message(dst []byte, r *Record, text []byte) []byte {
	g := gistOf(r)
	dst = strconv.AppendInt(append(dst, '<'), int64(s.facility*8+g.severity(r.Kind).syslog), 10)
	dst = r.Time.UTC().AppendFormat(append(dst, ">1 "...), "2006-01-02T15:04:05.000000Z")
	dst = append(append(append(dst, ' '), s.from...), ' ')
	dst = append(append(dst, headerText(r.Kind, 32)...), " - "...)
	return append(dst, text...)
}

// leftOut is what is sent of a record that no datagram holds. The id leads to the whole of it.
func leftOut(r *Record) []byte {
	b := strconv.AppendUint([]byte(`{"seq":`), r.Seq, 10)
	b = strconv.AppendQuoteToASCII(append(b, `,"id":`...), headerText(gistOf(r).ID, 64))
	b = strconv.AppendQuoteToASCII(append(b, `,"kind":`...), headerText(r.Kind, 32))
	return append(strconv.AppendInt(append(b, `,"too_long":`...), int64(len(r.Line)), 10), '}')
}

// headerText makes a field of the header: printable ASCII without spaces, or the nil value (RFC 5424 section 6).
func headerText(text string, top int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), top)]
}

func (s *syslog) dial(ctx context.Context) error {
	var d net.Dialer
	var err error
	switch s.network {
	case "udp":
		s.frame = byDatagram
		s.conn, err = d.DialContext(ctx, "udp", s.address)
	case "unix":
		s.frame = byDatagram
		if s.conn, err = d.DialContext(ctx, "unixgram", s.address); err != nil {
			s.frame = byLine
			s.conn, err = d.DialContext(ctx, "unix", s.address)
		}
	case "tls":
		s.frame = byLength
		s.conn, err = (&tls.Dialer{NetDialer: &d, Config: s.tls}).DialContext(ctx, "tcp", s.address)
	default:
		s.frame = byLength
		s.conn, err = d.DialContext(ctx, "tcp", s.address)
	}
	if err != nil {
		s.conn = nil // not a typed nil
	}
	return err
}

// hungUp reports whether the server has ended a stream: the first write into it would still succeed, and be lost. A
// server has nothing to say, so all that can come is the end.
func (s *syslog) hungUp() bool {
	if s.conn == nil || s.frame == byDatagram {
		return false
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	var b [256]byte
	_, err := s.conn.Read(b[:])
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// Close gives the connection up; the next Send makes another.
func (s *syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	err := conn.Close()
	if s.tls != nil || errors.Is(err, net.ErrClosed) {
		return nil // a farewell that the server no longer takes
	}
	return err
}
