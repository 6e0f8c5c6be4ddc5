#!/usr/bin/env bats
# A delta area that is full: nothing is lost, and room can be made.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 16M
}

teardown() {
	unmount_all
}

@test "filled to the last chunk it says ENOSPC, keeps what was written, and deleting makes room again" {
	for backing in $(backings); do
		start "$backing" /tmp/base.img
		run fill "$MNT" /tmp/list
		echo "$backing: $output"
		echo "# $backing: $output" | sed '2,$s/^/# /' >&3
		[ "$status" -eq 0 ]
		treecmp /tmp/base/base "$MNT/base"
		again
		run fill -c "$MNT" /tmp/list
		echo "$output"
		[ "$status" -eq 0 ]
		rm "$MNT"/fill*
		same /tmp/base/base "$MNT/base"
		# Nearly all of it is free now.
		(($(stat -f -c %f "$MNT") * 4096 >= 12 << 20))
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "a branch that has filled everything can be aborted, and its siblings and parent are what they were" {
	start phys /tmp/base.img
	free=$(stat -f -c %f "$MNT")
	daxfs-branch create full -m "$MNT"
	run fill "$MNT" /tmp/list
	echo "$output"
	[ "$status" -eq 0 ]
	run dd if=/dev/zero of="$MNT/more" bs=64K
	[[ $output == *"No space left on device"* ]]
	daxfs-branch abort -m "$MNT"
	same /tmp/base "$MNT"
	[ "$(stat -f -c %f "$MNT")" -eq "$free" ]
	edit_tree "$MNT"
	is_clean
}

@test "at full, a branch can be committed, and files of the parent's can be deleted then" {
	start pmem /tmp/base.img
	daxfs-branch create full -m "$MNT"
	run fill "$MNT" /tmp/list
	echo "$output"
	[ "$status" -eq 0 ]
	run dd if=/dev/zero of="$MNT/more" bs=64K
	daxfs-branch commit -m "$MNT"
	fill -c "$MNT" /tmp/list
	rm "$MNT"/fill*
	(($(stat -f -c %f "$MNT") * 4096 >= 12 << 20))
	is_clean
}

@test "writing to a mapping with no block left is SIGBUS, not another file's bytes" {
	start pmem /tmp/base.img
	run fill "$MNT" /tmp/list
	run dd if=/dev/zero of="$MNT/more" bs=64K
	run dd if=/dev/zero of="$MNT/more-still" bs=1
	# The copy of a block of the base needs a block.
	run python3 - "$MNT/big" <<'PY'
import mmap, sys
with open(sys.argv[1], 'r+b') as f:
    with mmap.mmap(f.fileno(), 0) as m:
        for i in range(0, len(m), 4096):
            m[i] = m[i]
PY
	[ "$status" -eq 135 ]
	cmp /tmp/base/big "$MNT/big"
	rm -f "$MNT/more" "$MNT/more-still"
	fill -c "$MNT" /tmp/list
}
