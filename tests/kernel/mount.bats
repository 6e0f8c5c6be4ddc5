#!/usr/bin/env bats
# Mounting: what is refused, in words, and what a mount says of itself.
load setup

setup_file() {
	load setup
	mkdir -p /tmp/one/dir "$MNT"
	echo hello >/tmp/one/file
	mkdaxfs -q -d /tmp/one -o /tmp/one.img -L mylabel -U 11111111-2222-3333-4444-555555555555
}

teardown() {
	unmount_all
}

# patch OFFSET BYTES: changes the image at /tmp/bad.img
patch() {
	printf "$2" | dd of=/tmp/bad.img bs=1 seek="$(($1))" conv=notrunc status=none
}

bad_image() {
	cp /tmp/one.img /tmp/bad.img
	patch "$@"
	put phys /tmp/bad.img
}

@test "phys= without size=, and the other way round" {
	refuse -o phys=0x100000000 none
	[[ $output == *"phys= needs size="* ]]
	refuse -o size=1G none
	[[ $output == *"size= needs phys="* ]]
}

@test "an unaligned range, one of System RAM, one past the end, an empty one, and junk" {
	refuse -o phys=0x100001000,size=2M none
	[[ $output == *"multiples of 2M"* ]]
	refuse -o phys=0x100000000,size=3M none
	[[ $output == *"multiples of 2M"* ]]
	refuse -o phys=0x1000000,size=2M none
	[[ $output == *"System RAM"* ]]
	refuse -o phys=0xffffffffffe00000,size=2M none
	[[ $output == *"past the end of physical memory"* ]]
	refuse -o phys=0x100000000,size=0 none
	[[ $output == *"cannot be empty"* ]]
	refuse -o phys=here,size=2M none
	[[ $output == *"phys=here is no size"* ]]
	refuse -o phys=0x100000000,size=99999999999999999999G none
	[[ $output == *"is no size"* ]]
	refuse -o phys=0x100000000,size=2MB none
	[[ $output == *"is no size"* ]]
}

@test "no magic, another format, a bad checksum, an unknown feature, another block size" {
	bad_image 0 x
	refuse -o "$OPTS" none
	[[ $output == *"no daxfs magic"* ]]
	bad_image 0xc '\003'
	refuse -o "$OPTS" none
	[[ $output == *"newer format version than this program knows: 0x3"* ]]
	bad_image 0xc '\001'
	refuse -o "$OPTS" none
	[[ $output == *"older format version is not read any more: make the image anew with mkdaxfs: 0x1"* ]]
	bad_image 0x70 X
	refuse -o "$OPTS" none
	[[ $output == *"bad superblock checksum"* ]]
	cp /tmp/one.img /tmp/bad.img
	reseal /tmp/bad.img 0x10 '\000\100'
	put phys /tmp/bad.img
	refuse -o "$OPTS" none
	[[ $output == *"block size is not 4096: 0x4000"* ]]
	cp /tmp/one.img /tmp/bad.img
	reseal /tmp/bad.img 0x48 '\000\000\000\200'
	put phys /tmp/bad.img
	refuse -o "$OPTS" none
	[[ $output == *"unknown incompatible features: 0x80000000"* ]]
}

# reseal IMAGE OFFSET BYTES: a change of the superblock with its checksum made right.
reseal() {
	python3 - "$@" <<'PY'
import sys
def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
path, off, text = sys.argv[1], int(sys.argv[2], 0), sys.argv[3].encode().decode('unicode_escape').encode('latin1')
with open(path, 'r+b') as f:
    sb = bytearray(f.read(4096))
    sb[off:off + len(text)] = text
    sb[8:12] = bytes(4)
    sb[8:12] = crc32c(sb).to_bytes(4, 'little')
    f.seek(0)
    f.write(sb)
PY
}

@test "an image of a later format that may only be read is mounted, and neither written to nor repaired" {
	mkdaxfs -q -f -w -D 2M -d /tmp/one -o /tmp/later.img
	reseal /tmp/later.img 0x44 '\001'
	put pmem /tmp/later.img
	refuse -o rw,branch=main "$DAXFS_PMEM"
	[[ $output == *"is of a later format, to be read only"* ]]
	mount -i -t daxfs -o ro,branch=main "$DAXFS_PMEM" "$MNT"
	umount "$MNT"
	# Its copy differs from what was sealed.
	run fsck.daxfs -p "$DAXFS_PMEM"
	echo "$output"
	[ "$status" -eq 12 ]
	[[ $output == *"is of a later format"*"nothing was changed"* ]]
	run fsck.daxfs -n "$DAXFS_PMEM"
	[ "$status" -eq 4 ]
}

@test "a region smaller than the image" {
	put phys /tmp/one.img
	refuse -o "phys=$DAXFS_PHYS_ADDR,size=2M" none
	[[ $output == *"region is smaller than the image"* ]]
}

@test "a damaged inode table is found by validate, and mounted without" {
	cp /tmp/one.img /tmp/bad.img
	patch 0x200004 X
	put phys /tmp/bad.img
	refuse -o "$OPTS,validate" none
	[[ $output == *"bad checksum of an area"*"in inodes"* ]]
	mount -i -t daxfs -o "$OPTS" none "$MNT"
	[ "$(cat "$MNT/file")" = hello ]
}

