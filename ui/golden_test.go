package ui

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
)

var sizes = [][2]int{{80, 24}, {200, 60}}

// Every screen over a recording of the lab, at the two sizes that matter most.
func TestGoldenScreens(t *testing.T) {
	for _, size := range sizes {
		at := func(name string) string { return fmt.Sprintf("%s-%dx%d", name, size[0], size[1]) }
		for screen := ScreenMap; screen <= ScreenChecks; screen++ {
			s := newStage(t, Config{}, size[0], size[1]).play("unassigned-address")
			s.press(fmt.Sprint(int(screen)))
			s.golden(at(screen.name()))
		}
		s := newStage(t, Config{}, size[0], size[1]).play("unassigned-address")
		s.press("enter").golden(at("finding"))
		s.press("esc", "?").golden(at("help"))
		s.press("esc", "2", "down", "right", "enter").golden(at("evidence"))
		s.press("esc", "C").golden(at("consent"))
		s.press("esc", "6", "down", "down", "enter").golden(at("bytes"))
		s.press("esc", "3", "enter").golden(at("neighbour"))
		s.press("esc", "1", "x").golden(at("hidden"))

		newStage(t, Config{}, size[0], size[1]).play("rogue-router").press("4", "down").golden(at("rogue"))
		newStage(t, Config{}, size[0], size[1]).play("wrong-neighbour").golden(at("wrong-neighbour"))
		newStage(t, Config{ASCII: true, NoColor: true}, size[0], size[1]).play("unassigned-address").golden(at("ascii"))
	}
	newStage(t, Config{}, 40, 10).play("unassigned-address").golden("map-40x10")
	newStage(t, Config{}, 40, 10).play("unassigned-address").press("3").golden("neighbours-40x10")
	newStage(t, Config{}, 120, 40).play("unassigned-address").golden("map-120x40")
}

func labOf(s *stage) *Lab {
	at := s.state.Now
	return &Lab{
		Scenario: "vpc",
		Verdicts: []Verdict{
			{Time: at.Add(-2 * time.Second), Port: "ubuntu1", Verdict: "answered", Reason: "the fabric answers on behalf of ubuntu2", Summary: "fe80::4df:a5ff:fe6c:5d57 > ff02::1:ffeb:c61d: NS: who has fe80::4f0:13ff:feeb:c61d?"},
			{Time: at, Port: "ubuntu1", Verdict: "dropped", Reason: "source fe80::1234 is not assigned to ubuntu1", Summary: "fe80::1234 > ff02::1:ffeb:c61d: NS: who has fe80::4f0:13ff:feeb:c61d?"},
		},
		Breaks: []Break{
			{ID: "stop-peer", Title: "ubuntu2 is stopped; the switch goes on answering solicitations for it"},
			{ID: "add-address", Title: "somebody adds an address by hand that nobody assigned", Broken: true},
		},
	}
}

// The lab's pane and screen, the list of what can be broken, and the tour.
func TestGoldenLab(t *testing.T) {
	for _, size := range sizes {
		at := func(name string) string { return fmt.Sprintf("%s-%dx%d", name, size[0], size[1]) }
		s := newStage(t, Config{Mode: InLab, Bench: &bench{}}, size[0], size[1])
		s.play("unassigned-address")
		s.lab = labOf(s)
		s.look().press("w").golden(at("lab-pane"))
		s.press("8").golden(at("switch"))
		s.press("b").golden(at("breaks"))

		s = newStage(t, Config{Mode: InLab, Tour: true}, size[0], size[1])
		s.play("unassigned-address")
		s.lab = labOf(s)
		s.look().golden(at("tour"))
		s.press(">", ">", ">").golden(at("tour-peers"))
	}
}

// What is missing is said where it is missed, with the line that would give it.
func TestGoldenTroubles(t *testing.T) {
	s := newStage(t, Config{}, 80, 24)
	s.emit(0,
		diag.Run{Interfaces: []string{"eth0"}, Add: diag.AddNone},
		diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{6, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "opening a packet socket on eth0: operation not permitted", Fix: "sudo setcap cap_net_raw=p ./ndwhy"},
		diag.Address{Interface: "eth0", Address: netip.MustParseAddr("fe80::4df:a5ff:fe6c:5d57"), PrefixLen: 64, PreferredS: diag.Forever, ValidS: diag.Forever},
	)
	s.golden("unprivileged-map")
	s.press("6").golden("unprivileged-packets")
	s.emit(time.Second, diag.Feed{Name: diag.FeedNetlink, State: diag.Lost, Why: "the kernel dropped messages"})
	s.press("3").golden("lost-neighbours")
	s.emit(time.Second, diag.Link{Interface: "eth0", Gone: true})
	s.press("1").golden("gone-map")
}

// bench remembers what was broken.
type bench struct{ did []string }

func (b *bench) Break(id string, on bool) error {
	b.did = append(b.did, fmt.Sprint(id, " ", on))
	return nil
}
