#!/bin/busybox sh
# The first process of the virtual machine of `cargo xtask vm-test`: it makes the machine fit for DPDK, as README.md
# tells an operator to, and then carries out the commands that come by the second serial line.
#
# An answer is what the command wrote, and a last line `#done STATUS`. Kernel command line: pages=N (of 2 MiB).
export PATH=/bin:/usr/bin HOME=/
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/sallyport
ulimit -l unlimited

for word in $(cat /proc/cmdline); do
	case $word in
	pages=*) echo "${word#pages=}" >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages ;;
	esac
done
# In the order in which they need each other.
for module in $(cat /modules/order); do
	insmod "/modules/$module.ko" || echo "no module $module"
done

exec 3<>/dev/ttyS1
stty raw -echo <&3
echo "READY after $(cut -d' ' -f1 /proc/uptime) s"
while read -r command <&3; do
	(eval "$command") >/tmp/answer 2>&1 </dev/null
	status=$?
	cat /tmp/answer >&3
	printf '\n#done %s\n' "$status" >&3
done
poweroff -f
