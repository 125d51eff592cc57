# shellcheck shell=bash
# lab-systemd.sh - a real systemd in the lab: process 1 of namespaces of its own, with this machine's
# /usr (read-only) and an /etc, /var and /run of its own in memory. What is not of the lab is left
# alone. Sourced after scripts/lab.sh, in a mount namespace of the caller's.
#
#   lab_root             makes the root in $LAB_ROOT, without starting anything in it
#   lab_boot             starts systemd there; it has started nothing but its journal
#   lab_in COMMAND...    runs a command in it, as root
#   lab_journal UNIT     what a unit said
#
# The network is the caller's, so the lab's servers are at 127.0.0.1 for both.

lab_devices() {
	local device
	mount -t tmpfs -o mode=755 tmpfs "$LAB_ROOT/dev" && mkdir "$LAB_ROOT"/dev/{shm,pts} || return 1
	for device in null zero full random urandom tty; do
		: >"$LAB_ROOT/dev/$device" && mount --bind "/dev/$device" "$LAB_ROOT/dev/$device" || return 1
	done
	ln -s pts/ptmx "$LAB_ROOT/dev/ptmx"
	ln -s /proc/self/fd "$LAB_ROOT/dev/fd"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$LAB_ROOT/dev/pts" &&
		mount -t tmpfs -o mode=1777 tmpfs "$LAB_ROOT/dev/shm"
}

lab_root() {
	local file
	LAB_ROOT=$LAB/root
	mkdir "$LAB_ROOT" && mount -t tmpfs -o mode=755 tmpfs "$LAB_ROOT" || return 1
	mkdir -p "$LAB_ROOT"/{usr,etc,proc,sys,dev,run,root,old,var/{lib,log,cache,tmp,www}}
	mkdir -m 1777 "$LAB_ROOT/tmp"
	mount --bind /usr "$LAB_ROOT/usr" &&
		mount -o remount,bind,ro "$LAB_ROOT/usr" &&
		mount -t tmpfs -o mode=755 tmpfs "$LAB_ROOT/usr/local" || return 1
	lab_devices || return 1
	for file in bin sbin lib lib32 lib64; do
		[ ! -L "/$file" ] || ln -s "usr/$file" "$LAB_ROOT/$file"
	done
	for file in passwd group shadow gshadow nsswitch.conf hosts services ld.so.cache ld.so.conf \
		ld.so.conf.d ssl alternatives softhsm nginx login.defs; do
		[ ! -e "/etc/$file" ] || cp -a "/etc/$file" "$LAB_ROOT/etc/"
	done
	# As the packages have it.
	install -d -m 755 "$LAB_ROOT"/var/log/nginx "$LAB_ROOT/var/lib/nginx"
	install -d -m 2770 -g softhsm "$LAB_ROOT"/var/lib/softhsm{,/tokens}
	mkdir -p "$LAB_ROOT"/etc/systemd/{system,system.conf.d} "$LAB_ROOT/run/log/journal"
	# Nothing of what a machine does at its start, but for the journal.
	for file in /usr/lib/systemd/system/{sysinit,sockets,timers,local-fs}.target.wants/*; do
		case $file in
		*/systemd-journald.s* | */systemd-journald-dev-log.socket) ;;
		*) ln -sf /dev/null "$LAB_ROOT/etc/systemd/system/${file##*/}" ;;
		esac
	done
	ln -sf /dev/null "$LAB_ROOT/etc/systemd/system/systemd-remount-fs.service"
	printf '%s\n' '[Unit]' 'Description=the lab' 'Requires=systemd-journald.socket' \
		>"$LAB_ROOT/etc/systemd/system/lab.target"
	: >"$LAB_ROOT/etc/machine-id"
}

# A cgroup of its own, where the kernel has no other: systemd moves what is in it.
lab_cgroup() {
	mkdir -p "$LAB/cgroup" && mount -t cgroup2 cgroup2 "$LAB/cgroup" &&
		mkdir "$LAB/cgroup/${LAB##*/}" && echo "$1" >"$LAB/cgroup/${LAB##*/}/cgroup.procs"
}

lab_systemd_end() {
	kill -9 "${LAB_INIT:-}" 2>/dev/null
	for _ in $(seq 50); do
		find "$LAB/cgroup/${LAB##*/}" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$LAB/cgroup/${LAB##*/}" ] || break
		sleep 0.1
	done
	lab_end
}

# Becomes systemd. In new namespaces; $1 is the new root. What is the machine's, its clock and the
# kernel's settings and modules, is out of reach.
lab_init() {
	local root=$1
	mount --make-rprivate / && mount -t proc proc "$root/proc" &&
		mount --bind "$root/proc/sys" "$root/proc/sys" &&
		mount -o remount,bind,ro "$root/proc/sys" &&
		mount -t sysfs -o ro sysfs "$root/sys" &&
		mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" || return 1
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	# Shared: by that a unit sees its credentials.
	cd "$root" && pivot_root . old && umount -l /old && mount --make-rshared / &&
		hostname lab || return 1
	exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
		setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-audit_control \
		/usr/lib/systemd/systemd --system --unit=lab.target --show-status=0
}

lab_boot() {
	local unshare
	(
		lab_cgroup "$BASHPID" || exit 1
		export -f lab_init
		exec unshare --mount --pid --cgroup --uts --ipc --fork --kill-child \
			bash -c 'lab_init "$1"' bash "$LAB_ROOT" >"$LAB/log/systemd" 2>&1
	) &
	unshare=$!
	LAB_PIDS+=("$unshare")
	trap lab_systemd_end EXIT
	for _ in $(seq 100); do
		LAB_INIT=$(pgrep -P "$unshare" -x systemd) &&
			lab_in systemctl is-active -q lab.target 2>/dev/null && return 0
		sleep 0.1
	done
	echo "lab: systemd does not start" >&2
	cat "$LAB/log/systemd" >&2
	return 1
}

lab_in() {
	nsenter -t "$LAB_INIT" --root --mount --pid --cgroup --uts --ipc -- \
		env -i LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin "$@"
}

lab_journal() {
	lab_in journalctl -o cat --no-pager -u "$1"
}
