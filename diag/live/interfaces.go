package live

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
)

// allInterfaces is the name that stands for all interfaces that do neighbour discovery.
const allInterfaces = "all"

// Interfaces returns the interfaces to examine, by name, and those that are left out, and why. asked are
// those that the user named; where none is, they are those by which the host reaches others. zones are
// examined besides. At a deadline of ctx they are chosen by what is known by then. The error may be a *kernel.InterfaceError.
func Interfaces(ctx context.Context, asked, zones []string) ([]diag.Link, []diag.NotExamined, error) {
	survey, err := kernel.Look(ctx)
	if err != nil && (!errors.Is(err, context.DeadlineExceeded) || len(survey.Links) == 0) {
		return nil, nil, err
	}
	return choose(survey, asked, zones)
}

func choose(v diag.Survey, asked, zones []string) (links []diag.Link, left []diag.NotExamined, err error) {
	used, left := v.Used()
	for _, name := range slices.Concat(asked, zones) {
		if name == allInterfaces && slices.Contains(asked, name) || has(used, name) {
			continue
		}
		if err := kernel.CheckInterface(v.Links, name); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case slices.Contains(asked, allInterfaces):
		links = ethernet(v.Links, func(l diag.Link) bool { return l.Port == "" || has(used, l.Interface) })
	case len(asked) > 0:
		links = named(v.Links, asked)
		left = nil
		for _, l := range used {
			left = append(left, diag.NotExamined{Interface: l.Interface, Why: diag.ExamineUnasked})
		}
	case len(used) > 0:
		links = used
	default:
		if links = fallback(v, left); len(links) == 0 && len(zones) == 0 {
			return nil, nil, nobody(v)
		}
	}
	for _, l := range named(v.Links, zones) {
		if !has(links, l.Interface) {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil, nil, nobody(v)
	}
	diag.SortFunc(links, func(a, b diag.Link) int { return cmp.Compare(a.Interface, b.Interface) })
	left = slices.DeleteFunc(left, func(x diag.NotExamined) bool {
		return has(links, x.Interface)
	})
	return links, left, nil
}

func has(links []diag.Link, name string) bool {
	return slices.ContainsFunc(links, func(l diag.Link) bool { return l.Interface == name })
}

// fallback is what is examined where the host reaches nobody by IPv6: the interface of the IPv4 default
// route, else those that the host is a router on, else the only one that is up, else the only one there
// is: that it is down is what is to be told.
func fallback(v diag.Survey, left []diag.NotExamined) []diag.Link {
	for _, ok := range []func(diag.Link) bool{
		func(l diag.Link) bool { return l.Interface == v.Default4 && l.Port == "" },
		func(l diag.Link) bool {
			return slices.ContainsFunc(left, func(x diag.NotExamined) bool {
				return x.Interface == l.Interface && x.Why == diag.ExamineInside
			})
		},
	} {
		if links := ethernet(v.Links, ok); len(links) > 0 {
			return links[:min(len(links), diag.MostExamined)]
		}
	}
	for _, ok := range []func(diag.Link) bool{
		func(l diag.Link) bool { return l.Up && l.Port == "" },
		func(l diag.Link) bool { return l.Port == "" },
	} {
		if links := ethernet(v.Links, ok); len(links) == 1 {
			return links
		}
	}
	return nil
}

// nobody is the error where there is nothing to examine: nothing can be told where the way out does no
// neighbour discovery, else the user has to say which is meant.
func nobody(v diag.Survey) error {
	for _, r := range v.Routes {
		if r.Dst.Bits() == 0 && r.Type == "unicast" && !r.Gone && r.Interface != "" {
			if err := kernel.CheckInterface(v.Links, r.Interface); err != nil {
				return err
			}
		}
	}
	return &kernel.InterfaceError{Others: kernel.Discoverers(v.Links)}
}

// ethernet returns the interfaces that do neighbour discovery and that ok holds of, in order of index.
func ethernet(links []diag.Link, ok func(diag.Link) bool) (list []diag.Link) {
	for _, l := range links {
		if l.Ethernet && !l.Gone && ok(l) {
			list = append(list, l)
		}
	}
	diag.SortFunc(list, func(a, b diag.Link) int { return cmp.Compare(a.Index, b.Index) })
	return list
}

// named returns the interfaces of these names.
func named(links []diag.Link, names []string) (list []diag.Link) {
	return ethernet(links, func(l diag.Link) bool { return slices.Contains(names, l.Interface) })
}
