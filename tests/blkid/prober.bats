# util-linux with the prober of util-linux/: blkid, lsblk and wipefs see a daxfs as they see others. Not run as udev's: see tests/kernel/udev.bats.
# shellcheck disable=SC2154 # setup.bash sets project, patched and source
load setup.bash

UUID=11111111-2222-3333-4444-555555555555

setup_file() {
	load setup.bash
	build_patched
	mkdir "$BATS_FILE_TMPDIR/tree"
	echo hello >"$BATS_FILE_TMPDIR/tree/file"
	mkdaxfs -q -w -D 1M -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/image" -L 'my label' -U "$UUID"
}

setup() {
	image=$BATS_TEST_TMPDIR/image
	cp --sparse=always "$BATS_FILE_TMPDIR/image" "$image"
}

@test "util-linux's own test of its probers passes, with our image among all the others" {
	run -0 "$source/tests/run.sh" --builddir="$patched" --parsable --show-diff blkid/low-probe
	[[ $output == *'] daxfs '*'... OK'* && $output == *'All 1 tests PASSED'* ]]
	grep -q '^ID_FS_TYPE=daxfs$' "$source/tests/expected/blkid/low-probe-daxfs"
	# It is an image that is good in every other respect too.
	xz -dc "$project/util-linux/tests/ts/blkid/images-fs/daxfs.img.xz" >"$BATS_TEST_TMPDIR/test-image"
	fsck.daxfs -n "$BATS_TEST_TMPDIR/test-image"
	[[ $(daxfsctl inspect "$BATS_TEST_TMPDIR/test-image" cat /hello) == 'hello, world' ]]
}

@test "no other prober has anything to say of a daxfs" {
	# All that match are named, not the first one only.
	[[ $("$patched/wipefs" --noheadings -O OFFSET,TYPE,USAGE "$image" | xargs) == '0x0 daxfs filesystem' ]]
}

@test "blkid shows type, usage, version, UUID, label and block size" {
	"$patched/blkid" -p -o export "$image" | grep -v ^DEVNAME= | sort | diff - \
		<(printf '%s\n' BLOCK_SIZE=4096 'LABEL=my\ label' TYPE=daxfs USAGE=filesystem "UUID=$UUID" VERSION=2)
	# Without a label there is none.
	mkdaxfs -q -f -d "$BATS_FILE_TMPDIR/tree" -o "$image"
	[[ -z $("$patched/blkid" -p -s LABEL -o value "$image") ]]
}

@test "a wrong checksum is no daxfs for blkid, and one to be erased for wipefs, as with others" {
	poke "$image" 0x70 58
	run -2 "$patched/blkid" -p "$image"
	[[ -z $output ]]
	[[ $("$patched/wipefs" --noheadings -O TYPE "$image") == daxfs ]]
	"$patched/wipefs" -q -a "$image"
	[[ -z $("$patched/wipefs" --noheadings "$image") ]]
}

@test "every byte of the superblock counts" {
	local offset
	for offset in 0x8 0xb 0xc 0x18 0x28 0x5f 0x60 0xaf 0xb0 0x1000-1; do
		cp "$BATS_FILE_TMPDIR/image" "$image"
		poke "$image" "$offset" 5a
		run -2 "$patched/blkid" -p "$image"
		[[ -z $output ]]
	done
	# And none behind it.
	cp "$BATS_FILE_TMPDIR/image" "$image"
	poke "$image" 0x1000 5a
	[[ $("$patched/blkid" -p -s TYPE -o value "$image") == daxfs ]]
}

@test "wipefs erases the magic and nothing else; then nobody recognises the image, its copy of the superblock notwithstanding" {
	[[ $("$patched/wipefs" -a "$image") == *': 8 bytes were erased at offset 0x00000000 (daxfs): 64 61 78 66 73 0d 0a 1a' ]]
	cmp -i 8 "$image" "$BATS_FILE_TMPDIR/image"
	run ! cmp -s "$image" "$BATS_FILE_TMPDIR/image"
	run -2 "$patched/blkid" -p "$image"
	[[ -z $output && -z $("$patched/wipefs" --noheadings "$image") ]]
	run -3 daxfsctl inspect --udev "$image"
	run -3 daxfsctl inspect "$image"
}

@test "inspect --udev says nothing of any of util-linux's images of other filesystems" {
	local packed count=0
	for packed in "$source"/tests/ts/blkid/images-fs/*.img.xz; do
		[[ $packed != */daxfs.img.xz ]] || continue
		xz -dc "$packed" >"$BATS_TEST_TMPDIR/other"
		run -3 daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
		[[ -z $output ]]
		count=$((count + 1))
	done
	((count > 100))
}

@test "mkdaxfs recognises each of util-linux's images, and leaves it alone" {
	local packed
	for packed in "$source"/tests/ts/blkid/images-fs/{ext3,xfs,zfs,swap1,mdraid,lvm2,luks2,ntfs,fat,squashfs*,erofs,f2fs,nilfs2,daxfs}.img.xz; do
		[[ -e $packed ]] || continue
		xz -dc "$packed" >"$BATS_TEST_TMPDIR/other"
		cp "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/before"
		run -4 mkdaxfs -q -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_TEST_TMPDIR/other"
		cmp "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/before"
	done
}

@test "lsblk -f shows a device's daxfs, with its label and UUID" {
	# The pmem device of a VM, as a loop device is not everybody's. Versions lsblk has from udev only, which it was not built with.
	DAXFS_VM_SHARE=$BATS_FILE_TMPDIR \
		"$project/tests/vm/run" --no-module -- bash -c '
			dd if=/mnt/share/image of="$DAXFS_PMEM" bs=1M conv=fsync status=none
			"$0"/lsblk -f "$DAXFS_PMEM"
			"$0"/wipefs -q -a "$DAXFS_PMEM"
			"$0"/lsblk -nr -o NAME,FSTYPE,UUID "$DAXFS_PMEM"' "$patched" >"$BATS_TEST_TMPDIR/out"
	grep -qE "^pmem0 +daxfs +my label +$UUID *$" "$BATS_TEST_TMPDIR/out"
	grep -qE '^pmem0 *$' "$BATS_TEST_TMPDIR/out"
}
