// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"strings"
	"testing"

	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// inAllPieces sends body in pieces of every length up to ten bytes and at once, and expects the same each time.
func inAllPieces(t *testing.T, v *view.View, contentType, body, want, code string) {
	t.Helper()
	for size := range 11 {
		s := view.Sizes{}
		if size > 0 {
			s.Pieces = func() int { return size }
		}
		got, err := v.Pieces(new(exchange.Exchange), contentType, []byte(body), s)
		if problem.Code(err) != code || err == nil && string(got) != want {
			t.Errorf("in pieces of %d: got %q, %v\nwant %q, code %q", size, got, err, want, code)
		}
	}
}

func TestEvents(t *testing.T) {
	v := compiled(t, things, nil)
	for _, tt := range []struct{ name, in, out, code string }{
		{"what is not declared is left out of each", "data: {\"id\":1,\"x\":2}\n\ndata:{\"id\":2}\n\n", "data: {\"id\":1}\n\ndata: {\"id\":2}\n\n", ""},
		{"lines may end in CR LF", "data: {\"id\":1,\"x\":2}\r\n\r\n", "data: {\"id\":1}\n\r\n", ""},
		{"lines may end in CR", "data: {\"id\":1,\"x\":2}\r\rdata: {\"id\":2}\r\r", "data: {\"id\":1}\n\rdata: {\"id\":2}\n\r", ""},
		{"a byte order mark at the beginning is no part of the first name", "\ufeffdata: {\"id\":1,\"x\":2}\n\n", "data: {\"id\":1}\n\n", ""},
		{"one in the middle makes another name of it", "data: {\"id\":1}\n\n\ufeffdata: {\"x\":1}\n\n", "data: {\"id\":1}\n\n\n", ""},
		{"data over several lines is one document", "data: {\"id\":1,\ndata:  \"x\":2,\ndata: \"name\":\"n\"}\n\n", "data: {\"id\":1,\ndata: \"name\":\"n\"}\n\n", ""},
		{"what is cut out of several lines leaves none behind", "data: {\"id\":1\ndata: ,\"x\":\ndata: 2}\n\n", "data: {\"id\":1}\n\n", ""},
		{"other fields between them stay", "id: 7\ndata: {\"id\":1,\nevent: e\ndata: \"x\":2}\nretry: 10\n\n", "id: 7\ndata: {\"id\":1}\nevent: e\nretry: 10\n\n", ""},
		{"comments stay", ": hello\ndata: {\"id\":1}\n: bye\n\n", ": hello\ndata: {\"id\":1}\n: bye\n\n", ""},
		{"secrets in comments and names of events do not", ": 4111\nevent: a4111\ndata: {\"id\":1}\n\n", ": ****\nevent: a****\ndata: {\"id\":1}\n\n", ""},
		{"a field that the standard does not know is left out", "Data: {\"secret\":1}\n data: {}\ndata: {\"id\":1}\nnote\n\n", "data: {\"id\":1}\n\n", ""},
		{"empty lines stay", "\n\r\n\rdata: {\"id\":1}\n\n\n", "\n\r\n\rdata: {\"id\":1}\n\n\n", ""},
		{"an event without data stays", "event: ping\n\n", "event: ping\n\n", ""},
		{"the last one need not end", "data: {\"id\":1,\"x\":1}", "data: {\"id\":1}\n", ""},
		{"nor its comment", ": 4111", ": ****", ""},
		{"what ends a stream of JSON is none", "data: {\"id\":1}\n\ndata: [DONE]\n\n", "data: {\"id\":1}\n\ndata: [DONE]\n\n", ""},
		{"other text is refused where JSON is described", "data: hello\n\n", "", "upstream_json"},
		{"so is an empty one", "data\n\n", "", "upstream_json"},
		{"so are two documents", "data: {\"id\":1}\ndata: {\"id\":2}\n\n", "", "upstream_json"},
		{"so is a name that comes twice", "data: {\"id\":1,\ndata: \"id\":2}\n\n", "", "upstream_json"},
	} {
		t.Run(tt.name, func(t *testing.T) { inAllPieces(t, v, "text/event-stream", tt.in, tt.out, tt.code) })
	}
}

