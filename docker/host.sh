#!/bin/sh
# Entry point of an inside or outside host: the addresses of the firewalled network on its one
# interface, in place of those that the container runtime gave it.
#
#   ADDRESSES  addresses with prefixes, IPv4 or IPv6, separated by spaces
set -eu

interface=$(ip -o link show | awk -F': ' '$2 !~ /^lo/ { sub(/@.*/, "", $2); print $2; exit }')
[ -n "$interface" ] || { echo "host.sh: no interface but lo" >&2; exit 1; }

# A frame that the kernel hands to a neighbour in the same machine has no checksum yet; the
# firewall would see it as broken.
ethtool -K "$interface" tx off >/dev/null

ip addr flush dev "$interface" scope global
for address in ${ADDRESSES:-}; do
    case $address in
    *:*)
        ip addr add "$address" dev "$interface" nodad ||
            echo "host.sh: IPv6 is off on $interface, so without $address" >&2
        ;;
    *) ip addr add "$address" dev "$interface" ;;
    esac
done
ip link set "$interface" up
exec "$@"
