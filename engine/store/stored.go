package store

import (
	"reflect"
	"slices"
	"strings"

	"anxin/engine/order"
)

// The columns state and event hold JSON with the names of the wire, without what is zero:
// most of an order is zero for most of its life, and each byte is written with every
// change of state. An event also leaves to their columns what has one.
var (
	storedOrder = sparse(reflect.TypeFor[order.Order]())
	storedEvent = sparse(reflect.TypeFor[order.Event](), "OrderNo", "Seq", "Type", "At")
)

// sparse returns a struct type with the fields of t, of which encoding/json writes none
// that is zero, and never those that are named. The type is derived, so that no field
// that t gets later can be forgotten here.
func sparse(t reflect.Type, without ...string) reflect.Type {
	fields := make([]reflect.StructField, t.NumField())
	for i := range fields {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		f.Tag = reflect.StructTag(`json:"` + name + `,omitzero"`)
		if slices.Contains(without, f.Name) {
			f.Tag = `json:"-"`
		}
		fields[i] = f
	}
	return reflect.StructOf(fields)
}
