#!/usr/bin/env bats
# With udev running and our rule: a device that holds a daxfs is known to everybody who asks udev, and is not when it does not.
bats_require_minimum_version 1.5.0
load setup

UUID=11111111-2222-3333-4444-555555555555
BY_UUID=/dev/disk/by-uuid/$UUID

setup_file() {
	load setup
	[[ -x /lib/systemd/systemd-udevd ]] || skip "there is no udev; tests/setup check installs it"
	mkdir -p /tmp/tree "$MNT" /run/udev/rules.d
	echo hello >/tmp/tree/file
	mkdaxfs -q -w -D 1M -d /tmp/tree -o /tmp/image -L mylabel -U "$UUID"
	# Where `make install` puts them, or as good.
	install -m 755 "$BIN/daxfsctl" /usr/local/sbin/daxfsctl
	cp "$TOP/udev/59-daxfs.rules" /run/udev/rules.d
	wipe
	/lib/systemd/systemd-udevd --daemon
	udevadm trigger --settle --subsystem-match=block
}

# Whatever was there before is no filesystem any more.
wipe() {
	dd if=/dev/zero of="$DAXFS_PMEM" bs=1M count=4 conv=fsync status=none
}

teardown_file() {
	udevadm control --exit
}

teardown() {
	unmount_all
	rm -f /etc/filesystems /sbin/mount.daxfs /run/udev/rules.d/70-slow.rules
	losetup -D
	wipe
	gone "$BY_UUID"
}

# there LINK, gone LINK: udev has made, or removed, a link.
there() { udevadm wait --timeout=30 --settle "$1"; }
gone() { udevadm wait --timeout=30 --settle --removed "$1"; }

write() {
	dd if="${1:-/tmp/image}" of="$DAXFS_PMEM" bs=1M conv=fsync status=none
}

# property NAME DEVICE
property() {
	udevadm info --query=property --property="$1" --value "$2"
}

@test "an image written to a pmem device shows in lsblk, udevadm and /dev/disk" {
	[ -z "$(property ID_FS_TYPE "$DAXFS_PMEM")" ]
	write
	there "$BY_UUID"
	[ "$(realpath "$BY_UUID")" = "$DAXFS_PMEM" ]
	[ "$(realpath /dev/disk/by-label/mylabel)" = "$DAXFS_PMEM" ]
	[ "$(lsblk -nr -o FSTYPE,FSVER,LABEL,UUID "$DAXFS_PMEM")" = "daxfs 2 mylabel $UUID" ]
	lsblk -f "$DAXFS_PMEM" | grep -E "pmem0 +daxfs +2 +mylabel +$UUID"
	[ "$(property ID_FS_TYPE "$DAXFS_PMEM")" = daxfs ]
	[ "$(property ID_FS_USAGE "$DAXFS_PMEM")" = filesystem ]
	[ "$(property ID_FS_VERSION "$DAXFS_PMEM")" = 2 ]
	[ "$(property ID_FS_UUID "$DAXFS_PMEM")" = "$UUID" ]
	[ "$(property ID_FS_LABEL "$DAXFS_PMEM")" = mylabel ]
	# Not from anybody else.
	run -2 blkid -p "$DAXFS_PMEM"
}

@test "mkdaxfs onto the device is noticed, without a word to udev" {
	mkdaxfs -q -f -d /tmp/tree -o "$DAXFS_PMEM" -L fresh -U "$UUID"
	there /dev/disk/by-label/fresh
	mkdaxfs -q -f -d /tmp/tree -o "$DAXFS_PMEM" -L other -U "$UUID"
	there /dev/disk/by-label/other
	gone /dev/disk/by-label/fresh
}

@test "mount UUID= and LABEL= find it, by an fstab line too" {
	write
	there "$BY_UUID"
	mount -t daxfs "UUID=$UUID" "$MNT"
	[ "$(cat "$MNT/file")" = hello ]
	[ "$(findmnt -no FSTYPE "$MNT")" = daxfs ]
	umount "$MNT"
	mount -t daxfs -o rw LABEL=mylabel "$MNT"
	echo more >"$MNT/new"
	umount "$MNT"
	echo "UUID=$UUID $MNT daxfs ro 0 0" >/tmp/fstab
	mount -T /tmp/fstab "$MNT"
	[ "$(cat "$MNT/new")" = more ]
	# It was written through the mount, behind the block device, and is still known.
	[ "$(lsblk -nr -o FSTYPE,UUID "$DAXFS_PMEM")" = "daxfs $UUID" ]
}

