#!/usr/bin/env bats
# Tracepoints: what daxfs(5) says of each event is what tracefs shows of it.
load setup

TRACING=/sys/kernel/tracing

setup_file() {
	load setup
	rm -rf /tmp/base
	mkdir -p /tmp/base
	head -c 300000 /dev/urandom >/tmp/base/file
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M -L traced
}

setup() {
	modprobe -qa daxfs || :
	[[ -e $TRACING/events/daxfs/enable ]] || skip "this kernel has no tracefs"
	: >"$TRACING/trace"
	echo 1 >"$TRACING/events/daxfs/enable"
}

teardown() {
	[[ ! -e $TRACING/events/daxfs/enable ]] || echo 0 >"$TRACING/events/daxfs/enable"
	unmount_all
}

# traced TEXT...: an event was seen with these words in one line, within ten seconds and more.
traced() {
	local tries

	for ((tries = 0; tries < 100; tries++)); do
		! grep -qE -- "$*" "$TRACING/trace" || return 0
		sleep 0.1
	done
	echo "no line with: $*"
	grep -v '^#' "$TRACING/trace"
	false
}

# at AREA OFFSET: in the image, of a byte of an area.
at() {
	daxfsctl inspect --json /tmp/base.img | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + $2"
}

# poke OFFSET WORD...: eight bytes of the device (tests/cli/word.bash), while nobody has it mounted.
poke() {
	# shellcheck disable=SC2046,SC2059 # its bytes
	printf "$(printf '\\x%s' $(word "${@:2}"))" | dd of="$DAXFS_PMEM" bs=8 count=1 oflag=seek_bytes seek="$1" conv=notrunc,fsync status=none
}

