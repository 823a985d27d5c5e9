// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"fmt"
	"slices"
	"strings"

	"yett/api"
	"yett/api/schema"
)

// opaque are types that hold members of their own, which nobody here reads.
var opaque = []string{
	"application/xml", "text/xml", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/csv",
	"text/tab-separated-values", "application/cbor", "application/msgpack", "application/x-msgpack", "application/vnd.msgpack",
	"application/protobuf", "application/x-protobuf",
}

// unseen reports whether answers of a described type hold members that are not looked into: the type is known for it, or its
// schema asks for an object or array and nothing else.
func unseen(m *api.Media) bool {
	if readable(m.Type) || strings.HasSuffix(m.Type, "/*") || strings.HasPrefix(m.Type, "image/") {
		return false
	}
	types := m.Schema.Shape().Types()
	return slices.Contains(opaque, m.Type) || types&^(schema.Object|schema.Array|schema.Null) == 0 ||
		slices.ContainsFunc([]string{"+xml", "+yaml", "+cbor", "+msgpack"}, func(suffix string) bool { return strings.HasSuffix(m.Type, suffix) })
}

// warning tells of the good answers of an API that are not looked into; "" where there is none.
func warning(a *api.API) string {
	first, count := "", 0
	for _, op := range a.Operations {
		good(op, func(r *api.Response) bool {
			for _, m := range r.Media {
				if !unseen(m) {
					continue
				}
				if count++; count == 1 {
					first = fmt.Sprintf("%s: operation %s: %s is not looked into, so all that the service sends in it leaves", m.Where.Where(), op.ID, m.Type)
				}
			}
			return true
		})
	}
	switch count {
	case 0:
		return ""
	case 1:
	default:
		first += fmt.Sprintf("; there are %d such answers", count)
	}
	return first + " (describe the answer in JSON)"
}
