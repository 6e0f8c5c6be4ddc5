#!/usr/bin/env bats
# Branches come and go a thousand times, and no space goes with them.
load setup

ROUNDS=${DAXFS_ROUNDS:-1000}

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

teardown() {
	unmount_all
}

@test "1,000 rounds of create, edit and abort leave as much space as before" {
	start phys /tmp/base.img
	rounds abort "$MNT" "$ROUNDS"
	same /tmp/base "$MNT"
	is_clean
}

@test "1,000 rounds of create, edit and commit over the same files use no more than twice their size and 4 MiB" {
	start pmem /tmp/base.img
	run rounds commit "$MNT" "$ROUNDS"
	echo "$output"
	echo "# $output" >&3
	[ "$status" -eq 0 ]
	again branch=main,validate
	rounds edited "$MNT" "$ROUNDS"
	is_clean
}
