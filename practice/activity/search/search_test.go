// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 11, 23, 14, 10, 0, 0, time.UTC)

const line = `{"seq":7,"id":"0199f3c2-0000-7000-8000-000000000001","time":"2026-11-23T14:08:31.204Z","kind":"exchange","api":"shop","op":"createOrder","method":"POST","path":"/orders","status":422,` +
	`"principal":{"client":"acme-mobile","key":"k4tn8w2","person":"p_7f3a"},"address":"198.51.100.24","code":"body_invalid","findings":[{"pointer":"/items/0/quantity","detail":"must be \"at least\" 1","rule":"minimum"}],` +
	`"decisions":[{"practice":"apikey","decision":"passed","took":0.0000009},{"practice":"waf","decision":"observed","took":0},{"practice":"validate","decision":"refused","reason":"body_invalid","took":0.00001}],` +
	`"reached":false,"duration":0.000412,"bytes_in":210,"bytes_out":280,"proto":"HTTP/2.0","trace":"4bf9","sealed":"AAAA"}`

func TestTheLanguage(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  bool
	}{
		{"", true},
		{"status=422", true},
		{"status>=400 client=acme-mobile since=1h", true},
		{"status=4xx", true},
		{"status=5xx", false},
		{"status!=4xx", false},
		{"status=200,422", true},
		{"status<422", false},
		{"status<=422 status>421", true},
		{"op=createOrder,getOrder method=POST", true},
		{"op!=getOrder", true},
		{"op~ORDER", true},
		{"principal=acme-mobile", true},
		{"principal=k4tn8w2", true},
		{"principal=p_7f3a", true},
		{"principal!=p_7f3a", false},
		{"principal=nobody", false},
		{"subject=alice", true},
		{"subject=bob", false},
		{"address=198.51.100.24", true},
		{"address=198.51.100.0/24", true},
		{"address!=198.51.100.0/24", false},
		{"address=::ffff:198.51.100.24", true},
		{"address=2001:db8::/32", false},
		{"practice=validate", true},
		{"practice=waf", true},
		{"practice=apikey", false},
		{"decision=refused", true},
		{"decision=failed", false},
		{"code=body_invalid", true},
		{"reason=body_invalid", true},
		{"rule=minimum", true},
		{"reached=false", true},
		{"reached=true", false},
		{"aborted=true", false},
		{"duration>400us", true},
		{"duration>1ms", false},
		{"bytes_out>=280 bytes_in<211", true},
		{"since=1m", false},
		{"since=14:08", true},
		{"since=2026-11-23", true},
		{"until=2026-11-23", false},
		{"until=1m since=7d", true},
		{"id=urn:uuid:0199f3c2-0000-7000-8000-000000000001", true},
		{`op="createOrder"`, true},
		{"trace=4bf9", true},
		{"actor=mara", false},
		{"actor!=mara", true},
	} {
		t.Run(tt.query, func(t *testing.T) {
			q, err := Parse(tt.query, now)
			if err != nil {
				t.Fatal(err)
			}
			q.Resolve(func(s string) (string, bool) { return "p_7f3a", s == "alice" }, func(a netip.Addr) string { return "a_" + a.String() })
			if got := q.Match([]byte(line)); got != tt.want {
				t.Errorf("got %v", got)
			}
			again, err := Parse(q.String(), now)
			if err != nil || again.Match([]byte(line)) != tt.want {
				t.Errorf("%q does not mean the same: %v", q.String(), err)
			}
		})
	}
}

func TestWhatIsNoQuery(t *testing.T) {
	for _, tt := range []struct {
		query string
		at    int
		part  string
	}{
		{"hello", 0, "is not a term"},
		{"status=400 clinet=x", 11, "did you mean client?"},
		{"status=abc", 7, "a number"},
		{"status>4xx", 7, "a number"},
		{"op>a", 2, "write = or !="},
		{"duration~1", 8, "write = or !="},
		{"op=", 3, "empty"},
		{"op=a,,b", 3, "empty"},
		{`op="a`, 3, "quote"},
		{"op!a", 2, "write !="},
		{"since=yesterday", 6, "is not a time"},
		{"since>1h", 5, "takes = and one value"},
		{"address=host", 8, "an address"},
		{"reached=yes", 8, "true or false"},
		{"duration=fast", 9, "a duration"},
		{"status>1,2", 6, "takes one value"},
		{strings.Repeat("op=a ", 65), 320, "too many"},
		{"op=" + strings.Repeat("a,", 300) + "a", 0, "too many"},
		{strings.Repeat("x", 5000), 0, "5000 bytes"},
	} {
		t.Run(tt.query[:min(len(tt.query), 30)], func(t *testing.T) {
			_, err := Parse(tt.query, now)
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(e.Error(), tt.part) || e.At != tt.at {
				t.Errorf("got %v, want %q at %d", err, tt.part, tt.at)
			}
		})
	}
}

