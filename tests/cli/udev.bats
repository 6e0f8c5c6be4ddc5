# inspect --udev: what udev's rule runs for every block device.
# shellcheck disable=SC2154 # setup.bash sets build
load setup.bash

setup_file() {
	load setup.bash
	make_image
}

setup() {
	image=$BATS_FILE_TMPDIR/image
	PATH+=:/sbin:/usr/sbin
}

# silent COMMAND...: COMMAND prints nothing at all and exits with 3.
silent() {
	run -3 "$@"
	[[ -z $output ]]
}

# labelled LABEL: an image with that label, and what udev is told of the label.
labelled() {
	mkdaxfs -q -f -L "$1" -d "$BATS_FILE_TMPDIR/tree/empty" -o "$BATS_TEST_TMPDIR/labelled"
	daxfsctl inspect --udev "$BATS_TEST_TMPDIR/labelled" | grep '^ID_FS_LABEL' || :
}

@test "type, usage, version, UUID and label are named as udev names them, and nothing else is said" {
	uuid=$(daxfsctl inspect --json "$image" | jq -r '.images[0].uuid')
	daxfsctl inspect --udev "$image" | diff - <(printf '%s\n' ID_FS_TYPE=daxfs ID_FS_USAGE=filesystem ID_FS_VERSION=2 \
		"ID_FS_UUID=$uuid" "ID_FS_UUID_ENC=$uuid" ID_FS_LABEL=testlabel ID_FS_LABEL_ENC=testlabel)
	daxfs-inspect --udev "$image" | cmp - <(daxfsctl inspect --udev "$image")
	[[ -z $(labelled '') ]]
}

@test "a label is encoded as libblkid encodes it for udev" {
	local label
	truncate -s 1M "$BATS_TEST_TMPDIR/ext4"
	for label in plain 'two words' ' spaces  around ' $'\xc3\xa4\xc3\xb6 utf' 'a/b\c$d%e' 'x"y' "it's" '#+-.:=@_' '?*[]{}()<>|&;' '~`^!,'; do
		mkfs.ext4 -q -F -L "$label" "$BATS_TEST_TMPDIR/ext4" 2>/dev/null
		diff <(labelled "$label") <(blkid -p -o udev "$BATS_TEST_TMPDIR/ext4" | grep '^ID_FS_LABEL')
		labelled "$label" >"$BATS_TEST_TMPDIR/here"
		LC_ALL=C labelled "$label" | cmp - "$BATS_TEST_TMPDIR/here"
	done
	[[ -z $(labelled '   ') ]]
	labelled "$(printf '"%.0s' {1..64})" | grep -qx "ID_FS_LABEL_ENC=\(\\\\x22\)\{64\}"
}

@test "a label that starts with a quote is quoted, as udev would take the quote away" {
	labelled '"a" b' | grep -qxF 'ID_FS_LABEL=""a"_b"'
	labelled "'a" | grep -qxF "ID_FS_LABEL=\"'a\""
}

@test "of what is no daxfs it says nothing, and exits 3" {
	: >"$BATS_TEST_TMPDIR/other"
	silent daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
	head -c 4095 "$image" >"$BATS_TEST_TMPDIR/other"
	silent daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
	truncate -s 8M "$BATS_TEST_TMPDIR/other"
	poke "$BATS_TEST_TMPDIR/other" 0 00
	silent daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
	mkfs.ext4 -q -F "$BATS_TEST_TMPDIR/other"
	silent daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
	head -c 1M /dev/urandom >"$BATS_TEST_TMPDIR/other"
	silent daxfsctl inspect --udev "$BATS_TEST_TMPDIR/other"
	# The copy at the end makes no image.
	damaged=$(copy_image)
	dd if=/dev/zero of="$damaged" bs=4096 count=1 conv=notrunc status=none
	silent daxfsctl inspect --udev "$damaged"
}

@test "a superblock is believed with a right checksum only, and by a device that can hold its image" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 54
	fails 1 daxfsctl inspect --udev "$damaged"
	says checksum
	damaged=$(copy_image)
	poke "$damaged" 0xfff 01
	fails 1 daxfsctl inspect --udev "$damaged"
	says checksum
	damaged=$(copy_image)
	poke "$damaged" 0xc 03
	fails 1 daxfsctl inspect --udev "$damaged"
	says 'newer format version'
	poke "$damaged" 0xc 01
	fails 1 daxfsctl inspect --udev "$damaged"
	says 'make the image anew with mkdaxfs'
	damaged=$(copy_image)
	truncate -s -4096 "$damaged"
	fails 1 daxfsctl inspect --udev "$damaged"
	says 'smaller than the image'
}

@test "nothing behind the superblock matters" {
	damaged=$(copy_image)
	head -c 1M /dev/urandom | dd of="$damaged" bs=4096 seek=1 conv=notrunc status=none
	daxfsctl inspect --udev "$damaged" | cmp - <(daxfsctl inspect --udev "$image")
}

@test "it opens nothing for writing, reads 4096 bytes once, and maps nothing of the device" {
	strace -f -o "$BATS_TEST_TMPDIR/trace" "$build/daxfsctl" inspect --udev "$image" >/dev/null || skip "strace does not work here"
	sed -n "\\,openat(.*$image,,\$p" "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/after"
	# With the loader's files: it opens the device last.
	[[ $(grep -c 'openat(' "$BATS_TEST_TMPDIR/after") == 1 ]]
	grep -q 'openat(.*O_RDONLY' "$BATS_TEST_TMPDIR/after"
	[[ $(grep -cE ' (p?read(64|v|v2)?)\(' "$BATS_TEST_TMPDIR/after") == 1 ]]
	grep -q 'pread64(.*, 4096, 0) *= 4096' "$BATS_TEST_TMPDIR/after"
	run ! grep -qE 'mmap\(.*, [3-9], |O_RDWR|O_WRONLY|/dev/disk|/run/blkid|/proc/partitions' "$BATS_TEST_TMPDIR/after"
}

@test "what is neither a block device nor a file is refused, at once" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	local device
	for device in /dev/null "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/fifo"; do
		fails 1 timeout 10 daxfsctl inspect --udev "$device"
		says 'neither a block device nor an image file'
	done
	fails 3 daxfsctl inspect --udev "$BATS_TEST_TMPDIR/missing"
	# A word that makes others look at every device there is.
	fails 3 daxfsctl inspect --udev LABEL=testlabel
	says 'No such file'
}

@test "--udev goes with one device and no other option" {
	misused 2 daxfsctl inspect --udev
	misused 2 daxfsctl inspect --udev "$image" ls
	misused 2 daxfsctl inspect --udev "$image" "$image"
	misused 2 daxfsctl inspect --udev -b "$image"
	misused 2 daxfsctl inspect --json --udev "$image"
	misused 2 daxfsctl inspect -l --udev "$image"
	misused 2 daxfsctl inspect --udev -R "$image"
	misused 2 daxfsctl inspect --udev="$image"
	says '--udev'
}

@test "a stdout that takes no more is a failure" {
	run -1 bash -c 'daxfsctl inspect --udev "$1" >/dev/full' - "$image"
	[[ $output == *'No space left on device'* ]]
}
