// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// Judge is told of an answer that does not fit its schema. It refuses it, or leaves a note in the record. What it says of an
// answer is names of members and rules, never a value, and the caller learns none of it.
func (v *Validator) Judge(x *exchange.Exchange, j view.Judgement) error {
	if !v.enforce {
		v.report(x, j)
		return nil
	}
	p := &problem.Error{Status: http.StatusBadGateway, Code: "answer_invalid", Replaces: true,
		Detail: "The service behind this gateway gave an answer that cannot be passed on."}
	note, shape := "too long to be held against all of its schema", answered(x)
	if len(j.Findings) == 0 {
		// What cannot be decided is refused: it may fit, and nobody could say so before it has left.
		p.Code, p.Cause = "answer_unjudged", errors.New("a value is "+note)
	} else {
		all := make([]string, len(j.Findings))
		for i, f := range j.Findings {
			all[i] = fault(shape, f)
			if f.Where != nil {
				all[i] += " (" + f.Where.Where().String() + ")"
			}
		}
		note, p.Cause = noted(len(j.Findings), fault(shape, j.Findings[0])), errors.New(strings.Join(all, "; "))
	}
	x.Report(name, exchange.Failed, p.Code, note) // no step is running whose decision would stand in the record
	return p
}

// An observed answer is one that has left although it does not fit: a document, or all the records of a stream.
type observed struct {
	bodies, findings int
	first            string
	unjudged         bool
}

// report counts what does not fit. However many records an answer has, there is one note, made when it is over.
func (v *Validator) report(x *exchange.Exchange, j view.Judgement) {
	known, ok := v.observing.Load(x)
	if !ok {
		known = new(observed)
		v.observing.Store(x, known)
		x.Defer(func() {
			v.observing.Delete(x)
			known.(*observed).tell(x)
		})
	}
	o := known.(*observed) // nothing else is put there
	o.unjudged = o.unjudged || j.Unjudged
	if len(j.Findings) == 0 {
		return
	}
	if o.bodies++; o.bodies == 1 {
		o.first = fault(answered(x), j.Findings[0])
	}
	o.findings += len(j.Findings)
}

func (o *observed) tell(x *exchange.Exchange) {
	if o.findings == 0 {
		x.Report(name, exchange.Observed, "answer_unjudged", "too long to be held against all of its schema")
		return
	}
	note := noted(o.findings, o.first)
	if o.bodies > 1 {
		note += ", in " + strconv.Itoa(o.bodies) + " records"
	}
	if o.unjudged {
		note += ", not all judged"
	}
	x.Report(name, exchange.Observed, "answer_invalid", note)
}

// noted is what stands in the record: "3 findings, first /items/*/price type".
func noted(n int, first string) string {
	if n == 1 {
		return "1 finding, " + first
	}
	return strconv.Itoa(n) + " findings, first " + first
}

// fault is the place and the rule of a finding in an answer of this shape.
func fault(shape *schema.Shape, f schema.Finding) string {
	if f.Pointer == "" {
		return "the body " + f.Keyword
	}
	return places(shape, f.Pointer) + " " + f.Keyword
}

// answered is the shape of the answer, nil where nothing is said of it.
func answered(x *exchange.Exchange) *schema.Shape {
	if x.Operation == nil {
		return nil
	}
	m, ok := x.Operation.Response(x.Answer.Status).For(x.Answer.Header.Get("Content-Type"))
	if !ok {
		return nil
	}
	return m.Schema.Shape()
}
