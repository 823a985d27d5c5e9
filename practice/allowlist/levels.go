// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"yett/api"
)

// A level is the list at one place: at the gateway, at an API, or at an operation that has a block of its own.
type level struct {
	api       *api.API // nil: the gateway
	operation *api.Operation
	config    Config
	list      *List
}

// levels are the lists of one generation, the gateway's first. All are added before it serves.
type levels struct {
	files  *files
	apis   []*api.API
	router func() (*api.Router, error) // made when it is first asked for
	all    []level
}

func newLevels(f *files, apis []*api.API) *levels {
	return &levels{files: f, apis: apis, router: sync.OnceValues(func() (*api.Router, error) { return api.NewRouter(apis...) })}
}

func (ls *levels) add(c Config, l *List, a *api.API, op *api.Operation) {
	ls.all = append(ls.all, level{a, op, c, l})
}

// at returns the level of exactly this place.
func (ls *levels) at(a *api.API, op *api.Operation) *level {
	for i := range ls.all {
		if ls.all[i].api == a && ls.all[i].operation == op {
			return &ls.all[i]
		}
	}
	return nil
}

// above returns the level whose settings those of a place begin with.
func (ls *levels) above(a *api.API, op *api.Operation) *level {
	if op != nil {
		if l := ls.at(a, nil); l != nil {
			return l
		}
	}
	return ls.at(nil, nil)
}

// inherits refuses settings that look narrower than they are: who writes networks at an operation does not expect the
// files of the level above to admit more, nor the other way round.
func (ls *levels) inherits(c Config, a *api.API, op *api.Operation) error {
	if a == nil {
		return nil
	}
	up := ls.above(a, op)
	if up == nil {
		return nil
	}
	sameNetworks := up.config.Networks != nil && c.Networks != nil && slices.Equal(*up.config.Networks, *c.Networks)
	sameFiles := slices.Equal(up.config.NetworksFiles, c.NetworksFiles)
	switch {
	case len(c.NetworksFiles) > 0 && sameFiles && c.Networks != nil && !sameNetworks:
		return errors.New("networks: the files of the level above would admit more (write networks_files: [] beside it)")
	case sameNetworks && len(*c.Networks) > 0 && len(c.NetworksFiles) > 0 && !sameFiles:
		return errors.New("networks_files: the networks of the level above would admit more (write networks: [] beside it)")
	}
	return nil
}

// An Explanation says what the lists make of an address. The networks of API keys are not part of it: they belong to
// the key that a request shows.
type Explanation struct {
	Address       netip.Addr `json:"address"`
	API           string     `json:"api,omitempty"`
	Operation     string     `json:"operation,omitempty"` // that was asked for
	Refused       bool       `json:"refused"`             // by one of Levels; by the gateway's, where no operation was asked for
	Levels        []Judgment `json:"levels"`
	TrustedProxy  string     `json:"trusted_proxy,omitempty"` // the network of trusted_proxies that it is in
	ProxyProtocol string     `json:"proxy_protocol"`          // whether a PROXY header is read from it
}

// A Judgment is what the list at one place makes of an address.
type Judgment struct {
	API       string `json:"api,omitempty"` // "": the gateway's own list
	Operation string `json:"operation,omitempty"`
	Refused   bool   `json:"refused"`
	Code      string `json:"code,omitempty"`    // of the refusal
	Network   string `json:"network,omitempty"` // that decided
	From      string `json:"from,omitempty"`    // the key or the file and line where it stands
	Off       bool   `json:"off,omitempty"`     // allowlist is off here
}

// explain judges an address at every level, or where op is given at those that its requests meet.
func (ls *levels) explain(addr netip.Addr, a *api.API, op *api.Operation) *Explanation {
	addr = addr.Unmap()
	gate := ls.at(nil, nil)
	e := &Explanation{Address: addr, ProxyProtocol: proxyOff}
	if p, ok := gate.list.proxies.match(addr); ok {
		e.TrustedProxy = p.String()
		if gate.list.proxied != "" {
			e.ProxyProtocol = gate.list.proxied
		}
	}
	if op == nil {
		for _, l := range ls.all {
			e.Levels = append(e.Levels, l.judge(addr))
		}
		e.Refused = e.Levels[0].Refused
		return e
	}
	e.API, e.Operation = a.Name, op.ID
	e.Levels = []Judgment{gate.judge(addr)}
	own := ls.at(a, op)
	if own == nil {
		own = ls.at(a, nil)
	}
	if own == nil {
		e.Levels = append(e.Levels, Judgment{API: a.Name, Off: true})
	} else {
		e.Levels = append(e.Levels, own.judge(addr))
	}
	e.Refused = e.Levels[0].Refused || e.Levels[1].Refused
	return e
}

func (l *level) judge(addr netip.Addr) Judgment {
	code, by := l.list.decide(addr)
	j := Judgment{Refused: code != "", Code: code}
	if l.api != nil {
		j.API = l.api.Name
	}
	if l.operation != nil {
		j.Operation = l.operation.ID
	}
	if by == nil {
		return j
	}
	s := by.now.Load()
	p, _ := s.match(addr)
	j.Network, j.From = p.String(), by.name
	if s.info != nil {
		j.From = place(by.name, s, p)
	}
	return j
}

// place adds the line that a network stands in, if the file is still what was read.
func place(name string, s *set, p netip.Prefix) string {
	at := name
	info, err := eachLine(name, func(line int, q netip.Prefix) bool {
		if normal(q) != p {
			return true
		}
		at = fmt.Sprintf("%s:%d", name, line)
		return false
	})
	if err != nil || !unchanged(info, s.info) {
		return name // it is being replaced
	}
	return at
}
