// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package api reads an OpenAPI description and answers what it says about a request: which operation it is,
// who may call it, which parameters and bodies it takes.
//
// It stops descriptions that leave a security decision open (an operation with neither security nor a reason
// for being public, two templates that claim the same path, an unknown x-yett word), request targets that two
// readers could read differently (see [Canonical]), and parameters and form bodies that do not fit the
// description (OWASP API8:2023 security misconfiguration, API9:2023 improper inventory). It does not read
// credentials, does not read bodies off the wire and decides nothing about a caller: package authn and its
// neighbours do, from what is found here.
//
// Used alone:
//
//	a, warnings, err := api.Load("shop.openapi.yaml", api.Options{})
//	r, err := api.NewRouter(a)
//	path, query, doubt, err := api.Canonical(target)
//	m, params := r.Match(host, path, nil)
//	op := m.Operation("GET")
//	findings := op.CheckParams(query, params, header.Values, new(api.Scratch))
//
// An API and a Router do not change after they are made and are safe for concurrent use.
package api

import (
	"yett/internal/source"
)

// An API is one OpenAPI 3.0 or 3.1 description, read once and checked whole.
type API struct {
	Name     string // how yett's configuration calls it
	Title    string // info.title
	Version  string // info.version
	OpenAPI  string // as written: "3.0.3", "3.1.0"
	Hosts    []string
	BasePath string // path of servers[0].url, canonical, without trailing slash; "" for the root

	Operations []*Operation // in file order
	Schemes    map[string]*Scheme
	// AssumedKey is true where the description has neither security nor schemes: every operation then
	// requires yett's own API key, in the header X-API-Key.
	AssumedKey bool
	File       *source.File

	set    *source.Set
	shapes int // of bodies and parameters
}

// Host is a host that the API answers for; "" where it answers for every one.
func (a *API) Host() string {
	if len(a.Hosts) == 0 {
		return ""
	}
	return a.Hosts[0]
}

// Files returns every file that the description was read from.
func (a *API) Files() []*source.File {
	if a.set == nil {
		return nil
	}
	return a.set.Files()
}

// An Operation is one method on one path template.
type Operation struct {
	API        *API
	Index      int    // position in API.Operations
	ID         string // operationId, else "GET /orders/{id}"
	Method     string // upper case
	Path       string // template below BasePath: /orders/{id}
	Summary    string
	Tags       []string
	Deprecated bool
	WebSocket  bool // x-yett-websocket

	Params    []*Parameter // of the path item and of the operation, merged
	Body      *Body        // nil: none is described
	Responses []*Response
	// Security is an OR of ANDs. Empty only where Public holds a reason.
	Security []Requirement
	Public   string // x-yett-public: why anybody may call; "" means nobody may without a credential
	Where    *source.Node

	names []string // of the path parameters, left to right
}

// NameParams gives the path parameters the names that this operation's own template has for them. Two templates may
// match the same path where they differ in method; a Match then carries the names of the first.
func (o *Operation) NameParams(params []Param) {
	for i := range min(len(params), len(o.names)) {
		params[i].Name = o.names[i]
	}
}

// A Requirement is met when every Use in it is (AND).
type Requirement []Use

// A Use asks for one scheme's credential carrying all of Scopes.
type Use struct {
	Scheme *Scheme
	Scopes []string
}

// A Kind says how a credential is presented.
type Kind uint8

// The kinds of security scheme that OpenAPI 3.0 and 3.1 know.
const (
	APIKey        Kind = iota + 1 // type apiKey: Scheme.In and Scheme.Param say where
	Bearer                        // type http, scheme bearer (RFC 6750)
	Basic                         // type http, scheme basic (RFC 7617)
	OAuth2                        // type oauth2: a bearer token with scopes
	OpenIDConnect                 // type openIdConnect: likewise
	MutualTLS                     // type mutualTLS: a client certificate (3.1)
	OtherHTTP                     // type http with any other scheme
)

var kindNames = [...]string{"", "apiKey", "bearer", "basic", "oauth2", "openIdConnect", "mutualTLS", "http"}

// String names the kind as OpenAPI does.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k != 0 {
		return kindNames[k]
	}
	return "unknown"
}

// A Scheme is one entry of components.securitySchemes.
type Scheme struct {
	Name    string
	Kind    Kind
	In      string   // APIKey only: header, query or cookie
	Param   string   // APIKey only: name of that header, parameter or cookie
	HTTP    string   // Basic, Bearer and OtherHTTP: the authentication scheme, lower case
	Assumed bool     // not in the description: yett's own key (see API.AssumedKey)
	Scopes  []string // that it declares: of OAuth2, or x-yett-scopes
	Issuer  string   // OpenIDConnect: openIdConnectUrl
	Where   *source.Node
}

// Scoped reports whether the scheme's credentials can carry scopes in OpenAPI's own terms.
func (s *Scheme) Scoped() bool { return s.Kind == OAuth2 || s.Kind == OpenIDConnect }
