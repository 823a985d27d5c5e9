// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"reflect"
	"time"

	"yett/practice"
)

// Schema describes the file for editors: JSON Schema 2020-12, made of the structs that the file is decoded into. It
// refuses unknown keys and wrong kinds; what a practice's Validate judges is left to yett check.
func Schema(known []*practice.Practice) []byte {
	s := objectSchema(reflect.TypeFor[File]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "yett.yaml"
	s["required"] = []string{"apis"}

	operation := objectSchema(reflect.TypeFor[Operation]())
	addBlocks(operation, known)
	of := objectSchema(reflect.TypeFor[API]())
	of["required"] = []string{"name", "openapi", "upstream"}
	addBlocks(of, known)
	properties(of)["operations"] = object{
		"type": "object", "description": "by operation id: operationId, else GET /orders/{id}",
		"additionalProperties": object{"$ref": "#/$defs/operation"},
	}
	field := objectSchema(reflect.TypeFor[Field]())
	field["minProperties"] = 1
	properties(of)["fields"] = object{
		"type": "object", "description": "by schema and property, Order.items.cost, or by operation and parameter",
		"additionalProperties": object{"$ref": "#/$defs/field"},
	}
	addBlocks(s, known)
	properties(s)["admin"] = objectSchema(reflect.TypeFor[Admin]())
	properties(s)["apis"] = object{"type": "array", "minItems": 1, "items": object{"$ref": "#/$defs/api"}}
	defs := object{"api": of, "operation": operation, "field": field}
	for _, p := range known {
		defs["practice."+p.Name] = blockSchema(p)
	}
	s["$defs"] = defs
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("config: " + err.Error()) // maps of strings always marshal
	}
	return append(out, '\n')
}

type object = map[string]any

func properties(s object) object { return s["properties"].(object) }

func addBlocks(s object, known []*practice.Practice) {
	for _, p := range known {
		properties(s)[p.Name] = object{"$ref": "#/$defs/practice." + p.Name}
	}
}

// blockSchema is the schema of a practice's block at any place.
func blockSchema(p *practice.Practice) object {
	s := objectSchema(configType(p))
	modes := []string{"enforce"}
	if p.MayObserve {
		modes = append(modes, "observe")
	}
	properties(s)["mode"] = object{"enum": modes}
	properties(s)["off"] = object{"type": "string", "pattern": "[A-Za-z]", "description": "why the practice is off here"}
	s["not"] = object{"required": []string{"mode", "off"}}
	s["description"] = p.Protects
	return s
}

func objectSchema(t reflect.Type) object {
	props := object{}
	for _, f := range fieldsOf(t) {
		props[f.name] = typeSchema(f.kind)
	}
	return object{"type": "object", "properties": props, "additionalProperties": false}
}

// variable allows a text beside a value of another kind where it names a variable.
const variable = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`

func typeSchema(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return typeSchema(t.Elem())
	case t == secretType:
		return object{"oneOf": []object{oneKey("file"), oneKey("env")}}
	case t == conditionType:
		return object{"oneOf": []object{{"type": "string"}, oneKey("if")}}
	case t == durationType:
		return object{"type": []string{"string", "integer"}, "examples": []string{"30s", "1m", "90d", (90 * time.Minute).String()}}
	case isScalar(t) && reflect.PointerTo(t).Implements(textType):
		return object{"type": []string{"string", "number"}}
	}
	switch k := t.Kind(); k {
	case reflect.String:
		// A number or boolean is a text too where a text is wanted.
		return object{"type": []string{"string", "number", "boolean"}}
	case reflect.Bool:
		return object{"type": []string{"boolean", "string"}, "pattern": "^(true|false)$|" + variable}
	case reflect.Float32, reflect.Float64:
		return object{"type": []string{"number", "string"}, "pattern": "^-?[0-9]|" + variable}
	case reflect.Slice:
		return object{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	case reflect.Struct:
		return objectSchema(t)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": []string{"integer", "string"}, "minimum": 0, "pattern": "^[0-9]+$|" + variable}
	}
	return object{"type": []string{"integer", "string"}, "pattern": "^-?[0-9]+$|" + variable}
}

func oneKey(name string) object {
	return object{"type": "object", "properties": object{name: object{"type": "string"}}, "required": []string{name}, "additionalProperties": false}
}
