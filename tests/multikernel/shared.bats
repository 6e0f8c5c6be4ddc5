#!/usr/bin/env bats
# Several kernels on one memory. Runs on the host: each test boots more than one VM.

load setup

# What each VM runs: mounts, waits until the other one has mounted too, reads everything.
guest() {
	cat <<'SH'
set -e
mkdir -p /mnt/daxfs
me=$1
mount -i -t daxfs -o "phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE,validate" none /mnt/daxfs
: >/mnt/share/mounted.$me
for ((i = 0; i < 600; i++)); do
	[[ -e /mnt/share/mounted.1 && -e /mnt/share/mounted.2 ]] && break
	read -rt 0.1 <> <(:) || :
done
[[ -e /mnt/share/mounted.1 && -e /mnt/share/mounted.2 ]]
(cd /mnt/daxfs && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >/mnt/share/sums.$me
umount /mnt/daxfs
SH
}

@test "two kernels mount one image in one memory at the same time and both read it equal" {
	both guest -d "$TOP/kmod"
	(cd kmod && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >"$SHARED/sums"
	[ "$(wc -l <"$SHARED/sums")" -gt 20 ]
	diff "$SHARED/sums" "$SHARED/share/sums.1"
	diff "$SHARED/sums" "$SHARED/share/sums.2"
}

# The first VM keeps main mounted read-only while the second one writes to it and makes a child; then it mounts the child, too.
late_guest() {
	cat <<'SH'
set -e
mkdir -p /mnt/main /mnt/child
me=$1
reach() {
	: >/mnt/share/$1
}
await() {
	local i
	for ((i = 0; i < 600; i++)); do
		[[ ! -e /mnt/share/$1 ]] || return 0
		read -rt 0.1 <> <(:) || :
	done
	false
}
where=phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE
if ((me == 1)); then
	mount -i -t daxfs -o "ro,$where,branch=main" none /mnt/main
	[[ ! -e /mnt/main/new ]]
	reach shown
	await made
	mount -i -t daxfs -o "rw,$where,branch=child" none /mnt/child
	cat /mnt/child/new /mnt/child/newer >/mnt/share/read
	umount /mnt/child /mnt/main
else
	await shown
	mount -i -t daxfs -o "rw,$where,branch=main" none /mnt/main
	echo of main >/mnt/main/new
	daxfs-branch create child -m /mnt/main -p main
	echo of child >/mnt/main/newer
	umount /mnt/main
	reach made
fi
SH
}

@test "a child that another kernel made shows what its parent was by then, also to who had mounted that before" {
	both late_guest -w -D 64M -d "$TOP/kmod/core"
	[[ $(<"$SHARED/share/read") == $'of main\nof child' ]]
}

# The first VM goes down with main mounted and being written to; the second one may repair only when it is gone.
dying_guest() {
	cat <<'SH'
mkdir -p /mnt/main
me=$1
region=phys:$DAXFS_PHYS_ADDR+$DAXFS_PHYS_SIZE
where=phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE
await() {
	local i
	for ((i = 0; i < 900; i++)); do
		[[ ! -e /mnt/share/$1 ]] || return 0
		read -rt 0.1 <> <(:) || :
	done
	false
}
if ((me == 1)); then
	hostname first-host
	mount -i -t daxfs -o "rw,$where,branch=main" none /mnt/main || exit 1
	echo text >/mnt/main/new
	sync -f /mnt/main
	: >/mnt/share/mounted
	await tried
	# As when the power goes: no umount.
	sync -f /mnt/share
	echo o >/proc/sysrq-trigger
	sleep 60
else
	await mounted
	for option in -p -y; do
		fsck.daxfs $option "$region" >>/mnt/share/tried.out 2>&1
		echo "$?" >>/mnt/share/tried.status
	done
	fsck.daxfs -n "$region" >/mnt/share/checked.out 2>&1
	: >/mnt/share/tried
	for ((i = 0; i < 30; i++)); do
		fsck.daxfs -p "$region" >/mnt/share/repaired.out 2>&1
		status=$?
		((status == 8)) || break
	done
	echo "$status" >/mnt/share/repaired.status
	fsck.daxfs -n "$region" >/mnt/share/again.out 2>&1
	echo "$?" >/mnt/share/again.status
	mount -i -t daxfs -o "rw,$where,branch=main,validate" none /mnt/main || exit 1
	cp /mnt/main/new /mnt/share/new
	umount /mnt/main
fi
SH
}

@test "what another kernel has mounted is not repaired, and once that is gone all that it held is given up" {
	FIRST_DIES=yes both dying_guest -w -D 64M -d "$TOP/kmod/core"
	cat "$SHARED"/share/*.out
	[[ $(<"$SHARED/share/tried.status") == $'8\n8' ]]
	grep -q "is mounted by first-host; nothing was changed" "$SHARED/share/tried.out"
	[[ $(<"$SHARED/share/repaired.status") == 1 ]]
	grep -q "mount slot of a mount that is gone .*: repaired$" "$SHARED/share/repaired.out"
	grep -q "lease of a branch is held by a mount that is gone .*: repaired$" "$SHARED/share/repaired.out"
	[[ $(<"$SHARED/share/again.status") == 0 && $(wc -l <"$SHARED/share/again.out") == 1 ]]
	[[ $(<"$SHARED/share/new") == text ]]
}
