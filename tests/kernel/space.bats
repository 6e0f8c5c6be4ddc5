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
	[[ ! -e /sys/kernel/tracing/events/kprobes/daxfs_walk ]] || echo 0 >/sys/kernel/tracing/events/kprobes/daxfs_walk/enable
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

# ---- how df counts ----

TRACING=/sys/kernel/tracing

# at AREA OFFSET: of a byte of an area, in physical memory.
at() {
	echo $((DAXFS_PHYS_ADDR + $(daxfsctl inspect --json /tmp/base.img | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + $2")))
}

# store ADDRESS COUNT HEX: so many words of eight bytes in physical memory, as another kernel would.
store() {
	python3 - "$@" <<-'PYTHON'
		import mmap, os, struct, sys
		at, count = int(sys.argv[1]), int(sys.argv[2])
		memory = mmap.mmap(os.open("/dev/mem", os.O_RDWR), 65536, offset=at & ~4095)
		words = memoryview(memory).cast("Q")
		for i in range(count):
		    words[(at & 4095) // 8 + i], = struct.unpack("<Q", bytes.fromhex(sys.argv[3]))
	PYTHON
}

# The heartbeat of a mount of another kernel, in a slot that nobody here has, goes on.
beat() { store "$(at mounts "200 * 64 + 8")" 1 "$(printf %016x "$(date +%s%N)")"; }
free() { stat -f -c %f "$MNT"; }
walks() { awk '$1 == "daxfs_walk" { print $2 }' $TRACING/kprobe_profile; }

# quiet: nothing is heard of other kernels any more, and df walks no table.
quiet() {
	local before tries

	for ((tries = 0; tries < 20; tries++)); do
		before=$(walks)
		sleep 1.1
		free
		(($(walks) != before)) || return 0
	done
	echo "df goes on walking the chunk table"
	false
}

# after_a_walk: what df says when it has just walked the table, because another kernel lives.
after_a_walk() {
	local before said

	before=$(walks)
	beat
	sleep 1.1
	said=$(free)
	echo "$said$( (($(walks) == before + 1)) || echo ", and it has not")"
}

@test "df counts along with this kernel, and walks the chunk table for what others do, a second later" {
	local before began count n

	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	[ -e $TRACING/kprobe_events ] || skip "no kprobes"
	start phys /tmp/base.img
	echo 'p:daxfs_walk dxc_tally_count' >$TRACING/kprobe_events
	echo 1 >$TRACING/events/kprobes/daxfs_walk/enable
	quiet
	n=$(walks) began=$SECONDS
	before=$(free)
	cp /tmp/base/big "$MNT/new"
	((before - $(free) >= 3000000 / 4096))
	rm "$MNT/new"
	(($(free) + 64 >= before))
	daxfs-branch create a -m "$MNT"
	cp /tmp/base/big "$MNT/new"
	truncate -s 100 "$MNT/big" "$MNT/mapped"
	rm -r "$MNT/many"
	(($(free) + 64 < before))
	daxfs-branch abort -m "$MNT"
	(($(free) + 64 >= before))
	daxfs-branch create b -m "$MNT"
	cp /tmp/base/big "$MNT/new"
	rm -r "$MNT/many"
	daxfs-branch commit -m "$MNT"
	# The log is written anew, more than once.
	python3 -c 'import os, sys
for i in range(20000): os.chmod(sys.argv[1], 0o600 + i % 8)' "$MNT/base/1"
	fallocate -l 2M "$MNT/more"
	rm "$MNT/more" "$MNT/new"
	sync
	before=$(free)
	(($(walks) - n <= (SECONDS - began + 10) / 60))
	# Of all this nothing was counted wrong.
	[ "$(after_a_walk)" = "$before" ]

	# Who takes chunks without a heartbeat is not noticed; with one, within a second.
	quiet >/dev/null
	count=$(($(daxfsctl inspect --json /tmp/base.img | jq '.images[0].areas[] | select(.name == "chunks").length') / 8))
	store "$(at chunks "$((count - 100)) * 8")" 100 "$(word data 9 99)"
	[ "$(free)" = "$before" ]
	[ "$(after_a_walk)" = "$((before - 100))" ]
	store "$(at chunks "$((count - 100)) * 8")" 100 "00 00 00 00 00 00 00 00"
	[ "$(after_a_walk)" = "$before" ]

	# A branch that is mounted beside it, and then not any more: its log stays, and counts.
	mkdir -p /mnt/beside
	daxfs-branch create c -m /mnt/beside --volume "$MNT" -p main
	touch /mnt/beside/{1..100}
	cp /tmp/base/big /mnt/beside/new
	sync
	before=$(free)
	[ "$(after_a_walk)" = "$before" ]
	umount /mnt/beside
	before=$(free)
	[ "$(after_a_walk)" = "$before" ]
	echo 0 >$TRACING/events/kprobes/daxfs_walk/enable
	echo >$TRACING/kprobe_events
	daxfs-branch abort c -m "$MNT"
	is_clean
}
