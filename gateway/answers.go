// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"yett/api"
	"yett/exchange"
	"yett/practice"
	"yett/view"
)

// viewed is what the pass over answers is called among the steps.
const viewed = "view"

// rules asks the practices of a level what becomes of the bodies of a's answers.
func rules(a *api.API, l level) *view.Rules {
	named := map[*view.Edit]*view.Edit{} // one Edit of a practice stays one
	return view.NewRules(a, false, func(at view.Place) (all []*view.Edit) {
		for _, name := range editOrder {
			b := l[name]
			if b.part.Edits == nil || b.setting.Off != "" {
				continue
			}
			for _, e := range b.part.Edits(at) {
				own := named[e]
				if own == nil {
					copied := *e
					own = &copied
					own.Practice, own.Observe = name, e.Observe || b.setting.Observe && !e.Always
					named[e] = own
				}
				all = append(all, own)
			}
		}
		return all
	})
}

// sameEdits reports whether two levels make the same of answers.
func sameEdits(a, b level) bool {
	for _, name := range editOrder {
		if a[name] != b[name] {
			return false
		}
	}
	return true
}

// judge is what holds answers against their schema; nil: nobody does.
func judge(l level) view.Judge {
	for _, p := range Practices() {
		if b := l[p.Name]; b.part.Judge != nil && b.setting.Off == "" {
			return b.part.Judge
		}
	}
	return nil
}

// answers puts the steps that look at answers into a chain.
func (gen *generation) answers(chain *exchange.Chain, l level, r *view.Rules) {
	v := view.Compile(chain.Operation, r, judge(l), gen.id)
	v.SealTags(gen.views.Tags)
	gen.views.Add(chain.Operation, v)
	chain.Request = append(chain.Request, exchange.Link{Practice: viewed, Step: v.Request})
	step := func(p *practice.Part) exchange.Step { return p.Response }
	chain.Response = links(l, responseOrder, step)
	chain.Response = append(chain.Response, exchange.Link{Practice: viewed, Step: v.Response})
	chain.Response = append(chain.Response, links(l, behindView, step)...)
	chain.Response = append(chain.Response, exchange.Link{Practice: viewed, Step: v.Guard})
}
