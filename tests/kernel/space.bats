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
	mkdaxfs -f -q -d /tmp/base -o /tmp/small.img -w -D 6M
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
@test "sizes and offsets at the end of the range: each call says what a tmpfs says" {
	mkdir -p /mnt/tmpfs
	mount -t tmpfs -o size=12M limits /mnt/tmpfs
	space limits /mnt/tmpfs >/tmp/limits.tmpfs
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		space limits "$MNT" >/tmp/limits.daxfs
		diff /tmp/limits.tmpfs /tmp/limits.daxfs
		try limits-more "$MNT"
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}


@test "fallocate is all or nothing: without space for all of it size, times, blocks, contents and free space stay" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		for file in new kept own; do
			[[ $file != new ]] || : >"$MNT/new"
			[[ $file != own ]] || cp /tmp/base/kept "$MNT/own"
			try too-much "$MNT/$file" $((64 << 20))
		done
		cmp /tmp/base/kept "$MNT/kept"
		cmp /tmp/base/kept "$MNT/own"
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "fallocate finds at the last block that there is no space, and takes back what it has taken" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		truncate -s 20M "$MNT/holes"
		printf x | dd of="$MNT/holes" bs=1 seek=1000000 conv=notrunc status=none
		cp "$MNT/holes" /tmp/holes
		# Blocks enough, but none for the log of so many pieces: as many as there are, and a few less.
		left=$(stat -f -c %f "$MNT")
		for less in 0 1 2 3 5 8 13 21 34 55; do
			run fallocate -l $(((left - less) * 4096)) "$MNT/holes"
			[[ $status != 0 ]] || break
			[ "$(stat -c '%s %b' "$MNT/holes")" = "20971520 8" ]
			(($(stat -f -c %f "$MNT") + 48 >= left))
		done
		echo "$backing: $left blocks, $less less could be had"
		[ "$status" -eq 0 ]
		cmp /tmp/holes "$MNT/holes"
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "punch and zero range: zeros in the range, the rest and what is mapped as it was" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		try zeros "$MNT/changed"
		cp /tmp/base/changed "$MNT/own"
		try zeros "$MNT/own"
		cmp "$MNT/changed" "$MNT/own"
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "what an aborted branch gives back is waited for by each operation, not refused with ENOSPC" {
	start phys /tmp/small.img
	for call in mkdir symlink link setxattr acl setattr truncate tmpfile unlink fallocate write rename create; do
		try at-once "$MNT" $call
		# Each finds it as it was.
		daxfs-branch list -m "$MNT" -n -o NAME
		rm -rf "$MNT"/n*
		[[ -e $MNT/old ]] || printf old >"$MNT/old"
	done
	unmount_all
	start pmem /tmp/small.img
	try at-once "$MNT" create
}

@test "df in a branch says what can be written there" {
	local free wrote branch

	for backing in $(backings); do
		start "$backing" /tmp/base.img
		for branch in a b; do
			daxfs-branch create $branch -m "$MNT"
			dd if=/dev/urandom of="$MNT/some" bs=100K count=20 status=none
			free=$(stat -f -c %a "$MNT")
			# What is free, but for what the log of all that would take.
			((free <= $(stat -f -c %f "$MNT")))
			wrote=$(space write-all "$MNT/all")
			echo "$backing, $branch: df said $free blocks, $wrote could be written"
			# Chunks are not used to the last block, and deletes have their reserve.
			((wrote <= free + 16 && wrote + 64 + free / 50 >= free))
			(($(stat -f -c %a "$MNT") <= 16))
			rm "$MNT/all"
			(($(stat -f -c %a "$MNT") + 64 >= free))
		done
		unmount_all
	done
}
