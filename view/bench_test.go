// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"yett/exchange"
	"yett/view"
)

// people is a long list of records as APIs give them.
const people = `{"type":"object","required":["people"],"properties":{"total":{"type":"integer"},"people":{"type":"array","items":{
	"type":"object","required":["id"],"properties":{
		"id":{"type":"integer"},"name":{"type":"string"},"email":{"type":"string","format":"email"},"active":{"type":"boolean"},
		"card":{"type":"string","x-yett-mask":"redact"},"password":{"type":"string","writeOnly":true},"balance":{"type":"number"},
		"tags":{"type":"array","items":{"type":"string"}},
		"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"},"zip":{"type":"string"}}},
		"note":{"type":["string","null"]}}}}}}`

const (
	plainPerson  = `{"id":%d,"name":"Ada Example","email":"ada.%[1]d@example.org","active":true,"balance":%[1]d.25,"tags":["a","bb","ccc"],"address":{"street":"1 Long Street","city":"Z\u00fcrich","zip":"8001"},"note":null}`
	strictPerson = `{"id":%d,"_id":"5f2b%[1]x","name":"Ada Example","email":"ada.%[1]d@example.org","active":true,"card":"4000 0012 3456 7899","password":"hunter2","balance":%[1]d.25,"tags":["a","bb","ccc"],"address":{"street":"1 Long Street","city":"Z\u00fcrich","zip":"8001","geo":{"lat":47.1,"lon":8.2}},"note":null,"debug":{"shard":3,"took":"12ms"}}`
)

func persons(format string, size int) []byte {
	var b strings.Builder
	b.WriteString(`{"total":3,"people":[`)
	for i := 0; b.Len() < size-200 || i == 0; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i%4000) // nothing in it is found
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

var benchmarkSizes = []struct {
	name string
	size int
}{{"1KB", 1 << 10}, {"16KB", 16 << 10}, {"1MB", 1 << 20}, {"10MB", 10 << 20}}

const readSize = 32 << 10 // of an exchange

// hands are the pass, and what one would write by hand for this one schema. Neither of these watches strings or judges.
func hands(v *view.View) []hand {
	x := new(exchange.Exchange)
	var held []byte
	return []hand{
		{"view", func(body []byte) (err error) {
			held, err = v.Feed(x, held, body, readSize, func([]byte) {})
			return err
		}},
		{"tokens", func(body []byte) error { return copyTokens(io.Discard, bytes.NewReader(body)) }},
		{"decode", func(body []byte) error { return decodeAndEncode(io.Discard, bytes.NewReader(body)) }},
	}
}

type hand struct {
	name string
	pass func(body []byte) error
}

func eachBenchmark(b *testing.B, f func(b *testing.B, body []byte)) {
	for _, s := range benchmarkSizes {
		for _, kind := range []struct{ name, format string }{{"strict", strictPerson}, {"unchanged", plainPerson}} {
			body := persons(kind.format, s.size)
			b.Run(s.name+"/"+kind.name, func(b *testing.B) { f(b, body) })
		}
	}
}

// BenchmarkAnswers measures the allocations. For speed see BenchmarkBeside.
func BenchmarkAnswers(b *testing.B) {
	v := compiled(b, people, nil)
	eachBenchmark(b, func(b *testing.B, body []byte) {
		for _, h := range hands(v) {
			b.Run(h.name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if err := h.pass(body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// named lists what people lets out, by the depth of the object.
var declaredPeople = []map[string]bool{
	{"total": true, "people": true},
	{"id": true, "name": true, "email": true, "active": true, "card": true, "balance": true, "tags": true, "address": true, "note": true},
	{"street": true, "city": true, "zip": true},
}

// copyTokens is the pass by hand over jsontext.
func copyTokens(w io.Writer, r io.Reader) error {
	d := jsontext.NewDecoder(r)
	e := jsontext.NewEncoder(w)
	depth := -1
	for {
		kind := d.PeekKind()
		parent, n := d.StackIndex(d.StackDepth())
		if parent == jsontext.KindBeginObject && n%2 == 0 && kind == jsontext.KindString {
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			s := name.String()
			if !declaredPeople[depth][s] {
				if err := d.SkipValue(); err != nil {
					return err
				}
				continue
			}
			if err := e.WriteToken(jsontext.String(s)); err != nil {
				return err
			}
			if s == "card" {
				if err := d.SkipValue(); err != nil {
					return err
				}
				if err := e.WriteToken(jsontext.String("***")); err != nil {
					return err
				}
			}
			continue
		}
		t, err := d.ReadToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind {
		case jsontext.KindBeginObject:
			depth++
		case jsontext.KindEndObject:
			depth--
		}
		if err := e.WriteToken(t); err != nil {
			return err
		}
	}
}

// decodeAndEncode is the pass by hand over encoding/json.
func decodeAndEncode(w io.Writer, r io.Reader) error {
	var v any
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(onlyDeclared(v, 0))
}

func onlyDeclared(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		for name, m := range v {
			switch {
			case !declaredPeople[depth][name]:
				delete(v, name)
			case name == "card":
				v[name] = "***"
			default:
				v[name] = onlyDeclared(m, depth+1)
			}
		}
	case []any:
		for i := range v {
			v[i] = onlyDeclared(v[i], depth)
		}
	}
	return v
}

// TestTheHandWrittenPassesDoTheSame keeps the comparison honest.
func TestTheHandWrittenPassesDoTheSame(t *testing.T) {
	v := compiled(t, people, nil)
	for _, format := range []string{plainPerson, strictPerson} {
		body := persons(format, 4<<20) // some 10,000
		var want any
		for i, pass := range []func(io.Writer) error{
			func(w io.Writer) error {
				_, err := v.Feed(new(exchange.Exchange), nil, body, readSize, func(b []byte) { _, _ = w.Write(b) })
				return err
			},
			func(w io.Writer) error { return copyTokens(w, bytes.NewReader(body)) },
			func(w io.Writer) error { return decodeAndEncode(w, bytes.NewReader(body)) },
		} {
			var out bytes.Buffer
			if err := pass(&out); err != nil {
				t.Fatal(err)
			}
			var got any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = got
			} else if !equalJSON(got, want) {
				t.Errorf("pass %d makes something else of it", i)
			}
		}
	}
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
