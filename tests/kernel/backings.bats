#!/usr/bin/env bats
# A real tree, on each backing, is the same as its source.
load setup

setup_file() {
	load setup
	mkdir -p /mnt/real
	mount -t tmpfs -o size=100% real /mnt/real
	tar -C /mnt/real -x --xattrs --acls -f "$BIN/kernel/real.tar"
}

teardown_file() {
	umount /mnt/real
}

setup() {
	# How many files and megabytes it has at least: DAXFS_REAL of prepare.
	read -r files megabytes <"$BIN/kernel/real.size"
}

teardown() {
	unmount_all
}

compare() {
	mount_image "$1" "$BIN/kernel/real.img" "${2:-}"
	run treecmp -l /mnt/real "$MNT"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ compared\ ([0-9]+)\ files\ \(([0-9]+)\ bytes\) ]]
	((BASH_REMATCH[1] >= files * 3 / 4 && BASH_REMATCH[2] >= megabytes * 1000000))
	(($(find "$MNT" ! -type d | wc -l) >= files))
}

@test "phys: a real tree is equal to its source, mounted with validate" {
	compare phys validate
	grep " $MNT daxfs .*,validate" /proc/mounts
}

@test "pmem: a real tree is equal to its source" {
	compare pmem
}

@test "dma-buf: a real tree is equal to its source, mounted with validate" {
	compare dmabuf validate
}

@test "reading all of it grows the page cache by less than 1% of its size" {
	local before after

	mount_image phys "$BIN/kernel/real.img"
	# The programs themselves are in the cache after this.
	find "$MNT" -type f -name '*.h' -exec cat {} + | wc -c
	before=$(awk '$1 == "Cached:" { print $2 }' /proc/meminfo)
	(($(find "$MNT" -type f -exec cat {} + | wc -c) > megabytes * 1000000))
	after=$(awk '$1 == "Cached:" { print $2 }' /proc/meminfo)
	echo "cached before $before kB, after $after kB"
	((after - before < megabytes * 10))
}
