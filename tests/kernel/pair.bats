#!/usr/bin/env bats
# Two mounts of one kernel show one branch: one is written through, and the other one shows what is there.
load setup

OTHER=/mnt/other

setup_file() {
	load setup
	local i

	rm -rf /tmp/base
	mkdir -p /tmp/base
	for i in {0..199}; do
		mkdir "/tmp/base/d$i"
		head -c 5000 /dev/urandom >"/tmp/base/f$i"
	done
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

setup() {
	start phys /tmp/base.img
	second_main "$OTHER"
	# Both show main now.
	: >"$MNT/seen"
	[[ -e $OTHER/seen ]]
	rm "$MNT/seen"
	[[ ! -e $OTHER/seen ]]
	dmesg -C
}

teardown() {
	unmount_all
}

# The kernel found nothing wrong meanwhile, nor has the image anything.
is_well() {
	run dmesg
	[[ $output != *BUG:* && $output != *WARNING:* && $output != *Oops* && $output != *"possible "*deadlock* ]]
	is_clean
}

@test "one overwrites, appends to, cuts, punches and maps files that the other one reads, and neither waits for ever" {
	pair turns "$MNT" "$OTHER"
	is_well
}

@test "two processes do that to the same files" {
	pair turns "$MNT" "$MNT"
	is_well
}

@test "what both append with O_APPEND is all there" {
	pair append "$MNT" "$MNT"
	cmp "$MNT/f0" "$OTHER/f0"
	is_well
}

@test "of two that create a name with O_EXCL, one gets it, and the other sees it" {
	pair exclusive "$MNT" "$MNT"
	rm "$MNT"/d*/x
	pair exclusive "$MNT" "$OTHER"
	is_well
}

@test "behind the end of a file of the base that grows there are zeros, or nothing" {
	pair longer "$MNT" "$MNT"
	is_well
}