func TestEventsOfText(t *testing.T) {
	v := compiled(t, `{"type":"string"}`, nil)
	for _, tt := range []struct{ name, in, out string }{
		{"secrets are found in it", "data: pay 4111 now\n\n", "data: pay **** now\n\n"},
		{"over the lines that an event joins, they are two", "data: 41\ndata: 11\n\n", "data: 41\ndata: 11\n\n"},
		{"empty lines of data stay", "data\ndata:\ndata: \n\n", "data: \ndata: \ndata: \n\n"},
		{"only one blank is no part of it", "data:   x\n\n", "data:   x\n\n"},
		{"objects are looked into", "data: {\"k\":\"4111\",\"n\":41111}\n\n", "data: {\"k\":\"****\",\"n\":\"****1\"}\n\n"},
		{"what only looks like one is text", "data: {4111\n\n", "data: {****\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { inAllPieces(t, v, "text/event-stream", tt.in, tt.out, "") })
	}
}

func TestRecords(t *testing.T) {
	for _, tt := range []struct{ name, schema, in, out, code string }{
		{"what is not declared is left out of each", things, "{\"id\":1,\"x\":2}\n{\"x\":3,\"id\":2}\n", "{\"id\":1}\n{\"id\":2}\n", ""},
		{"the last line need not end", things, "{\"id\":1}\n{\"id\":2,\"x\":3}", "{\"id\":1}\n{\"id\":2}", ""},
		{"lines may end in CR LF", things, "{\"id\":1,\"x\":2}\r\n{\"id\":2}\r\n", "{\"id\":1}\r\n{\"id\":2}\r\n", ""},
		{"blank lines stay", things, "\n  \n{\"id\":1,\"x\":1}\n\r\n\t", "\n  \n{\"id\":1}\n\r\n\t", ""},
		{"white space around a record stays", things, "  {\"id\":1,\"x\":1}  \n", "  {\"id\":1}  \n", ""},
		{"records of a sequence keep what separates them", things, "\x1e{\"id\":1,\"x\":1}\n\x1e{\"id\":2}\n", "\x1e{\"id\":1}\n\x1e{\"id\":2}\n", ""},
		{"a CR between two ends no line", things, "{\"id\":1}\r{\"id\":2}\n", "", "upstream_json"},
		{"a record that is cut off is refused", things, "{\"id\":1}\n{\"id\":", "", "upstream_json"},
		{"a schema of an array is of all records together", `{"type":"array","items":` + things + `}`, "{\"id\":1,\"x\":2}\n", "{\"id\":1}\n", ""},
		{"its words mean each of them", `{"type":"array","x-yett-mask":"redact","items":{"type":"object","properties":{"id":{}}}}`, "{\"id\":1}\n{\"id\":2}\n", "\"***\"\n\"***\"\n", ""},
		{"a record that may not leave is left out with its line", `{"type":"array","items":{"type":"object","writeOnly":true,"properties":{"id":{}}}}`, "{\"id\":1}\n\n{\"id\":2}\n", "\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inAllPieces(t, compiled(t, tt.schema, nil), "application/x-ndjson", tt.in, tt.out, tt.code)
		})
	}
}

