// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package inventory knows which operations exist, closes those that shall not be called any more, and counts who calls
// what (OWASP API9:2023, improper inventory management).
//
// It stops calls of operations that are disabled, and of debug paths, even declared ones. It tells orphans (declared, never
// called), zombies (deprecated, still called) and shadow endpoints (called, not declared). It does not find what nobody
// calls and nobody declares, and it cannot know which of two declared operations an upstream treats alike. Who may call
// what is open is for others to decide.
//
// Used alone, it finds the operation of a request itself, so that undeclared ones do not exist either:
//
//	inv, err := inventory.New(config, inventory.Options{APIs: apis, Store: db})
//	go inv.Run(ctx) // writes the counts down every second, and once more at the end
//	http.Handle("/", inv.Handler(next))
//	report, err := inv.Report(ctx)
package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/problem"
	"yett/store"
)

// Options are what a program supplies. APIs and Store are needed.
type Options struct {
	APIs  []*api.API
	Store *store.DB
	Now   func() time.Time // default: time.Now
	Log   *slog.Logger     // default: nowhere
}

// An Inventory is the operations of some APIs, and their calls. It is safe for concurrent use.
type Inventory struct {
	catalogue  *catalogue
	calls      *Calls
	log        *slog.Logger
	router     *api.Router // nil in the gateway, which routes
	allowDebug bool
}

// New makes an inventory that works alone. It is an error if c names what no API declares.
func New(c Config, o Options) (*Inventory, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(o.APIs) == 0 {
		return nil, errors.New("inventory: no API")
	}
	router, err := api.NewRouter(o.APIs...)
	if err != nil {
		return nil, err
	}
	calls, err := OpenCalls(CallsOptions{Store: o.Store, Now: o.Now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	inv := &Inventory{catalogue: newCatalogue(o.APIs), calls: calls, log: calls.log, router: router, allowDebug: c.AllowDebug != ""}
	if err := inv.catalogue.configureAll(c); err != nil {
		return nil, err
	}
	for _, a := range o.APIs {
		if err := inv.catalogue.configureAPI(c, a); err != nil {
			return nil, fmt.Errorf("api %s: %w", a.Name, err)
		}
	}
	return inv, nil
}

// Handler refuses what is not declared and what Check refuses, passes the rest to next, and counts all of it.
func (inv *Inventory) Handler(next http.Handler) http.Handler {
	inner := exchange.Middleware(next, inv.find, inv.Check)
	return (&exchange.Server{Observe: []func(exchange.Record){inv.Observe}}).Around(inner)
}

// Check refuses a call of an operation that is disabled, and of a debug path.
func (inv *Inventory) Check(x *exchange.Exchange) error { return inv.check(x, inv.allowDebug) }

// Run writes counts down every second until ctx ends, and once more then.
func (inv *Inventory) Run(ctx context.Context) error { return inv.calls.Run(ctx) }

// find gives x its operation.
func (inv *Inventory) find(x *exchange.Exchange) error {
	req := &x.Request
	m, params := inv.router.Match(req.Host, req.Path, req.Params)
	req.Params = params
	if m.Path == "" {
		return nothing("undeclared_path")
	}
	if x.Operation = m.Operation(req.Method); x.Operation != nil {
		x.Operation.NameParams(params)
		return nil
	}
	allow := m.Allow()
	if req.Method == http.MethodOptions {
		return exchange.Reply(http.StatusNoContent, []exchange.Field{{Name: "Allow", Value: allow}}, nil)
	}
	return &problem.Error{Status: http.StatusMethodNotAllowed, Code: "undeclared_method",
		Detail: "This method is not offered here.", Header: []problem.Field{{Name: "Allow", Value: allow}}}
}

func (inv *Inventory) check(x *exchange.Exchange, allowDebug bool) error {
	op := x.Operation
	if op == nil {
		return nothing("undeclared_path")
	}
	if inv.catalogue.disabled[op] {
		return nothing("operation_disabled")
	}
	// The path as it was called: a template that begins with a parameter declares debug paths too.
	if !allowDebug && isDebug(below(x.Request.Path, op.API.BasePath)) {
		return nothing("debug_path")
	}
	if op.Deprecated {
		x.Note("deprecated")
	} else {
		x.Note("declared")
	}
	return nil
}

// nothing is the refusal of what does not exist. A caller cannot tell what was closed from what never was.
func nothing(code string) error {
	return &problem.Error{Status: http.StatusNotFound, Code: code, Detail: "There is nothing here."}
}

// Observe counts an exchange. It waits for no disk. A preflight is no call.
func (inv *Inventory) Observe(r exchange.Record) {
	if r.Operation == "" {
		if undeclared(r) {
			inv.calls.shadow(r)
		}
		return
	}
	op := inv.catalogue.ids[operationID{r.API, r.Operation}]
	if op != nil && (r.Method == op.Method || r.Method == http.MethodHead && op.Method == http.MethodGet) {
		inv.calls.operation(op, r)
	}
}

// warn tells the operator which declared paths are not served.
func (inv *Inventory) warn() {
	for _, op := range inv.catalogue.debugPaths(false) {
		inv.log.Warn("a debug path is declared and answers 404 (remove it from the description, or give inventory.allow_debug a reason)",
			"api", op.API.Name, "operation", op.ID, "path", op.API.BasePath+op.Path)
	}
}
