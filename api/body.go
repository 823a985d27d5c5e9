// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"yett/api/schema"
	"yett/internal/source"
)

// A Body is what an operation takes.
type Body struct {
	Required bool
	Media    []*Media // in file order
	Where    *source.Node
}

// A Media is one media type of a body and what it must hold.
type Media struct {
	Type     string         // lower case; may be a range: "application/*", "*/*"
	Schema   *schema.Schema // nil: anything
	Encoding map[string]*Encoding
	Where    *source.Node

	shape *shape
}

// An Encoding says how one property of a form body is written.
type Encoding struct {
	ContentType   string
	Style         string
	Explode       bool
	AllowReserved bool
	Where         *source.Node
}

// A Response is what the upstream may answer for one status or class of statuses.
type Response struct {
	Status  string // "200", "4XX" or "default"
	Media   []*Media
	Headers []*Parameter
	Where   *source.Node

	code int // the status; -4 for "4XX"; 0 for "default"
}
