// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yett/internal/practicetest"
)

const (
	defaultStreams = 1000            // YETT_STREAMS: of all upstreams together
	defaultSeed    = 20260101        // YETT_SEED
	batch          = 100             // streams between two comparisons
	maxWrong       = 10              // disagreements that are shown
	patience       = 5 * time.Second // for the answer to a plain request
)

// TestDifferential sends streams of a seeded mutator through the gateway to four kinds of upstream, with a service
// behind each. What arrives is never another number of requests, nor another method, path, host or body, than the
// gateway's records and the client's own plain requests say; see life.judge. YETT_STREAM=n repeats one stream alone.
func TestDifferential(t *testing.T) {
	upstreams := []struct {
		name  string
		start func(t *testing.T, service string) (address string)
		mends bool // see life.judge
	}{
		{"Go", func(_ *testing.T, service string) string { return service }, false},
		{"nginx", startNginxOpen, false},
		{"HAProxy", startHAProxyOpen, false},
		{"Varnish", startVarnish, true}, // 7.1 ends the body of its own request when that of the client fails
	}
	streams, seed, alone := int(fromEnv(t, "YETT_STREAMS", defaultStreams)), fromEnv(t, "YETT_SEED", defaultSeed), fromEnv(t, "YETT_STREAM", 0)
	for i, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			t.Parallel()
			d := newDifferential(t, up.start)
			d.mends = up.mends
			if alone != 0 {
				d.batch([]uint64{alone})
				d.end()
				return
			}
			n := streams / len(upstreams)
			var seeds []uint64
			for j := range n {
				// Seeds stay apart for every upstream and run; the mutator mixes them.
				if seeds = append(seeds, seed<<32|uint64(i)<<28|uint64(j)); len(seeds) == batch || j == n-1 {
					d.batch(seeds)
					seeds = seeds[:0]
				}
				if d.wrong >= maxWrong {
					break
				}
			}
			d.end()
			t.Log(d.figures.String())
			if n >= batch && (d.reachedBy*3 < d.streams || d.declined*20 > d.arrived || d.failed*1000 > d.arrived+4000) {
				t.Errorf("too little reached the upstream, or it was not well: %s", d.figures.String())
			}
		})
	}
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// figures are what a run counted.
type figures struct {
	streams, exchanges, arrived int
	plainStreams                int // every byte of it is a plain request
	plain                       int // plain requests in all streams
	reachedBy                   int // streams of which something reached the upstream
	begun                       int // exchanges that reached it and failed: the client left, or its body broke off
	failed                      int // exchanges that got no answer there
	declined                    int // exchanges that the upstream answered in the place of its service
	mended                      int // requests that broke off, and that the upstream passed on as if whole
	codes                       map[string]int
}

