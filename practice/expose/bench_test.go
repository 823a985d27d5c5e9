// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"yett/exchange"
	"yett/identity"
)

// BenchmarkAnswer takes a list of 200 patients through the edits of expose: masks, fields left out and the search.
func BenchmarkAnswer(b *testing.B) {
	a := clinic(b)
	e, err := New(Defaults(), a, Options{Key: bytes.Repeat([]byte("k"), keySize)})
	if err != nil {
		b.Fatal(err)
	}
	var list strings.Builder
	for i := range 200 {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"name":"Anna Adler","email":"anna.adler%d@example.org","diagnosis":"influenza","insurance":"DE%010d","bed":%d,"number":"N%d",`+
			`"remark":"arrived on the %d. with a fever of two days and a cough, allergic to nothing that is known"}`, i, i, i, i, i)
	}
	body := []byte("[" + list.String() + "]")
	op := a.Operations[2]
	v := e.views().of(op)
	for name, caller := range map[string]*identity.Caller{"restricted": {Subject: "greta"}, "all scopes": {AllScopes: true}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				x := &exchange.Exchange{Operation: op, Caller: caller}
				if _, err := v.Preview(x, 200, "application/json", body); err != nil {
					b.Fatal(err)
				}
				e.forget(x)
			}
		})
	}
}
