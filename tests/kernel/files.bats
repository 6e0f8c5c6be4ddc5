#!/usr/bin/env bats
# What a file system can hold and what programs do with it, on each backing.
load setup

setup_file() {
	load setup
	mkdir -p /mnt/tree
	mount -t tmpfs tree /mnt/tree
	make_tree /mnt/tree
	mkdaxfs -q -d /mnt/tree -o /tmp/tree.img -L "a tree"
}

teardown_file() {
	umount /mnt/tree
}

teardown() {
	unmount_all
	losetup -D
}

acls() {
	(cd "$1" && getfacl -n acl acl/file small perms perms/*)
}

everything() {
	local backing=$1 region=/tmp/tree.img

	mount_image "$backing" /tmp/tree.img "$2"
	treecmp -l /mnt/tree "$MNT"
	for file in big huge small page page-and-one; do
		probe map "$MNT/$file"
		probe read "$MNT/$file"
		probe splice "$MNT/$file"
		probe readonly "$MNT/$file"
		probe fiemap "$MNT/$file" "$region" 1
		probe seek "$MNT/$file" 0
	done
	probe poke "$MNT/big"
	probe poke "$MNT/huge"
	probe poke "$MNT/all-hole"
	probe fiemap "$MNT/sparse" "$region" 3
	probe seek "$MNT/sparse" 2
	probe seek "$MNT/all-hole" 1
	probe map "$MNT/all-hole"
	probe seekdir "$MNT/many"
	probe seekdir "$MNT"
	for file in big small deep/a/b link fifo; do
		[[ -p $MNT/$file || -L $MNT/$file ]] || probe handle "$MNT/$file" "$MNT"
	done
	# Three runs of the sparse file are there, not 300 MB.
	(($(stat -c %b "$MNT/sparse") == 3 * 8))
	# The types come with the names.
	diff <(find /mnt/tree -printf '%y %P\n' | LC_ALL=C sort) <(find "$MNT" -printf '%y %P\n' | LC_ALL=C sort)
	[ "$(find "$MNT/many" -type f | wc -l)" -eq 3000 ]
	# ACLs are shown and obeyed.
	diff <(acls /mnt/tree) <(acls "$MNT")
	# A user who may not, cannot.
	run setpriv --reuid 65533 --clear-groups cat "$MNT/perms/none"
	[ "$status" -ne 0 ]
	run setpriv --reuid 65533 --clear-groups getfattr -d -m - "$MNT/small"
	[[ $output != *trusted* ]]
}

@test "phys: all file types, attributes and ways of reading are as in the source" {
	everything phys
}

@test "pmem: all file types, attributes and ways of reading are as in the source" {
	everything pmem validate
}

@test "dma-buf: all file types, attributes and ways of reading are as in the source" {
	everything dmabuf
}

@test "phys and pmem: mappings take one fault for 2 MiB, and the kernel finds their pages" {
	for backing in phys pmem; do
		mount_image "$backing" /tmp/tree.img
		probe huge "$MNT/huge" 6
		probe ptrace "$MNT/huge"
		truncate -s 100M /tmp/ext4 && mkfs.ext4 -q -F /tmp/ext4
		mkdir -p /mnt/ext4 && mount -o loop /tmp/ext4 /mnt/ext4
		probe direct "$MNT/huge" /mnt/ext4/out
		umount /mnt/ext4
		umount "$MNT"
	done
}

@test "dma-buf: one fault maps many pages" {
	mount_image dmabuf /tmp/tree.img
	probe huge "$MNT/huge" 200
}

@test "device nodes work" {
	mount_image pmem /tmp/tree.img
	echo gone >"$MNT/char"
	run cat "$MNT/char"
	[ -z "$output" ]
}