# The same in the physical range, as another kernel would do it.
poke_mounted() {
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	python3 - $((DAXFS_PHYS_ADDR + $1)) "$(word "${@:2}")" <<-'PYTHON'
		import mmap, os, struct, sys
		at = int(sys.argv[1])
		memory = mmap.mmap(os.open("/dev/mem", os.O_RDWR), 4096, offset=at & ~4095)
		word, = struct.unpack("<Q", bytes.fromhex(sys.argv[2]))
		memoryview(memory).cast("Q")[(at & 4095) // 8] = word
	PYTHON
}

# bats test_tags=kernels
@test "an operation on a branch leaves a line when it ends: who, on what, and the error" {
	local dev

	start pmem /tmp/base.img
	dev=$(findmnt -nro MAJ:MIN "$MNT")
	daxfs-branch create one -m "$MNT" -p main
	traced "daxfs_branch_create: dev=$dev name=one branch=1:[0-9]+ parent=0:1 discarded=0 error=0 volume=traced"
	daxfs-branch create two --stay -m "$MNT" -p main
	traced "daxfs_branch_create: dev=$dev name=two branch=2:[0-9]+ parent=0:1 discarded=0 error=0 volume=traced"
	run daxfs-branch create two --stay -m "$MNT" -p main
	traced "daxfs_branch_create: dev=$dev name=two branch=0:0 parent=0:1 discarded=0 error=-17 volume=traced"
	daxfs-branch rename two second -m "$MNT"
	traced "daxfs_branch_rename: dev=$dev name=two to=second branch=2:[0-9]+ parent=0:1 error=0 volume=traced"
	daxfs-branch switch second -m "$MNT"
	traced "daxfs_branch_switch: dev=$dev name=second branch=2:[0-9]+ parent=0:1 discarded=0 error=0 volume=traced"
	daxfs-branch commit -y -m "$MNT"
	traced "daxfs_branch_commit: dev=$dev name=second branch=2:[0-9]+ parent=0:1 discarded=1 error=0 volume=traced"
	run daxfs-branch commit -y -m "$MNT"
	traced "daxfs_branch_commit: dev=$dev name=main branch=0:1 parent=0:1 discarded=0 error=-1 volume=traced"
	daxfs-branch create gone -m "$MNT" -p main
	daxfs-branch abort -m "$MNT"
	traced "daxfs_branch_abort: dev=$dev name=gone branch=[0-9]+:[0-9]+ parent=0:1 discarded=0 error=0 volume=traced"
	run daxfs-branch create $'forged\ndaxfs_branch_abort: ' --stay -m "$MNT" -p main
	[[ $status != 0 ]]
	[[ $(grep -c '^daxfs_branch_abort' "$TRACING/trace") == 0 ]]
}

@test "what is taken from mounts that are gone leaves a line: a lease, the volume lock, a slot" {
	local slots

	start pmem /tmp/base.img
	umount "$MNT"
	# Of a mount whose slot is not its own any more.
	poke "$(at branches 32)" holder 3 5
	poke "$(at shared 80)" holder 4 6
	show branch=main
	touch "$MNT/new"
	traced "daxfs_lease_takeover: dev=$(findmnt -nro MAJ:MIN "$MNT") branch=0:1 from_slot=3 from_epoch=5 from_host=.* volume=traced"
	daxfs-branch create one --stay -m "$MNT" -p main
	traced "daxfs_lock_takeover: dev=[0-9:]+ from_slot=4 from_epoch=6 from_host=.* volume=traced"
	[[ $(grep -c daxfs_slot_takeover "$TRACING/trace") == 0 ]]
	umount "$MNT"
	# All are somebody's, whose heart does not beat.
	slots=$(daxfsctl inspect --json /tmp/base.img | jq -e '.images[0].mount_slots')
	python3 - "$slots" <<-'PYTHON' |
		import struct, sys
		for slot in range(int(sys.argv[1])):
		    word, check = 7 << 28 | slot << 12 | 5 << 8, 0  # as tests/cli/word.bash has it
		    for bit in range(63, 7, -1):
		        check = (check << 1 ^ ((check >> 7 ^ word >> bit) & 1) * 7) & 0xff
		    sys.stdout.buffer.write(struct.pack("<Q56x", word | check))
	PYTHON
		dd of="$DAXFS_PMEM" bs=64 iflag=fullblock oflag=seek_bytes seek="$(at mounts 0)" conv=notrunc,fsync status=none
	show branch=main
	traced "daxfs_slot_takeover: dev=$(findmnt -nro MAJ:MIN "$MNT") branch=.* from_slot=0 from_epoch=7 from_host=.* volume=traced"
}

@test "a mount that was taken for dead leaves a line of its lease and of its slot" {
	start phys /tmp/base.img
	touch "$MNT/new"
	poke_mounted "$(at branches 32)" holder 3 5
	traced "daxfs_lease_lost: dev=$(findmnt -nro MAJ:MIN "$MNT") branch=0:1 slot=0 epoch=[0-9]+ volume=traced"
	[[ $(grep -c daxfs_slot_lost "$TRACING/trace") == 0 ]]
	poke_mounted "$(at mounts 0)" owner 0 7
	traced "daxfs_slot_lost: dev=$(findmnt -nro MAJ:MIN "$MNT") branch=0:1 slot=0 epoch=[0-9]+ volume=traced"
}

@test "blocks and chunks that become free leave a line that says how many" {
	start pmem /tmp/base.img
	head -c 300000 /dev/urandom >"$MNT/old"
	daxfs-branch create one -m "$MNT" -p main
	head -c 300000 /dev/urandom | dd of="$MNT/old" conv=notrunc status=none
	daxfs-branch commit -y -m "$MNT"
	traced "daxfs_settle: branch=0:1 blocks=74 volume=traced"
	daxfs-branch create two -m "$MNT" -p main
	head -c 1M /dev/urandom >"$MNT/new"
	: >"$TRACING/trace"
	daxfs-branch abort -m "$MNT"
	# The 16 of 64 KiB that were written, and others that it had.
	traced "daxfs_reclaim: seen=[0-9]+ chunks=(1[6-9]|[2-9][0-9]|[1-9][0-9]{2}) volume=traced"
}
