#!/usr/bin/env bats
# Writable images that lie, and such that change while they are written to. As hostile.bats; DAXFS_CAMPAIGN and DAXFS_CAMPAIGN_ONLY likewise.
load setup

# Each is written to as well. The debug kernel is much slower.
COUNT=${DAXFS_CAMPAIGN:-$([[ $DEBUG ]] && echo 60 || echo 240)}

setup_file() {
	load setup
	PATH=$BIN/hostile:$PATH
	gen --small /tmp/hostile-branches 7
	SOURCE_DATE_EPOCH=1 mkdaxfs -q -w -D 4M --branches 16 -d /tmp/hostile-branches -o /tmp/hostile-branches.img \
		-U 11111111-2222-3333-4444-555555555555
	grow /tmp/hostile-branches.img
}

setup() {
	PATH=$BIN/hostile:$PATH
}

teardown() {
	unmount_all
}

# campaign with what it said shown as comments.
try() {
	run campaign "$@" /tmp/hostile-branches.img
	printf '%s\n' "$output" | tail -n 60
	printf '%s\n' "$output" | sed -n 's/^\(campaign\|walker\): /# &/p' | tail -n 5 >&3
	[ "$status" -eq 0 ]
}

@test "writable images damaged field by field are refused or give errors, and show no other bytes when they are written to" {
	if [[ ${DAXFS_CAMPAIGN_ONLY:-} ]]; then
		try --only "$DAXFS_CAMPAIGN_ONLY"
	else
		try --systematic $((COUNT * 2 / 3))
	fi
}

@test "writable images damaged at random, too" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	try --random $((COUNT / 3))
}

@test "a dma-buf with a damaged writable image, too" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	try --dmabuf --systematic $((COUNT / 10)) --random $((COUNT / 10))
}

@test "memory whose tables and logs change while branches are written, made, committed and discarded shows no other bytes" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	try --flip $(((COUNT + 9) / 10))
}

@test "memory that lies about branches which are mounted, while two mounts make, commit and discard them, gives errors and nothing worse" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	try --relations $(((COUNT + 9) / 10))
}

@test "what a mount held that is gone holds nobody up for longer than the takeover time" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	try --takeover
}
