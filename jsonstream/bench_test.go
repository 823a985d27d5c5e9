// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"yett/jsonstream"
)

// document returns an order of about size bytes with the given number of leaves, a few of them escaped or not ASCII.
func document(leaves, size int) []byte {
	var b strings.Builder
	b.WriteString(`{"id":"o-4711","customer":{"name":"Jürgen \"J\" Wolf","vip":true},"items":[`)
	items := (leaves - 6) / 4
	for i := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"SKU-%04d","quantity":%d,"price":%d.50,"gift":null}`, i, i+1, 10+i)
	}
	b.WriteString(`],"total":1.5e3,"paid":false,"note":"`)
	if n := size - b.Len() - 2; n > 0 {
		b.WriteString(strings.Repeat("n", n))
	}
	b.WriteString(`"}`)
	return []byte(b.String())
}

var benchmarks = []struct {
	name string
	data []byte
}{
	{"1KB-14-leaves", document(14, 1<<10)},
	{"1KB-44-leaves", document(44, 1<<10+700)},
	{"64KB", document(3900, 64<<10)},
	{"10000-members", members(10_000)},
}

// members returns one object of n members.
func members(n int) []byte {
	b := []byte{'{'}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"member-%d":%d`, i, i)
	}
	return append(b, '}')
}

func BenchmarkParse(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name+"/index", func(b *testing.B) {
			var d jsonstream.Doc
			b.SetBytes(int64(len(bm.data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Parse(bm.data, jsonstream.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bm.name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(bm.data)))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := json.Unmarshal(bm.data, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
