package main

import (
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// The article's experiments, one after another, as `lab vpc` has them explained, with candidates
// claimed in frames and with candidates that the kernel has for some seconds.
func TestArticle(t *testing.T) {
	for _, add := range []diag.AddMode{diag.AddClaim, diag.AddKernel} {
		t.Run(string(add), func(t *testing.T) {
			t.Parallel()
			r, lab := check(t, "vpc", "--add", string(add))
			if r.Verdict != why.VerdictOK {
				t.Errorf("verdict %s: %s", r.Verdict, r.Headline)
			}
			causes(t, r, "net.per-address-filter", "net.multicast-suppressed", "net.router-silent")
			paths(t, r,
				want{check: "peer-nd", outcome: diag.Answered},
				want{check: "peer-echo", target: ubuntu2, via: diag.ViaKernel, outcome: diag.Answered},
				want{check: "peer-echo", target: ubuntu2LL, via: diag.ViaKernel, outcome: diag.Answered},
				want{check: "peer-echo", target: ubuntu2LL, via: diag.ViaWire, outcome: diag.Answered},
				want{check: "all-nodes", outcome: diag.Silent},
				want{check: "ra", outcome: diag.Answered},
				want{check: "router-nd", outcome: diag.Answered},
				want{check: "router-echo", target: routerLL, outcome: diag.Silent},
				want{check: "internet", outcome: diag.Answered},
				want{check: "source", source: ubuntu1, outcome: diag.Answered},
				want{check: "added", asks: diag.AsksDAD, outcome: diag.Silent},
				want{check: "added", asks: diag.AsksND, outcome: diag.Silent},
				want{check: "added", asks: diag.AsksEcho, outcome: diag.Silent},
				want{check: "added", asks: diag.AsksEcho, source: next, via: diag.ViaWire, outcome: diag.Silent},
				want{check: "added", asks: diag.AsksND, source: articleLL, target: ubuntu2LL, via: diag.ViaWire, outcome: diag.Silent},
			)
			tried := candidates(r)
			var scopes []diag.Scope
			for _, c := range tried {
				scopes = append(scopes, scope(c))
			}
			if !slices.Contains(tried, next) || !slices.Contains(tried, articleLL) || !slices.Contains(scopes, diag.ULAScope) {
				t.Errorf("candidates %v: want the next to the assigned one, %s, and a unique-local one", tried, articleLL)
			}
			f := finding(t, r, "net.per-address-filter")
			if f.Confidence != why.Certain || len(f.Evidence) < 2 {
				t.Errorf("net.per-address-filter: %s with evidence %v", f.Confidence, f.Evidence)
			}
			dropped := false
			for _, e := range lab.SwitchLog {
				dropped = dropped || e.Port == "ubuntu1" && string(e.Verdict) == "dropped" &&
					strings.Contains(e.Frame, "> ff02::1: echo request")
			}
			if !dropped {
				t.Error("the switch's log does not show the echo to ff02::1 dropped")
			}
			routers(t, r)
			if add == diag.AddKernel {
				unresolved(t, r)
			}
		})
	}
}

// routers: the advertisement as the lab sends it, held against the kernel's route; the cache shows
// router and peer resolved.
func routers(t *testing.T, r report.Report) {
	t.Helper()
	if len(r.Routers) != 1 || r.Routers[0].Address != routerLL {
		t.Fatalf("routers %+v, want %s alone", r.Routers, routerLL)
	}
	x := r.Routers[0]
	if !slices.Contains(x.Flags, "M") || x.LifetimeS < 1790 || x.LifetimeS > 1800 || len(x.Prefixes) != 1 ||
		!x.Prefixes[0].OnLink || x.Prefixes[0].Autonomous {
		t.Errorf("advertisement %+v", x)
	}
	if x.KernelRoute == nil || !strings.Contains(*x.KernelRoute, "default via "+routerLL) || !strings.Contains(*x.KernelRoute, "proto ra") {
		t.Errorf("the kernel's route %v", x.KernelRoute)
	}
	for _, w := range []struct {
		address string
		router  bool
	}{{routerLL, true}, {ubuntu2, false}, {ubuntu2LL, false}} {
		i := slices.IndexFunc(r.Neighbours.Asked, func(n report.Neighbour) bool { return n.Address == w.address })
		if i < 0 || !r.Neighbours.Asked[i].State.Resolved() || r.Neighbours.Asked[i].MAC == nil || r.Neighbours.Asked[i].Router != w.router {
			t.Errorf("neighbour %s: %+v", w.address, r.Neighbours.Asked)
		}
	}
}

// unresolved: the one peer address without an entry that safety rule 2 allows went INCOMPLETE and
// stayed so, when the kernel was made to ask for it from the candidate.
func unresolved(t *testing.T, r report.Report) {
	t.Helper()
	var fresh []report.Path
	for _, p := range r.Paths {
		if p.Check == "added" && p.Asks == diag.AsksND && p.Via == diag.ViaKernel && p.Outcome != diag.OutcomeSkipped {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) != 1 || *fresh[0].Source != next || fresh[0].Outcome != diag.Silent {
		t.Fatalf("kernel discovery from candidates: %+v, want one, silent", fresh)
	}
	said := ""
	for _, e := range r.Evidence {
		if slices.Contains(fresh[0].Evidence, e.ID) {
			said += e.What + "\n"
		}
	}
	if !strings.Contains(said, "INCOMPLETE") || fresh[0].Sent < 2 {
		t.Errorf("%d solicitations, want 2, and the entry INCOMPLETE:\n%s", fresh[0].Sent, said)
	}
}

// In the VPC of 2017 prefix::1 is nobody's, so the article's first experiment can be made.
func TestArticleOf2017(t *testing.T) {
	t.Parallel()
	r, _ := check(t, "article", "--add", "kernel", "--try", subnetOne, "--try", articleLL)
	causes(t, r, "net.per-address-filter", "net.multicast-suppressed", "net.router-silent", "service.imds-ipv6-off")
	paths(t, r,
		want{check: "added", asks: diag.AsksDAD, target: subnetOne, outcome: diag.Silent},
		want{check: "added", asks: diag.AsksEcho, source: subnetOne, outcome: diag.Silent},
		want{check: "added", asks: diag.AsksND, source: subnetOne, via: diag.ViaWire, outcome: diag.Silent},
	)
}

// Today it is the VPC router's: it is not taken, and the report says whose it is.
func TestTryOfTheRoutersAddress(t *testing.T) {
	t.Parallel()
	r, _ := check(t, "vpc", "--try", subnetOne)
	paths(t, r, want{check: "added", asks: diag.AsksEcho, source: subnetOne, outcome: diag.OutcomeSkipped})
	for _, p := range r.Paths {
		if p.Source != nil && *p.Source == subnetOne && p.Detail != "answered-for-router" {
			t.Errorf("%s from %s: %s %s", p.Asks, subnetOne, p.Outcome, p.Detail)
		}
	}
}

// On an open link the same run finds the opposite, and no fault.
func TestOpenLink(t *testing.T) {
	t.Parallel()
	for _, add := range []string{"claim", "kernel"} {
		r, _ := check(t, "lan", "--add", add)
		causes(t, r, "net.open-link")
		paths(t, r,
			want{check: "router-echo", target: routerLL, outcome: diag.Answered},
			want{check: "all-nodes", outcome: diag.Answered},
			want{check: "added", asks: diag.AsksND, source: next, via: diag.ViaWire, outcome: diag.Answered},
			want{check: "added", asks: diag.AsksEcho, source: next, outcome: diag.Answered},
		)
		var others []string
		for _, p := range r.Paths {
			if p.Check == "all-nodes" && p.Via == diag.ViaWire {
				for _, x := range p.Responders {
					others = append(others, x.Address)
				}
			}
		}
		if !slices.Contains(others, ubuntu2LL) || slices.Contains(others, ubuntu1LL) {
			t.Errorf("who answered ff02::1: %v", others)
		}
	}
}

func TestForwardedND(t *testing.T) {
	t.Parallel()
	r, _ := check(t, "forwarded-nd")
	causes(t, r, "net.per-address-filter", "net.multicast-suppressed", "net.router-silent")
	paths(t, r, want{check: "peer-nd", outcome: diag.Answered})
}
