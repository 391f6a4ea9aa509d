package checks

import (
	"ndwhy/diag"
	"ndwhy/diag/words"
)

// Fix is the line that gives the program its privileges.
const Fix = "sudo setcap cap_net_raw,cap_net_admin=p $(command -v ndwhy)"

// begin reports every check as running or skipped, and whether any is running.
func (r *Loop) begin() bool {
	some := false
	var list []diag.Check
	r.Session.Look(func(s *diag.State) {
		for _, iface := range r.spec.Interfaces {
			for _, c := range inOrder {
				check := standing(s, c, iface)
				if check.State == diag.CheckRunning {
					some = true
				}
				list = append(list, check)
			}
		}
	})
	for _, c := range list {
		r.Session.Emit(c)
	}
	return some
}

// standing says whether a check can run on an interface, and what is missing if it cannot.
func standing(s *diag.State, c Check, iface string) diag.Check {
	check := diag.Check{ID: c.ID, Interface: iface, State: diag.CheckSkipped}
	link, ok := s.Links[iface]
	switch {
	case s.Run.Passive:
		check.Why, check.User = words.Say("skipped.passive"), true
	case !wanted(s.Run, c.ID):
		check.Why, check.User = words.Say("skipped.user"), true
	case c.off != nil && c.off(s.Run) != "":
		check.Why, check.User = words.Say(c.off(s.Run)), true
	case !ok:
		check.Why = words.Say("skipped.no-interface", "interface", iface)
	case !link.Ethernet:
		check.Why = words.Say("skipped.no-nd", "interface", iface)
	case !link.Up:
		check.Why = words.Say("skipped.down", "interface", iface)
	case c.feed != "" && s.Feeds[c.feed].State != diag.Synced && s.Feeds[c.feed].State != diag.Lost:
		check.Why, check.Fix = s.Feeds[c.feed].Why, s.Feeds[c.feed].Fix
	case c.Needs == NeedsNetRaw && s.Feeds[diag.FeedFrames].State != diag.Synced:
		feed := s.Feeds[diag.FeedFrames]
		check.Why, check.Fix = lack(feed, "skipped.no-raw")
	case c.NeedsAdmin && s.Run.Add == diag.AddKernel && s.Feeds[diag.FeedAdmin].State == diag.Unavailable:
		check.Why, check.Fix = lack(s.Feeds[diag.FeedAdmin], "skipped.no-admin")
	default:
		check.State = diag.CheckRunning
	}
	return check
}

func lack(feed diag.Feed, key string) (why, fix string) {
	why, fix = feed.Why, feed.Fix
	if why == "" {
		why = words.Say(key)
	}
	if fix == "" {
		fix = Fix
	}
	return why, fix
}

// conclude reports how every check that ran has ended.
func (r *Loop) conclude() {
	var list []diag.Check
	r.Session.Look(func(s *diag.State) {
		for _, iface := range r.spec.Interfaces {
			for _, c := range inOrder {
				key := diag.CheckKey{ID: c.ID, Interface: iface}
				if s.Checks[key].State != diag.CheckRunning {
					continue
				}
				check := diag.Check{ID: c.ID, Interface: iface, State: diag.CheckDone}
				asked, denied, late, planned := 0, 0, 0, 0
				for _, q := range r.prior {
					if q.Check != c.ID || q.Interface != iface {
						continue
					}
					planned++
					path, ok := s.Path(q.ID)
					switch {
					case !ok:
						late++
					case path.Outcome != diag.OutcomeSkipped:
						asked++
					case path.Detail == DetailNoSocket || path.Detail == DetailNoRaw:
						denied++
					case path.Detail == DetailTimeout || path.Detail == DetailCancelled:
						late++
					}
				}
				switch {
				case r.broke[key] != "":
					check.State, check.Why = diag.CheckSkipped, words.Say("skipped.broken", "why", r.broke[key])
				case asked == 0 && denied > 0 && r.denied != nil:
					check.State, check.Why, check.Fix = diag.CheckSkipped, r.denied.Why, r.denied.Fix
				case asked == 0 && (late > 0 || r.whole.err() != nil && len(r.prior) == 0):
					check.State, check.Why = diag.CheckSkipped, words.Say("skipped.timeout")
				}
				if planned == 0 && check.State == diag.CheckDone && c.nothing != nil {
					check.Why = words.Say(c.nothing(s, iface))
				}
				list = append(list, check)
			}
		}
	})
	for _, c := range list {
		r.Session.Emit(c)
	}
}

// because is the one reason for which a check may have nothing to ask.
func because(key string) func(*diag.State, string) string {
	return func(*diag.State, string) string { return key }
}
