package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// elements reads a page as strictly as XML is read but for what HTML leaves open, and returns its text by element.
func elements(t *testing.T, name, page string) map[string][]string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	of := map[string][]string{}
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, page)
		}
		switch x := token.(type) {
		case xml.StartElement:
			open = append(open, x.Name.Local)
			for _, a := range x.Attr {
				of["@"+a.Name.Local] = append(of["@"+a.Name.Local], a.Value)
			}
			of[x.Name.Local] = append(of[x.Name.Local], "")
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				list := of[e]
				list[len(list)-1] += string(x)
			}
		}
	}
	return of
}

// Whatever holds, the page is whole, needs nothing else, and says the verdict, every finding in full, and what to do.
func TestHTMLSaysAllByItself(t *testing.T) {
	for _, x := range writtenAs(t, "html") {
		of := elements(t, x.name, x.text)
		body := of["body"][0]
		if !strings.Contains(of["h1"][0], x.r.Headline) {
			t.Errorf("%s: the headline is not the heading: %q", x.name, of["h1"])
		}
		for _, f := range x.r.Findings {
			said := strings.Contains(body, f.Summary) || strings.Contains(body, f.Subject.Value) // as one of several
			if !strings.Contains(body, f.Cause) || !said || !strings.Contains(body, f.Explanation) {
				t.Errorf("%s: %s is not told in full", x.name, f.Cause)
			}
			for _, c := range f.Remedy {
				if !strings.Contains(body, c) {
					t.Errorf("%s: %q is missing", x.name, c)
				}
			}
		}
		for _, e := range x.r.Evidence {
			told := false
			for _, f := range x.r.Findings {
				told = told || contains(f.Evidence, e.ID)
			}
			if told && !strings.Contains(body, e.What) {
				t.Errorf("%s: %q is missing", x.name, e.What)
			}
		}
		if len(x.r.Paths) > 0 && len(of["svg"]) != len(x.r.Interfaces) {
			t.Errorf("%s: %d maps of %d interfaces", x.name, len(of["svg"]), len(x.r.Interfaces))
		}
		if len(of["script"])+len(of["link"])+len(of["img"])+len(of["@src"])+len(of["@href"])+len(of["@onload"]) > 0 ||
			regexp.MustCompile(`url\(|@import`).MatchString(x.text) {
			t.Errorf("%s: it needs something else:\n%s", x.name, x.text)
		}
	}
}

func contains(list []string, s string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+s+" ")
}

// What is wrong has its mark and the number of its finding on the map, by the line that says what was asked.
func TestHTMLMapHasTheMarks(t *testing.T) {
	seen := 0
	for _, x := range writtenAs(t, "html") {
		drawn := strings.Join(elements(t, x.name, x.text)["svg"], "\n")
		for _, p := range x.r.Paths {
			if p.Mark.Judgement != report.Wrong || p.Asks == diag.AsksDAD || p.Asks == diag.AsksRS || p.SourceClass == diag.SourceCandidate {
				continue
			}
			seen++
			if !strings.Contains(drawn, "✗") {
				t.Errorf("%s: %s %s is wrong, and nothing on the map is:\n%s", x.name, p.Asks, p.Target, drawn)
			}
		}
	}
	if seen == 0 {
		t.Error("nothing is wrong anywhere")
	}
}

// Where one peer of many is away, neither the others nor this host's address are marked for it; of many, most share a line.
func TestHTMLMapBlamesNobodyElse(t *testing.T) {
	mine := "2001:db8::1"
	r := report.Report{
		Verdict: why.VerdictWarning, Profile: why.Recognition{Name: "lan", Confidence: why.Likely},
		Interfaces: []report.Interface{{Name: "eth0"}}, Addresses: []report.Address{{Interface: "eth0", Address: mine}},
		Findings: []report.Finding{{Conclusion: report.Conclusion{
			Cause: "peer.unmapped", Severity: why.Warning, Interface: "eth0", Subject: why.Subject{Kind: "peer", Value: "fe80::a0"},
		}}},
	}
	for i := range 9 {
		p := report.Path{
			Interface: "eth0", Source: &mine, SourceClass: diag.SourceAssigned, Asks: diag.AsksND, Via: diag.ViaWire, Target: fmt.Sprintf("fe80::a%d", i),
			TargetClass: diag.TargetPeer, Outcome: diag.Answered, Mark: report.Mark{Judgement: report.Answered},
		}
		if i == 0 {
			p.Outcome, p.Mark = diag.Silent, report.Mark{Judgement: report.Wrong, Problem: 1}
		}
		r.Paths = append(r.Paths, p)
	}
	p := page{brief: brief{textWriter: &textWriter{style: Style{Mask: func(s string) string { return s }}}, r: r, problems: r.Problems()}}
	self := p.box("", p.ownNodes("eth0"))
	if self.mark.Judgement != report.Answered {
		t.Errorf("this host is marked %v", self.mark)
	}
	peers := p.box("", p.targets("eth0")[diag.TargetPeer])
	first, last := peers.Nodes[0], peers.Nodes[len(peers.Nodes)-1]
	if len(peers.Nodes) != nodesShown || first.mark.Judgement != report.Wrong || last.Says != "4 answered" || peers.mark.Judgement != report.Impaired {
		t.Errorf("%v: %+v", peers.mark, peers.Nodes)
	}
}

