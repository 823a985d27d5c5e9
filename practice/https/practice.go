// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	_ "embed"
	"slices"
	"strings"

	"yett/api"
	"yett/practice"
)

//go:embed README.md
var readme string

// Practice is https as the gateway, the command line, the auditor and the docs see it.
var Practice = practice.Define(practice.Spec[Config]{
	Name:     "https",
	Number:   1,
	Protects: "TLS for every connection",
	Readme:   readme,
	Defaults: defaults,
	Build: func(c Config, env *practice.Env) (*practice.Part, error) {
		if env.API != nil {
			return buildAPI(c, env)
		}
		hosts := hostsOf(env.APIs)
		ca, err := practice.Keep(env, "https/ca "+env.PublicURL+" "+strings.Join(hosts, " "), func() (*LocalCA, error) {
			names, ips := localNames(env.PublicURL, hosts...)
			keys, err := env.Files("https", rootKeyName)
			if err != nil {
				return nil, err
			}
			return OpenLocalCA(env.Data, keys, env.Now, names, ips)
		})
		if err != nil {
			return nil, err
		}
		g, err := New(c, Options{PublicURL: env.PublicURL, Local: ca, Now: env.Now, Alerts: env.Alerts})
		if err != nil {
			return nil, err
		}
		return &practice.Part{TLS: g.TLS, Edge: g.Check, Header: g.Header, PlainListen: c.PlainListen, Limits: c.limits(),
			Checks: g.checks(), Run: g.Run}, nil
	},
})

// hostsOf lists the names under which APIs are called.
func hostsOf(apis []*api.API) []string {
	var all []string
	for _, a := range apis {
		all = append(all, a.Hosts...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// buildAPI makes what counts for one API: how long browsers stay with https, and how its service is called. An operation
// has no service of its own.
func buildAPI(c Config, env *practice.Env) (*practice.Part, error) {
	g := &Guard{hsts: hsts(c)}
	part := &practice.Part{Header: g.Header}
	if c.Upstream == (UpstreamConfig{}) || env.Operation != nil {
		return part, nil
	}
	u, err := NewUpstream(c.Upstream, Options{Now: env.Now, Alerts: env.Alerts})
	if err != nil {
		return nil, err
	}
	part.Upstream, part.Run = u.TLS, u.Run
	return part, nil
}
