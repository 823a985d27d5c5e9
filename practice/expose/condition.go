// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// A condition is an expression of CEL that says who sees a value. It is safe for concurrent use, and is cut off where it
// costs too much: what callers send decides how much there is to compare.
type condition struct {
	text    string
	where   string // file and line
	program cel.Program
}

const (
	maxExpression = 1024   // characters
	maxCost       = 20_000 // of CEL's own units; a comparison is one, and 20,000 take about a millisecond
)

// The variables that a condition may use. Their names are whole: there is no object "caller".
const (
	callerSubject = "caller.subject"
	callerClient  = "caller.client"
	callerKey     = "caller.key"
	callerIssuer  = "caller.issuer"
	callerScopes  = "caller.scopes"
	callerClaims  = "caller.claims"
	requestMethod = "request.method"
	requestOp     = "request.operation"
	requestPath   = "request.path"
)

// environment has the functions of standard CEL, and nothing that could reach outside.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.CustomTypeAdapter(adapter{}),
		cel.Variable(callerSubject, cel.StringType),
		cel.Variable(callerClient, cel.StringType),
		cel.Variable(callerKey, cel.StringType),
		cel.Variable(callerIssuer, cel.StringType),
		cel.Variable(callerScopes, cel.ListType(cel.StringType)),
		cel.Variable(callerClaims, cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable(requestMethod, cel.StringType),
		cel.Variable(requestOp, cel.StringType),
		cel.Variable(requestPath, cel.MapType(cel.StringType, cel.StringType)),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(32),
	)
})

// newCondition compiles an expression. Its error is the rest of a line that begins with where it stands.
func newCondition(text, where string) (*condition, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("if: %s: %s", brief(text), firstIssue(issues))
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType { // a claim may be anything
		return nil, fmt.Errorf("if: %s is of the type %s (want true or false)", brief(text), t)
	}
	estimate, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, fmt.Errorf("if: %s: what it costs cannot be told: %w", brief(text), err)
	}
	if estimate.Max > maxCost {
		return nil, fmt.Errorf("if: %s may cost %s units, more than %d (take the loop out of the loop)", brief(text), units(estimate.Max), maxCost)
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("if: %s: %w", brief(text), err)
	}
	return &condition{text: text, where: where, program: program}, nil
}

// brief is an expression as an error shows it, on one line.
func brief(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if r := []rune(line); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return line
}

// firstIssue says in one line what is wrong first, and where in the expression.
func firstIssue(issues *cel.Issues) string {
	if len(issues.Errors()) == 0 {
		return "it cannot be read"
	}
	e := issues.Errors()[0]
	message, _, _ := strings.Cut(e.Message, "\n")
	message = strings.TrimSuffix(message, " (in container '')")
	if strings.HasPrefix(message, "undeclared reference") && !strings.Contains(message, "did you mean") {
		message += "; there are " + strings.Join([]string{callerSubject, callerClient, callerKey, callerIssuer, callerScopes, callerClaims, requestMethod, requestOp, requestPath}, ", ")
	}
	return fmt.Sprintf("%s, in column %d", message, e.Location.Column()+1)
}

// units writes a cost; that of a loop in a loop has no bound that is worth printing.
func units(n uint64) string {
	if n > 1e9 {
		return "more than 10⁹"
	}
	return fmt.Sprint(n)
}

// holds evaluates the condition for who asks. An error means that nothing was decided.
func (c *condition) holds(a *asker) (bool, error) {
	v, _, err := c.program.Eval(&variables{a})
	if err != nil {
		return false, err
	}
	b, ok := v.Value().(bool)
	if !ok {
		return false, errors.New("it is neither true nor false")
	}
	return b, nil
}

// variables reads what a condition asks for, when it asks.
type variables struct{ *asker }

var _ interpreter.Activation = (*variables)(nil)

// ResolveName returns a variable by its whole name.
func (v *variables) ResolveName(name string) (any, bool) {
	c := v.caller
	switch name {
	case requestMethod:
		return v.method, true
	case requestOp:
		return v.operation, true
	case requestPath:
		m := make(map[string]string, len(v.params))
		for _, p := range v.params {
			m[p.Name] = p.Value
		}
		return m, true
	case callerClaims:
		return claimsOf(c), true
	case callerScopes:
		switch {
		case c == nil:
			return []string(nil), true
		case c.AllScopes:
			return everyScope{types.NewStringList(adapter{}, c.Scopes)}, true
		}
		return c.Scopes, true
	case callerSubject, callerClient, callerKey, callerIssuer:
		switch {
		case c == nil:
			return "", true
		case name == callerSubject:
			return c.Subject, true
		case name == callerClient:
			return c.Client, true
		case name == callerIssuer:
			return c.Issuer, true
		}
		return c.Key, true
	}
	return nil, false
}

// Parent is nil: nothing stands around.
func (v *variables) Parent() interpreter.Activation { return nil }

// An adapter shows claims to CEL. Numbers of a token are numbers there, not the texts in which we keep them.
type adapter struct{}

// NativeToValue converts a value of Go.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return types.Int(n)
		}
		f, err := v.Float64()
		if err != nil {
			return types.NewErr("a number is out of range")
		}
		return types.Double(f)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// everyScope is the scopes of a key for trying out: whichever is asked for is among them.
type everyScope struct{ traits.Lister }

// Contains is always true.
func (everyScope) Contains(ref.Val) ref.Val { return types.True }

// sizes tells how large the variables may be, so that the cost of a condition is known before anybody asks.
type sizes struct{}

// EstimateCallCost leaves it to CEL what its own functions cost.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize bounds what a variable holds. Larger values exist; for them there is the limit while a condition is
// evaluated.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	text := cost.RangedSizeEstimate(0, 256)
	name := cost.RangedSizeEstimate(0, 64)
	var s cost.SizeEstimate
	switch path[0] {
	case callerScopes:
		s = cost.ListSizeEstimate(cost.RangedSizeEstimate(0, 100), name)
	case requestPath:
		s = cost.MapSizeEstimate(cost.RangedSizeEstimate(0, 16), name, text)
	case callerClaims:
		s = cost.MapSizeEstimate(cost.RangedSizeEstimate(0, 64), name, text)
	default:
		return &text
	}
	if len(path) > 1 {
		return &text
	}
	return &s
}
