#!/bin/busybox sh
# First program of the virtual machine: loads what it needs to see the host's files, and runs the command there. All that is written stays in memory, but for /result.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p overlay virtio_rng; do modprobe "$module"; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose host /host
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 result /result
# From here on modules are found where the kernel's package was unpacked; the kernel asks this modprobe for more.
mount --bind "/host/$(cat /modules-directory)" /lib/modules
echo /bin/modprobe >/proc/sys/kernel/modprobe
mount -t tmpfs -o mode=755,size=50% tmpfs /memory
mkdir /memory/upper /memory/work /memory/root
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /memory/root
cd /memory/root
mkdir -p result
mount --bind /result result
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm dev/net
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
modprobe tun
ip link set lo up
chroot . /bin/sh /result/command
echo $? >/result/code
poweroff -f
