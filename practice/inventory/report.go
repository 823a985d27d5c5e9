// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"yett/api"
)

// A State says what an operation is. An operation is in one state: Disabled comes before Zombie before Orphan.
type State string

// The states of an operation.
const (
	Declared State = "declared" // and called, and not deprecated
	Orphan   State = "orphan"   // declared, never called
	Zombie   State = "zombie"   // deprecated, still called
	Disabled State = "disabled" // closed by the operator
	Unknown  State = "unknown"  // no gateway runs: counted once, but what is declared cannot be told
)

// An Operation is one that is declared, with what was counted of it.
type Operation struct {
	API        string    `json:"api"`
	ID         string    `json:"id"`
	Method     string    `json:"method"`
	Path       string    `json:"path"` // template, base path included
	State      State     `json:"state"`
	Deprecated bool      `json:"deprecated,omitzero"`
	Calls      int64     `json:"calls"`
	Refused    int64     `json:"refused"` // not among Calls: refused before anybody was known
	FirstSeen  time.Time `json:"first_seen,omitzero"`
	LastCalled time.Time `json:"last_called,omitzero"`
	LastCaller string    `json:"last_caller,omitzero"` // client, else key id, else subject: the latest that was known
}

// A Shadow is the shape of a path that was called and is not declared.
type Shadow struct {
	Method     string    `json:"method"` // OTHER for methods that HTTP does not know
	Path       string    `json:"path"`   // {…} stands for what looks like a value
	Calls      int64     `json:"calls"`
	FirstSeen  time.Time `json:"first_seen"`
	LastCalled time.Time `json:"last_called"`
	LastCaller string    `json:"last_caller,omitzero"`
	Debug      bool      `json:"debug,omitzero"` // somebody looks for a debug path
}

// A Report is the whole inventory.
type Report struct {
	Operations []Operation `json:"operations"` // in the order of the descriptions
	Shadow     []Shadow    `json:"shadow"`     // the most called first
	Counts     Counts      `json:"counts"`
	OtherCalls int64       `json:"other_calls"` // of undeclared paths that found no room in Shadow
	// Offline says that no gateway runs: what is declared is not known, only what was counted.
	Offline bool `json:"offline"`
}

// Counts is how many operations are in each state, and how many shapes of undeclared paths were called.
type Counts struct {
	Declared int `json:"declared"`
	Orphan   int `json:"orphan"`
	Zombie   int `json:"zombie"`
	Disabled int `json:"disabled"`
	Shadow   int `json:"shadow"`
}

// Report tells what is declared and what was called, up to this moment.
func (inv *Inventory) Report(ctx context.Context) (Report, error) {
	if err := inv.calls.Flush(ctx); err != nil {
		return Report{}, err
	}
	operations, shadow, other, err := inv.calls.read(ctx)
	if err != nil {
		return Report{}, err
	}
	r := Report{Operations: []Operation{}, Shadow: []Shadow{}, OtherCalls: other, Offline: len(inv.catalogue.apis) == 0}
	if r.Offline {
		for _, n := range operations {
			r.Operations = append(r.Operations, counted(Operation{API: n.api, ID: n.id, Method: n.method, Path: n.path, State: Unknown}, n.count))
		}
	} else {
		r.Operations = inv.operations(operations)
	}
	r.Shadow = inv.shadow(shadow)
	r.count()
	return r, nil
}

// operations are those declared now. What has left the descriptions is told as a shadow as soon as somebody calls it.
func (inv *Inventory) operations(rows []row) []Operation {
	stored := make(map[operationID]count, len(rows))
	for _, n := range rows {
		stored[n.operationID] = n.count
	}
	out := []Operation{}
	for _, a := range inv.catalogue.apis {
		for _, op := range a.Operations {
			o := counted(Operation{API: a.Name, ID: op.ID, Method: op.Method, Path: a.BasePath + op.Path, Deprecated: op.Deprecated}, stored[operationID{a.Name, op.ID}])
			switch {
			case inv.catalogue.disabled[op]:
				o.State = Disabled
			case o.Calls == 0:
				o.State = Orphan
			case op.Deprecated:
				o.State = Zombie
			default:
				o.State = Declared
			}
			out = append(out, o)
		}
	}
	return out
}

func counted(o Operation, n count) Operation {
	o.Calls, o.Refused, o.LastCaller = n.calls, n.refused, n.caller
	o.FirstSeen, o.LastCalled = instant(n.first), instant(n.last)
	return o
}

// shadow leaves out what has been declared since it was called.
func (inv *Inventory) shadow(rows []row) []Shadow {
	declared := make(map[endpoint]bool)
	for _, op := range inv.catalogue.ids {
		e := shapeOf(op)
		declared[e] = true
		if e.method == http.MethodGet {
			declared[endpoint{http.MethodHead, e.path}] = true
		}
	}
	out := []Shadow{}
	for _, n := range rows {
		if declared[n.endpoint] {
			continue
		}
		out = append(out, Shadow{Method: n.method, Path: n.path, Calls: n.calls, FirstSeen: instant(n.first), LastCalled: instant(n.last),
			LastCaller: n.caller, Debug: inv.catalogue.probesDebug(n.path)})
	}
	return out
}

// shapeOf is the shape that calls of op had while it was not declared.
func shapeOf(op *api.Operation) endpoint {
	method, path := shape(op.Method + " " + op.API.BasePath + op.Path)
	return endpoint{method, path}
}

func (r *Report) count() {
	for _, o := range r.Operations {
		switch o.State {
		case Declared:
			r.Counts.Declared++
		case Orphan:
			r.Counts.Orphan++
		case Zombie:
			r.Counts.Zombie++
		case Disabled:
			r.Counts.Disabled++
		}
	}
	r.Counts.Shadow = len(r.Shadow)
}

// names lists the operations in a state, by id.
func (r *Report) names(s State) string {
	var all []string
	for _, o := range r.Operations {
		if o.State == s {
			all = append(all, o.ID)
		}
	}
	slices.SortFunc(all, cmp.Compare[string])
	const most = 10
	if more := len(all) - most; more > 0 {
		return strings.Join(all[:most], ", ") + " and others"
	}
	return strings.Join(all, ", ")
}
