#!/usr/bin/env bats
# Writable mappings of files in a branch.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

teardown() {
	unmount_all
	umount /mnt/ext4 2>/dev/null || :
}

# each COMMAND...: on each backing, with its main at $MNT.
each() {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		run "$@"
		echo "$backing: $output"
		[ "$status" -eq 0 ]
		unmount_all
	done
}

@test "a shared mapping and read and write see each other at once, in every process" {
	each mapping coherent "$MNT/mapped"
}

@test "the first write to a block copies that block, and no other" {
	each mapping one "$MNT/mapped"
}

@test "a private mapping copies, and is never written back" {
	each mapping private "$MNT/mapped"
}

@test "phys and pmem: two processes wait and wake through a futex in a file" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		mapping futex "$MNT/mapped"
		umount "$MNT"
	done
}

@test "phys and pmem: a direct read from a file elsewhere goes into a mapping, and a direct write comes from it" {
	truncate -s 100M /tmp/ext4 && mkfs.ext4 -q -F /tmp/ext4
	mkdir -p /mnt/ext4 && mount -o loop /tmp/ext4 /mnt/ext4
	truncate -s 1M /mnt/ext4/file
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		mapping direct "$MNT/mapped" /mnt/ext4/file
		umount "$MNT"
	done
}

@test "past a new end there is SIGBUS, and what comes into a file by extending it is zero" {
	each mapping end "$MNT/mapped"
}

@test "a write from a buffer that ends before memory that is not there writes what is there" {
	each mapping cut "$MNT/cut"
}

@test "what is written through a mapping of a new file, and synced, is there after a remount" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		mapping fill "$MNT/small" 5000 1
		mapping fill "$MNT/large" 5000000 2
		again
		mapping expect "$MNT/small" 5000 1
		mapping expect "$MNT/large" 5000000 2
		unmount_all
	done
}

@test "an abort takes the blocks from under a mapping that only read them: SIGBUS" {
	start phys /tmp/base.img
	daxfs-branch create feature -m "$MNT"
	views abort "$MNT"
	is_clean
}

@test "a program runs from a branch that replaces it while it runs" {
	start pmem /tmp/base.img
	cp /bin/busybox "$MNT/busybox"
	"$MNT/busybox" sh -c 'read line; echo got $line' <><(sleep 1; echo it) >/tmp/out &
	cp /bin/busybox "$MNT/other"
	mv "$MNT/other" "$MNT/busybox"
	wait
	[ "$(cat /tmp/out)" = "got it" ]
	run bash -c 'exec 3<>"$1"' - "$MNT/busybox"
	[ "$status" -eq 0 ]
}
