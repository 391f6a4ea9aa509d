package ui

import (
	"slices"

	"ndwhy/diag"
)

// An order is how the reader wants the rows of a table.
type order struct {
	by      int // of the table's orders
	reverse bool
}

// An orderBy is one order of a table's rows. The first of a table is that in which they come: its compare is nil.
type orderBy[T any] struct {
	name    string // of the catalogue, after "ui.sort."
	compare func(a, b T) int
}

// rowKeys are the keys of every table.
var rowKeys = []hotkey{{"/", "filter"}, {"o", "sort"}}

// sortRows puts rows in order; those that are equal stay as they are.
func sortRows[T any](rows []T, o order, orders []orderBy[T]) {
	if compare := orders[o.by].compare; compare != nil {
		diag.SortFunc(rows, compare)
	}
	if o.reverse {
		slices.Reverse(rows)
	}
}

// orderKey is what o and O do in a table: the next order, and the other way round. It reports whether the key was one.
func orderKey[T any](o *order, orders []orderBy[T], l *list, key string) (action, bool) {
	switch key {
	case "o":
		o.by = (o.by + 1) % len(orders)
	case "O":
		o.reverse = !o.reverse
	default:
		return nil, false
	}
	*l = list{}
	text := say("sort." + orders[o.by].name)
	if o.reverse {
		text += " " + say("sort.reverse")
	}
	return tell{say("sort.now", "order", text)}, true
}
