// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import "testing"

func TestWhichAnswersAreStreams(t *testing.T) {
	for _, tt := range []struct {
		name, contentType string
		status            int
		length            int64
		unbroken          bool
		streams, records  bool
	}{
		{"events", "text/event-stream", 200, -1, false, true, false},
		{"records", "application/x-ndjson", 200, -1, false, true, true},
		{"in other letters, with a charset", "Application/JSONL; charset=utf-8", 200, 10, false, true, true},
		{"records of a name that ends like one document's", "application/stream+json", 200, -1, false, true, true},
		{"a sequence", "application/json-seq", 200, -1, false, true, true},
		{"a sequence of a profile", "application/geo+json-seq", 200, -1, false, true, true},
		{"an error is nothing to wait for", "application/x-ndjson", 400, -1, false, false, true},
		{"a document", "application/json", 200, -1, false, false, false},
		{"a document of a profile", "application/geo+json", 200, -1, false, false, false},
		{"text of unknown length", "text/plain", 200, -1, false, true, false},
		{"text of known length", "text/plain", 200, 7, false, false, false},
		{"text that is looked at as a whole", "text/plain", 200, -1, true, false, false},
		{"nothing", "", 200, -1, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Answer{Status: tt.status, Length: tt.length}
			a.Header.Set("Content-Type", tt.contentType)
			if tt.unbroken {
				a.Unbroken()
			}
			if a.Streams() != tt.streams || Records(tt.contentType) != tt.records {
				t.Errorf("streams: %v, records: %v", a.Streams(), Records(tt.contentType))
			}
		})
	}
}

func TestCodingsAreReadOnAllLines(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{nil, ""}, {[]string{""}, ""}, {[]string{"identity"}, ""}, {[]string{"GZIP"}, "gzip"}, {[]string{"identity", " gzip "}, "gzip"},
		{[]string{"gzip, identity,, br"}, "gzip, br"}, {[]string{"gzip", "gzip"}, "gzip, gzip"},
	} {
		var a Answer
		for _, line := range tt.lines {
			a.Header.Add("Content-Encoding", line)
		}
		if got := a.Coding(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.lines, got, tt.want)
		}
	}
}
