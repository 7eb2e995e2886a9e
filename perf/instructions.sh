#!/usr/bin/env bash
# Instructions a packet of the inspection path without I/O, by callgrind: two runs that differ in packets alone.
set -euo pipefail
cd "$(dirname "$0")/.."
RUSTFLAGS="-C target-cpu=x86-64-v3" cargo build --quiet --release --package perf --target-dir target/perf
binary=target/perf/release/perf
count() { # scenario sessions packets, options of callgrind
    local out
    out=$(mktemp)
    valgrind --tool=callgrind "${@:4}" --callgrind-out-file=/dev/null "$binary" "$1" "$2" "$3" 2>"$out" >/dev/null
    grep -o 'Collected : [0-9]*' "$out" | grep -o '[0-9]*'
    rm -f "$out"
}
each() { # scenario, options of callgrind
    echo $(( ($(count "$1" 64 35200 "${@:2}") - $(count "$1" 64 3200 "${@:2}")) / 32000 ))
}
for scenario in udp4 tcp4 udp6; do
    shard=$(each "$scenario" --toggle-collect='*Shard*process*')
    echo "$scenario established: $(each "$scenario") instructions a packet, of which the shard's are $shard"
    stays=$(each "$scenario:stays")
    handed=$(each "$scenario:handed")
    passed=$(each "$scenario:passed")
    echo "$scenario, two workers: $stays where it stays; handed over $handed, of which $passed at the receiver"
done
# What the frames of new sessions cost to build is left out.
opened() { # scenario packets
    local out
    out=$(mktemp)
    valgrind --tool=callgrind --toggle-collect='*Shard*process*' --callgrind-out-file=/dev/null "$binary" "$1" 64 "$2" \
        2>"$out" >/dev/null
    echo $(( $(grep -o 'Collected : [0-9]*' "$out" | grep -o '[0-9]*') / $2 ))
    rm -f "$out"
}
echo "udp4, a packet that opens a session: $(opened new4 32000) instructions"
echo "tcp4 in a session that a gateway reads: $(each read4) instructions a packet without data"
echo "ftp4: $(each ftp4) instructions a packet, a command or an answer in each"
