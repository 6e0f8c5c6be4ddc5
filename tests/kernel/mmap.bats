#!/usr/bin/env bats
# Writable mappings of files in a branch.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

teardown() {
	unmount_all
	umount /mnt/ext4 2>/dev/null || :
}

# each COMMAND...: on each backing, with its main at $MNT.
each() {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		run "$@"
		echo "$backing: $output"
		[ "$status" -eq 0 ]
		unmount_all
	done
}

@test "a shared mapping and read and write see each other at once, in every process" {
	each mapping coherent "$MNT/mapped"
}

# bats test_tags=kernels
@test "the first write to a block copies that block, and no other" {
	each mapping one "$MNT/mapped"
}

@test "a private mapping copies, and is never written back" {
	each mapping private "$MNT/mapped"
}

@test "phys and pmem: two processes wait and wake through a futex in a file" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		mapping futex "$MNT/mapped"
		umount "$MNT"
	done
}

@test "phys and pmem: a direct read from a file elsewhere goes into a mapping, and a direct write comes from it" {
	truncate -s 100M /tmp/ext4 && mkfs.ext4 -q -F /tmp/ext4
	mkdir -p /mnt/ext4 && mount -o loop /tmp/ext4 /mnt/ext4
	truncate -s 1M /mnt/ext4/file
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		mapping direct "$MNT/mapped" /mnt/ext4/file
		umount "$MNT"
	done
}

@test "phys and pmem: a file can be deleted after a memory error in a page that was mapped" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		run mapping poison "$MNT/mapped"
		echo "$output"
		[ "$status" -ne 77 ] || skip "no memory errors can be made"
		[ "$status" -eq 0 ]
		rm "$MNT/mapped"
		umount "$MNT"
	done
}

@test "the time of a file follows the first store after each msync and fsync" {
	each mapping times "$MNT/mapped"
}

@test "FIEMAP says what is shared, only allocated, behind the end, and last" {
	each mapping extents "$MNT/mapped" "$MNT/extents"
}

@test "a debugger reads and writes what is mapped" {
	each mapping access "$MNT/mapped"
}

@test "MAP_SYNC: on pmem, and nowhere else" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		mapping synced "$MNT/mapped" "$([ "$backing" != pmem ]; echo $?)"
		unmount_all
	done
}

@test "phys and pmem: no branch is made while a page of its parent is held for writing" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		run mapping pinned "$MNT/mapped" "$MNT"
		[ "$status" -ne 77 ] || skip "no userfaultfd"
		echo "$output"
		[ "$status" -eq 0 ]
		umount "$MNT"
	done
}

# refused NAME OPTION...: no branch is made, as pages of its parent are in use.
refused() {
	! daxfs-branch create -q "$@" -m "$MNT" 2>/tmp/refused
	cat /tmp/refused
	grep -q 'in use by I/O' /tmp/refused
}

switched() {
	set -e
	daxfs-branch switch -q other -m "$MNT"
	refused two --stay -p one
}

mounted_again() {
	set -e
	again branch=one
	refused two
}

committed() {
	set -e
	daxfs-branch switch -q other -m "$MNT"
	daxfs-branch commit -q one -y -m "$MNT"
	refused two --stay -p main
}

@test "phys and pmem: no branch is made while a page of its parent is in a pipe, whoever had it mapped" {
	export -f refused switched mounted_again committed again show
	for how in phys:switched phys:committed pmem:mounted_again; do
		start "${how%:*}" /tmp/base.img
		export MNT START SOURCE OPTS
		daxfs-branch create -q other --stay -m "$MNT"
		daxfs-branch create -q one -p main -m "$MNT"
		mapping piped "$MNT/mapped" bash -c "${how#*:}"
		daxfs-branch create -q two -m "$MNT"
		unmount_all
	done
}

# answers COMMAND...: how often ->pfn_mkwrite or ->page_mkwrite has left it to the kernel to make an entry writable.
answers() {
	local trace=/sys/kernel/tracing

	[ ! -e /proc/sys/debug/kprobes-optimization ] || echo 0 >/proc/sys/debug/kprobes-optimization
	echo 'p:daxfs_answer finish_mkwrite_fault' >$trace/kprobe_events
	echo >$trace/trace
	echo 1 >$trace/events/kprobes/daxfs_answer/enable
	"$@" >/dev/null
	echo 0 >$trace/events/kprobes/daxfs_answer/enable
	grep -c 'mapping.*daxfs_answer' $trace/trace || :
	echo >$trace/kprobe_events
}

@test "phys and pmem: entries are made writable under the lock of the file, so that none of a frozen block is" {
	[ -e /sys/kernel/tracing/kprobe_events ] || skip "no kprobes"
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		[[ $(answers mapping one "$MNT/mapped") == 0 ]]
		[[ $(answers mapping store "$MNT/new" 400000 1) == 0 ]]
		[[ $(answers mapping coherent "$MNT/mapped") == 0 ]]
		unmount_all
	done
}

@test "past a new end there is SIGBUS, and what comes into a file by extending it is zero" {
	each mapping end "$MNT/mapped"
}

