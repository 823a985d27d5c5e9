// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"

	"yett/jsonstream"
	"yett/problem"
)

// newBody is a body as an engine makes it.
func newBody(src io.Reader, length, limit int64, fields ...string) *Body {
	h := &Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return &Body{Length: length, Limit: limit, header: h, src: io.NopCloser(src)}
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBodyBytes(t *testing.T) {
	text := []byte(`{"a":1}`)
	bomb := gzipped(t, make([]byte, 8<<20))
	for _, tt := range []struct {
		name   string
		in     []byte
		length int64 // -2: as it is
		limit  int64
		coding string
		want   string
		code   string
	}{
		{"a small body comes whole", text, -2, 100, "", string(text), ""},
		{"a body of unknown length comes whole", text, -1, 100, "", string(text), ""},
		{"a body as long as its limit is admitted", text, -1, 7, "", string(text), ""},
		{"the largest limit does not overflow", text, -1, math.MaxInt64, "", string(text), ""},
		{"a byte beyond the limit is refused", text, -1, 6, "", "", "body_too_large"},
		{"a declared length beyond the limit is refused", text, -2, 6, "", "", "body_too_large"},
		{"identity is no coding", text, -2, 100, "Identity", string(text), ""},
		{"gzip is undone", gzipped(t, text), -2, 100, "gzip", string(text), ""},
		{"deflate is undone", deflated(t, text), -2, 100, "deflate", string(text), ""},
		{"an unknown coding is refused", text, -2, 100, "br", "", "content_encoding"},
		{"two codings are refused", text, -2, 100, "gzip, gzip", "", "content_encoding"},
		{"what is no gzip is refused", text, -2, 100, "gzip", "", "body_unreadable"},
		{"a cut gzip is refused", gzipped(t, text)[:20], -2, 100, "gzip", "", "body_unreadable"},
		{"gzip with something behind it is refused", append(gzipped(t, text), "junk"...), -2, 100, "gzip", "", "body_unreadable"},
		{"gzip beyond the limit is refused", gzipped(t, bytes.Repeat(text, 1000)), -2, 6999, "gzip", "", "body_too_large"},
		{"a bomb below the limit is refused by its ratio", bomb, -2, 1 << 30, "gzip", "", "body_too_large"},
		{"a small body may inflate much", gzipped(t, make([]byte, freeInflation)), -2, 1 << 20, "gzip", strings.Repeat("\x00", freeInflation), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			length := tt.length
			if length == -2 {
				length = int64(len(tt.in))
			}
			b := newBody(bytes.NewReader(tt.in), length, tt.limit, "Content-Encoding: "+tt.coding, "Content-Digest: x", "Digest: x")
			if tt.coding == "" {
				b.header.Del("Content-Encoding")
			}
			first, err := b.Bytes()
			if problem.Code(err) != tt.code {
				t.Fatalf("got %v, want code %q", err, tt.code)
			}
			again, err2 := b.Bytes()
			if err != err2 || !bytes.Equal(first, again) {
				t.Errorf("the second call said %v", err2)
			}
			if tt.code != "" {
				if _, jerr := b.JSON(); jerr != err {
					t.Errorf("JSON said %v", jerr)
				}
				r, _ := b.Outgoing()
				if _, oerr := io.ReadAll(r); oerr != err {
					t.Errorf("it was passed on: %v", oerr)
				}
				return
			}
			if string(first) != tt.want {
				t.Errorf("got %.100q", first)
			}
			r, n := b.Outgoing()
			if out, err := io.ReadAll(r); err != nil || string(out) != tt.want || n != int64(len(tt.want)) {
				t.Errorf("forwarded %.100q (%d), %v", out, n, err)
			}
			plain := tt.coding == "" || strings.EqualFold(tt.coding, "identity")
			if _, ok := b.header.Lookup("Content-Digest"); ok != plain || b.header.Count("Digest") != b.header.Count("Content-Digest") {
				t.Error("digests of the compressed bytes stay exactly if nothing was undone")
			}
			if !plain && b.header.Count("Content-Encoding") != 0 {
				t.Error("the inflated body still has its coding")
			}
		})
	}
}

// slow is a reader that fails.
type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestBodyReadErrors(t *testing.T) {
	own := &problem.Error{Status: 400, Code: "chunk_extension"}
	for _, tt := range []struct {
		name string
		err  error
		code string
	}{
		{"who reads the connection may say why it failed", fmt.Errorf("read: %w", own), "chunk_extension"},
		{"too slow", os.ErrDeadlineExceeded, "body_too_slow"},
		{"broken off", io.ErrUnexpectedEOF, "body_unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBody(io.MultiReader(strings.NewReader("begun"), failingReader{tt.err}), -1, 100)
			if _, err := b.Bytes(); problem.Code(err) != tt.code {
				t.Errorf("Bytes: %v", err)
			}
			if b.excuse(b.err) {
				t.Error("observing would pass on a part for the whole")
			}
			streamed := newBody(io.MultiReader(strings.NewReader("begun"), failingReader{tt.err}), -1, 100)
			r, _ := streamed.Outgoing()
			if got, err := io.ReadAll(r); problem.Code(err) != tt.code || string(got) != "begun" {
				t.Errorf("streamed: %q, %v", got, err)
			}
		})
	}
}