@test "validate checks each time it is asked for, also what is mounted already" {
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	put phys /tmp/one.img
	mkdir -p /mnt/second
	mount -i -t daxfs -o "$OPTS,validate" none "$MNT"
	printf X | dd of=/dev/mem bs=1 seek=$((DAXFS_PHYS_ADDR + 0x200004)) conv=notrunc status=none
	run daxfsctl mount -o "$OPTS,validate" none /mnt/second
	[ "$status" -ne 0 ]
	[[ $output == *"bad checksum of an area"* ]]
	[ "$(cat "$MNT/file")" = hello ]
}

# bats test_tags=kernels
@test "what is no memory is refused with what could be done instead" {
	truncate -s 10M /tmp/disk
	loop=$(losetup -f --show /tmp/disk)
	run mount -i -t daxfs "$loop" "$MNT"
	[ "$status" -ne 0 ]
	losetup -d "$loop"
	dmesg | tail -n 3 | grep "is no memory (no DAX)"
	run mount -i -t daxfs /dev/null "$MNT"
	[ "$status" -ne 0 ]
	dmesg | tail -n 3 | grep "/dev/null is no block device"
	run mount -i -t daxfs none "$MNT"
	[ "$status" -ne 0 ]
	dmesg | tail -n 3 | grep "nothing to mount"
}

@test "rw on a read-only image is refused, plain mount gives a read-only one" {
	put phys /tmp/one.img
	refuse -o "$OPTS,rw" none
	[[ $output == *"rw: mylabel is a read-only image"* ]]
	mount -i -t daxfs -o "$OPTS" none "$MNT"
	grep " $MNT daxfs ro," /proc/mounts
	run mount -i -o remount,rw "$MNT"
	[ "$status" -ne 0 ]
	mount -i -o remount,ro,nosuid "$MNT"
	grep " $MNT daxfs ro,nosuid" /proc/mounts
}

# bats test_tags=kernels
@test "the same region mounted twice is one file system, and gone after both" {
	put phys /tmp/one.img
	mkdir -p /mnt/second
	mount -i -t daxfs -o "$OPTS" none "$MNT"
	mount -i -t daxfs -o "$OPTS" none /mnt/second
	[ "$(stat -c %d "$MNT/file")" = "$(stat -c %d /mnt/second/file)" ]
	grep daxfs /proc/iomem
	umount "$MNT"
	[ "$(cat /mnt/second/file)" = hello ]
	umount /mnt/second
	! grep daxfs /proc/iomem
}

# bats test_tags=kernels
@test "the options in /proc/mounts mount it again" {
	put phys /tmp/one.img
	mount -i -t daxfs -o "$OPTS,validate" none "$MNT"
	read -r source _ type options _ < <(grep " $MNT " /proc/mounts)
	[ "$source" = daxfs:mylabel ]
	umount "$MNT"
	mount -i -t "$type" -o "$options" "$source" "$MNT"
	[ "$(grep " $MNT " /proc/mounts)" = "$source $MNT daxfs $options 0 0" ]
}

@test "statfs and the volume info tell the image's size, inodes and names" {
	put pmem /tmp/one.img
	mount -i -t daxfs "$SOURCE" "$MNT"
	[ "$(stat -f -c '%s %b %f %c %d %l %t' "$MNT")" = "4096 $(($(stat -c %s /tmp/one.img) / 4096)) 0 3 0 255 46786164" ]
	[ "$(findmnt -no SOURCE "$MNT")" = "$DAXFS_PMEM" ]
	run daxfsctl inspect "$MNT"
	[[ $output == *mylabel* && $output == *11111111-2222-3333-4444-555555555555* ]]
}

@test "a mounted device is busy for others" {
	put pmem /tmp/one.img
	mount -i -t daxfs "$SOURCE" "$MNT"
	run mkfs.ext4 -q -F "$DAXFS_PMEM"
	[ "$status" -ne 0 ]
	run mkdaxfs -f -d /tmp/one -o "$DAXFS_PMEM"
	[ "$status" -eq 4 ]
	[ "$(cat "$MNT/file")" = hello ]
}

# bats test_tags=kernels
@test "mkdaxfs makes, loads and mounts in one command: dma-heap, physical memory, pmem" {
	if [[ -e /dev/dma_heap/system ]]; then
		mkdaxfs -d /tmp/one -H /dev/dma_heap/system -s 16M -m "$MNT"
		[ "$(cat "$MNT/file")" = hello ]
		umount "$MNT"
	fi
	mkdaxfs -f -d /tmp/one -p "$DAXFS_PHYS_ADDR" -s 64M -m "$MNT"
	[ "$(cat "$MNT/file")" = hello ]
	umount "$MNT"
	mkdaxfs -f -d /tmp/one -o "$DAXFS_PMEM" -m "$MNT"
	[ "$(cat "$MNT/file")" = hello ]
}

# bats test_tags=kernels
@test "a dma-buf is found by the descriptor that was given, and not by descriptor 0" {
	put phys /tmp/one.img
	mkdir -p /mnt/second
	mount -i -t daxfs -o "$OPTS" none "$MNT"
	away import "$MNT" /mnt/second </dev/null
	[ "$(cat /mnt/second/file)" = hello ]
	[ "$(stat -c %d "$MNT/file")" != "$(stat -c %d /mnt/second/file)" ]
}

# bats test_tags=kernels
@test "a file descriptor that is no dma-buf is refused" {
	run python3 - "$MNT" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fs = libc.syscall(430, b"daxfs", 0)
assert fs >= 0
fd = os.open("/dev/null", os.O_RDONLY)
r = libc.syscall(431, fs, 5, b"dmabuf", None, fd)
assert r == -1
print(os.read(fs, 1000).decode())
PY
	[ "$status" -eq 0 ]
	[[ $output == *"is no dma-buf"* ]]
}
