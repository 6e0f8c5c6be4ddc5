#!/usr/bin/env bats
# What a boot does with daxfs in /etc/fstab: fsck -A, mount -a, umount -a; and the helpers, called by mount(8) and fsck(8) themselves.

load setup

setup_file() {
	mkdir -p /tmp/one/dir
	echo hello >/tmp/one/file
	for name in phys pmem file; do
		"$BIN/mkdaxfs" -q -d /tmp/one -L "boot $name" -o "/tmp/$name.img"
	done
	# The root of the VM is thrown away.
	ln -sf "$BIN/mount.daxfs" "$BIN/fsck.daxfs" /usr/sbin/
	mkdir -p /mnt/phys /mnt/pmem /mnt/file
}

setup() {
	put phys /tmp/phys.img
	put pmem /tmp/pmem.img
	cat >/etc/fstab <<FSTAB
# source		target		type	options		dump	pass
daxfs:boot\\040phys	/mnt/phys	daxfs	phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE,nofail,_netdev,x-systemd.device-timeout=5	0 0
$DAXFS_PMEM		/mnt/pmem	daxfs	defaults,noatime,user,exec,comment=ours	0 2
/tmp/file.img		/mnt/file	daxfs	ro,nosuid,X-mount.mkdir		0 2
/tmp/none.img		/mnt/none	daxfs	noauto		0 0
FSTAB
}

teardown() {
	unmount_all
	: >/etc/fstab
}

# options TARGET: what is mounted there, with commas around each option; empty: nothing.
options() {
	local list

	list=$(findmnt -nr -o OPTIONS --mountpoint "$1") || return 0
	echo ",$list,"
}

@test "mount -a mounts physical memory, a device and an image file, and umount -a takes them away" {
	run mount -a
	echo "$output"
	[ "$status" -eq 0 ]
	for name in phys pmem file; do
		[ "$(cat "/mnt/$name/file")" = hello ]
	done
	[ "$(findmnt -nr -t daxfs -o TARGET,SOURCE | sort)" = "/mnt/file daxfs:boot\\x20file
/mnt/phys daxfs:boot\\x20phys
/mnt/pmem $DAXFS_PMEM" ]
	for option in noatime nodev nosuid; do
		[[ $(options /mnt/pmem) == *",$option,"* ]]
	done
	[[ $(options /mnt/pmem) != *,noexec,* ]]
	[[ $(options /mnt/file) == *,ro,nosuid,* ]]
	umount -a -t daxfs
	[ -z "$(findmnt -n -t daxfs)" ]
}

@test "mount -a a second time puts nothing over what is there" {
	mount -a
	run mount -a
	echo "$output"
	findmnt -n -t daxfs
	[[ $output == *"/tmp/file.img: is mounted on /mnt/file already" ]]
	[ "$(findmnt -nr -t daxfs | wc -l)" -eq 3 ]
	# Below it, and another image over it, are other places.
	daxfsctl mount /tmp/file.img /mnt/file/dir
	daxfsctl mount /tmp/phys.img /mnt/file
	[ "$(findmnt -nr -t daxfs | wc -l)" -eq 5 ]
}

@test "mount by its mount point, with the line's options" {
	mount /mnt/file
	[[ $(options /mnt/file) == *,ro,nosuid,* ]]
	mount /mnt/phys
	[ "$(cat /mnt/phys/file)" = hello ]
	run mount /mnt/none
	echo "$output"
	[ "$status" -eq 32 ]
	[[ $output == *"/mnt/none: cannot be mounted on: No such file"* ]]
	mkdir /mnt/none
	run mount /mnt/none
	[ "$status" -eq 32 ]
	[[ $output == *"/tmp/none.img: No such file"* ]]
}

@test "fsck -A checks what the boot would, and says when something is damaged" {
	run fsck -A -T -C -a
	echo "$output"
	[ "$status" -eq 0 ]
	# In the inode table, behind 2 MiB.
	printf '\377' | dd of="$DAXFS_PMEM" bs=1 seek=$((0x200010)) conv=notrunc status=none
	run fsck -A -T -a
	echo "$output"
	(($status & 4))
	[[ $output == *"$DAXFS_PMEM"* ]]
}

@test "the helper takes what mount(8) gives it: -s -f -n -v -N -o -t, and every flag of a line" {
	mount -v -n /mnt/phys | grep -q "/mnt/phys"
	umount /mnt/phys
	mount -f /mnt/phys
	[ -z "$(options /mnt/phys)" ]
	run mount -o nonsense "$DAXFS_PMEM" /mnt/pmem -t daxfs
	[ "$status" -eq 32 ]
	[[ $output == *nonsense* ]]
	mount -s -o nonsense "$DAXFS_PMEM" /mnt/pmem -t daxfs
	umount /mnt/pmem
	mount -t daxfs -o defaults,auto,nofail,_netdev,users,owner,group,x-a=b,X-c,comment=d,suid,dev,exec,async,relatime "$DAXFS_PMEM" /mnt/pmem
	mount -o remount,ro,noexec /mnt/pmem
	[[ $(options /mnt/pmem) == *,ro,*noexec,* ]]
	umount /mnt/pmem
	unshare -m sleep 60 &
	sleeper=$!
	sleep 0.5
	mount -N "$sleeper" -t daxfs "$DAXFS_PMEM" /mnt/pmem
	[ -z "$(options /mnt/pmem)" ]
	[ "$(cat "/proc/$sleeper/root/mnt/pmem/file")" = hello ]
	kill "$sleeper"
}
