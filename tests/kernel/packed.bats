#!/usr/bin/env bats
# Small files that share blocks: read, mapped, executed and written to, they show their own bytes.
load setup

setup_file() {
	load setup
	mkdir -p /tmp/packed
	packed make /tmp/packed
	mkdaxfs -f -q -d /tmp/packed -o /tmp/packed.img
	mkdaxfs -f -q -d /tmp/packed -o /tmp/packed-w.img -w -D 16M
	daxfsctl inspect --json /tmp/packed.img stat /f1 | jq -e '.inodes[0].packed'
}

teardown() {
	unmount_all
}

@test "each backing: reading, mapping and executing packed files shows no neighbour's byte" {
	for backing in $(backings); do
		mount_image "$backing" /tmp/packed.img
		packed read "$MNT"
		packed read "$MNT"
		unmount_all
	done
}

@test "each backing: what is written to packed files of a branch changes these alone" {
	for backing in $(backings); do
		start "$backing" /tmp/packed-w.img
		packed read "$MNT"
		packed write "$MNT"
		unmount_all
	done
}

@test "a branch that is discarded leaves packed files as they were, mapped or not" {
	start phys /tmp/packed-w.img
	daxfs-branch create one -m "$MNT"
	packed write "$MNT"
	daxfs-branch abort one -m "$MNT"
	packed read "$MNT"
}

@test "stat and FIEMAP of a packed file say what it takes, and where it is" {
	mount_image phys /tmp/packed.img
	for file in f0 f27 f110; do
		size=$(stat -c %s "$MNT/$file")
		[ "$(stat -c %b "$MNT/$file")" -eq $(((size + 511) / 512)) ]
		offset=$(daxfsctl inspect --json /tmp/packed.img stat "/$file" | jq '.inodes[0].offset')
		[[ $(filefrag -v -b1 "$MNT/$file") =~ \ 0\.\.\ +$((size - 1)):\ +$offset\.\. ]]
		filefrag -v "$MNT/$file" | grep -q inline
	done
	python3 - "$MNT/f110" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size = os.fstat(fd).st_size
assert os.lseek(fd, 0, os.SEEK_DATA) == 0 and os.lseek(fd, 0, os.SEEK_HOLE) == size
END
}