// TestNothingWaitsThatIsWhole sends a stream byte by byte and looks after how many bytes each part of the answer is there.
func TestNothingWaitsThatIsWhole(t *testing.T) {
	for _, tt := range []struct{ name, contentType, in, out string }{
		{"a record leaves with the end of its line", "application/x-ndjson", `{"id":1}` + "\n|" + `{"id":2,"x":1}` + "\r\n|", `{"id":1}` + "\n|" + `{"id":2}` + "\r\n|"},
		{"an event leaves with the empty line", "text/event-stream", "id: 1\ndata: {\"id\":1}\n\n|event: e\r\ndata: {\"id\":2}\r\n\r\n|", "id: 1\ndata: {\"id\":1}\n\n|event: e\r\ndata: {\"id\":2}\n\r\n|"},
		{"where lines end in CR it waits for no other byte", "text/event-stream", "data: {\"id\":1}\r\r|data: {\"id\":2}\r\r|", "data: {\"id\":1}\n\r|data: {\"id\":2}\n\r|"},
		{"a comment leaves with the end of its line", "text/event-stream", ": still there\n|: still there\n|", ": still there\n|: still there\n|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := compiled(t, things, nil)
			in, out := strings.Split(tt.in, "|"), strings.Split(tt.out, "|")
			want := map[int]string{} // by how many bytes are in
			sent, left := 0, ""
			for i := range in {
				sent, left = sent+len(in[i]), left+out[i]
				want[sent] = left
			}
			n := 0
			_, err := v.Pieces(new(exchange.Exchange), tt.contentType, []byte(strings.Join(in, "")), view.Sizes{
				Pieces: func() int { return 1 }, Flush: true,
				Each: func(got []byte) {
					n++
					if w, ok := want[n]; ok && string(got) != w {
						t.Errorf("after %d bytes %q is out, want %q", n, got, w)
					}
				},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnEventOrRecordIsBounded(t *testing.T) {
	v := compiled(t, things, nil)
	long := `{"id":1,"name":"` + strings.Repeat("n", 2<<20)
	for _, tt := range []struct{ name, contentType, in string }{
		{"a record", "application/x-ndjson", long},
		{"an event", "text/event-stream", "data: " + long},
		{"many lines of an event", "text/event-stream", strings.Repeat("data: 1\n", 1<<18)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := v.Pieces(new(exchange.Exchange), tt.contentType, []byte(tt.in), view.Sizes{Pieces: func() int { return 32 << 10 }})
			if problem.Code(err) != "upstream_json" {
				t.Errorf("%d bytes came out, %v", len(got), err)
			}
		})
	}
}

func TestASequenceMayHoldLineBreaks(t *testing.T) {
	v := compiled(t, things, nil)
	for _, tt := range []struct{ name, in, out string }{
		{"one a line", "\x1e{\"id\":1,\"x\":2}\n\x1e{\"id\":2}\n", "\x1e{\"id\":1}\n\x1e{\"id\":2}\n"},
		{"over lines", "\x1e{\"id\":1,\n\"x\":{\n\"y\":[\n2]\n}\n}\n\x1e\n{\"id\":2}\n", "\x1e{\"id\":1\n}\n\x1e\n{\"id\":2}\n"},
		{"brackets in texts", "\x1e{\"name\":\"[\\\"{\",\n\"x\":1}\n\x1e{\"id\":2}\n", "\x1e{\"name\":\"[\\\"{\"}\n\x1e{\"id\":2}\n"},
		{"without an end", "\x1e{\"id\":1,\n\"x\":2}", "\x1e{\"id\":1}"},
		{"nothing", "\x1e\n", "\x1e\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for size := range len(tt.in) + 1 {
				s := view.Sizes{Pieces: func() int { return 1 + size }}
				if got, err := v.Pieces(new(exchange.Exchange), "application/json-seq", []byte(tt.in), s); err != nil || string(got) != tt.out {
					t.Fatalf("in pieces of %d: got %q, %v, want %q", size+1, got, err, tt.out)
				}
			}
		})
	}
	for _, bad := range []string{"\x1e{\"id\":1,\n\x1e{\"id\":2}\n", "\x1e}\n{\n", "\x1e{\"id\":\"\n\"}\n", "\x1e" + strings.Repeat("[\n", 600)} {
		if got, err := v.Pieces(new(exchange.Exchange), "application/json-seq", []byte(bad), view.Sizes{}); problem.Code(err) != "upstream_json" {
			t.Errorf("%q: got %q, %v", bad, got, err)
		}
	}
}
