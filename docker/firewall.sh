#!/bin/sh
# Entry point of the firewall's container: makes the runtime's interfaces into ports of a firewall,
# then runs the command without root.
#
#   LAN_ADDRESS, WAN_ADDRESS  the addresses that the runtime gave the interfaces on the inside and
#                             the outside network: they become `lan` and `wan` and lose them
#
# Without these two, interfaces are left as they are: for --network host and devices of one's own.
set -eu

fail() {
    echo "firewall.sh: $*" >&2
    exit 1
}

# The interface that bears an address.
interface_with() {
    ip -o -4 addr show to "$1/32" | awk '{ print $2; exit }'
}

# Without an address and under its own name, an interface is a port and no way around the firewall.
become_port() {
    address=$1 name=$2
    if ip link show "$name" >/dev/null 2>&1; then
        return # a restart of the same container
    fi
    interface=$(interface_with "$address")
    [ -n "$interface" ] || fail "no interface has the address $address (for $name)"
    ip addr flush dev "$interface"
    ip link set "$interface" down
    ip link set "$interface" name "$name"
    # An interface that the kernel gives itself no link-local address.
    ip link set "$name" addrgenmode none
    # Frames must come as they were on the wire: neither joined nor without checksums.
    ethtool -K "$name" tx off gro off lro off >/dev/null 2>&1 || true
    ip link set "$name" up
}

if [ "$(id -u)" = 0 ]; then
    if [ -n "${LAN_ADDRESS:-}" ]; then become_port "$LAN_ADDRESS" lan; fi
    if [ -n "${WAN_ADDRESS:-}" ]; then become_port "$WAN_ADDRESS" wan; fi
    # Volumes may have been mounted there, owned by root.
    mkdir -p /run/sallyport /var/lib/sallyport
    chown sallyport:sallyport /run/sallyport /var/lib/sallyport
    rights=+net_admin,+net_raw
    # Locked memory and hugepages, and pinning of workers, where the container may.
    for right in ipc_lock sys_nice; do
        if setpriv --dump | grep -q "^Capability bounding set:.*$right"; then
            rights="$rights,+$right"
        fi
    done
    exec setpriv --reuid sallyport --regid sallyport --init-groups \
        --inh-caps="-all,$rights" --ambient-caps="-all,$rights" -- "$@"
fi
exec "$@"
