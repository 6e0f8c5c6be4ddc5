#!/usr/bin/env bats
# Branches come and go a thousand times, and no space goes with them.
#
#	DAXFS_ROUNDS=N		so many rounds rather than 1,000
#	DAXFS_SAME_ROUNDS=N	of those over the same 100 files, rather than 3,000
#	DAXFS_EMPTIED="SIZE..."	areas that are filled and emptied, rather than 1M and 4M
load setup

ROUNDS=${DAXFS_ROUNDS:-1000}
EMPTIED=${DAXFS_EMPTIED:-1M 4M}

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
	mkdaxfs -f -q -d /tmp/base -o /tmp/small.img -w -D 16M
	for size in $EMPTIED; do mkdaxfs -f -q -d /tmp/base -o "/tmp/$size.img" -w -D "$size"; done
}

teardown() {
	unmount_all
}

@test "many rounds of create, edit and abort leave as much space as before" {
	start phys /tmp/base.img
	rounds abort "$MNT" "$ROUNDS"
	same /tmp/base "$MNT"
	is_clean
}

@test "many rounds of create, edit and commit over the same files use no more than twice their size and 4 MiB" {
	start pmem /tmp/base.img
	run rounds commit "$MNT" "$ROUNDS"
	echo "$output"
	echo "# $output" >&3
	[ "$status" -eq 0 ]
	again branch=main,validate
	rounds edited "$MNT" "$ROUNDS"
	is_clean
}

# say COMMAND...: runs it, and shows what it measured.
say() {
	run "$@"
	echo "$output"
	echo "# ${output//$'\n'/; }" >&3
	[ "$status" -eq 0 ]
}

@test "rounds of branch, one small file and commit over the same 100 files take twice their size and 4 MiB of 16 MiB at most" {
	start phys /tmp/small.img
	say rounds same "$MNT" "${DAXFS_SAME_ROUNDS:-3000}" 100
	is_clean
}

@test "with a new file each round, 80% of the area is contents before the first ENOSPC, and all of it can be removed" {
	start phys /tmp/small.img
	say rounds fresh "$MNT"
	is_clean
}

@test "an area that is full of names, blocks or xattrs can be emptied to the last one, twice, in main and in a branch" {
	for size in $EMPTIED; do
		for what in files links dirs blocks xattrs; do
			start phys "/tmp/$size.img"
			say rounds empty "$MNT" "$what"
			is_clean
		done
	done
	start phys "/tmp/${EMPTIED##* }.img"
	daxfs-branch create a -m "$MNT"
	say rounds empty "$MNT" files
	is_clean
}
