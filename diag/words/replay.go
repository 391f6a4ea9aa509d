package words

// replay has the help and the sentences of `ndwhy replay`.
var replay = map[string]string{
	"cli.replay.short": "The screens over a recording",
	"cli.replay.long": `Plays a recording (--record, or e in the program) on the same screens: the same
state and the same diagnosis, at the pace at which it happened. It needs no
privilege, opens no socket and asks nothing. Times in which nothing happened
are shortened to 3 seconds. A capture by whatever program (pcap, pcapng) is
shown as well, with what its frames tell; gzip and zstd too.

Keys: space pauses, . is the next event, n goes on to where the findings
change, + and - change the speed, R plays from the beginning again. Where there
is no terminal to draw on, changes are written as lines.`,
	"cli.replay.example": `  ndwhy replay ndwhy-recording-20261122-120000.jsonl
  ndwhy replay --speed 8 run.jsonl
  ndwhy replay capture.pcapng.gz
  ndwhy replay --plain <(zcat run.jsonl.gz)`,
	"cli.flag.speed": "how much faster than it happened: 0.01 to 1000",

	"cli.replay.asks-nothing": "this is a replay: it asks nothing and records nothing",
}
