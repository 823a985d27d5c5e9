// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// sizeOfText is how long the texts of the benchmarks are.
const sizeOfText = 64 << 10

var (
	first   = []string{"Ada", "Grace", "Linus", "Margaret", "Ken", "Barbara", "Donald", "Frances"}
	streets = []string{"Harbour Road", "Mill Lane", "Station Street", "Kirkgate", "High Street", "Church Close"}
	prose   = strings.Fields(`the customer asked for a delivery before noon and wants to be called when the parcel leaves our
		warehouse because nobody is at home in the morning however the neighbours would take it if that is necessary please
		write the key of the door on the invoice and do not ring twice since the child is asleep network created second`)
)

// order is one order of a shop, as APIs answer them.
func order(r *rand.Rand) map[string]any {
	var note []string
	for range 8 + r.IntN(24) {
		note = append(note, prose[r.IntN(len(prose))])
	}
	return map[string]any{
		"id": fmt.Sprintf("ORD-%04d-%08d", 2020+r.IntN(7), r.IntN(100_000)), "created_at": fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02dZ", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60)),
		"customer": map[string]any{"name": first[r.IntN(len(first))], "email": first[r.IntN(len(first))] + "@example.org", "street": streets[r.IntN(len(streets))], "number": r.IntN(200), "city": "Edinburgh"},
		"total":    float64(r.IntN(100_000)) / 100, "currency": "EUR", "paid": r.IntN(2) == 0, "note": strings.Join(note, " "), "trace": uuid(r),
		"items": []any{map[string]any{"sku": fmt.Sprintf("SKU-%05d", r.IntN(100_000)), "quantity": r.IntN(9), "price": float64(r.IntN(10_000)) / 100, "title": "A kettle of copper, two litres"}},
	}
}

func uuid(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48))
}

// fill makes a text of pieces.
func fill(seed uint64, piece func(*rand.Rand) string) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len() < sizeOfText {
		b.WriteString(piece(r))
	}
	return []byte(b.String()[:sizeOfText])
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b) + ","
}

var workloads = []struct {
	name  string
	piece func(*rand.Rand) string
}{
	{"json", func(r *rand.Rand) string { return asJSON(order(r)) }},
	{"prose", func(r *rand.Rand) string { return prose[r.IntN(len(prose))] + " " }},
	{"numbers", func(r *rand.Rand) string {
		return fmt.Sprintf(`{"id":%d,"at":%d,"lat":%.6f,"lon":%.6f,"ref":"%04d-%08d"},`, r.Int64N(1e12), 1764400000000+r.Int64N(1e10), r.Float64()*90, r.Float64()*180, 2020+r.IntN(7), r.IntN(100_000))
	}},
	{"digits", func(r *rand.Rand) string { return fmt.Sprintf("%016d,", r.Int64N(1e16)) }},
	{"uuids", func(r *rand.Rand) string { return `"` + uuid(r) + `",` }},
	{"base64", func(r *rand.Rand) string {
		b := make([]byte, 3<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return base64.StdEncoding.EncodeToString(b)
	}},
}

func BenchmarkFind(b *testing.B) {
	d := New(Kinds()...)
	for _, w := range workloads {
		text := fill(1, w.piece)
		b.Run(w.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			room := make([]Match, 0, 1<<12)
			for b.Loop() {
				room = d.Find(room[:0], text)
			}
		})
	}
}

// BenchmarkFindStrings is Find on each string and number of a JSON answer by itself.
func BenchmarkFindStrings(b *testing.B) {
	d := New(Kinds()...)
	r := rand.New(rand.NewPCG(1, 1))
	var all [][]byte
	size := 0
	for range 100 {
		leaves(order(r), func(_ string, text []byte) {
			all = append(all, text)
			size += len(text)
		})
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	room := make([]Match, 0, 16)
	for b.Loop() {
		for _, text := range all {
			room = d.Find(room[:0], text)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/string")
}

// leaves calls f with the name and the text of each string and number of a value.
func leaves(v any, f func(name string, text []byte)) { named("", v, f) }

func named(name string, v any, f func(string, []byte)) {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			named(k, m, f)
		}
	case []any:
		for _, m := range v {
			named(name, m, f)
		}
	case string:
		f(name, []byte(v))
	case bool, nil:
	default:
		f(name, fmt.Append(nil, v))
	}
}
