package diagtest

import (
	"encoding/json"
	"slices"

	"ndwhy/diag"
)

// Merge makes a world in which all holds that is out of order in either of two, which were both made of the network that
// healthy is as it should be: a question that one of them leaves unanswered is unanswered.
func Merge(healthy, a, b *World) *World {
	w := &World{Run: a.Run, Bodies: slices.Clone(a.Bodies), Paths: slices.Clone(a.Paths), Checks: a.Checks, Elapsed: max(a.Elapsed, b.Elapsed), Late: max(a.Late, b.Late)}
	if len(b.Run.Interfaces) > len(w.Run.Interfaces) {
		w.Run.Interfaces = b.Run.Interfaces
	}
	was, has := texts(healthy.Bodies), texts(b.Bodies)
	w.Bodies = slices.DeleteFunc(w.Bodies, func(x diag.Body) bool { return was[text(x)] && !has[text(x)] })
	for _, x := range b.Bodies {
		if !was[text(x)] {
			w.Bodies = append(w.Bodies, x)
		}
	}
	at := func(list []diag.Path, id string) int {
		return slices.IndexFunc(list, func(p diag.Path) bool { return p.ID == id })
	}
	for _, p := range healthy.Paths {
		if at(b.Paths, p.ID) < 0 {
			w.Paths = slices.DeleteFunc(w.Paths, func(q diag.Path) bool { return q.ID == p.ID })
		}
	}
	for _, p := range b.Paths {
		i, old := at(w.Paths, p.ID), at(healthy.Paths, p.ID)
		switch {
		case i < 0 && old < 0:
			w.Paths = append(w.Paths, p)
		case i >= 0 && p.Missing() && !w.Paths[i].Missing(), i >= 0 && old >= 0 && p.Sent-p.Received != healthy.Paths[old].Sent-healthy.Paths[old].Received && !w.Paths[i].Missing():
			w.Paths[i] = p
		}
	}
	return w
}

func text(b diag.Body) string {
	raw, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return b.Kind() + string(raw)
}

func texts(list []diag.Body) map[string]bool {
	all := map[string]bool{}
	for _, b := range list {
		all[text(b)] = true
	}
	return all
}
