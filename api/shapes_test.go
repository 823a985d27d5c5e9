// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/api/schema"
)

const shaped = keyed + `paths:
	/orders:
		get:
			operationId: listOrders
			parameters:
				- {name: owner, in: query, x-yett-equals-claim: sub, schema: {type: string, x-yett-contains: [iban]}}
				- {name: ids, in: query, schema: {type: array, x-yett-contains: [card], items: {type: string, x-yett-contains: [token]}}}
				- {name: any, in: query, content: {application/json: {}}}
			responses:
				"200": {description: ok, content: {application/json: {schema: {type: array, title: list, items: {$ref: '#/s/Order'}}}}}
				default: {description: no, content: {text/plain: {schema: {type: string, title: text}}, image/png: {}}}
		post:
			operationId: createOrder
			requestBody: {content: {application/json: {schema: {$ref: '#/s/Order'}}}}
s:
	Order:
		title: order
		properties:
			parts: {type: array, title: parts, items: {$ref: '#/s/Order'}}
			pair: {type: array, title: pair, prefixItems: [{title: first}], items: {title: rest}}
		patternProperties: {'^x-': {title: patterned}}
		additionalProperties: {title: more}
	Unused: {title: unused}
`

func title(p *schema.Shape) string {
	if p == nil {
		return "nothing"
	}
	if ref := p.Node().Get("$ref"); ref != nil {
		return strings.ToLower(strings.TrimPrefix(ref.Text, "#/s/"))
	}
	return textOf(p.Node().Get("title"))
}

func TestEachShapeIsMetOnceByEachArrayThatHoldsIt(t *testing.T) {
	a := mustLoad(t, shaped)
	var last []string
	for range 3 {
		var got []string
		a.EachShape(func(shape, holder *schema.Shape, inRequest, inAnswer bool) {
			if shape.ID() < 0 || shape.ID() >= a.Shapes() {
				t.Errorf("%s has the ID %d of %d", title(shape), shape.ID(), a.Shapes())
			}
			line := fmt.Sprintf("%s in %s, request %v, answer %v", title(shape), title(holder), inRequest, inAnswer)
			got = append(got, line)
		})
		if last != nil && !slices.Equal(last, got) {
			t.Errorf("another order: %q, %q", last, got)
		}
		last = slices.Clone(got)
		slices.Sort(got)
		want := []string{
			"first in pair, request true, answer true",
			"list in nothing, request false, answer true",
			"more in nothing, request true, answer true",
			"order in list, request false, answer true",
			"order in nothing, request true, answer false",
			"order in parts, request true, answer true",
			"pair in nothing, request true, answer true",
			"parts in nothing, request true, answer true",
			"patterned in nothing, request true, answer true",
			"rest in pair, request true, answer true",
			"text in nothing, request false, answer true",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestWordsOfAParameterStandOnItOnItsSchemaAndOnItsItems(t *testing.T) {
	params := mustLoad(t, shaped).Operations[0].Params
	var got []string
	for _, p := range params {
		for _, word := range []string{"x-yett-equals-claim", "x-yett-contains"} {
			for _, n := range p.Words(word) {
				text := n.Text
				for _, item := range n.Items {
					text += item.Text
				}
				got = append(got, p.Name+" "+strings.TrimPrefix(word, "x-yett-")+" "+text)
			}
		}
	}
	want := []string{"owner equals-claim sub", "owner contains iban", "ids contains card", "ids contains token"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGitHubsShapes(t *testing.T) {
	path := github(t)
	start := time.Now()
	a, _, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	loaded := time.Since(start)
	start = time.Now()
	met := 0
	a.EachShape(func(_, _ *schema.Shape, _, _ bool) { met++ })
	t.Logf("loaded in %v; %d shapes, %d met in %v", loaded, a.Shapes(), met, time.Since(start))
	if a.Shapes() < 1000 || met < 1000 {
		t.Errorf("%d shapes, %d met", a.Shapes(), met)
	}
}