@test "a write behind the end of a mapped file: the mapping shows it, and one that fails leaves the size" {
	each mapping behind "$MNT/base/1"
}

@test "fallocate at an odd place: mappings show its blocks; without space they and the file stay as they were" {
	each mapping allocate "$MNT/one"
}

@test "behind the end there is SIGBUS, also where blocks are and a page before it was touched" {
	each mapping around "$MNT/around"
}

@test "phys and pmem: writes to pages that userfaultfd write-protects go on" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		run mapping protect "$MNT/mapped"
		[ "$status" -ne 77 ] || skip "no userfaultfd that protects any mapping"
		echo "$output"
		[ "$status" -eq 0 ]
		umount "$MNT"
	done
}

@test "a write from a buffer that ends before memory that is not there writes what is there" {
	each mapping cut "$MNT/cut"
}

@test "what is written through a mapping of a new file, and synced, is there after a remount" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		mapping fill "$MNT/small" 5000 1
		mapping fill "$MNT/large" 5000000 2
		again
		mapping expect "$MNT/small" 5000 1
		mapping expect "$MNT/large" 5000000 2
		unmount_all
	done
}

# wrote_back COMMAND...: so many bytes are written back to persistent memory while it runs.
wrote_back() {
	local trace=/sys/kernel/tracing

	# The names of tasks come from a probe in the scheduler. An emulator with several threads may still run the int3 that stands there
	# while code is patched when the kernel has put the code back already, and the kernel does not survive that.
	echo 0 >$trace/options/record-cmd
	[ ! -e /proc/sys/debug/kprobes-optimization ] || echo 0 >/proc/sys/debug/kprobes-optimization
	echo 'p:daxfs_wb arch_wb_cache_pmem size=%si:u64' >$trace/kprobe_events
	echo 8192 >$trace/buffer_size_kb
	echo >$trace/trace
	echo 1 >$trace/events/kprobes/daxfs_wb/enable
	"$@" >/dev/null
	echo 0 >$trace/events/kprobes/daxfs_wb/enable
	sed -n 's/.* size=//p' $trace/trace | awk '{ sum += $1 } END { print sum + 0 }'
	echo >$trace/kprobe_events
}

# The second time finds what the first has only marked as old.
drop_inodes() {
	for _ in {1..5}; do echo 2 >/proc/sys/vm/drop_caches; done
}

@test "pmem: what was stored through a mapping that is gone is written back by sync, eviction, umount and commit, once" {
	[ -e /sys/kernel/tracing/kprobe_events ] || skip "no kprobes"
	start pmem /tmp/base.img
	size=400000 some=100000
	mapping store "$MNT/a" $size 1
	(($(wrote_back sync -f "$MNT") >= size))
	(($(wrote_back sync -f "$MNT") < some))
	mapping store "$MNT/b" $size 2
	(($(wrote_back sync "$MNT/b") >= size))
	(($(wrote_back sync -f "$MNT") < some))
	mapping store "$MNT/c" $size 3
	(($(wrote_back drop_inodes) >= size))
	(($(wrote_back sync -f "$MNT") < some))
	mapping store "$MNT/d" $size 4
	(($(wrote_back umount "$MNT") >= size))
	show branch=main
	daxfs-branch create -q feature -m "$MNT"
	mapping store "$MNT/e" $size 5
	(($(wrote_back daxfs-branch commit -m "$MNT") >= size))
	for i in a/1 b/2 c/3 d/4 e/5; do mapping expect "$MNT/${i%/*}" $size "${i#*/}"; done
}

@test "pmem: another mount of the branch syncs what was stored through a mapping" {
	[ -e /sys/kernel/tracing/kprobe_events ] || skip "no kprobes"
	start pmem /tmp/base.img
	size=400000
	mkdir -p /mnt/two
	daxfs-branch create -q feature -m /mnt/two -p main --volume "$MNT"
	daxfs-branch commit -q -m /mnt/two
	# Both show main now, and one writes.
	mapping store "$MNT/a" $size 1
	(($(wrote_back sync /mnt/two/a) >= size))
	mapping store "$MNT/b" $size 1
	(($(wrote_back sync -f "$MNT") >= size))
	umount /mnt/two
}

@test "an abort takes the blocks from under a mapping that only read them: SIGBUS" {
	start phys /tmp/base.img
	daxfs-branch create feature -m "$MNT"
	views abort "$MNT"
	is_clean
}

@test "a program runs from a branch that replaces it while it runs" {
	start pmem /tmp/base.img
	cp /bin/busybox "$MNT/busybox"
	"$MNT/busybox" sh -c 'read line; echo got $line' <><(sleep 1; echo it) >/tmp/out &
	reader=$!
	cp /bin/busybox "$MNT/other"
	mv "$MNT/other" "$MNT/busybox"
	wait "$reader"
	[ "$(cat /tmp/out)" = "got it" ]
	run bash -c 'exec 3<>"$1"' - "$MNT/busybox"
	[ "$status" -eq 0 ]
}
