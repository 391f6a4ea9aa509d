package live

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
)

// Interfaces returns the interfaces to examine, by name: those asked for ("all" are all that do neighbour
// discovery), or the one that is chosen where none is. The error may be a *kernel.InterfaceError.
func Interfaces(ctx context.Context, asked []string) ([]diag.Link, error) {
	survey, err := kernel.Look(ctx)
	if err != nil {
		return nil, err
	}
	if len(asked) == 0 {
		name, err := chosen(survey)
		if err != nil {
			return nil, err
		}
		asked = []string{name}
	}
	all := slices.Contains(asked, "all")
	for _, name := range asked {
		if name == "all" {
			continue
		}
		if err := kernel.CheckInterface(survey.Links, name); err != nil {
			return nil, err
		}
	}
	var links []diag.Link
	for _, link := range survey.Links {
		if slices.Contains(asked, link.Interface) || all && link.Ethernet {
			links = append(links, link)
		}
	}
	if len(links) == 0 {
		return nil, &kernel.InterfaceError{}
	}
	diag.SortFunc(links, func(a, b diag.Link) int { return cmp.Compare(a.Interface, b.Interface) })
	return links, nil
}

// chosen is the interface that the default route says, or else the only one there is, up or not: that
// it is down is what is to be told.
func chosen(survey kernel.Survey) (string, error) {
	name, err := kernel.DefaultInterface(survey.Links, survey.Routes, survey.Default4)
	var none *kernel.InterfaceError
	if errors.As(err, &none) && none.Interface == "" && len(none.Others) == 1 {
		i := slices.IndexFunc(survey.Links, func(l diag.Link) bool { return l.Ethernet && !l.Gone })
		return survey.Links[i].Interface, nil
	}
	return name, err
}
