package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag/lab/labtest"
)

// timed runs COMMAND... N times and prints how long each took, in seconds, as JSON.
func timed(args []string) error {
	var n int
	if _, err := fmt.Sscan(args[0], &n); err != nil {
		return err
	}
	took := []float64{}
	for range n {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Stderr = os.Stderr
		start := time.Now()
		_ = cmd.Run() // ping and ndisc6 end with 1 or 2 where an answer stays out, as here it must
		took = append(took, time.Since(start).Seconds())
	}
	return json.NewEncoder(os.Stdout).Encode(took)
}

// median runs a command in `lab vpc` n times, one after another, and returns the median in seconds.
func median(b *testing.B, n string, command ...string) float64 {
	b.Helper()
	r := labtest.Run(b, "vpc", append([]string{"ndwhy", "test-timed", n}, command...)...)
	var took []float64
	if err := json.Unmarshal([]byte(r.Stdout), &took); err != nil {
		b.Fatalf("%v\n%s%s", err, r.Stdout, r.Stderr)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// stockTools asks what `check --add claim` asks with the tools that everybody has, one after
// another: two probes 200 ms apart and 1 s of waiting each, as the check does.
const stockTools = `
i=eth0 echo="ping -6 -n -q -c2 -i0.2 -W1"
rdisc6 -1 -w 1000 $i; ip -6 route; ip -6 neigh
for r in fe80::4fd:d1ff:fec8:f9cf 2001:db8:1f16:8df0::1; do
	ndisc6 -1 -r2 -w1000 $r $i; $echo -I $i $r
done
for p in $(echo $NDWHY_PEER | tr , ' '); do ndisc6 -1 -r2 -w1000 $p $i; $echo -I $i $p; done
$echo -I $i ff02::1; $echo $NDWHY_INTERNET
p1=2001:db8:1f16:8df0:d326:143a:2015:79fa
for a in 2001:db8:1f16:8df0:f557:112e:f9bd:c7f4 2001:db8:1f16:8df0:50b1:5a7a:6bae:7c9b fd9d:b353:db59:0:6941:d751:1c6e:3d82; do
	ip -6 addr add $a/128 dev $i nodad preferred_lft 0 valid_lft 30 noprefixroute
	ndisc6 -1 -r2 -w1000 -s $a $p1 $i; $echo -I $a $p1; $echo -I $a $NDWHY_INTERNET
	ip -6 addr del $a/128 dev $i
done
for a in fe80::1234 fe80::b7bc:887d:d2eb:a725; do
	ip -6 addr add $a/128 dev $i nodad preferred_lft 0 valid_lft 30 noprefixroute
	ndisc6 -1 -r2 -w1000 -s $a fe80::4f0:13ff:feeb:c61d $i; $echo -I $a fe80::4f0:13ff:feeb:c61d%$i
	ip -6 addr del $a/128 dev $i
done`

// BenchmarkCheck times the whole of `check --add claim` in `lab vpc`, and the same work by stock
// tools beside it where they are installed:
//
//	go test -run '^$' -bench Check ./cmd/ndwhy
func BenchmarkCheck(b *testing.B) {
	labtest.Need(b)
	var missing []string
	for _, tool := range []string{"ping", "ndisc6", "rdisc6", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	for b.Loop() {
		ours := median(b, "5", "ndwhy", "check", "--json", "--add", "claim")
		b.ReportMetric(ours, "s/check")
		if len(missing) > 0 {
			b.Logf("no ratio: %s not installed", strings.Join(missing, ", "))
			continue
		}
		theirs := median(b, "1", "sh", "-c", stockTools)
		b.ReportMetric(theirs, "s/stock-tools")
		b.ReportMetric(theirs/ours, "stock-tools/check")
	}
}