// What comes from a network is text wherever it stands: in a name, an attribute, the map, a search list.
func TestHTMLIsNotInjected(t *testing.T) {
	const hostile = `"'></text></style><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	bad := hostile
	no := false
	r := report.Report{
		Host: hostile, Version: hostile, Verdict: why.VerdictCritical, Headline: hostile,
		Profile:    why.Recognition{Name: "lan", Confidence: why.Likely, Because: []string{hostile}},
		Interfaces: []report.Interface{{Name: hostile}},
		Addresses:  []report.Address{{Interface: hostile, Address: hostile, Flags: []string{hostile}, Assigned: &no}},
		Routers: []report.Router{{
			Interface: hostile, Address: hostile, MAC: &bad, Flags: []string{hostile}, KernelRoute: &bad, RDNSS: []string{hostile},
			Prefixes: []report.Prefix{{Prefix: hostile}}, Offers: []report.Offer{{Says: hostile, Why: &bad}},
		}},
		Neighbours: report.Neighbours{Asked: []report.Neighbour{{Interface: hostile, Address: hostile, MAC: &bad, State: hostile}}},
		Paths: []report.Path{{
			ID: "p1", Interface: hostile, Source: &bad, Target: hostile, TargetClass: diag.TargetPeer, Asks: diag.AsksEcho,
			Via: diag.ViaApp, Outcome: diag.Silent, Way: hostile, Detail: hostile, Mark: report.Mark{Judgement: report.Wrong, Problem: 1},
		}},
		Findings: []report.Finding{{
			Conclusion:  report.Conclusion{Cause: hostile, Interface: hostile, Severity: why.Critical, Confidence: why.Certain, Summary: hostile},
			Explanation: hostile,
			Evidence:    []string{"e1"}, Remedy: []string{hostile}, Alternatives: []why.Alternative{{Cause: hostile, TellApart: hostile}},
		}},
		Unexplained: []report.Unexplained{{Symptom: hostile, Evidence: []string{"e1"}}},
		Unknown:     []why.Unknown{{What: hostile, Why: hostile, Fix: hostile}},
		Changed:     []string{hostile}, Evidence: []report.Evidence{{ID: "e1", At: hostile, What: hostile}},
	}
	var b bytes.Buffer
	if err := HTML(&b, r, Style{}); err != nil {
		t.Fatal(err)
	}
	of := elements(t, "hostile", b.String())
	if len(of["script"])+len(of["img"])+len(of["@onerror"]) > 0 || strings.Contains(b.String(), "<script") || len(of["style"]) != 1 {
		t.Errorf("it became markup:\n%s", b.String())
	}
	if !strings.Contains(of["body"][0], hostile) {
		t.Errorf("it is not shown as it is:\n%s", b.String())
	}
}

// A host that a problem is about is marked on the map, whatever it answered: a rogue router answers well.
func TestTheMapMarksWhatAProblemIsAbout(t *testing.T) {
	marked := 0
	for _, c := range diagtest.CauseTests {
		s := c.World().State()
		r := report.New(s, why.Diagnose(s))
		p := page{brief: brief{textWriter: &textWriter{style: Style{Mask: func(s string) string { return s }}}, r: r, problems: r.Problems()}}
		for _, f := range p.problems {
			nodes := p.ownNodes(f.Interface)
			targets := p.targets(f.Interface)
			for _, class := range []diag.TargetClass{diag.TargetPeer, diag.TargetInternet, diag.TargetService} {
				nodes = append(nodes, targets[class]...)
			}
			for _, n := range append(nodes, p.routersOf(f.Interface, targets[diag.TargetRouter])...) {
				if n.Name != f.Subject.Value {
					continue
				}
				marked++
				if n.mark.Judgement != report.Wrong || n.mark.Problem == 0 {
					t.Errorf("%s: %s is about %s, which is marked %v", c.Name, f.Cause, n.Name, n.mark)
				}
			}
		}
	}
	if marked < 20 {
		t.Errorf("only %d hosts are what a problem is about", marked)
	}
}
