#!/usr/bin/env bats
# Many processes in one branch while others make, commit and abort branches, that one's too.
#
#	DAXFS_STRESS=SECONDS	rather than 60
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 256M
}

teardown() {
	unmount_all
}

# try BACKING SECONDS
try() {
	start "$1" /tmp/base.img
	mkdir -p /mnt/other1 /mnt/other2
	# Three branches of main that know nothing of each other.
	daxfs-branch create other1 -m /mnt/other1 -p main --volume "$MNT"
	daxfs-branch create other2 -m /mnt/other2 -p main --volume "$MNT"
	daxfs-branch create work -m "$MNT" -p main
	run stress "$2" "$2" "$MNT" /mnt/other1 /mnt/other2
	echo "$output"
	echo "# $output" >&3
	[ "$status" -eq 0 ]
	unmount_all
}

@test "8 processes in a branch for 60 s, others create, commit and abort: nothing goes wrong, and the image is clean" {
	try phys "${DAXFS_STRESS:-60}"
	is_clean
	show branch=work,validate
	treecmp /tmp/base/base "$MNT/base"
	[ "$(find "$MNT" -name 'own*' | wc -l)" -ge 1 ]
	find "$MNT" -type f -exec cat {} + >/dev/null
	daxfs-branch abort -m "$MNT"
	same /tmp/base "$MNT"
	daxfs-branch abort other1 -m "$MNT"
	daxfs-branch abort other2 -m "$MNT"
	# It was made for work.
	run touch "$MNT/x"
	[[ $output == *"Read-only file system"* ]]
	again branch=main
	touch "$MNT/x"
	is_clean
}

@test "a few seconds of the same on pmem and on a dma-buf" {
	try pmem $((${DAXFS_STRESS:-60} / 10 + 1))
	is_clean
	! have_dmabuf || try dmabuf $((${DAXFS_STRESS:-60} / 10 + 1))
}
