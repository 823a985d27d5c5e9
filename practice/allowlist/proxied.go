// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// What Config.ProxyProtocol may be.
const (
	proxyOff      = "off"
	proxyOptional = "optional"
	proxyRequired = "required"
)

const (
	fixedV2 = 16      // bytes of a version 2 header that its length does not count
	maxV2   = 4 << 10 // bytes that it may count: addresses and extensions
)

var errUnreadable = errors.New("the PROXY header cannot be read")

// Accept reads the PROXY protocol header (version 1 or 2) that a trusted proxy sends before everything else, and
// returns a connection whose RemoteAddr is the caller's. Set a deadline before. From anybody else it reads nothing: what
// they send is for the reader of requests, to which such a header is no request. An error means that the connection is
// to be closed: a header is missing where it is required, broken, or names no caller.
//
// A proxy that calls for itself (LOCAL, as for a health check) keeps its own address.
func (l *List) Accept(c net.Conn) (net.Conn, error) {
	if l.proxied == "" || l.proxied == proxyOff {
		return c, nil
	}
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || !l.proxies.contains(peer.Addr().Unmap().WithZone("")) {
		return c, nil
	}
	r := bufio.NewReaderSize(c, fixedV2+maxV2)
	client, err := readHeader(r)
	switch {
	case errors.Is(err, proxyproto.ErrNoProxyProtocol) && l.proxied == proxyOptional:
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		return nil, fmt.Errorf("the proxy %s sent no PROXY header", peer.Addr())
	case err != nil:
		return nil, fmt.Errorf("from the proxy %s: %w", peer.Addr(), err)
	}
	p := &proxied{Conn: c, remote: c.RemoteAddr(), ahead: r}
	if client.IsValid() {
		p.remote = net.TCPAddrFromAddrPort(client)
	}
	return p, nil
}

// readHeader returns the caller that a header names; none, where the proxy calls for itself.
func readHeader(r *bufio.Reader) (netip.AddrPort, error) {
	raw, err := peekV2(r)
	if err != nil {
		return netip.AddrPort{}, err
	}
	h, err := proxyproto.Read(r)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if h.Version == 2 && h.Command.IsLocal() {
		return netip.AddrPort{}, nil
	}
	source, _, ok := h.TCPAddrs()
	switch {
	case !ok:
		// UNKNOWN, UDP and Unix sockets name no caller. The proxy's own address in its place would admit anybody.
		return netip.AddrPort{}, fmt.Errorf("%w: it names no caller", errUnreadable)
	case h.Version == 2 && !intact(raw, h.TransportProtocol):
		return netip.AddrPort{}, fmt.Errorf("%w: its extensions or its checksum are wrong", errUnreadable)
	}
	client := source.AddrPort()
	client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
	if a := client.Addr(); a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}, fmt.Errorf("%w: %s calls nobody", errUnreadable, a)
	}
	return client, nil
}

// peekV2 returns the bytes of a whole version 2 header, which stay in r; nil: it is none.
func peekV2(r *bufio.Reader) ([]byte, error) {
	for n := 1; n <= len(proxyproto.SIGV2); n++ { // no more is waited for than belongs to a header
		b, err := r.Peek(n)
		if err != nil || !bytes.Equal(b, proxyproto.SIGV2[:n]) {
			return nil, nil // Read tells which
		}
	}
	fixed, err := r.Peek(fixedV2)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	size := int(binary.BigEndian.Uint16(fixed[fixedV2-2:]))
	if size > maxV2 {
		return nil, fmt.Errorf("%w: %d bytes of addresses and extensions are more than %d", errUnreadable, size, maxV2)
	}
	b, err := r.Peek(fixedV2 + size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return bytes.Clone(b), nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// intact reports whether the extensions of a version 2 header end where it ends, and its checksum, if it has one, is
// right: that of the whole header with zeros in its own place.
func intact(header []byte, family proxyproto.AddressFamilyAndProtocol) bool {
	at := fixedV2 + 2*(4+2)
	if family.IsIPv6() {
		at = fixedV2 + 2*(16+2)
	}
	for at < len(header) {
		if len(header)-at < 3 {
			return false
		}
		kind, value := proxyproto.PP2Type(header[at]), at+3
		at = value + int(binary.BigEndian.Uint16(header[at+1:]))
		if at > len(header) {
			return false
		}
		if kind != proxyproto.PP2_TYPE_CRC32C {
			continue
		}
		if at-value != crc32.Size {
			return false
		}
		bare := bytes.Clone(header)
		clear(bare[value:at])
		if crc32.Checksum(bare, castagnoli) != binary.BigEndian.Uint32(header[value:]) {
			return false
		}
	}
	return true
}

// A proxied connection says whose it is. One goroutine at a time reads.
type proxied struct {
	net.Conn
	remote net.Addr
	ahead  *bufio.Reader // read, and not yet by Read; nil: nothing
}

// RemoteAddr is the address of the caller.
func (p *proxied) RemoteAddr() net.Addr { return p.remote }

// Read returns what was read behind the header, then what comes.
func (p *proxied) Read(b []byte) (int, error) {
	if p.ahead != nil {
		if n := p.ahead.Buffered(); n > 0 {
			return p.ahead.Read(b[:min(n, len(b))])
		}
		p.ahead = nil
	}
	return p.Conn.Read(b)
}
