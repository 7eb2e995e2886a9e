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
    # Should IPv6 be on here, the start refuses the port: /proc/sys is not to be written here.
    if [ "$(cat "/proc/sys/net/ipv6/conf/$name/disable_ipv6" 2>/dev/null || echo 1)" = 0 ] &&
        ! (echo 1 > "/proc/sys/net/ipv6/conf/$name/disable_ipv6") 2>/dev/null; then
        fail "IPv6 is on on $name; run the container with" \
            "--sysctl net.ipv6.conf.all.disable_ipv6=1 --sysctl net.ipv6.conf.default.disable_ipv6=1"
    fi
    # Frames must come as they were on the wire: neither joined nor without checksums.
    ethtool -K "$name" tx off gro off lro off >/dev/null 2>&1 || true
    ip link set "$name" up
}

if [ "$(id -u)" = 0 ]; then
    if [ -n "${LAN_ADDRESS:-}" ]; then become_port "$LAN_ADDRESS" lan; fi
    if [ -n "${WAN_ADDRESS:-}" ]; then become_port "$WAN_ADDRESS" wan; fi
    # What is made there is of the folder's group: the socket of the command line lets root in, who
    # comes by the health check and `docker exec` without the right to override its mode.
    for folder in /run/sallyport /var/lib/sallyport; do
        if [ "$(stat -c %U "$folder")" != sallyport ]; then # a volume
            chmod 2750 "$folder"
            chown sallyport "$folder"
        fi
    done
    rights=+net_admin,+net_raw
    # Locked memory and hugepages, and pinning of workers, where the container may.
    for right in ipc_lock sys_nice; do
        if setpriv --dump | grep -q "^Capability bounding set:.*$right"; then
            rights="$rights,+$right"
        fi
    done
    exec setpriv --reuid sallyport --regid sallyport --init-groups \
        --bounding-set="-all,$rights" --inh-caps="-all,$rights" --ambient-caps="-all,$rights" -- "$@"
fi
exec "$@"
