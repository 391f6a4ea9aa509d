package checks

import (
	"slices"
	"strconv"

	"ndwhy/diag"
)

// tcp asks whether anything answers a connection (RFC 9293 §3.5): it is what applications live by, and a network may
// carry it and no echo, or echoes alone. Whoever refuses it is there as well. There is no asking by wire: an answer to
// a frame of ours would be answered by the kernel, which knows of no connection, with a reset.
var tcp = ways{kernel: tcpByKernel{}, app: tcpAsApp{}}

// tcpPorts are asked in turn while there is no answer: at most one SYN each, and once more each, for of so few some may be
// lost by chance.
var tcpPorts = []uint16{443, 80}

// What a handshake takes of this host: SYN, ACK and, as it goes no further, RST.
const (
	handshakePackets = 3
	// handshakeRest is what follows the SYN when it is accepted.
	handshakeRest = handshakePackets - 1
)

type tcpByKernel struct{ byKernel }

func (tcpByKernel) asks() diag.Asks { return diag.AsksTCP }

func (tcpByKernel) cost(Question, int) (first, again int) {
	n := handshakePackets * len(tcpPorts)
	return n + kernelSolicits, n
}

func (tcpByKernel) shares(q Question) socketKey {
	return socketKey{iface: q.Interface, source: q.Source, service: TCP}
}

func (tcpByKernel) port(n int) uint16 { return tcpPorts[n%len(tcpPorts)] }

func (tcpByKernel) adjust(l *lane, a *asking) {
	a.count, a.leave = len(tcpPorts), a.leave && !l.before.Resolved() // of TCP the tap shows what resolves its way
	a.again = func(a *asking) bool {
		for _, t := range a.tallies {
			t.done, t.waited = true, true
		}
		l.publish(false)
		silent := func(t *tally) bool { return !t.hasAnswer() && t.verdict().Outcome == diag.Silent }
		if a.reasked || l.r.pace.spent() || !slices.ContainsFunc(a.tallies, silent) {
			return false
		}
		for _, t := range a.tallies {
			t.done = false
		}
		a.reasked = true
		a.count, a.next, a.wait = a.count+len(tcpPorts), l.r.now, l.r.wait/2
		return true
	}
}

func (tcpByKernel) socket(t *tally, e diag.Event, s diag.Socket) {
	switch {
	case s.Event == diag.SocketSent:
		t.taken++
		t.ask(e, s.EchoSeq)
		t.ports[s.EchoSeq] = s.Port
	case s.Event == diag.SocketReply, s.Type != "" && s.From == s.Target:
		t.answer(e, s.EchoSeq, s.From, diag.MAC{})
		t.path.Note = strconv.Itoa(s.Port)
		if s.Answer != TCPOpen {
			t.path.Detail = DetailClosed // by a reset, or by an error of its own: it is there
		}
		// A port that is filtered beside one that is not is no loss.
		t.path.Sent = 0
		for _, port := range t.ports {
			if port == s.Port {
				t.path.Sent++
			}
		}
	case s.Type != "":
		t.error(e, diag.PathError{Type: s.Type, Code: s.Code, From: s.From}, s.Errno)
	case t.taken == 0:
		t.refuse(s.Errno)
		t.note(e)
	default:
		t.local = true // no neighbour to send it to
	}
}

func (tcpByKernel) judge(t *tally, p *diag.Path) { t.toldBySocket(p) }

// tcpAsApp connects as applications do.
type tcpAsApp struct {
	tcpByKernel
	asApp
}

func (tcpAsApp) shares(q Question) socketKey { return socketKey{iface: q.Interface, service: TCP} }