func TestALineThatIsNoneMatchesNothing(t *testing.T) {
	q, err := Parse("", now)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", "{}", line[:len(line)-1], line + "x", `{"time":"2026-11-23T14:08:31Z","a":[[[[[[[[[1]]]]]]]]]}`, `{"time":"2026-11-23T14:08:31Z","a":"\q"}`} {
		if q.Match([]byte(bad)) {
			t.Errorf("%q matches", bad)
		}
	}
	if !q.Match([]byte(`{"time":"2026-11-23T14:08:31Z","a":[{"b":"\u00e4\""}],"c":null}`)) {
		t.Error("other members are in the way")
	}
}

// drawLine makes a line of the log, or something else.
func drawLine(t *rapid.T) []byte {
	if rapid.IntRange(0, 20).Draw(t, "broken") == 0 {
		return []byte(rapid.SampledFrom([]string{"", "{", `{"op":"a"}`, "junk"}).Draw(t, "junk"))
	}
	at := now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "age")) * time.Minute)
	return fmt.Appendf(nil, `{"seq":1,"time":%q,"kind":"exchange","op":%q,"status":%d,"principal":{"client":%q,"person":%q},"address":"192.0.2.%d","code":"c\"1","decisions":[{"practice":"a","decision":%q},{"practice":"b","decision":%q}],"duration":0.%d}`,
		at.Format(time.RFC3339Nano), rapid.SampledFrom([]string{"get", "put", "püt"}).Draw(t, "op"), rapid.SampledFrom([]int{200, 201, 404, 422, 500}).Draw(t, "status"),
		rapid.SampledFrom([]string{"x", "y"}).Draw(t, "client"), rapid.SampledFrom([]string{"p_1", "p_2"}).Draw(t, "person"), rapid.IntRange(0, 9).Draw(t, "host"),
		rapid.SampledFrom([]string{"passed", "refused"}).Draw(t, "a"), rapid.SampledFrom([]string{"passed", "observed"}).Draw(t, "b"), rapid.IntRange(1, 9).Draw(t, "duration"))
}

func TestTheIndexFindsWhatMatches(t *testing.T) {
	terms := []string{"op=get", "op!=get", "op~T", "op=püt,put", "status=200", "status>=400", "status=4xx", "status!=4xx", "client=x", "client!=x,y", "principal=p_1", "principal=x",
		"principal!=y", "address=192.0.2.3", "address=192.0.2.0/29", "address!=192.0.2.0/29", "practice=a", "practice!=b", "decision=refused", "duration>0.4s", "duration=500ms", "since=30m", "until=30m",
		`code="c\"1"`, "kind=exchange", "actor=a", "actor!=a", "id!=x", "since=1000d"}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(drawLine), 0, 150).Draw(t, "lines")
		q, err := Parse(strings.Join(rapid.SliceOfN(rapid.SampledFrom(terms), 0, 4).Draw(t, "query"), " "), now)
		if err != nil {
			t.Skip(err)
		}
		var b Builder
		var want []int
		for i, l := range lines {
			b.Add(l)
			if q.Match(l) {
				want = append(want, i)
			}
		}
		file := b.Encode()
		ix, err := OpenIndex(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		for name, src := range map[string]Source{"builder": &b, "index": ix} {
			set, exact, err := q.Select(src)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for i := range set.All() {
				if exact || q.Match(lines[i]) {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s of %q: got %v, want %v (exact %v)", name, q, got, want, exact)
			}
			back := slices.Collect(set.Backward())
			slices.Reverse(back)
			if !slices.Equal(back, slices.Collect(set.All())) {
				t.Fatal("the two orders differ")
			}
		}
	})
}

