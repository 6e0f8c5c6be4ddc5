#!/usr/bin/env bats
# /dev/daxX.Y, memory that is a character device: mkdaxfs writes it on every kernel, file systems are lent it since Linux 7.1.
load setup

setup_file() {
	load setup
	mkdir -p /tmp/one/dir "$MNT"
	echo hello >/tmp/one/file
	head -c 100000 /dev/urandom >/tmp/one/mapped
	ndctl create-namespace -f -e namespace0.0 --mode=devdax --map=mem >/dev/null
	export DAX=/dev/dax0.0
	[[ -c $DAX ]]
}

teardown_file() {
	ndctl create-namespace -f -e namespace0.0 --mode=raw >/dev/null
	[[ -b $DAXFS_PMEM ]]
}

teardown() {
	unmount_all
}

# Has this kernel the driver that lends the device to file systems?
is_lent() { modprobe -qn fsdev_dax; }

# bats test_tags=kernels
@test "mkdaxfs writes a DAX character device; what is mounted there is branched, written, committed, checked and mounted again" {
	mkdaxfs -q -w -d /tmp/one -o "$DAX" -s 65M
	[ "$(daxfsctl inspect "$DAX" cat /file)" = hello ]
	run mount -i -t daxfs "$DAX" "$MNT"
	[ "$status" -ne 0 ]
	if ! is_lent; then
		dmesg | tail -n 3 | grep "$DAX: a file system on a DAX character device needs Linux 7.1 or newer; with this kernel make its namespace one of mode fsdax"
		refuse "$DAX"
		[[ $output == *"needs Linux 7.1 or newer"* ]]
		return
	fi
	dmesg | tail -n 3 | grep "$DAX has a driver for programs"
	daxfsctl mount -o rw "$DAX" "$MNT"
	[ "$(findmnt -no SOURCE "$MNT")" = "$DAX" ]
	[ "$(cat "$MNT/file")" = hello ]
	daxfs-branch create work -m "$MNT"
	head -c 3000000 /dev/urandom >/tmp/big
	cp /tmp/big "$MNT/big"
	mapping coherent "$MNT/mapped"
	daxfs-branch commit -m "$MNT"
	umount "$MNT"
	fsck.daxfs -n "$DAX"
	daxfsctl mount -o rw "$DAX" "$MNT"
	cmp /tmp/big "$MNT/big"
	# By its number it is the same volume, with and without the helper.
	mkdir -p /mnt/second
	mount -i -t daxfs -o rw "$DAX" /mnt/second
	[ "$(stat -c %d /mnt/second)" = "$(stat -c %d "$MNT")" ]
}

# bats test_tags=kernels
@test "a DAX character device that is mounted or mapped is not taken from its user" {
	mkdaxfs -q -f -w -d /tmp/one -o "$DAX" -s 64M
	is_lent || skip "this kernel lends no DAX character device to file systems"
	exec 8<>"$DAX"
	refuse "$DAX"
	[[ $output == *"is open or mapped in a program"* ]]
	exec 8>&-
	daxfsctl mount "$DAX" "$MNT"
	run mkdaxfs -f -d /tmp/one -o "$DAX"
	[ "$status" -eq 4 ]
	[[ $output == *"is mounted or in use"* ]]
	run fsck.daxfs -n "$DAX"
	[ "$status" -ne 0 ]
	daxfsctl list -n -o SOURCE | grep -Fx "$DAX"
	[ "$(cat "$MNT/file")" = hello ]
}

# bats test_tags=kernels
@test "a character device that is no memory is refused" {
	for node in /dev/null /dev/rtc0 /dev/dma_heap/system /dev/hpet; do
		[[ -c $node ]] || continue
		run mount -i -t daxfs "$node" "$MNT"
		[ "$status" -ne 0 ]
		dmesg | tail -n 3 | grep "$node "
	done
}

@test "a DAX character device whose driver is taken away under a mount: errors, and it can be unmounted and mounted again" {
	is_lent || skip "this kernel lends no DAX character device to file systems"
	mkdaxfs -q -f -w -d /tmp/one -o "$DAX" -s 64M
	daxfsctl mount -o rw "$DAX" "$MNT"
	echo kept >"$MNT/kept"
	echo "${DAX#/dev/}" >/sys/bus/dax/drivers/fsdev_dax/unbind
	run cat "$MNT/file"
	[ "$status" -ne 0 ]
	run cp /tmp/one/file "$MNT/new"
	[ "$status" -ne 0 ]
	umount "$MNT"
	daxfsctl mount -o rw "$DAX" "$MNT"
	[ "$(cat "$MNT/kept")" = kept ]
}
