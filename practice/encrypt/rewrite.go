// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"yett/api"
	"yett/exchange"
	"yett/jsonstream"
	"yett/view"
)

// seal returns the body of a request with its fields sealed, and whether it has any.
func seal(x *exchange.Exchange, doc *jsonstream.Doc, media *api.Media, rules *view.Rules) ([]byte, bool, error) {
	return view.Rewrite(x, nil, doc, media.Schema.Shape(), rules)
}
