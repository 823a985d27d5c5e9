// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yett/jsonstream"
)

func TestZeroDocAndNoneAnswerWithNothing(t *testing.T) {
	zero := new(jsonstream.Doc)
	failed := parse(t, `{"a":1}`)
	if err := failed.Parse([]byte("{"), jsonstream.Limits{}); err == nil {
		t.Fatal("half a document was taken")
	}
	reset := parse(t, `{"a":1}`)
	reset.Reset()
	for name, d := range map[string]*jsonstream.Doc{
		"zero Doc": zero, "after a failed Parse": failed, "after Reset": reset, "parsed": parse(t, `[{"a":1}]`),
	} {
		if name != "parsed" && d.Root() != jsonstream.None {
			t.Errorf("%s: has a root", name)
		}
		for _, n := range []jsonstream.Node{jsonstream.None, -2, 3, 1 << 30} {
			if d.Kind(n) != 0 || d.Raw(n) != nil || d.Text(n) != nil || d.StringLen(n) != 0 || d.Name(n) != nil ||
				d.Parent(n) != jsonstream.None || d.First(n) != jsonstream.None || d.Next(n) != jsonstream.None ||
				d.Len(n) != 0 || d.Member(n, "a") != jsonstream.None || len(d.AppendPointer(nil, n)) != 0 ||
				jsonstream.Any(d, n) != nil || d.Hash(n) != 0 {
				t.Errorf("%s: node %d answers with something", name, n)
			}
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	d := parse(t, `[null,false,true,1,"s",{},[]]`)
	want := []string{"null", "false", "true", "number", "string", "object", "array"}
	n := d.First(d.Root())
	for _, w := range want {
		if got := d.Kind(n).String(); got != w {
			t.Errorf("%s: got %q", w, got)
		}
		n = d.Next(n)
	}
	if d.Kind(n).String() != "none" || jsonstream.Kind(99).String() != "invalid" {
		t.Error("a kind that does not exist has the name of one that does")
	}
}

func TestStringLenCountsCodePoints(t *testing.T) {
	for text, want := range map[string]int{
		`""`: 0, `"abc"`: 3, `"é"`: 1, `"e\u0301"`: 2, `"😀"`: 1, `"\ud83d\ude00"`: 1, `"\n\\"`: 2, `"👩‍👩‍👧"`: 5,
	} {
		d := parse(t, text)
		if got := d.StringLen(d.Root()); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

func TestMembersAreFoundInObjectsOfEverySize(t *testing.T) {
	for size := 1; size <= 130; size++ {
		data := members(size)
		verify(t, parse(t, string(data)), data)
	}
}

// The examples of RFC 6901, section 5.
func TestPointersOfRFC6901(t *testing.T) {
	d := parse(t, `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`)
	want := []string{"", "/foo", "/foo/0", "/foo/1", "/", "/a~1b", "/c%d", "/e^f", "/g|h", `/i\j`, `/k"l`, "/ ", "/m~0n"}
	for n, w := range want {
		if got := string(d.AppendPointer([]byte("at "), jsonstream.Node(n))); got != "at "+w {
			t.Errorf("node %d: got %q, want %q", n, got, w)
		}
	}
}

func TestPointersIntoLongArraysAreCheap(t *testing.T) {
	d := parse(t, "["+strings.Repeat("0,", 99_999)+"0]")
	start, i := time.Now(), 0
	var b []byte
	for n := d.First(d.Root()); n != jsonstream.None; n = d.Next(n) {
		b = d.AppendPointer(b[:0], n)
		if got := string(b[1:]); got != strconv.Itoa(i) {
			t.Fatalf("item %d: got %q", i, got)
		}
		i++
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("100,000 pointers took %v: items are counted one by one", took)
	}
}

// A Doc goes from one caller's request to the next: nothing of the first may be seen in the second.
func TestReuseShowsNothingOfEarlierDocuments(t *testing.T) {
	secret := []byte(`{"hunter2":"hunter2\t","\u0068unter2x":["hunter2",{"hunter2":null}],` + string(members(50)[1:]))
	for _, second := range []string{
		`{}`, `[]`, `""`, `0`, `{"a":"b\n"}`, `{"\u0061":[1,{"c":"\u0064"}]}`, string(members(20)),
		`{`, ``, `{"a":1,"a":2}`, `["\ud800"]`, `[1]x`,
	} {
		for _, reset := range []bool{false, true} {
			var d jsonstream.Doc
			first := bytes.Clone(secret)
			if err := d.Parse(first, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
			if reset {
				d.Reset()
			}
			for i := range first {
				first[i] = '!' // the buffer goes to somebody else: whoever still reads it shows marks
			}
			err := d.Parse([]byte(second), jsonstream.Limits{})
			for n := jsonstream.None; n < 200; n++ {
				all := fmt.Sprintf("%s %s %s %s %v", d.Raw(n), d.Text(n), d.Name(n), d.AppendPointer(nil, n), jsonstream.Any(&d, n))
				if strings.Contains(all, "hunter2") || strings.Contains(all, "!") {
					t.Errorf("after %.30q node %d shows %.100q", second, n, all)
				}
				for _, name := range []string{"hunter2", "hunter2x", "member-40"} {
					if d.Member(n, name) != jsonstream.None {
						t.Errorf("after %.30q node %d has a member of the document before", second, n)
					}
				}
			}
			if err == nil {
				verify(t, &d, []byte(second))
			}
		}
	}
}

func TestResetKeepsSmallBuffersAndLetsGoOfLargeOnes(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		kept bool
	}{
		{"a small document", members(40), true},
		{"many values", []byte("[" + strings.Repeat("0,", 10_000) + "0]"), false},
		{"much text with escapes", []byte(`"\n` + strings.Repeat("x", 100_000) + `"`), false},
	} {
		var d jsonstream.Doc
		allocs := testing.AllocsPerRun(10, func() {
			if err := d.Parse(tt.data, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
			d.Reset()
		})
		if kept := allocs == 0; kept != tt.kept {
			t.Errorf("%s: %v allocations on reuse", tt.name, allocs)
		}
	}
}

func TestBuffersDoNotGrowFromDocumentToDocument(t *testing.T) {
	small := []byte(`{"text":"\n` + strings.Repeat("x", 1000) + `","object":` + string(members(40)) + "}")
	var d jsonstream.Doc
	allocs := testing.AllocsPerRun(5, func() {
		for range 300 {
			if err := d.Parse(small, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
		}
		d.Reset() // drops what has grown large, and the next run allocates it again
	})
	if allocs != 0 {
		t.Errorf("300 small documents left so much that Reset dropped it: %v allocations", allocs)
	}
}

// value draws any JSON value of limited depth.
func value(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Float64().AsAny(),
		rapid.Int64().AsAny(),
		rapid.String().AsAny(),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	return rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(append(scalars,
			rapid.SliceOfN(value(depth-1), 0, 20).AsAny(),
			rapid.MapOfN(rapid.String(), value(depth-1), 0, 30).AsAny(),
		)...)
	})
}

func TestIndexHoldsWhatEncodingJSONReads(t *testing.T) {
	var d jsonstream.Doc // one for all: documents follow each other as in a gateway
	rapid.Check(t, func(rt *rapid.T) {
		v := value(3).Draw(rt, "value")
		data, err := json.Marshal(v)
		if err != nil {
			rt.Fatal(err)
		}
		if rapid.Bool().Draw(rt, "indented") {
			var b bytes.Buffer
			if err := json.Indent(&b, data, "\r\n", "\t "); err != nil {
				rt.Fatal(err)
			}
			data = b.Bytes()
		}
		if err := d.Parse(data, jsonstream.Limits{}); err != nil {
			rt.Fatalf("Parse(%.200q): %v", data, err)
		}
		verify(t, &d, data)
	})
}

func TestForgetKeepsAllBuffersAndLetsGoOfTheDocument(t *testing.T) {
	var d jsonstream.Doc
	long := members(5000)
	if err := d.Parse(long, jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	d.Forget()
	if d.Root() != jsonstream.None || d.Bytes() != nil {
		t.Error("something of the document is left")
	}
	if allocs := testing.AllocsPerRun(10, func() {
		if err := d.Parse(long, jsonstream.Limits{}); err != nil {
			t.Fatal(err)
		}
		d.Forget()
	}); allocs > 0 {
		t.Errorf("%v allocations for a document as long as the last", allocs)
	}
}
