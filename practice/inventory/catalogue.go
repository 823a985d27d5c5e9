// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"errors"
	"fmt"
	"slices"

	"yett/api"
)

type operationID struct{ api, id string }

// A catalogue is what is declared, and what of it is closed. It is filled while a configuration is built, and does not
// change once it serves.
type catalogue struct {
	apis     []*api.API
	ids      map[operationID]*api.Operation
	gateway  Config              // what counts for every API
	own      map[*api.API]Config // what counts for one
	disabled map[*api.Operation]bool
	debug    map[*api.Operation]string // why its debug path is served
}

func newCatalogue(apis []*api.API) *catalogue {
	c := &catalogue{apis: apis, ids: make(map[operationID]*api.Operation), own: make(map[*api.API]Config),
		disabled: make(map[*api.Operation]bool), debug: make(map[*api.Operation]string)}
	for _, a := range apis {
		for _, op := range a.Operations {
			c.ids[operationID{a.Name, op.ID}] = op
		}
	}
	return c
}

// configureAll takes what stands at the gateway's level: each name must be known to one of the APIs.
func (c *catalogue) configureAll(conf Config) error {
	c.gateway = conf
	if len(c.apis) == 0 {
		return nil // no gateway runs: there is nothing to compare with
	}
	var all []*api.Operation
	for _, a := range c.apis {
		all = append(all, a.Operations...)
	}
	return known(conf.Disable, all)
}

// configureAPI closes what is named for one API. Layers are merged key by key, so conf has the gateway's list where the
// API has none, and the API's alone where it has one: both count, because nothing narrower may open what was closed.
func (c *catalogue) configureAPI(conf Config, a *api.API) error {
	c.own[a] = conf
	if !conf.Disable.equal(c.gateway.Disable) {
		if err := known(conf.Disable, a.Operations); err != nil {
			return err
		}
	}
	for _, op := range a.Operations {
		if conf.Disable.names(op) || c.gateway.Disable.names(op) {
			c.disabled[op] = true
		}
		c.debug[op] = conf.AllowDebug
	}
	return nil
}

// configureOperation takes what stands in an operation's own block.
func (c *catalogue) configureOperation(conf Config, op *api.Operation) error {
	c.debug[op] = conf.AllowDebug
	if d := conf.Disable; !d.equal(c.gateway.Disable) && !d.equal(c.own[op.API].Disable) {
		return errors.New("disable: does not belong to one operation (move it to the API's own inventory block)")
	}
	return nil
}

// debugPaths lists the operations whose template is a debug path, those that are served or those that are not.
func (c *catalogue) debugPaths(served bool) []*api.Operation {
	var all []*api.Operation
	for _, a := range c.apis {
		for _, op := range a.Operations {
			// Where the practice is off for an API there is no entry, and nothing to say.
			if why, on := c.debug[op]; on && isDebug(op.Path) && (why != "") == served {
				all = append(all, op)
			}
		}
	}
	return all
}

func (d Disable) equal(e Disable) bool {
	return slices.Equal(d.Operations, e.Operations) && slices.Equal(d.Tags, e.Tags)
}

// names reports whether d closes op.
func (d Disable) names(op *api.Operation) bool {
	return slices.Contains(d.Operations, op.ID) || slices.ContainsFunc(op.Tags, func(tag string) bool { return slices.Contains(d.Tags, tag) })
}

// known is an error if d names what none of ops is or carries: a misspelt name would leave open what was to be closed.
func known(d Disable, ops []*api.Operation) error {
	var ids, tags []string
	for _, op := range ops {
		ids, tags = append(ids, op.ID), append(tags, op.Tags...)
	}
	for i, id := range d.Operations {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("disable.operations[%d]: no operation is called %q%s", i, id, hint(id, ids))
		}
	}
	for i, tag := range d.Tags {
		if !slices.Contains(tags, tag) {
			return fmt.Errorf("disable.tags[%d]: no operation carries the tag %q%s", i, tag, hint(tag, tags))
		}
	}
	return nil
}

// hint names the word of all that is nearest to got, if one is near.
func hint(got string, all []string) string {
	best, least := "", len(got)/3+1
	for _, word := range all {
		if d := distance(got, word, least); d < least || d == least && best == "" {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance is how many characters are to be changed, added or removed to make b of a; anything above most where it is
// more than that.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
