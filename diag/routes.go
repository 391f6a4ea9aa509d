package diag

// What is kept of a host's routes is bounded: a router has the whole Internet's, and whoever is on the link can make
// the kernel set any number. Those that lead to somewhere particular through a gateway have a share of their own, for
// they say least of neighbour discovery: which way is taken the kernel is asked itself. Of more the first stay.
const (
	RoutesKept   = 12288 // default routes, those of the link, and those that refuse
	GatewaysKept = 6144  // routes through a gateway to somewhere particular
)

// RouteRoom counts the routes that somebody keeps. The zero value has none.
type RouteRoom struct{ through, others int }

// Take reports whether there is room for a route, and takes it.
func (c *RouteRoom) Take(r Route) bool {
	n, most := c.of(r)
	if *n >= most {
		return false
	}
	*n++
	return true
}

// Free gives the room of a route back.
func (c *RouteRoom) Free(r Route) {
	n, _ := c.of(r)
	*n--
}

func (c *RouteRoom) of(r Route) (n *int, most int) {
	if r.Type == "unicast" && r.Via.IsValid() && r.Dst.Bits() > 0 {
		return &c.through, GatewaysKept
	}
	return &c.others, RoutesKept
}
