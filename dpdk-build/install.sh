#!/bin/sh
# Installs what Sallyport needs to be built and run on Debian 12 (or a later Debian or Ubuntu).
#
#   install.sh             to build and to run
#   install.sh --runtime   only to run
#   install.sh --test      to build, to run, and to run every test
#   install.sh --vm        to build, to run, and to run the test in a virtual machine
#   install.sh --list      prints the packages and changes nothing; may follow one of the above
#
# It may be run again at any time, and does nothing if nothing is missing.
set -eu

RUNTIME="dpdk ethtool iproute2 kmod libdpdk-dev procps"
BUILD="build-essential clang curl dnsmasq-base dnsutils iputils-ping libclang-dev libdpdk-dev pkg-config python3"
TEST="buildah chrony debootstrap dpdk-dev iperf3 lftp libusrsctp-examples nftables podman pptp-linux pptpd prometheus rtsp-server-perl sip-tester tcpdump tftp-hpa tftpd-hpa traceroute valgrind vsftpd"
# The emulator is named below: an older Debian has it only among its backports.
VM="busybox-static cpio vsftpd"
EMULATOR=qemu-system-x86
# The first that emulates the 82576.
EMULATOR_SINCE=1:8.0
POLICY=/usr/sbin/policy-rc.d

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

# The shared libraries alone, where the archive splits them: librte-eal23 and its kin, and the driver plugins.
# Their names carry the ABI version, which the distribution decides.
runtime_libraries() {
	apt-cache depends libdpdk-dev 2>/dev/null |
		sed -n 's/^ *Depends: \(librte-[a-z0-9.-]*\)$/\1/p'
	apt-cache pkgnames librte-net- 2>/dev/null
	apt-cache pkgnames librte-bus- 2>/dev/null
	apt-cache pkgnames librte-mempool- 2>/dev/null
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
	for package in "$@"; do
		installed "$package" || echo "$package"
	done
}

emulator_version() {
	dpkg-query -W -f '${Version}' "$EMULATOR" 2>/dev/null
}

# Whether an emulator that is new enough is there.
emulator_installed() {
	installed "$EMULATOR" && dpkg --compare-versions "$(emulator_version)" ge "$EMULATOR_SINCE"
}

mode=build
list=false
for argument in "$@"; do
	case $argument in
	--runtime) mode=runtime ;;
	--test) mode=test ;;
	--vm) mode=vm ;;
	--list) list=true ;;
	-h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) fail "unknown argument $argument (--runtime, --test, --vm or --list)" ;;
	esac
done

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	fail "this needs apt; elsewhere install DPDK 22.11 or later with its headers, clang, libclang and pkg-config"

case $mode in
# libdpdk-dev is for building; its libraries come by themselves below.
runtime) wanted=$(echo "$RUNTIME" | sed 's/ libdpdk-dev//') ;;
build) wanted="$RUNTIME $BUILD" ;;
test) wanted="$RUNTIME $BUILD $TEST" ;;
vm) wanted="$RUNTIME $BUILD $VM $EMULATOR" ;;
esac
wanted=$(printf '%s\n' $wanted | sort -u)

if $list; then
	printf '%s\n' $wanted
	exit 0
fi

missing=$(missing_of $wanted)
# Without the headers' package, whether the libraries are there is asked of the one that all others need.
libraries=false
if [ "$mode" = runtime ] && ! ls /usr/lib/*/librte_ethdev.so.* >/dev/null 2>&1; then
	libraries=true
fi
emulator=false
if [ "$mode" = vm ] && ! emulator_installed; then
	emulator=true
	missing=$(printf '%s\n' $missing | grep -vx "$EMULATOR") || true
fi
if [ -z "$missing" ] && ! $libraries && ! $emulator; then
	exit 0
fi

[ "$(id -u)" = 0 ] || fail "root is needed to install:" $missing

# Packages must not start daemons (prometheus, dnsmasq): a policy-rc.d that forbids it, for the time of the
# installation. One that is there already stays as it is.
remove_policy() {
	rm -f "$POLICY"
}
if [ ! -e "$POLICY" ]; then
	trap remove_policy EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
if $libraries; then
	missing="$missing $(runtime_libraries)"
fi
if [ -n "$missing" ]; then
	apt-get install -q -y --no-install-recommends $missing
fi

# From the release itself if it has a new one, else from its backports, which apt prefers for nothing else.
if $emulator; then
	candidate=$(apt-cache policy "$EMULATOR" | sed -n 's/^ *Candidate: //p')
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	if dpkg --compare-versions "$candidate" lt "$EMULATOR_SINCE"; then
		release=$release-backports
		if ! apt-cache policy | grep -q "n=$release"; then
			echo "deb http://deb.debian.org/debian $release main" >"/etc/apt/sources.list.d/$release.list"
			apt-get update -q
		fi
	fi
	apt-get install -q -y --no-install-recommends -t "$release" "$EMULATOR"
	emulator_installed || fail "$EMULATOR is older than $EMULATOR_SINCE: $(emulator_version)"
fi

still=$(missing_of $wanted)
[ -z "$still" ] || fail "not installed:" $still
