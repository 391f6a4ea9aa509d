package checks

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

func serviceRow(i int) string {
	return "services/eth0/" + ourGUA.String() + "/" + vpcServices[i].address.String() + "/service/kernel"
}

var ec2 = diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{
	MAC: ourMAC, Addresses: []netip.Addr{ourGUA}, Subnets: []netip.Prefix{subnet},
}}}

// A name server that this host is configured to ask is asked by the interface that the kernel sends it by, and nowhere else.
func TestNameServers(t *testing.T) {
	server := netip.MustParseAddr("2001:db8:53::53")
	row := "services/eth0/" + ourGUA.String() + "/" + server.String() + "/service/kernel"
	never := func(diag.Path) bool { return false }
	configured := diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{server}}
	inWorld(t, "it answers", func(w *world) {
		w.sess.Emit(configured)
		w.answers = map[Service]string{DNS: "Success"}
		w.run(w.t.Context(), never)
		w.want(row, diag.Answered, "")
	})
	inWorld(t, "it is silent", func(w *world) {
		w.sess.Emit(configured)
		w.run(w.t.Context(), never)
		w.want(row, diag.Silent, "")
	})
	inWorld(t, "a tunnel leads there", func(w *world) {
		w.sess.Emit(configured)
		w.free = diag.Selection{Interface: "wg0", Source: ourGUA}
		w.run(w.t.Context(), never)
		if p, asked := w.state().Path(row); asked {
			w.t.Errorf("asked: %+v", p)
		}
	})
}

func TestServices(t *testing.T) {
	expect := func(w *world) func(diag.Path) bool {
		return func(p diag.Path) (expect bool) {
			w.sess.Look(func(s *diag.State) { expect = why.Unexpected(s, p) })
			return expect
		}
	}
	all := map[Service]string{IMDS: "HTTP 200", DNS: "Success", NTP: "stratum 4"}
	inWorld(t, "all answer", func(w *world) {
		w.offers = []netip.Addr{ourGUA}
		w.sess.Emit(ec2)
		w.answers = all
		took := w.run(w.t.Context(), expect(w))
		for i := range vpcServices {
			if p := w.want(serviceRow(i), diag.Answered, ""); p.Sent != 1 || p.TargetClass != diag.TargetService || len(p.Evidence) < 2 {
				w.t.Errorf("%+v", p)
			}
		}
		if took > 1400*time.Millisecond {
			w.t.Errorf("took %s", took)
		}
	})
	inWorld(t, "an answer comes late, while others are still asked", func(w *world) {
		w.sess.Emit(ec2)
		w.noRA = true // to be asked for three times, 4 s apart
		w.answers, w.serviceTime = all, 3*time.Second
		w.run(w.t.Context(), func(p diag.Path) bool { return p.Asks == diag.AsksRS })
		for i := range vpcServices {
			w.want(serviceRow(i), diag.Answered, "")
		}
	})
	inWorld(t, "metadata refuses, the resolver is silent", func(w *world) {
		w.sess.Emit(ec2)
		w.edit(func(r *diag.Run) { r.Only = []string{"services"} })
		w.answers = map[Service]string{IMDS: "closed", NTP: "stratum 4"}
		w.run(w.t.Context(), expect(w))
		if p := w.want(serviceRow(0), diag.Silent, DetailClosed); p.Sent != 1 {
			w.t.Errorf("a refusal was asked again: %d times", p.Sent)
		}
		if p := w.want(serviceRow(1), diag.Silent, ""); p.Sent != 1+reasks {
			w.t.Errorf("asked %d times, want %d", p.Sent, 1+reasks)
		}
		named := map[string]bool{}
		for _, f := range why.Diagnose(w.state()).Findings {
			named[f.Cause+" "+f.Subject.Value] = true
		}
		if !named["service.unreachable fd00:ec2::253"] || !named["service.imds-ipv6-off fd00:ec2::254"] || named["service.unreachable fd00:ec2::123"] {
			w.t.Errorf("named %v", named)
		}
	})
	inWorld(t, "services are there and do not serve", func(w *world) {
		w.sess.Emit(ec2)
		w.answers = map[Service]string{IMDS: "HTTP 403", DNS: "Refused", NTP: "stratum 16"}
		w.run(w.t.Context(), expect(w))
		for i, says := range []string{"HTTP 403", "Refused", "stratum 16"} {
			if p := w.want(serviceRow(i), diag.Answered, DetailDeclines); p.Note != says {
				w.t.Errorf("%s says %q, want %q", p.Target, p.Note, says)
			}
		}
	})
	inWorld(t, "requests get lost", func(w *world) {
		w.sess.Emit(ec2)
		w.answers = all
		n := map[netip.Addr]int{}
		w.lose = func(f diag.Frame) bool {
			n[f.Dst]++
			return f.Type == "request" && n[f.Dst] < 3
		}
		w.run(w.t.Context(), func(p diag.Path) bool { return p.Asks == diag.AsksService })
		for i := range vpcServices {
			w.want(serviceRow(i), diag.Answered, "")
		}
	})
	inWorld(t, "the router cannot be resolved", func(w *world) {
		w.sess.Emit(ec2)
		w.answers = all
		delete(w.holders, router)
		w.run(w.t.Context(), nil)
		w.want(serviceRow(1), diag.Silent, DetailUnresolved)
	})
	inWorld(t, "no sockets", func(w *world) {
		w.sess.Emit(ec2)
		w.listenErr = &Denied{Why: "no", Fix: Fix}
		w.run(w.t.Context(), nil)
		w.want(serviceRow(1), diag.OutcomeSkipped, DetailNoSocket)
	})
	inWorld(t, "another network", func(w *world) {
		w.run(w.t.Context(), nil)
		if c := w.state().Checks[diag.CheckKey{ID: "services", Interface: "eth0"}]; c.State != diag.CheckDone || c.Why == "" {
			w.t.Errorf("%+v", c)
		}
		for _, what := range w.log {
			if strings.HasPrefix(what, "request") {
				w.t.Error(what)
			}
		}
	})
}