func TestBodyIsLazy(t *testing.T) {
	b := newBody(failingReader{errors.New("it was read")}, 100, 50)
	if _, err := b.Bytes(); problem.Code(err) != "body_too_large" {
		t.Errorf("a length beyond the limit is refused unread: %v", err)
	}
	b = newBody(strings.NewReader("text"), 4, 50)
	b.Wrap(func(r io.ReadCloser) io.ReadCloser { return io.NopCloser(io.MultiReader(strings.NewReader("con"), r)) })
	r, n := b.Outgoing()
	if b.Received() != 0 || n != 4 {
		t.Errorf("Outgoing read %d bytes, told %d", b.Received(), n)
	}
	if _, err := b.Bytes(); problem.Code(err) != "internal" {
		t.Errorf("a streamed body is gone: %v", err)
	}
	if got, err := io.ReadAll(r); string(got) != "context" || err != nil || b.Received() != 7 {
		t.Errorf("got %q, %v, counted %d", got, err, b.Received())
	}
	if r, n := b.Outgoing(); r != nil || n != 0 {
		t.Error("a streamed body was given twice")
	}
	if r, n := (&Body{}).Outgoing(); r != nil || n != 0 {
		t.Error("no body became one")
	}
}

func TestBodyJSON(t *testing.T) {
	b := newBody(strings.NewReader(`{"a":1,"a":2}`), -1, 100)
	_, err := b.JSON()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Status != http.StatusBadRequest || !strings.HasPrefix(p.Code, "json_") || len(p.Errors) != 1 {
		t.Fatalf("a repeated name is refused: %v", err)
	}
	if _, again := b.JSON(); again != err {
		t.Errorf("the second call said %v", again)
	}

	calls := 0
	form := func(data []byte, doc *jsonstream.Doc) error {
		calls++
		return doc.Parse([]byte(`{"form":"`+string(data)+`"}`), jsonstream.Limits{})
	}
	b = newBody(strings.NewReader("x"), 1, 100)
	first, err := b.Decode(form)
	second, err2 := b.JSON()
	if err != nil || err2 != nil || first != second || calls != 1 {
		t.Errorf("%v, %v, decoded %d times", err, err2, calls)
	}

	b = newBody(strings.NewReader("x"), 1, 100)
	if _, err := b.Decode(func([]byte, *jsonstream.Doc) error { return refuse(415, "media_type") }); problem.Code(err) != "media_type" {
		t.Errorf("a refusal of the decoder is the refusal: %v", err)
	}
}

func TestBodyReplace(t *testing.T) {
	b := newBody(strings.NewReader(`{"admin":true}`), -1, 100, "Content-Md5: x", "Content-Type: application/json")
	if _, err := b.JSON(); err != nil {
		t.Fatal(err)
	}
	b.Replace([]byte(`{}`))
	doc, err := b.JSON()
	if err != nil || doc.First(doc.Root()) != jsonstream.None {
		t.Errorf("later steps see the old document, %v", err)
	}
	r, n := b.Outgoing()
	if got, err := io.ReadAll(r); string(got) != "{}" || n != 2 || err != nil {
		t.Errorf("forwarded %q (%d), %v", got, n, err)
	}
	if b.header.Count("Content-Md5") != 0 || b.header.Count("Content-Type") != 1 {
		t.Error("the digest of the old bytes stayed, or the type went")
	}
	if b.Received() != 14 {
		t.Errorf("the client sent %d bytes", b.Received())
	}
}

func TestObservedBodiesPass(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, length := range []int64{100, -1} {
		b := newBody(strings.NewReader(long), length, 10)
		_, err := b.Bytes()
		if b.refused() == nil {
			t.Error("it passes without having been observed")
		}
		if !b.excuse(fmt.Errorf("another: %w", io.EOF)) || b.refused() == nil {
			t.Error("another refusal that was observed excuses nothing")
		}
		if !b.excuse(err) || b.refused() != nil {
			t.Fatal("observed, and still refused")
		}
		r, n := b.Outgoing()
		if got, err := io.ReadAll(r); string(got) != long || err != nil || n != length || b.Received() != 100 {
			t.Errorf("forwarded %d bytes of %d, %v, counted %d", len(got), n, err, b.Received())
		}
	}
	b := newBody(strings.NewReader("not gzip"), -1, 100, "Content-Encoding: gzip")
	_, err := b.Bytes()
	b.excuse(err)
	r, _ := b.Outgoing()
	if got, err := io.ReadAll(r); string(got) != "not gzip" || err != nil || b.header.Count("Content-Encoding") != 1 {
		t.Errorf("what could not be undone passes as it came: %q, %v", got, err)
	}
}

