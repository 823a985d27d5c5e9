// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"fmt"
	"net/http"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
)

// fieldsSeen reports whether the fields of bodies of a type are seen, so that they can be left out and masked: of JSON, its
// records, and events of JSON. Where events may be texts, they are taken for texts.
func fieldsSeen(contentType string, shape *schema.Shape) bool {
	if api.FormOf(contentType) == api.JSON {
		return true
	}
	typ, _, _ := strings.Cut(contentType, ";")
	if strings.EqualFold(strings.TrimSpace(typ), "text/event-stream") {
		return !shape.Types().Has(schema.String)
	}
	return exchange.Records(contentType)
}

// readForms refuses descriptions that restrict fields where none are seen, and remembers the answers of which only the
// service knows what type they have.
func (e *Exposer) readForms() {
	e.ranges = map[*api.Media]bool{}
	for _, op := range e.api.Operations {
		for _, r := range op.Responses {
			for _, m := range r.Media {
				shape := m.Schema.Shape()
				rule := e.anyRule(shape)
				switch {
				case rule == nil:
				case strings.HasSuffix(m.Type, "/*"):
					e.ranges[m] = true
				case m.Type == "text/event-stream" && !fieldsSeen(m.Type, shape):
					e.reader.errs = append(e.reader.errs, fmt.Errorf("%s: a field of an event is not for everybody, and the event may be a text (say type: object at %s)",
						rule.where, m.Where.Where()))
				case !fieldsSeen(m.Type, shape):
					e.reader.errs = append(e.reader.errs, fmt.Errorf("%s: a field is not for everybody, and fields of %s are not seen (give the answer at %s a schema without the word)",
						rule.where, m.Type, m.Where.Where()))
				}
			}
		}
	}
}

// anyRule returns a rule of a shape or of what lies below it, nil if there is none.
func (e *Exposer) anyRule(root *schema.Shape) (found *rule) {
	each(root, func(p *schema.Shape) {
		if rules := e.reader.of(p); len(rules) > 0 && found == nil {
			found = rules[0]
		}
	})
	return found
}

// each calls f once with a shape and with each of those below it.
func each(root *schema.Shape, f func(*schema.Shape)) {
	seen := map[*schema.Shape]bool{nil: true}
	for queue := []*schema.Shape{root}; len(queue) > 0; queue = queue[1:] {
		if p := queue[0]; !seen[p] {
			seen[p] = true
			f(p)
			p.Each(func(child *schema.Shape, _ string, _, _ bool) { queue = append(queue, child) })
		}
	}
}

// response refuses answers with restricted fields that came in a form in which they are not seen: the description left the
// type open.
func (e *Exposer) response(x *exchange.Exchange) error {
	a := &x.Answer
	if x.Operation == nil || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified || x.Request.Method == http.MethodHead {
		return nil
	}
	contentType := a.Header.Get("Content-Type")
	m, ok := x.Operation.Response(a.Status).For(contentType)
	if !ok || !e.ranges[m] || fieldsSeen(contentType, m.Schema.Shape()) {
		return nil
	}
	return &problem.Error{Status: http.StatusBadGateway, Code: "fields_not_seen", Replaces: true,
		Detail: "The service behind this gateway gave an answer that cannot be passed on.",
		Cause:  fmt.Errorf("fields of the answer are not for everybody, and those of %.80q are not seen (%s)", contentType, m.Where.Where())}
}

// Response returns the step that looks at the head of answers, nil where there is nothing to look at.
func (e *Exposer) Response() exchange.Step {
	if len(e.ranges) == 0 {
		return nil
	}
	return e.response
}
