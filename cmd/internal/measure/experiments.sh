#!/bin/sh
# The experiments of `ndwhy check`, by stock tools and as fast as one who knows them would have it: whatever need not
# wait for something else goes at once. Two probes 200 ms apart and one second for the answer, since nothing here
# tells how long answers take. What comes of it is left to the reader.
#
#	experiments.sh INTERFACE none|claim|kernel     inside the lab
#
# claim gives candidates to the kernel without duplicate address detection, for stock tools cannot use an address that
# it does not have; kernel gives them with it.
i=$1 add=$2
peers=$(echo "$NDWHY_PEER" | tr , ' ') internet=$NDWHY_INTERNET
pings() { ping -6 -n -q -c2 -i0.2 -W1 "$@" & }
nd() { ndisc6 -1 -r2 -w500 "$@" "$i" & }

rdisc6 -1 -w 1000 "$i" &
ip -6 route &
ip -6 neigh &
ip -6 addr show dev "$i" &
router=$(ip -6 route show default | sed -n 's/.* via \([^ ]*\) .*/\1/p;q')
own=$(ip -6 -o addr show dev "$i" -tentative scope global | sed 's/.* inet6 \([^/]*\).*/\1/;q')
for r in "$router" fe80:ec2::1; do nd "$r"; pings -I "$i" "$r"; done
for p in $peers; do nd "$p"; pings -I "$i" "$p"; ping -6 -n -q -c1 -W1 -M do -s 1452 -I "$i" "$p" & done
pings -I "$i" ff02::1
pings "$internet"
pings -I "$own" "$internet"
ping -6 -n -q -c1 -W1 -M do -s 1452 "$internet" &
nd -s "$own" "$router"

if [ "$add" != none ]; then
	subnet=$(printf %s "$own" | cut -d: -f1-4)
	set -- "${own%:*}:c7f4" "$subnet:50b1:5a7a:6bae:7c9b" fd9d:b353:db59:0:6941:d751:1c6e:3d82
	near="fe80::1234 fe80::b7bc:887d:d2eb:a725"
	nodad=; [ "$add" = kernel ] || nodad=nodad
	for a in "$@" $near; do ndisc6 -1 -r1 -w300 "$a" "$i" >/dev/null & free="$free $!"; done # nobody else has it
	wait $free
	for a in "$@" $near; do ip -6 addr add "$a/128" dev "$i" $nodad preferred_lft 0 valid_lft 20 noprefixroute; done
	while ip -6 addr show dev "$i" tentative | grep -q .; do sleep 0.02; done
	global=${peers%% *}
	link=$(for p in $peers; do case $p in fe80:*) printf %s "$p"; break ;; esac; done)
	for a in "$@"; do nd -s "$a" "$global"; pings -I "$a" "$global"; pings -I "$a" "$internet"; done
	for a in $near; do nd -s "$a" "$link"; pings -I "$a" "$link%$i"; done
fi
wait
[ "$add" = none ] || for a in "$@" $near; do ip -6 addr del "$a/128" dev "$i"; done
