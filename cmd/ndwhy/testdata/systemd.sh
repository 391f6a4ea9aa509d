#!/bin/sh
# Has a systemd that is the first process of a container start a service, and writes what came of it:
#   systemd.sh DIRECTORY UNIT...
# The container is this machine's files, with changes that go with it; the network is that of whoever starts this.
# DIRECTORY has the program ndwhy, and gets shown (systemctl show), report.json and log.
set -eu
dir=$1
shift
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir/box"
mkdir "$dir/box/upper" "$dir/box/work" "$dir/box/root"
root=$dir/box/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/box/upper,workdir=$dir/box/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --rbind /sys "$root/sys"
for name in proc/sys sys; do # of this machine nothing is set
	mount -o remount,bind,ro "$root/$name"
done
for name in run tmp dev; do
	mount -t tmpfs tmpfs "$root/$name"
done
for name in null zero full random urandom tty; do
	: >"$root/dev/$name"
	mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue" "$root/dev/hugepages" "$root/out"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t devpts devpts "$root/dev/pts" -o newinstance
: >"$dir/log"
: >"$root/dev/console"
mount --bind "$dir/log" "$root/dev/console"
mount --bind "$dir" "$root/out"
cp "$dir/ndwhy" "$root/usr/local/bin/ndwhy"
units=$root/etc/systemd/system
rm -rf "$units"
mkdir "$units"
cp "$@" "$units"
for name in systemd-udevd systemd-udev-trigger systemd-journald systemd-modules-load systemd-sysctl systemd-networkd systemd-remount-fs; do
	ln -s /dev/null "$units/$name.service"
done
cat >"$units/done.service" <<'END'
[Unit]
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target

[Service]
Type=oneshot
ExecStart=-/bin/systemctl start ndwhy.service
ExecStart=-/bin/sh -c 'systemctl show ndwhy.service >/out/shown; cp /var/lib/ndwhy/report.json /out/'
ExecStart=/bin/systemctl exit
END
mkdir "$units/ndwhy.service.d" # where the lab's services are
{
	echo "[Service]"
	env | sed -n 's/^NDWHY_.*/Environment="&"/p'
} >"$units/ndwhy.service.d/lab.conf"
: >"$root/etc/machine-id"
export container=lxc
exec chroot "$root" /lib/systemd/systemd --system --unit=done.service --log-target=console --show-status=no </dev/null
