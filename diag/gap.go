package diag

import "maps"

// A gapKey names the newest gap in a stream, of a reader who was slow or of what could not be read.
type gapKey struct{}

// applyFeed takes how complete a source is. After a gap in the stream itself what is so is told anew.
func (s *State) applyFeed(e Event, f Feed) {
	if f.Name == FeedWatch && f.State == Synced && s.Feeds[f.Name].State == Lost {
		s.forgetUntold(s.said[gapKey{}].Seq)
	}
	if f.Name == FeedWatch && f.State == Lost {
		s.said[gapKey{}] = e
	}
	s.Feeds[f.Name] = f
	s.said[f.Name] = e
}

// forgetUntold drops the entries of the kernel's tables that nothing has told of since an event: they went meanwhile.
func (s *State) forgetUntold(since int64) {
	untold := func(key any) bool {
		is := s.said[key].Seq < since
		if is {
			delete(s.said, key)
		}
		return is
	}
	for name := range s.Links {
		if untold(linkKey(name)) {
			s.applyLink(Link{Interface: name, Gone: true})
		}
	}
	maps.DeleteFunc(s.Addresses, func(_ InterfaceAddr, a At[Address]) bool { return a.Seq < since })
	maps.DeleteFunc(s.Proxies, func(_ InterfaceAddr, n At[Neighbour]) bool { return n.Seq < since })
	for key, r := range s.Routes.All() {
		if r.Seq < since {
			s.room.Free(r.Fact)
			s.Routes.remove(key)
		}
	}
	maps.DeleteFunc(s.Rules, func(r PolicyRule, _ bool) bool { return untold(r) })
	maps.DeleteFunc(s.Hooks, func(key HookKey, _ Hook) bool { return untold(key) })
	for _, f := range s.Filters {
		if s.said[filterKeyOf(f)].Seq < since {
			f.Gone = true
			s.applyFilter(Event{}, f)
		}
	}
	for key, n := range s.Neighbours.All() {
		if n.Seq < since {
			s.count(n.Fact, -1)
			s.Neighbours.remove(key)
		}
	}
}
