package words

// labText has the help of the lab's commands and the names of what can be broken in it.
var labText = map[string]string{
	"cli.lab.short": "A VPC subnet on this machine, in network namespaces",
	"cli.lab.long": `Builds a VPC subnet in network namespaces: the instances ubuntu1 and ubuntu2,
real kernels both, and between them a switch that plays the cloud's network:
its filter, its router, DHCPv6, metadata service and a host on the Internet.
Without COMMAND it opens ndwhy inside ubuntu1, with what the switch did to each
frame beside the diagnosis (w), and a list of things to break and mend
meanwhile (b). COMMAND runs there instead, and ndwhy in there is this very
program; a shell is ndwhy lab -- $SHELL. Nothing of this machine is touched,
everything ends with COMMAND, and root is not needed where user namespaces are
allowed.

SCENARIO is what the network is and what is broken in it: "vpc" by default, or
any of "ndwhy lab list", joined by +, as in lan+peer-down.

Exit codes: that of COMMAND (128+n where signal n ended it), 125 the lab itself
failed.`,
	"cli.lab.example": `  ndwhy lab --tour
  ndwhy lab no-ra
  ndwhy lab -- $SHELL
  ndwhy lab -- ndwhy check --add kernel
  ndwhy lab article -- ping -c1 -W1 fe80::4fd:d1ff:fec8:f9cf%eth0
  ndwhy lab unassigned-address --switch-log switch.jsonl
  ndwhy lab exec ubuntu2 -- tcpdump -ni eth0 icmp6
  ndwhy lab break stop-peer`,
	"cli.lab.flag.switch-log": "write each frame's verdict and its reason to FILE (JSON Lines)",
	"cli.lab.flag.tour":       "open the guided tour: the experiments that ndwhy starts from, one by one",
	"cli.lab.flag.pid":        "process ID of the ndwhy lab that is meant, where several run",
	"cli.lab.one-scenario":    "one scenario at most, and the command after --: ndwhy lab {scenario} -- {command}",
	"cli.lab.with-command":    "{flag} is for the ndwhy that the lab opens; with a command of your own, give it to that",
	"cli.lab.tour-outside":    "--tour leads through the lab: ndwhy lab --tour",

	"cli.lab.slow":      "Starting the lab {scenario}: {hosts}, a router, a switch.",
	"cli.lab.slow-aged": "This takes {time} s. Leases and routes have to be that old to show it.",

	"cli.lab.list.aged":    "takes {time} s to start",
	"cli.lab.list.short":   "The scenarios: name, what it is, what a diagnosis must find",
	"cli.lab.list.on":      "(on {base})",
	"cli.lab.list.healthy": "nothing: all is well",
	"cli.lab.list.args":    "seen with: ndwhy check {args}",

	"cli.lab.exec.short": "Run a command inside a host of a running lab",
	"cli.lab.exec.long": `Enters the lab that runs in another terminal, or the one around this shell: HOST
is ubuntu1, ubuntu2 or internet.`,
	"cli.lab.exec.example": `  ndwhy lab exec ubuntu2 -- tcpdump -ni eth0 icmp6
  ndwhy lab exec ubuntu2 -- bash`,
	"cli.lab.exec.usage": "want a host and, after --, a command: ndwhy lab exec ubuntu2 -- ip -6 addr",

	"cli.lab.break.short": "Break something in a running lab; without ID, list what can be broken",
	"cli.lab.break.long": `Breaks something in the lab that runs in another terminal, or in the one around
this shell: what key b does in its screens.`,
	"cli.lab.break.example": `  ndwhy lab break
  ndwhy lab break stop-peer
  ndwhy lab mend stop-peer`,
	"cli.lab.mend.short": "Mend what lab break broke, or what the scenario did",
	"cli.lab.mend.long":  `The opposite of ndwhy lab break.`,
	"cli.lab.unbreak":    "{id} is nothing that can be broken; there are {all}",

	// As titles in a list: what is the case when it is broken.
	"lab.break.stop-peer":       "ubuntu2 is stopped",
	"lab.break.add-address":     "somebody adds an address to ubuntu1 that nobody assigned",
	"lab.break.drop-ra":         "the router stops advertising; its last advertisement lasts 10 s",
	"lab.break.block-echo":      "ubuntu2's security group lets no ping in",
	"lab.break.detach-peer":     "ubuntu2's interface is detached: nobody has its addresses",
	"lab.break.cut-internet":    "nothing beyond the router answers",
	"lab.break.shrink-mtu":      "large packets to the Internet vanish without a Packet Too Big",
	"lab.break.lose-frames":     "30% of what ubuntu1 sends is lost",
	"lab.break.silence-dhcpv6":  "the DHCPv6 server answers nothing",
	"lab.break.wrong-neighbour": "ubuntu1 has a permanent neighbour entry with a wrong MAC for ubuntu2",
	"lab.break.forward":         "ubuntu1 forwards, as containers make it: it ignores advertisements",

	"lab.broken": "broken",
	"lab.whole":  "whole",
}
