package words

// cli has the help, the sentences of the command line, and the headings of the text report.
var cli = map[string]string{
	"cli.root.short": "Explain IPv6 neighbour discovery on a cloud instance",
	"cli.root.long": `ndwhy asks the router, the peers, all nodes and the Internet, from every
address of an interface, by the kernel and by its own frames, and says why each
answer came or did not: above all in a VPC, where only the addresses that the
infrastructure assigned work. It harms nothing, and claims nothing that it
did not see.`,
	"cli.root.example": `  ndwhy check                        the sanity check, explained
  ndwhy check --add kernel           with the experiment of a hand-added address
  ndwhy check --json | jq .verdict   for a script
  ndwhy lab -- ndwhy check           see it work, in a VPC on this machine
  ndwhy explain router.rogue         what a finding means`,

	"cli.check.short": "Run the checks once, explain, exit",
	"cli.check.long": `Runs the checks (all that apply, or those named) and explains what came of
them.

Exit codes: 0 all is normal, 1 warning, 2 critical, 3 could not tell, or could
not write all that was asked for, 64 usage, 130 interrupted.`,
	"cli.check.example": `  ndwhy check
  ndwhy check router-nd router-echo
  ndwhy check --peer 2001:db8::2 --peer fe80::1%eth0
  ndwhy check --add claim --dry-run
  ndwhy check --json --output report.json
  ndwhy check --from recording.jsonl
  ndwhy check --from capture.pcap --as 2001:db8::2
  tcpdump -i any -c 200 -w - icmp6 | ndwhy check --from -
  ndwhy check --far 'ssh HOST sudo ndwhy watch --json'`,
	"cli.watch.short": "Every event as it happens, one line each",
	"cli.watch.long": `Watches without sending anything: the neighbour cache, addresses, routes, and
(with CAP_NET_RAW) neighbour discovery on the wire, and (as root) what of it
the kernel dropped, and why. Begins with a few lines of what is so (--json and
--only: with all of it), then tells what changes. Ends with ctrl-c. A reader
that is too slow misses events: it is told of the gap, and then what is so.`,
	"cli.watch.example": `  ndwhy watch
  ndwhy watch --json --only neighbour,ra
  ndwhy watch --for fe80::1`,
	"cli.explain.short": "What a cause, a check or a kind of network means, offline",
	"cli.explain.long": `Explains a cause or a check: what it means, what shows it, what contradicts it,
what to do, and how to see it with stock tools. Of a kind of network it says
what is normal there, and where that is known from. Without an argument it
lists them all.`,
	"cli.explain.example": `  ndwhy explain
  ndwhy explain address.unassigned
  ndwhy explain peer-nd
  ndwhy explain hetzner`,

	"cli.flag.interface":  "interface to examine (repeat; all); default: every one with a global address or a default route",
	"cli.flag.peer":       "neighbour to ask (repeat); default: the 4 most recently confirmed ones",
	"cli.flag.internet":   "hosts beyond the router to ask, or none; default: two public resolvers",
	"cli.flag.assigned":   "address or prefix that the infrastructure assigned (repeat); adds to what is known",
	"cli.flag.try":        "candidate address to try besides the derived ones (repeat)",
	"cli.flag.add":        "try addresses that nobody assigned: none, claim (in frames), kernel (configured for seconds)",
	"cli.flag.profile":    "the network's normal behaviour, instead of recognising it",
	"cli.flag.imds":       "instance metadata service to ask, or none; default: asked where the machine is an EC2 instance",
	"cli.flag.passive":    "send nothing",
	"cli.flag.count":      "questions before silence is believed",
	"cli.flag.timeout":    "limit on the whole run; what was not asked by then is reported as skipped",
	"cli.flag.record":     "keep the event stream in FILE (JSON Lines; .gz and .zst are compressed)",
	"cli.flag.pcap":       "keep the packets of neighbour discovery, each with what it says as its comment, in FILE (pcapng; .gz and .zst are compressed)",
	"cli.flag.only":       "run only these checks",
	"cli.flag.skip":       "do not run these checks",
	"cli.flag.plain":      "lines instead of screens: for screen readers, logs and terminals that cannot be drawn on",
	"cli.flag.mouse":      "the wheel scrolls, a click chooses and opens; the terminal's own selection needs shift then",
	"cli.flag.redact":     "hide what identifies (addresses, host names, IDs), the same always by the same mask, in all that is shown or written; not in --record and --pcap, which are evidence",
	"cli.busy":            "Checks are running already. S stops them.",
	"cli.flag.no-color":   "no colours",
	"cli.flag.ascii":      "no characters beyond ASCII",
	"cli.flag.format":     "text, json, markdown, nagios (one line and performance data), prometheus (a textfile for node_exporter), junit, html (one page, with a map)",
	"cli.flag.json":       "the same as --format json",
	"cli.flag.output":     "write the result to FILE, when it is there: until then FILE is what it was",
	"cli.flag.fail-on":    "the mildest verdict that gives an exit code other than 0: unknown, warning, critical, never",
	"cli.flag.dry-run":    "list what would be sent and changed, and send nothing",
	"cli.flag.every":      "ask everything again this often, test addresses aside (1s or more); 0 also ends the ping a second to neighbours",
	"cli.perhaps":         ` (did you mean "{name}"?)`,
	"cli.flag-of":         " (it is a flag of {command})",
	"cli.one-recording":   "name one recording, as in: ndwhy replay run.jsonl",
	"cli.contradiction":   "{a} {what-a}, and {b} asks: choose one",
	"cli.sends-nothing":   "sends nothing",
	"cli.try-without-add": "--try names addresses to try, and --add none tries none: give --add claim or --add kernel too",
	"cli.kept-to-stdout":  "standard output has the result; give --record and --pcap a file",
	"cli.flag.verbose":    "say more: -v every question and explanation, -vv every packet, router and cache entry",
	"cli.flag.from":       "diagnose a recording, or a capture (pcap, pcapng) by any program, instead of this host; gzip and zstd too; - is standard input; a second is of another host at the same time",
	"cli.flag.far":        "another host watches meanwhile: the shell `command` that runs ndwhy watch --json there and prints what that prints; its addresses are asked as if named by --peer (can be given several times)",
	"cli.flag.as":         "of a capture, the view of the host with this address or MAC address; without it every host is treated alike; of several, the host that made each, in their order (repeat)",
	"cli.flag.watch-json": "one JSON object a line",
	"cli.flag.watch-only": "only these kinds of event, or of packets: {kinds}",
	"watch.gap":           "{n|event|events} (e{first} to e{last}) came faster than they were read; what is so follows",
	"watch.beside":        "what follows is what changes; not shown of what is so now: {list} (--only shows a kind of it, as in --only sysctl)",
	"watch.beside.kind":   "{n} {kind}",
	"watch.came":          "; it came in on {interface}",
	"watch.left":          "; it left by {interface}",
	"watch.asked":         "; {from} solicited for it at {at}",
	"cli.flag.watch-for":  "only what concerns this address",

	"cli.interrupted":     "interrupted; what was added is removed",
	"cli.same-file":       "{a} and {b} name the same file: {file}",
	"cli.kept-ends":       "{problem}: nothing more is kept there",
	"cli.undelivered":     "{to}: {problem}",
	"cli.stdout":          "standard output",
	"cli.from-problem":    "{file}: {problem}",
	"cli.from-asks":       "{what} is for asking the network; --from only reads what was asked",
	"cli.as-from":         "--as names a host in a capture; give the capture by --from",
	"cli.as-capture":      "--as names a host in a capture, and {file} is a recording of one host",
	"cli.as-unseen":       "{host} sends nothing in this capture",
	"cli.capture-link":    "{n|packet|packets} have a link-layer header that is not read (link type {type}); Ethernet and Linux cooked ones are",
	"cli.capture-short":   "{n|packet is|packets are} cut so short that it is not known what they are (tcpdump -s 0 takes whole packets)",
	"cli.asking":          "asking: {seconds} s of at most {most} s",
	"cli.progress":        "reading {file}: {percent} %",
	"cli.profile-capture": "--profile says of what network a capture is, and {file} is a recording, which has that",
	"cli.as-many":         "--as names one host of each capture, in their order; there are more of them than captures",
	"cli.from-neither":    "neither a recording nor a capture (pcap or pcapng, as tcpdump -w writes)",
	"cli.from-twice":      "of several, each is read twice: name files, no pipe",
	"cli.from-parts":      "; parts of one capture are joined first (mergecap -w FILE PART PART)",
	"cli.from-same":       "it is of the same host as {a}, {mac}; the parts of one capture are joined first: mergecap -w FILE {a} {b}",
	"cli.from-guess":      "taken for a capture that {mac} made, for the other host in it is a router (--as says otherwise)",
	"cli.from-whose":      "its frames do not say which host made it: name the host of each capture, in their order, by an address or MAC of it, as in {example}",
	"cli.from-whose-of":   "; {file} may be of {macs}",

	"cli.from-whose-uses":   "{mac} ({address})",
	"cli.from-whose-router": "{host}, a router",

	"brief.why":           "Why",
	"brief.proof":         "Proof",
	"brief.do":            "Do",
	"brief.or":            "or",
	"brief.blank":         "Fill in what stands in <…>: -v says how.",
	"brief.also":          "Also",
	"brief.open":          "Not known:",
	"brief.changed":       "Note",
	"brief.confidence":    "({confidence}) {text}",
	"brief.by-source":     "{target}, {asks}: answered from {answered}, {outcome} from {missed}.",
	"brief.by-way":        "{target}, {asks}: answered {answered}, {outcome} {missed}.",
	"brief.of-same":       "{title}: {address}.",
	"brief.unexplained":   "Not explained: {symptom}",
	"brief.unknown":       "{what} (why: -v)",
	"brief.unknown-n":     "{n|check|checks} ({why})",
	"brief.blind":         "ndwhy may not see packets here (CAP_NET_RAW is missing).",
	"brief.blind-none":    "Without it {n|check|checks} could not run (-v). Done at {at} UTC.",
	"brief.blind-some":    "Without it {n|check|checks} could not run (-v); {answered} answered. {at}",
	"brief.again":         "{sudo} check",
	"brief.more":          "and {n} more: -v",
	"brief.more-rows":     "and {n|more address|more addresses}: -v",
	"brief.reach":         "Who reaches whom",
	"brief.app":           "applications (the kernel chooses)",
	"brief.own":           "addresses of {interface}",
	"brief.tested":        "{n} test addresses, assigned to nobody",
	"brief.notes":         "Silent, as is normal here (○):",
	"brief.not-asked":     "Not asked:",
	"brief.facts":         "{interfaces}, {profile}: {sent|packet|packets} in {seconds} s, done at {at} UTC.",
	"brief.facts-capture": "A capture of {frames|frame|frames} in {seconds} s, until {at} UTC.",
	"brief.more-ok":       "More: -v, -vv",
	"brief.more-of":       "More: -v every question, -vv every packet, ndwhy explain {cause}",
	"brief.column.router": "router", "brief.column.peer": "peer", "brief.column.internet": "Internet",
	"brief.column.service": "services", "brief.column.all-nodes": "ff02::1",
	"brief.asks.nd": "neighbour discovery", "brief.asks.dad": "duplicate address detection", "brief.asks.echo": "ping",
	"brief.asks.rs": "router solicitation", "brief.asks.dhcp": "DHCPv6", "brief.asks.mtu": "full-size packets",
	"brief.asks.service": "request", "brief.asks.tcp": "TCP", "brief.asks.way-out": "out", "brief.asks.found": "find",
	"prometheus.ndwhy_verdict":                          "What the last check came to: 0 ok, 1 warning, 2 critical, 3 unknown.",
	"prometheus.ndwhy_finding":                          "A cause that the last check found; the value is the number of findings.",
	"prometheus.ndwhy_unexplained":                      "Symptoms that no cause explains.",
	"prometheus.ndwhy_questions":                        "Questions of the last check, by whom they were for, the way they were asked and the outcome.",
	"prometheus.ndwhy_round_trip_seconds":               "The shortest round trip to hosts of a role.",
	"prometheus.ndwhy_neighbours":                       "Entries of the neighbour cache.",
	"prometheus.ndwhy_router_advertisement_age_seconds": "Time since the last router advertisement.",
	"prometheus.ndwhy_default_route_expiry_seconds":     "What is left of the default route that a router advertised.",
	"prometheus.ndwhy_packets_sent":                     "Packets that the last check sent.",
	"prometheus.ndwhy_check_duration_seconds":           "How long the last check took.",
	"prometheus.ndwhy_check_timestamp_seconds":          "When the last check ended.",

	"mark.0": "·", "mark.0.means": "not asked",
	"mark.1": "○", "mark.1.means": "silent, as is normal here",
	"mark.2": "✓", "mark.2.means": "answered",
	"mark.3": "?", "mark.3.means": "not known",
	"mark.4": "!", "mark.4.means": "answered in part",
	"mark.5": "✗", "mark.5.means": "wrong",

	"report.section.app":         "AS APPLICATIONS ASK (the kernel chooses interface, source and gateway)",
	"report.section.matrix":      "WHO CAN REACH WHOM                                       by wire     by kernel",
	"report.section.findings":    "WHY",
	"report.section.unexplained": "NOT EXPLAINED",
	"report.section.unknown":     "NOT KNOWN",
	"report.section.addresses":   "ADDRESSES",
	"report.section.routers":     "ROUTERS",
	"report.section.neighbours":  "NEIGHBOUR CACHE (what was asked)",
	"report.down":                "down",
	"report.managed-by":          "managed by {manager}",
	"report.profile":             "{profile} ({confidence}): {because}",
	"report.source.unspecified":  "(no source)",
	"report.dad":                 "does somebody have it already?",
	"report.bound":               "asked by {interface} itself, it answers",
	"report.legend":              `"!" is not normal here, "?" has no normal here, the rest is as it should be.`,
	"report.alternative":         "or: {cause}; to tell: {tell}",
	"report.remedy":              "Do:",
	"report.seen":                "Seen:",
	"report.seen-more":           "and {n} more (--json has all)",
	"report.skipped":             "{checks}: {why}",
	"report.router":              "flags {flags}, lifetime {lifetime}",
	"report.prefix":              "prefix {prefix} L={l} A={a}, valid {valid}, preferred {preferred}",
	"report.kernel-route":        "kernel: {route}",
	"report.no-kernel-route":     "kernel: no default route through it",
	"report.traffic":             "{sent|packet|packets} sent, {kernel} of them by the kernel's sockets; {seconds} s.",
	"report.forever":             "for ever",

	"assigned.yes":     "assigned ({sources})",
	"assigned.no":      "NOT ASSIGNED",
	"assigned.unknown": "assignment not known",
	"assigned.absent":  "assigned ({source}), not configured here",

	"source.assigned":    "assigned, on {interface}",
	"source.unassigned":  "configured but not assigned, on {interface}",
	"source.candidate":   "candidate that nobody assigned, on {interface}",
	"source.unspecified": "on {interface}",
	"source.elsewhere":   "not an address of {interface}",
	"source.unknown":     "configured, assignment not known, on {interface}",

	"dad.silent":   "passed",
	"dad.answered": "duplicate",

	"report.yes": "yes",
	"report.no":  "no",

	"class.assigned":    "(assigned)",
	"class.unassigned":  "(not assigned)",
	"class.candidate":   "(candidate)",
	"class.unspecified": "",
	"class.unknown":     "",

	"dry-run.title":   "At most {n|packet|packets} would be sent, by what is known now:",
	"dry-run.again":   "A path that stays silent where an answer would be normal is asked again, up to 12 times, and where packets get lost others are too: at most {n|packet|packets} more.",
	"dry-run.told":    "What only answers tell of is asked as well, within the bounds of a run: routers that were not known, and name servers and NAT64 prefixes that a router or a name server names.",
	"dry-run.pulse":   "ndwhy with its screens open does this, and sends one ping a second to each neighbour that answered, at most {n}. --every 0 or --passive leaves that out.",
	"dry-run.changes": "What that may change on this host:",

	"way.by":    "by {interface}",
	"way.table": "table {table}",
	"way.via":   "via {router}",
	"way.from":  "from {source}",
	"way.none":  "the kernel has no way there ({errno})",

	"via.wire":   "wire",
	"via.kernel": "kernel",
	"via.app":    "application",

	"drops.turned-off":         "turned off ({name}=off)",
	"drops.no-privilege":       "ndwhy needs CAP_BPF and CAP_PERFMON to learn what the kernel drops, and why",
	"drops.user-namespace":     "in a user namespace, no process may learn what the kernel drops, and why",
	"drops.user-namespace-fix": "Run it as root of the machine.",
	"drops.unavailable":        "the kernel does not report what it drops: {why}",
	"drops.excess":             "{count} dropped packets came beyond the {limit} a second that are shown",
	"drops.full":               "{count} dropped packets were missed",

	"imds.turned-off": "turned off (--imds none)",
	"imds.not-ec2":    "this machine does not say that it is an EC2 instance; --imds URL asks all the same",

	"target.router":    "router",
	"target.peer":      "peer",
	"target.all-nodes": "all nodes",
	"target.internet":  "Internet",
	"target.service":   "service",

	"asks.nd":      "ND",
	"asks.dad":     "DAD",
	"asks.echo":    "echo",
	"asks.rs":      "RS",
	"asks.dhcp":    "DHCP",
	"asks.mtu":     "MTU",
	"asks.service": "serv",
	"asks.tcp":     "TCP",
	"asks.way-out": "out",
	"asks.found":   "find",
}
