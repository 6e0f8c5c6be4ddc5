#!/usr/bin/env bats
# What goes away while it is in use: devices, memory that fails, mounts whose pages are still in use, and buffers that do not come.
load setup

DIR=/mnt/two DIR2=/mnt/three
export MNT DIR DIR2

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 24M
}

setup() {
	mkdir -p "$DIR" "$DIR2"
}

teardown() {
	unmount_all
	# What a failed test left.
	[[ -e $DAXFS_PMEM ]] || bind
}

# away that may find that the kernel cannot do it.
may() {
	run away "$@"
	echo "$output"
	[ "$status" -ne 77 ] || skip "the kernel cannot do that"
	[ "$status" -eq 0 ]
}

# ---- buffers that do not come ----

# In a branch beside what is mounted at $MNT: more is written and given up than there is space for at a time.
busy_branches() {
	local i

	set -e
	for i in {1..3}; do
		daxfs-branch create -q "b$i" -m "$1" -p main
		dd if=/dev/zero of="$1/file" bs=1M count=12 conv=notrunc status=none
		daxfs-branch abort -q -m "$1"
	done
}

@test "a read whose buffer does not come keeps neither reclaim nor writers of other branches waiting" {
	export -f busy_branches
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		# Touched by the branch, so that blocks of it are copied from.
		echo changed >>"$MNT/kept"
		daxfs-branch create -q busy -m "$DIR" -p main --volume "$MNT"
		may slow read works "$MNT/kept" bash -c "busy_branches $DIR"
		unmount_all
	done
}
