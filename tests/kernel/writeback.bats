#!/usr/bin/env bats
# daxfsctl mount --write-back and umount: an image file that changes when the last mount of its memory goes.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 16M
}

setup() {
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	rm -rf /tmp/out
	mkdir -p /tmp/out "$MNT" /mnt/other /run/mount
	cp /tmp/base.img /tmp/out/image
}

teardown() {
	rm -f /sbin/umount.daxfs
	unmount_all
	rm -f /run/mount/utab
}

# holds FILE BRANCH PATH TEXT: FILE is a clean image, and says so in that branch.
holds() {
	fsck.daxfs -n "$1"
	[[ $(daxfsctl inspect --branch "$2" "$1" cat "$3") == "$4" ]]
}

@test "what was written is in the file when daxfsctl umount has unmounted it, and there again at the next mount" {
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	echo new >"$MNT/new"
	daxfs-branch create work -m "$MNT"
	echo work >"$MNT/dir/made"
	run -0 daxfsctl umount -v "$MNT"
	[[ $output == "$MNT unmounted"*"$MNT written back to /tmp/out/image" ]]
	run ! findmnt -n "$MNT"
	[[ $(ls -A /tmp/out) == image ]]
	holds /tmp/out/image main /new new
	holds /tmp/out/image work /dir/made work
	run ! grep -q write-back /run/mount/utab
	daxfsctl mount --write-back -o rw,branch=work /tmp/out/image "$MNT"
	[[ $(cat "$MNT/dir/made") == work ]]
	daxfs-branch commit -m "$MNT"
	daxfsctl umount "$MNT"
	holds /tmp/out/image main /dir/made work
}

@test "umount(8) does the same through its helper" {
	ln -s "$BIN/umount.daxfs" /sbin/umount.daxfs
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	echo new >"$MNT/new"
	umount "$MNT"
	holds /tmp/out/image main /new new
}

@test "the image file may be on a file system that reads into pages only, such as 9p" {
	[[ $(findmnt -n -o FSTYPE --target /mnt/share) == 9p ]]
	cp /tmp/base.img /mnt/share/image
	daxfsctl mount -o rw,branch=main /mnt/share/image "$MNT"
	diff -r /tmp/base "$MNT"
	umount "$MNT"
	# Said now, and not when there is something to lose.
	run daxfsctl mount --write-back -o rw,branch=main /mnt/share/image "$MNT"
	[[ $status == 32 && $output == *"maps no file for writing"* ]]
	run ! mountpoint -q "$MNT"
	rm /mnt/share/image
}

@test "it is the last mount that counts, wherever it is" {
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	daxfs-branch create work -m /mnt/other --volume "$MNT" -p main
	run -0 daxfsctl umount "$MNT"
	cmp /tmp/base.img /tmp/out/image
	echo later >/mnt/other/later
	run -0 daxfsctl umount /mnt/other
	holds /tmp/out/image work /later later
}

@test "what is in use stays mounted, and is written back later" {
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	exec 5>"$MNT/open"
	run daxfsctl umount "$MNT"
	[[ $status == 32 && $output == *"cannot be unmounted: is in use"* ]]
	run daxfsctl umount -l "$MNT"
	[[ $status == 32 && $output == *"has to be unmounted without -l"*"/tmp/out/image"* ]]
	echo open >&5
	exec 5>&-
	daxfsctl umount "$MNT"
	holds /tmp/out/image main /open open
}

@test "what cannot be stored is mounted again, as it was" {
	mkdir /tmp/small
	mount -t tmpfs -o size=40M none /tmp/small
	cp --sparse=always /tmp/base.img /tmp/small/image
	daxfsctl mount --write-back -o rw,branch=main /tmp/small/image "$MNT"
	daxfs-branch create work -m "$MNT"
	echo precious >"$MNT/precious"
	head -c 40M /dev/zero | tr '\0' x >/tmp/small/filler || :
	run daxfsctl umount "$MNT"
	[[ $status == 32 && $output == *"No space left"*"could not be written back, and is mounted again"* ]]
	[[ $(cat "$MNT/precious") == precious ]]
	cmp /tmp/base.img /tmp/small/image
	rm /tmp/small/filler
	daxfsctl umount "$MNT"
	holds /tmp/small/image work /precious precious
	umount /tmp/small
}

@test "without --write-back what was changed is gone with the last mount, and that is said" {
	daxfsctl mount -o rw,branch=main /tmp/out/image "$MNT"
	run -0 daxfsctl umount "$MNT"
	[[ -z $output ]]
	daxfsctl mount -o rw,branch=main /tmp/out/image "$MNT"
	echo new >"$MNT/new"
	daxfs-branch create work -m /mnt/other --volume "$MNT" -p main
	run -0 daxfsctl umount "$MNT"
	[[ -z $output ]]
	run -0 daxfsctl umount /mnt/other
	[[ $output == *"/mnt/other: was the last mount of this memory: what was written in it, and not saved, is gone"* ]]
	cmp /tmp/base.img /tmp/out/image
	# Not by what an earlier mount has left in utab.
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	umount -i "$MNT"
	daxfsctl mount -o rw,branch=main /tmp/out/image "$MNT"
	echo new >"$MNT/new"
	daxfsctl umount "$MNT"
	cmp /tmp/base.img /tmp/out/image
}

@test "what cannot be written back is refused when it is to be mounted" {
	mkdaxfs -q -d /tmp/base -o /tmp/out/base
	while IFS='|' read -r words text; do
		eval "run daxfsctl mount --write-back $words"
		[[ $status != 0 && $output == *"$text"* ]]
		run ! findmnt -n /mnt/other
	done <<-END
		/tmp/out/base /mnt/other|has no branches
		-o ro /tmp/out/image /mnt/other|is mounted read-only
		$DAXFS_PMEM /mnt/other|is no image file, which --write-back is for
		-o phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE none /mnt/other|is no image file, which --write-back is for
	END
	daxfsctl mount --write-back -o rw,branch=main /tmp/out/image "$MNT"
	run daxfsctl mount --write-back /tmp/out/image /mnt/other
	[[ $status == 32 && $output == *"is mounted with --write-back already"* ]]
}