// TestDetach is trap 3: a transport reads on after the exchange has ended.
func TestDetach(t *testing.T) {
	src, feed := io.Pipe()
	b := newBody(src, -1, 100)
	r, _ := b.Outgoing()
	if !b.detach() {
		t.Error("nobody reads, and yet it is not free")
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a reader that was closed from our side still reads")
	}

	b = newBody(src, -1, 100)
	r, _ = b.Outgoing()
	read := make(chan error)
	begun := make(chan bool)
	go func() {
		close(begun)
		_, err := r.Read(make([]byte, 10))
		read <- err
	}()
	<-begun
	if _, err := feed.Write([]byte("x")); err != nil { // the reader is or was at it
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := r.Read(make([]byte, 10))
		read <- err
	}()
	for r.(*outgoing).mu.TryLock() { // until it waits for the client
		r.(*outgoing).mu.Unlock()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if b.detach() {
		t.Error("it counts as free while a Read is under way")
	}
	if err := feed.CloseWithError(io.ErrUnexpectedEOF); err != nil {
		t.Fatal(err)
	}
	<-read
	if !b.detach() {
		t.Error("it is not free after the last Read")
	}
}

func testUpload(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: step(func(x *Exchange) error { x.Request.Body.Limit = 8 << 20; return nil })},
		backend: func(w http.ResponseWriter, req *http.Request) {
			n, err := io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprint(w, n, err, req.ContentLength)
		}})
	text := strings.Repeat("a", 4<<20)
	wantAnswer(t, r.do(t, "POST", "/", strings.NewReader(text)), 200, "4194304 <nil> 4194304")
	if rec := r.record(t); rec.BytesIn != 4<<20 {
		t.Errorf("record: %+v", rec)
	}
	wantAnswer(t, r.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(text)}), 200, "4194304 <nil> -1")
}

func testStreamedLimit(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: step(func(x *Exchange) error { x.Request.Body.Limit = 1000; return nil })}})
	a := r.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(strings.Repeat("a", 2000))})
	wantProblem(t, a, 413, "body_too_large")
	if rec := r.record(t); !rec.Reached || rec.Code != "body_too_large" {
		t.Errorf("record: %+v", rec)
	}
	wantProblem(t, r.do(t, "POST", "/", strings.NewReader(strings.Repeat("a", 2000))), 413, "body_too_large")
	if rec := r.record(t); rec.Reached || rec.BytesIn != 0 {
		t.Errorf("a declared length is refused before the backend is asked: %+v", rec)
	}
}

func testDeclaredLimit(t *testing.T, e engineKind) {
	for _, s := range []Step{passes, func(x *Exchange) error { _, err := x.Request.Body.Bytes(); return err }} {
		r := newRig(t, e, setup{chain: Chain{Request: step(s)}})
		_, in := r.raw(t, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n")
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 413 ") {
			t.Errorf("got %q, %v", line, err)
		}
		if r.reached.Load() != 0 {
			t.Error("the backend was asked")
		}
	}
}

func testSwallowed(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: step(func(x *Exchange) error {
		x.Request.Body.Limit = 10
		_, _ = x.Request.Body.Bytes() // what a careless step does
		return nil
	})}})
	wantProblem(t, r.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(strings.Repeat("a", 20))}), 413, "body_too_large")
	if r.reached.Load() != 0 {
		t.Error("the backend was asked")
	}
}

func testObservedOverlong(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: []Link{{Practice: "validate", Observe: true, Step: func(x *Exchange) error {
		x.Request.Body.Limit = 10
		_, err := x.Request.Body.Bytes()
		return err
	}}}}})
	long := strings.Repeat("abc", 10000)
	wantAnswer(t, r.do(t, "POST", "/", strings.NewReader(long)), 200, long)
	wantAnswer(t, r.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(long)}), 200, long)
	for range 2 {
		if rec := r.record(t); rec.Decisions[1].Outcome != Observed || rec.Decisions[1].Code != "body_too_large" || rec.BytesIn != 30000 {
			t.Errorf("record: %+v", rec)
		}
	}
}

func testObservedBroken(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: []Link{{Practice: "validate", Observe: true, Step: func(x *Exchange) error {
		_, err := x.Request.Body.Bytes()
		return err
	}}}}})
	_, in := r.raw(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 400 ") {
		t.Errorf("got %q, %v", line, err)
	}
	if rec := r.record(t); rec.Reached || rec.Code != "body_unreadable" {
		t.Errorf("record: %+v", rec)
	}
}

func TestAKeptBodyShowsWhenPoisoned(t *testing.T) {
	poisoned.Store(true)
	defer poisoned.Store(false)
	var kept []byte
	r := newRig(t, engines[0], setup{chain: Chain{Request: step(func(x *Exchange) (err error) {
		if x.Request.Method == http.MethodPost {
			kept, err = x.Request.Body.Bytes()
		}
		return err
	})}})
	wantAnswer(t, r.do(t, "POST", "/", strings.NewReader("secret")), 200, "secret")
	r.record(t)
	r.get(t, "/") // the same connection: the first exchange has ended
	if string(kept) != strings.Repeat("\xDB", 6) {
		t.Errorf("a []byte kept beyond its exchange still reads %q", kept)
	}
}
