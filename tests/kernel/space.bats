#!/usr/bin/env bats
# Space and sizes: a call that fails changes nothing, and what will come back is waited for.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	printf old >/tmp/base/old
	mkdir /tmp/base/many
	for i in {0..399}; do : >"/tmp/base/many/$i"; done
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 16M
}

teardown() {
	unmount_all
	umount /mnt/tmpfs 2>/dev/null || :
}

# try WHAT...: space, with what it said in the output.
try() {
	run space "$@"
	echo "space $*: $output"
	[ "$status" -eq 0 ]
}

@test "truncate, punch, fallocate and write that are refused leave size, times, blocks and private copies of pages" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		try refused "$MNT/kept" "daxfs-branch create x1 --stay -m $MNT >/dev/null"
		cmp /tmp/base/kept "$MNT/kept"
		daxfs-branch abort x1 -m "$MNT"
		cp /tmp/base/kept "$MNT/own"
		try refused "$MNT/own" "daxfs-branch create x1 --stay -m $MNT >/dev/null"
		cmp /tmp/base/kept "$MNT/own"
		unmount_all
	done
}

@test "files that end with the range are there after a remount, a commit and a check" {
	start phys /tmp/base.img
	daxfs-branch create a -m "$MNT"
	truncate -s 9223372036854775807 "$MNT/whole"
	printf x | dd of="$MNT/whole" bs=1 seek=9223372036854775806 conv=notrunc status=none
	truncate -s 9223372036854775807 "$MNT/big"
	again branch=a
	[ "$(stat -c %s "$MNT/whole" "$MNT/big" | sort -u)" = 9223372036854775807 ]
	[ "$(tail -c 1 "$MNT/whole")" = x ]
	cmp -n 3000000 /tmp/base/big "$MNT/big"
	daxfs-branch commit -m "$MNT"
	again
	[ "$(tail -c 1 "$MNT/whole")" = x ]
	truncate -s 5 "$MNT/whole"
	truncate -s 3000000 "$MNT/big"
	cmp /tmp/base/big "$MNT/big"
	is_clean
}