func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d streams, %d of them plain to their end, %d reached the upstream; %d plain requests, %d exchanges, %d passed on and answered, %d begun, %d of them mended by the upstream, %d declined by it, %d failed there; refused:",
		f.streams, f.plainStreams, f.reachedBy, f.plain, f.exchanges, f.arrived, f.begun, f.mended, f.declined, f.failed)
	for _, code := range slices.SortedFunc(maps.Keys(f.codes), func(a, b string) int {
		return cmp.Or(f.codes[b]-f.codes[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(&b, " %s %d", code, f.codes[code])
	}
	return b.String()
}

// A differential is one gateway, one upstream and one client that sends stream after stream.
type differential struct {
	figures
	t               *testing.T
	g               *gate
	tls             *tls.Config
	behind, service *arrivals
	tapAddress      string
	mends           bool
	lives           map[string]*life // by trace: those that more may arrive for
	wrong           int
}

func newDifferential(t *testing.T, start func(t *testing.T, service string) string) *differential {
	t.Helper()
	d := &differential{t: t, lives: make(map[string]*life), figures: figures{codes: make(map[string]int)}}
	var address string
	d.service, address = startService(t)
	d.behind, d.tapAddress = startTap(t, start(t, address))
	// Nothing but the strict reader and the router stands in the way.
	d.g = stand(t, "http://"+d.tapAddress, anyStream(), "    preserve_host: true\nvalidate: { off: the reader alone is tested }\nratelimit: { off: the reader alone is tested }\n")
	d.tls = &tls.Config{RootCAs: d.g.roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	return d
}

// anyStream describes an API that takes every request of the mutator.
func anyStream() string {
	text := "openapi: 3.1.0\ninfo: { title: everything, version: \"1\" }\npaths:\n"
	for _, path := range practicetest.StreamPaths() {
		text += "  " + path + ":\n"
		if strings.Contains(path, "{id}") {
			text += "    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]\n"
		}
		for _, method := range []string{"get", "post", "put", "delete", "patch", "options"} {
			socket := ""
			if path == "/socket" && method == "get" {
				socket = "x-yett-websocket: true, "
			}
			text += "    " + method + ": { security: [], x-yett-public: test, " + socket + "responses: { \"200\": { description: ok, content: { \"*/*\": {} } } } }\n"
		}
	}
	return text
}

func (d *differential) complain(s *practicetest.Stream, format string, args ...any) {
	d.t.Helper()
	if d.wrong++; d.wrong <= maxWrong {
		d.t.Errorf("%s\n%s", fmt.Sprintf(format, args...), s)
	}
}

// batch sends the streams of some seeds, and compares.
func (d *differential) batch(seeds []uint64) {
	d.t.Helper()
	var lives []*life
	for _, seed := range seeds {
		lives = append(lives, d.send(practicetest.NewStream(seed))...)
	}
	for _, l := range lives {
		d.lives[l.record.Trace] = l
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		d.sort()
		if !slices.ContainsFunc(lives, func(l *life) bool { return l.well() && !l.settled() }) || time.Now().After(end) {
			break
		}
	}
	for _, l := range lives {
		// Of what failed more may arrive until the end; anything that arrives for the others is an error from now on.
		if l.settled() || l.well() {
			d.judge(l)
		}
	}
}

// sort gives every arrival to its exchange.
func (d *differential) sort() {
	d.t.Helper()
	give := func(from *arrivals, where string, to func(*life) *[]arrival) {
		all, wrong := from.take()
		for _, a := range all {
			l := d.lives[a.trace]
			if l == nil {
				d.wrong++
				d.t.Errorf("%s: %s %q for %q arrived, of which no record tells: %v", where, a.Method, a.Target, a.Host, a.Fields)
				continue
			}
			*to(l) = append(*to(l), a)
		}
		for _, w := range wrong {
			d.wrong++
			d.t.Errorf("%s: %s", where, w)
		}
	}
	give(d.behind, "behind the gateway", func(l *life) *[]arrival { return &l.behind })
	give(d.service, "at the service", func(l *life) *[]arrival { return &l.service })
}

func (d *differential) judge(l *life) {
	d.t.Helper()
	switch {
	case d.mends && l.mended():
		d.mended++
	case l.declined():
		d.declined++
	}
	if why := l.judge(d.tapAddress, d.mends); why != "" {
		d.complain(l.stream, "%s %s: %s", l.record.Method, l.record.Path, why)
	}
	delete(d.lives, l.record.Trace)
}

// end judges what could not be judged before. Nothing can arrive any more when the gateway has ended.
func (d *differential) end() {
	d.t.Helper()
	if err := d.g.stop(); err != nil {
		d.t.Error(err)
	}
	time.Sleep(100 * time.Millisecond) // for what the upstream still had in its hands
	d.sort()
	for _, l := range d.lives {
		d.judge(l)
	}
}

// send sends one stream on a connection of its own, and returns its exchanges.
func (d *differential) send(s *practicetest.Stream) []*life {
	d.t.Helper()
	var plain []*practicetest.Plain
	rest, err := s.Bytes, error(nil)
	for len(rest) > 0 && err == nil {
		var p *practicetest.Plain
		if p, rest, err = practicetest.ReadPlain(rest); p != nil {
			plain = append(plain, p)
		}
	}
	d.talk(s, plain)
	d.g.mu.Lock()
	records := d.g.records
	d.g.records = nil
	d.g.mu.Unlock()

	d.streams++
	d.plain += len(plain)
	if err == nil {
		d.plainStreams++
	}
	var lives []*life
	reached := false
	for i, r := range records {
		l := &life{stream: s, record: r}
		if i < len(plain) {
			l.plain = plain[i]
		}
		lives = append(lives, l)
		d.count(l)
		reached = reached || r.Reached
	}
	if reached {
		d.reachedBy++
	}
	return lives
}

func (d *differential) count(l *life) {
	d.exchanges++
	switch r := l.record; {
	case l.well():
		d.arrived++
	case r.Reached && strings.HasPrefix(r.Code, "upstream_") && r.Code != "upstream_error":
		d.failed++
		d.t.Logf("%s: %s", r.Code, r.Cause)
	case r.Reached:
		d.begun++
	}
	if l.record.Code != "" {
		d.codes[l.record.Code]++
	}
}

// talk sends s and reads to the end of the connection. By then the gateway has made its records. Every answer must be
// one of the gateway's own: what the HTTP engine below it answers by itself leaves no record.
func (d *differential) talk(s *practicetest.Stream, plain []*practicetest.Plain) {
	d.t.Helper()
	nc, err := net.Dial("tcp", d.g.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	c := tls.Client(nc, d.tls)
	defer func() { _ = nc.Close() }() // nothing is left to be said
	if err := errors.Join(c.Handshake(), c.SetDeadline(time.Now().Add(15*time.Second))); err != nil {
		d.t.Fatal(err)
	}
	for _, piece := range s.Pieces() {
		if _, err := c.Write(piece); err != nil {
			break // refused before all was sent
		}
	}
	if s.Hasty {
		_ = c.CloseWrite() // the gateway may have hung up
	}
	in := bufio.NewReader(c)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(plain) && plain[i].Whole; {
		final, err := d.answer(s, in, plain[i].Method)
		if timedOut(err) {
			d.complain(s, "request %d gets no answer", i+1)
		}
		if err != nil {
			break // it may close after any answer
		}
		if final {
			i++
		}
	}
	_ = c.CloseWrite()
	if err := c.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	for err == nil {
		_, err = d.answer(s, in, http.MethodGet) // there is one answer at most to what is not plain
	}
	_, err = io.Copy(io.Discard, in)
	if timedOut(err) {
		d.complain(s, "the connection does not end")
	}
}

func timedOut(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// answer reads one answer; final is false for an interim one.
func (d *differential) answer(s *practicetest.Stream, in *bufio.Reader, method string) (final bool, err error) {
	d.t.Helper()
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return false, err
	}
	if res.StatusCode < 200 {
		return false, nil
	}
	if res.Header.Get("Strict-Transport-Security") == "" {
		d.complain(s, "the engine answered %s on its own", res.Status)
	}
	return true, res.Body.Close()
}