@test "without -t mount finds it when /etc/filesystems names daxfs, through the helper or not, and others still" {
	local helper=/sbin/mount.daxfs

	rm -f /etc/filesystems "$helper"
	write
	there "$BY_UUID"
	# The libblkid of this system does not know daxfs, and what needs no block device is not tried.
	run -32 mount "UUID=$UUID" "$MNT"
	printf '%s\n' daxfs '*' >/etc/filesystems
	mount "UUID=$UUID" "$MNT"
	[ "$(findmnt -no SOURCE,FSTYPE "$MNT")" = "$DAXFS_PMEM daxfs" ]
	[ "$(cat "$MNT/file")" = hello ]
	umount "$MNT"
	ln -s "$BIN/daxfsctl" "$helper"
	mount LABEL=mylabel "$MNT"
	[ "$(findmnt -no SOURCE,FSTYPE "$MNT")" = "$DAXFS_PMEM daxfs" ]
	umount "$MNT"
	mkfs.ext4 -q -F "$DAXFS_PMEM"
	mount "$DAXFS_PMEM" "$MNT"
	[ "$(findmnt -no FSTYPE "$MNT")" = ext4 ]
	umount "$MNT"
}

@test "mkfs.ext4 over it makes it disappear, and the other way round" {
	write
	there "$BY_UUID"
	mkfs.ext4 -q -F -L ext "$DAXFS_PMEM"
	gone "$BY_UUID"
	there /dev/disk/by-label/ext
	[ ! -e /dev/disk/by-label/mylabel ]
	[ "$(lsblk -nr -o FSTYPE,LABEL "$DAXFS_PMEM")" = "ext4 ext" ]
	run ! grep -q daxfs <(udevadm info "$DAXFS_PMEM")
	run mkdaxfs -d /tmp/tree -o "$DAXFS_PMEM"
	[ "$status" -eq 4 ]
	mkdaxfs -q -f -d /tmp/tree -o "$DAXFS_PMEM" -U "$UUID"
	there "$BY_UUID"
	gone /dev/disk/by-label/ext
	[ "$(lsblk -nr -o FSTYPE,LABEL,UUID "$DAXFS_PMEM")" = "daxfs  $UUID" ]
}

@test "what mkdaxfs and fsck write while udev is busy with the device is seen" {
	local slow=/run/udev/rules.d/70-slow.rules loop

	write
	there "$BY_UUID"
	# It has read the device by then, and does not watch it yet.
	echo 'KERNEL=="pmem0|loop*", ACTION=="change", PROGRAM="/bin/sleep 3"' >"$slow"
	udevadm control --reload
	run -4 mkdaxfs -d /tmp/tree -o "$DAXFS_PMEM"
	mkdaxfs -q -f -d /tmp/tree -o "$DAXFS_PMEM" -L late
	there /dev/disk/by-label/late
	# A small one, so that fsck is done before udev is; and of a partition it is the disk that is locked.
	truncate -s 16M /tmp/disk
	dd if=/tmp/image of=/tmp/disk bs=1M seek=1 conv=notrunc status=none
	loop=$(losetup --show -P -f /tmp/disk)
	addpart "$loop" 1 2048 $((15 * 2048))
	there "$BY_UUID"
	[ "$(realpath "$BY_UUID")" = "${loop}p1" ]
	printf x | dd of="${loop}p1" bs=1 seek=$((0x70)) conv=notrunc,fsync status=none
	sleep 0.5
	run -1 fsck.daxfs -y "${loop}p1"
	# The link of before may be there until the queue is empty.
	udevadm settle
	there "$BY_UUID"
	rm "$slow"
	udevadm control --reload
	losetup -d "$loop"
	gone "$BY_UUID"
}

@test "a damaged superblock is announced to nobody" {
	cp /tmp/image /tmp/bad
	printf x | dd of=/tmp/bad bs=1 seek=$((0x70)) conv=notrunc status=none
	write
	there "$BY_UUID"
	write /tmp/bad
	gone "$BY_UUID"
	[ -z "$(lsblk -nr -o FSTYPE,LABEL,UUID "$DAXFS_PMEM" | tr -d ' ')" ]
}

@test "a label of any characters is a link that leads to the device, and mounts by its name" {
	local label='a "b"/ü\x$(c)' enc='a\x20\x22b\x22\x2fü\x5cx\x24\x28c\x29'

	mkdaxfs -q -d /tmp/tree -o "$DAXFS_PMEM" -L "$label" -U "$UUID"
	there "/dev/disk/by-label/$enc"
	[ "$(property ID_FS_LABEL_ENC "$DAXFS_PMEM")" = "$enc" ]
	[ "$(lsblk -n --json -o LABEL "$DAXFS_PMEM" | jq -r '.blockdevices[0].label')" = "$label" ]
	mount -t daxfs "LABEL=$label" "$MNT"
	[ "$(cat "$MNT/file")" = hello ]
}

@test "an image file behind a loop device is known as long as it is there" {
	local loop

	loop=$(losetup --show -f /tmp/image)
	there "$BY_UUID"
	[ "$(realpath "$BY_UUID")" = "$loop" ]
	[ "$(lsblk -nr -o FSTYPE,LABEL "$loop")" = "daxfs mylabel" ]
	losetup -d "$loop"
	gone "$BY_UUID"
}