func TestTheSameLinesMakeTheSameIndex(t *testing.T) {
	build := func() []byte {
		var b Builder
		for i := range 500 {
			b.Add(sample(i))
		}
		return b.Encode()
	}
	first := build()
	for range 10 {
		if !bytes.Equal(build(), first) {
			t.Fatal("two indexes differ")
		}
	}
}

// An index that is not as it was written answers nothing, or what it would have answered.
func TestAnIndexWithAnyOtherByteIsNone(t *testing.T) {
	var b Builder
	for i := range 3000 {
		b.Add(sample(i))
	}
	file := b.Encode()
	if len(file) < 4*blockSize {
		t.Fatal("the index is too short to have several blocks")
	}
	queries := []string{"op=op3 client=client-3", "client~9", "address=10.0.0.0/8 since=1h", "status!=4xx", "since=2026-11-23T14:08:40Z until=2026-11-23T14:09:00Z"}
	answers := func(file []byte) (out []string, err error) {
		ix, err := OpenIndex(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return nil, err
		}
		for _, text := range queries {
			q, err := Parse(text, now)
			if err != nil {
				t.Fatal(err)
			}
			set, exact, err := q.Select(ix)
			if err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprint(exact, slices.Collect(set.All())))
		}
		return out, nil
	}
	want, err := answers(file)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := 0; i < len(file); i += 1 + i/97 {
		changed := slices.Clone(file)
		changed[i] ^= 0x21
		got, err := answers(changed)
		switch {
		case errors.Is(err, ErrIndex):
			told++
		case err != nil || !slices.Equal(got, want):
			t.Fatalf("byte %d: %v, and other answers: %v", i, err, !slices.Equal(got, want))
		}
	}
	for _, cut := range []int{0, 1, headSize, headSize + 1, len(file) - 1} {
		if _, err := answers(file[:cut]); !errors.Is(err, ErrIndex) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
	if told < 100 {
		t.Errorf("%d changes were told", told)
	}
}

// sample is one of many lines of a busy hour.
func sample(i int) []byte {
	at := now.Add(time.Duration(i) * 30 * time.Millisecond)
	l := strings.Replace(line, "2026-11-23T14:08:31.204Z", at.Format(time.RFC3339Nano), 1)
	l = strings.Replace(l, "acme-mobile", fmt.Sprintf("client-%d", i%97), 1)
	l = strings.Replace(l, "198.51.100.24", fmt.Sprintf("10.%d.%d.%d", i%7, i/256%256, i%256), 1)
	return []byte(strings.Replace(l, "createOrder", fmt.Sprintf("op%d", i%31), 1))
}

func FuzzIndex(f *testing.F) {
	var b Builder
	for i := range 40 {
		b.Add(sample(i))
	}
	f.Add(b.Encode())
	f.Add([]byte(indexMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		// The sum is mended, so that what lies behind it is reached.
		if len(file) >= headSize {
			file = slices.Clone(file)
			mend(file)
		}
		ix, err := OpenIndex(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		for _, text := range []string{"op=op3 client=client-3", "address=10.0.0.0/8 status!=4xx since=1h", "op~x", ""} {
			q, err := Parse(text, now)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := q.Select(ix); err != nil && !errors.Is(err, ErrIndex) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`status>=400 op="a,b",c since=1h`)
	f.Fuzz(func(t *testing.T, s string) {
		if q, err := Parse(s, now); err == nil {
			q.Match([]byte(line))
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	l := []byte(line)
	var x Builder
	for b.Loop() {
		if x.Add(l); x.Len() == 1<<20 {
			x = Builder{}
		}
	}
}

func BenchmarkMatchNothing(b *testing.B) {
	q, err := Parse("trace=none", now)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if q.Match([]byte(line)) {
			b.Fatal("it matches")
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	var x Builder
	for i := range 110_000 {
		x.Add(sample(i))
	}
	name := filepath.Join(b.TempDir(), "index")
	if err := os.WriteFile(name, x.Encode(), 0o600); err != nil {
		b.Fatal(err)
	}
	q, err := Parse("client=client-3 op=op3 since=2026-11-23", now)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		ix, err := OpenIndex(f, info.Size())
		if err != nil {
			b.Fatal(err)
		}
		if set, exact, err := q.Select(ix); err != nil || !exact || set.Count() == 0 {
			b.Fatal(set.Count(), exact, err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
