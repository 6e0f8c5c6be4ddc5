#!/usr/bin/env bats
# A daxfs and a tmpfs on which the same is done are the same: after the operations, a remount, a commit, and a compaction of the log.
#
#	DAXFS_TWIN=N		so many operations rather than 2,000 per branch
#	DAXFS_TWIN_SEED=N	other ones
load setup

COUNT=${DAXFS_TWIN:-2000}
SEED=${DAXFS_TWIN_SEED:-1}

setup_file() {
	load setup
	mkdir -p /tmp/empty/dir
	rmdir /tmp/empty/dir
	mkdaxfs -q -d /tmp/empty -o /tmp/empty.img -w -D 128M
}

teardown() {
	unmount_all
	umount /mnt/twin 2>/dev/null || :
}

twins() {
	start "$1" /tmp/empty.img branch=main,noatime
	mkdir -p /mnt/twin
	mount -t tmpfs -o noatime,size=512M,nr_inodes=0,mode=755 twin /mnt/twin
}

# try ARGUMENT...: twin, with what it said in the output.
try() {
	run twin "$@"
	echo "seed $SEED: twin $*: $output"
	[ "$status" -eq 0 ]
}

# Has anything changed since "twin digest" wrote /tmp/before?
is_as_before() {
	twin digest "$MNT" >/tmp/after
	cmp /tmp/before /tmp/after && return
	diff /tmp/before /tmp/after | cut -c 1-300 | head -n 30
	return 1
}

# Everything that is to be seen is still the same when the state is made from the log.
survives() {
	twin digest "$MNT" >/tmp/before
	again "$1"
	is_as_before
	try "$MNT" /mnt/twin 0 0
}

# Operations in main, then in a branch that is committed, then in one that is aborted.
live() {
	twins "$1"
	try "$MNT" /mnt/twin "$SEED" "$COUNT"
	survives branch=main,noatime
	daxfs-branch create feature -m "$MNT"
	try "$MNT" /mnt/twin $((SEED + 1)) "$COUNT"
	[[ $1 == dmabuf ]] || survives branch=feature,noatime
	daxfs-branch create below -m "$MNT"
	try "$MNT" /mnt/twin $((SEED + 2)) $((COUNT / 2))
	twin digest "$MNT" >/tmp/before
	daxfs-branch commit -m "$MNT"
	daxfs-branch commit -m "$MNT"
	is_as_before
	survives branch=main,noatime
	daxfs-branch create discarded -m "$MNT"
	mkdir -p /tmp/scratch
	mount -t tmpfs -o noatime,size=512M scratch /tmp/scratch
	cp -a /mnt/twin/. /tmp/scratch
	twin "$MNT" /tmp/scratch $((SEED + 3)) $((COUNT / 4)) || :
	umount /tmp/scratch
	daxfs-branch abort -m "$MNT"
	is_as_before
	try "$MNT" /mnt/twin 0 0
}

@test "phys: random operations, a remount, a commit and an abort leave the same as on tmpfs" {
	live phys
	is_clean
}

@test "pmem: the same" {
	SEED=$((SEED + 10))
	live pmem
	is_clean
}

@test "dma-buf: the same" {
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	SEED=$((SEED + 20))
	COUNT=$((COUNT / 2))
	live dmabuf
}

@test "a log that grew by 40,000 changes is compacted, and the state is the same" {
	twins phys
	try "$MNT" /mnt/twin $((SEED + 30)) 500
	before=$(rounds used "$MNT")
	try churn "$MNT" /mnt/twin 10000
	after=$(rounds used "$MNT")
	echo "# $before bytes used before, $after after" >&3
	((after < 2 * before + (4 << 20)))
	survives branch=main,noatime
	try "$MNT" /mnt/twin $((SEED + 31)) 500
	survives branch=main,noatime
	is_clean
}
