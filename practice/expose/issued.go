// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"fmt"
	"slices"

	"yett/api/schema"
	"yett/practice/expose/detect"
)

// issued are the standard names of what a token or registration endpoint gives away (RFC 6749 section 5.1, OpenID Connect Core
// section 3.1.3.3, RFC 7591 section 3.2.1, RFC 7592 section 3), with what may stand there. To declare a member of such a
// name is to say so: masked, it would let nobody log in.
var issued = map[string][]detect.Kind{
	"access_token":              {detect.Token},
	"refresh_token":             {detect.Token},
	"id_token":                  {detect.Token},
	"registration_access_token": {detect.Token},
	"client_secret":             {detect.Token, detect.CloudSecret},
}

// issuer is a declared member that gives tokens away by its name alone.
type issuer struct {
	name  string
	shape *schema.Shape
}

// readIssued finds the members of answers that give tokens away by their names.
func (e *Exposer) readIssued() {
	e.issues = map[*schema.Shape]bool{}
	e.api.EachShape(func(shape, _ *schema.Shape, _, inAnswer bool) {
		if !inAnswer {
			return
		}
		shape.Each(func(child *schema.Shape, member string, _, declared bool) {
			kinds, ok := issued[member]
			if !ok || !declared || child == nil {
				return
			}
			e.issues[child] = true
			known := e.reader.kinds(child)
			told := slices.ContainsFunc(e.issuers, func(i issuer) bool { return i.name == member && i.shape.Node() == child.Node() })
			if !told && slices.ContainsFunc(kinds, func(k detect.Kind) bool { return !slices.Contains(known, k) }) {
				e.issuers = append(e.issuers, issuer{member, child})
			}
		})
	})
}

func (i issuer) String() string {
	return fmt.Sprintf("%s: a member called %s may hold a token (RFC 6749, RFC 7591), so it leaves as it is (x-yett-contains: [token] says so without doubt; mark it with x-yett-visible, or give it another name, if it must not leave)",
		i.shape.Node().Where(), i.name)
}

// issuing returns the names by which answers give tokens away.
func (e *Exposer) issuing() (names []string) {
	if !slices.Contains(e.config.Detect, detect.Token) {
		return nil
	}
	for _, i := range e.issuers {
		if !slices.Contains(names, i.name) {
			names = append(names, i.name)
		}
	}
	slices.Sort(names)
	return names
}

// without returns the kinds that a name leaves to look for.
func without(wanted, declared []detect.Kind) (left []detect.Kind) {
	for _, k := range wanted {
		if !slices.Contains(declared, k) {
			left = append(left, k)
		}
	}
	return left
}