func TestPlanServices(t *testing.T) {
	row := func(a string) string { return "service us-global>" + a + " kernel" }
	nitro := diag.Machine{SysVendor: "Amazon EC2"}
	three := []string{row("fd00:ec2::254"), row("fd00:ec2::253"), row("fd00:ec2::123")}
	for name, tc := range map[string]struct {
		state *diag.State
		want  []string
	}{
		"metadata":                      {instance(nil), three},
		"nothing assigned":              {instance(nil, diag.Metadata{State: diag.MetadataNone}), three},
		"DMI, metadata not to be asked": {instance(nil, diag.Metadata{State: diag.MetadataNotAsked}, nitro), three[1:]},
		"Xen":                           {instance(nil, diag.Machine{SysVendor: "Xen", BIOSVersion: "4.11.amazon"}), nil},
		"a LAN":                         {instance(nil, diag.Metadata{State: diag.MetadataNotAsked}), nil},
		"another by the user's word":    {instance(func(r *diag.Run) { r.Profile = "lan" }), nil},
	} {
		if have := plan(tc.state, "services"); strings.Join(have, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s: planned %q, want %q", name, have, tc.want)
		}
	}
}

// A request that is repeated costs what the kernel sends for it: of a connection that nobody answers, its SYNs.
func TestRepeatedRequestsArePaid(t *testing.T) {
	again := map[Service]int{IMDS: handshakePackets, DNS: dnsQueries, NTP: 1}
	for _, s := range vpcServices {
		a := &asking{cost: 1, tallies: []*tally{{q: Question{Service: s.service, Frames: s.packets + kernelSolicits}}}}
		serviceByKernel{}.adjust(&lane{r: &Loop{}}, a)
		if got := a.price(); got != s.packets {
			t.Errorf("%s costs %d packets, want %d", s.service, got, s.packets)
		}
		a.sent = 1
		if got := a.price(); got != again[s.service] {
			t.Errorf("%s costs %d packets again, want %d", s.service, got, again[s.service])
		}
	}
}
