package kernel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ndwhy/diag"
)

// An InterfaceError says why an interface cannot be looked at.
type InterfaceError struct {
	// Interface is the one asked for or chosen; empty where none could be chosen.
	Interface string
	// NoND: it exists, but does no neighbour discovery. Nothing can be told about it; the command
	// line was right. Else the user has to name one of Others.
	NoND bool
	// Port is the kind of interface that it is a port of, where that is why.
	Port string
	// Others are the interfaces that could be named, in order of index, those that are down marked so.
	Others []string
}

func (e *InterfaceError) Error() string {
	others := "there is none that does neighbour discovery"
	if len(e.Others) > 0 {
		others = "choose one with -i: " + strings.Join(e.Others, ", ")
	}
	switch {
	case e.Port != "":
		return fmt.Sprintf("%s is a port of a %s, which does neighbour discovery in its stead; %s", e.Interface, e.Port, others)
	case e.NoND:
		return fmt.Sprintf("%s does no neighbour discovery (it is no Ethernet interface, or of a kind that resolves nobody); nothing to check there", e.Interface)
	case e.Interface != "":
		return fmt.Sprintf("no interface %q; %s", e.Interface, others)
	default:
		return "no address or default route tells which interface is meant; " + others
	}
}

// CheckInterface returns an *InterfaceError where an interface is not there or does no neighbour
// discovery.
func CheckInterface(links []diag.Link, name string) error {
	i := slices.IndexFunc(links, func(l diag.Link) bool { return l.Interface == name && !l.Gone })
	if i < 0 {
		return &InterfaceError{Interface: name, Others: Discoverers(links)}
	}
	if !links[i].Ethernet || links[i].Port != "" {
		return &InterfaceError{Interface: name, NoND: true, Port: links[i].Port, Others: Discoverers(links)}
	}
	return nil
}

// Discoverers names the interfaces that do neighbour discovery, in order of index, those that are down marked so.
func Discoverers(links []diag.Link) []string {
	links = diag.SortedFunc(slices.Values(links), func(a, b diag.Link) int { return cmp.Compare(a.Index, b.Index) })
	var names []string
	for _, l := range links {
		switch {
		case !l.Ethernet || l.Gone || l.Port != "":
		case l.Up:
			names = append(names, l.Interface)
		default:
			names = append(names, l.Interface+" (down)")
		}
	}
	return names
}
