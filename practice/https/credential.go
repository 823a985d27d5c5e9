// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"net/url"
	"strings"

	"yett/exchange"
)

// credential returns the name of a field or parameter that looks like a credential, "" if there is none. What the
// operation would ask for is not known yet, so names and usual forms decide.
func credential(x *exchange.Exchange) string {
	for _, f := range x.Request.Header.All() {
		switch name := strings.ToLower(f.Name); {
		case name == "cookie", name == "dpop", suspicious(name), credentialForm(f.Value):
			return f.Name
		}
	}
	for pair := range strings.SplitSeq(x.Request.Query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.ToLower(unescaped(name))
		switch {
		case name == "key", name == "sig", name == "code", name == "pwd", name == "sid", suspicious(name), credentialForm(unescaped(value)):
			return "the query"
		}
	}
	return ""
}

// suspicious reports whether a name, in lower case, says that its value is a credential.
func suspicious(name string) bool {
	for _, part := range []string{"auth", "api-key", "api_key", "apikey", "access-key", "access_key", "token", "secret",
		"passw", "session", "signature", "jwt"} {
		if strings.Contains(name, part) {
			return name != "authority" && name != ":authority"
		}
	}
	return false
}

// credentialForm reports whether a value has the form of a credential: our own key, a bearer or basic one, a JWT.
func credentialForm(value string) bool {
	if strings.HasPrefix(value, "yett_") || strings.HasPrefix(value, "eyJ") {
		return true
	}
	scheme, rest, ok := strings.Cut(value, " ")
	return ok && rest != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic"))
}

// unescaped reads a part of a query as its receiver would; what cannot be read stays as it is.
func unescaped(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}
