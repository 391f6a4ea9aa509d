package ui

import (
	tea "charm.land/bubbletea/v2"

	"ndwhy/diag"
)

// A tourStep is one step of the guided tour: its words stand in the catalogue under
// ui.tour.<id>: text, look (what to look at) and, where the step does something, do.
type tourStep struct {
	id     string
	screen Screen // turned to when the step begins
	run    []string
	try    diag.AddMode
	breaks string // something of the lab's that the step breaks
}

// tourSteps walk through the experiments that the program starts from.
var tourSteps = []tourStep{
	{id: "welcome", screen: ScreenMap},
	{id: "router", screen: ScreenRouters, run: []string{"ra"}},
	{id: "addresses", screen: ScreenAddresses},
	{id: "peers", screen: ScreenMatrix, run: []string{"router-nd", "router-echo", "peer-nd", "peer-echo"}},
	{id: "all-nodes", screen: ScreenPackets, run: []string{"all-nodes"}},
	{id: "candidates", screen: ScreenMatrix, try: diag.AddClaim},
	{id: "kernel", screen: ScreenNeighbours, try: diag.AddKernel},
	{id: "switch", screen: ScreenSwitch},
	{id: "by-hand", screen: ScreenMap, breaks: "add-address"},
	{id: "peer-stops", screen: ScreenMap, breaks: "stop-peer"},
	{id: "end", screen: ScreenMap},
}

// tour is where the reader is.
type tour struct{ step int }

func (t *tour) doc(s *scene, w int) *doc {
	step := tourSteps[t.step]
	d := newDoc(s.canvas, w-2)
	key := "tour." + step.id
	d.para(span{"", plain}, say(key+".text"), plain)
	d.para(span{say("tour.look") + " ", cyan | bold}, say(key+".look"), plain)
	return d
}

// height is how many lines the step takes: its text, a heading and the keys.
func (t *tour) height(s *scene, w int) int { return len(t.doc(s, w).lines) + 2 }

func (t *tour) draw(s *scene, r region) {
	r.rule(0, cyan)
	r.put(2, 0, " "+say("tour.title", "i", t.step+1, "n", len(tourSteps), "title", say("tour."+tourSteps[t.step].id+".title"))+" ", bold)
	t.doc(s, r.w).draw(r.sub(1, 1, r.w-2, r.h-2), 0)
	x := 1
	for _, k := range t.keys() {
		x = drawKey(r, x, r.h-1, k)
	}
}

func (t *tour) keys() []hotkey {
	var keys []hotkey
	step := tourSteps[t.step]
	if step.run != nil || step.try != "" || step.breaks != "" {
		keys = append(keys, hotkey{"!", "tour-do"})
	}
	if t.step < len(tourSteps)-1 {
		keys = append(keys, hotkey{">", "tour-next"})
	}
	if t.step > 0 {
		keys = append(keys, hotkey{"<", "tour-back"})
	}
	return append(keys, hotkey{"ctrl+t", "tour-leave"})
}

// tourMove turns to a step; leave ends the tour.
type (
	tourMove  struct{ by int }
	tourDo    struct{}
	tourLeave struct{}
)

func (t *tour) key(_ *scene, key string) (action, bool) {
	switch key {
	case ">":
		return tourMove{1}, true
	case "<":
		return tourMove{-1}, true
	case "!":
		return tourDo{}, true
	case "ctrl+t":
		return tourLeave{}, true
	}
	return nil, false
}

// tourDid performs what the reader asked of the tour.
func (m *Model) tourDid(s *scene, act action) tea.Cmd {
	switch a := act.(type) {
	case tourMove:
		m.tour.step = max(0, min(m.tour.step+a.by, len(tourSteps)-1))
		m.show(s, tourSteps[m.tour.step].screen)
	case tourLeave:
		m.tour = nil
	case tourDo:
		step := tourSteps[m.tour.step]
		switch {
		case step.try != "":
			return m.try(step.try)
		case step.run != nil:
			return m.run(step.run, "")
		case step.breaks != "":
			return m.breakIt(breaks{step.breaks, true})
		}
	}
	return nil
}
