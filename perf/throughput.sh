#!/usr/bin/env bash
# TCP through the firewall against testpmd `io` on the same devices, by turns, in one run.
#
#   throughput.sh DEVICE [ROUNDS] [SECONDS]     DEVICE: tap, af_packet or af_xdp
#
# Hosts are network namespaces; iperf3 with one stream runs on core 0, the box on core 1. Needs root, iperf3, ethtool,
# dpdk-testpmd, and `cargo build --release -p sallyportd`.
set -euo pipefail
device=${1:?tap, af_packet or af_xdp}
rounds=${2:-5}
seconds=${3:-4}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
inside=perf-in outside=perf-out
ring="blocksz=65536,framesz=2048,framecnt=8192,qdisc_bypass=1"
box=

stop_box() {
    [ -n "$box" ] || return 0
    exec 3>&- || true
    kill -TERM "$box" 2>/dev/null || true
    wait "$box" 2>/dev/null || true
    box=
}
clean() {
    stop_box
    ip netns del $inside 2>/dev/null || true
    ip netns del $outside 2>/dev/null || true
    ip link del perf-d0 2>/dev/null || true
    ip link del perf-d1 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

case $device in
    tap) args0="net_tap,iface=perf-c0" args1="net_tap,iface=perf-s0" ;;
    af_packet) args0="net_af_packet,iface=perf-d0,$ring" args1="net_af_packet,iface=perf-d1,$ring" ;;
    af_xdp) args0="net_af_xdp,iface=perf-d0" args1="net_af_xdp,iface=perf-d1" ;;
    *) echo "unknown device $device" >&2; exit 2 ;;
esac

cat >"$work/box.toml" <<TOML
[system]
control_core = 0
worker_cores = [1]
hugepages = false
memory = "512MiB"
polling = "busy"
socket = "$work/api.sock"
[[port]]
name = "lan0"
device = "$args0"
zone = "inside"
[[port]]
name = "wan0"
device = "$args1"
zone = "outside"
[[wire]]
ports = ["lan0", "wan0"]
[[rule]]
name = "out"
from = ["inside"]
to = ["outside"]
action = "allow"
TOML

host() { # namespace interface address
    ip -n "$1" addr replace "$3/24" dev "$2"
    ip -n "$1" link set "$2" up
    ip -n "$1" link set lo up
}
hosts_before() {
    ip netns add $inside
    ip netns add $outside
    if [ "$device" != tap ]; then
        ip link add perf-c0 netns $inside type veth peer name perf-d0
        ip link add perf-s0 netns $outside type veth peer name perf-d1
        for d in perf-d0 perf-d1; do
            sysctl -qw "net.ipv6.conf.$d.disable_ipv6=1" "net.ipv4.conf.$d.forwarding=0"
            ip link set $d up
        done
        for pair in $inside:perf-c0 $outside:perf-s0; do
            ip netns exec "${pair%%:*}" ethtool -K "${pair##*:}" tx off tso off gso off gro off >/dev/null
        done
    fi
}
hosts_after() {
    if [ "$device" = tap ]; then
        ip link set perf-c0 netns $inside
        ip link set perf-s0 netns $outside
    fi
    host $inside perf-c0 10.99.0.1
    host $outside perf-s0 10.99.0.2
    sleep 1
}
start() { # sallyport | testpmd
    if [ "$1" = sallyport ]; then
        target/release/sallyportd --config "$work/box.toml" >/dev/null 2>"$work/log" &
        box=$!
        for _ in $(seq 100); do grep -q ready "$work/log" && return; sleep 0.1; done
    else
        mkfifo "$work/keep" 2>/dev/null || true
        dpdk-testpmd --lcores 0@1,1@1 --no-huge -m 512 --file-prefix perf --no-pci --no-telemetry \
            --vdev="${args0/,/0,}" --vdev="${args1/,/1,}" -- \
            --forward-mode=io --auto-start --total-num-mbufs=16384 <"$work/keep" >"$work/log" 2>&1 &
        box=$!
        exec 3>"$work/keep"
        for _ in $(seq 100); do grep -q 'start packet forwarding\|io packet forwarding' "$work/log" && return; sleep 0.1; done
    fi
    cat "$work/log" >&2
    exit 1
}
measure() { # name
    hosts_before
    start "$1"
    hosts_after
    taskset -c 0 ip netns exec $outside iperf3 -s -1 -p 5201 >/dev/null 2>&1 &
    local server=$!
    sleep 0.5
    taskset -c 0 ip netns exec $inside iperf3 -c 10.99.0.2 -t "$seconds" -f m 2>&1 |
        awk '/receiver/ {for (i = 1; i < NF; i++) if ($(i + 1) == "Mbits/sec") print $i}'
    kill $server 2>/dev/null || true
    wait $server 2>/dev/null || true
    stop_box
    ip netns del $inside
    ip netns del $outside
    sleep 1
}

grep avg10 /proc/pressure/cpu | head -1
for round in $(seq "$rounds"); do
    ours=$(measure sallyport)
    theirs=$(measure testpmd)
    awk -v r="$round" -v d="$device" -v a="$ours" -v b="$theirs" \
        'BEGIN { printf "%s round %d: sallyport %s Mbit/s, testpmd io %s Mbit/s, ratio %.2f\n", d, r, a, b, b ? a / b : 0 }'
done
grep avg10 /proc/pressure/cpu | head -1
