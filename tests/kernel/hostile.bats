#!/usr/bin/env bats
# Images that lie, and images that change while they are used. The kernel's complaints fail the run (tests/vm/run); the rest is in
# tests/hostile/campaign.c.
#
#	DAXFS_CAMPAIGN=N	so many images rather than 600, and N / 30 s of flips
#	DAXFS_CAMPAIGN_ONLY=N	this one mutation only
load setup

# The debug kernel is much slower.
COUNT=${DAXFS_CAMPAIGN:-$([[ $DEBUG ]] && echo 150 || echo 600)}

setup_file() {
	load setup
	PATH=$BIN/hostile:$PATH
	gen --small /tmp/hostile 7
	SOURCE_DATE_EPOCH=1 mkdaxfs -q -d /tmp/hostile -o /tmp/hostile.img -U 11111111-2222-3333-4444-555555555555
}

setup() {
	PATH=$BIN/hostile:$PATH
}

teardown() {
	unmount_all
}

# campaign with what it said shown as comments.
try() {
	run campaign "$@" /tmp/hostile.img
	printf '%s\n' "$output" | tail -n 60
	printf '%s\n' "$output" | sed -n 's/^\(campaign\|walker\): /# &/p' | tail -n 5 >&3
	[ "$status" -eq 0 ]
}

@test "images damaged field by field are refused or give errors, and show no other bytes" {
	if [[ ${DAXFS_CAMPAIGN_ONLY:-} ]]; then
		try --only "$DAXFS_CAMPAIGN_ONLY"
	else
		try --systematic $((COUNT * 2 / 3))
	fi
}

@test "images damaged at random, too" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	try --random $((COUNT / 3))
}

@test "a dma-buf with a damaged image, too" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	try --dmabuf --systematic $((COUNT / 10)) --random $((COUNT / 10))
}

@test "physical memory whose metadata changes while it is walked, mapped and read shows no other bytes" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	try --flip $(((COUNT + 29) / 30))
}

@test "a dma-buf whose metadata changes, too" {
	[[ ! ${DAXFS_CAMPAIGN_ONLY:-} ]] || skip "one mutation only"
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	try --dmabuf --flip $(((COUNT + 29) / 30))
}
