# mount: arguments and refusals, as far as they need no kernel module. Nothing here mounts anything.
load setup.bash

setup_file() {
	load setup.bash
	make_image
}

setup() {
	image=$BATS_FILE_TMPDIR/image
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

@test "wrong use exits 1, as mount(8) expects of a helper" {
	misused 1 mount.daxfs
	misused 1 mount.daxfs "$image"
	says 'no DIR'
	misused 1 mount.daxfs "$image" "$dir" more
	misused 1 mount.daxfs -Z "$image" "$dir"
	misused 1 mount.daxfs "$image" "$dir" -o
	says 'needs an argument'
	misused 1 mount.daxfs -t ext4 "$image" "$dir"
	says 'ext4'
	misused 1 mount.daxfs -f -o 'context="unbalanced' "$image" "$dir"
}

@test "-f checks and mounts nothing, with options at any place" {
	mount.daxfs "$image" "$dir" -f -o ro
	mount.daxfs -f "$image" -v "$dir" -s -n -o rw,nosuid
	mount.daxfs -t daxfs -o ro,nofail,_netdev,x-systemd.automount,X-mount.mkdir,comment=x,user,noauto,defaults "$image" -f "$dir"
	daxfsctl mount -f "$image" "$dir"
	mount.daxfs -f -o phys=0x100000000,size=1M none "$dir"
	mount.daxfs -f phys:0x100000000+1M "$dir"
	mount.daxfs -f -o branch=main,rw "$image" "$dir"
	mount.daxfs -f -o "volume=$dir,branch=main" none "$dir"
	run ! mountpoint -q "$dir"
}

@test "a directory that is not there is refused first, exit 32" {
	fails 32 mount.daxfs "$image" "$dir/missing"
	says "$dir/missing: cannot be mounted on: No such file or directory"
	fails 32 mount.daxfs "$image" "$image"
	says 'Not a directory'
}

@test "what is no daxfs, damaged or not there is refused, exit 32" {
	fails 32 mount.daxfs "$BATS_FILE_TMPDIR/tree/hello" "$dir"
	says 'no daxfs image'
	fails 32 mount.daxfs -f "$BATS_TEST_TMPDIR/missing" "$dir"
	fails 32 mount.daxfs -f /dev/null "$dir"
	fails 32 mount.daxfs -f "$BATS_FILE_TMPDIR/tree" "$dir"
	fails 32 mount.daxfs -f phys:1 "$dir"
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	fails 32 mount.daxfs "$damaged" "$dir"
	says 'checksum'
	truncate -s 1M "$damaged"
	fails 32 mount.daxfs "$damaged" "$dir"
}

@test "a namespace that is not there is refused, exit 32" {
	fails 32 mount.daxfs -N "$BATS_TEST_TMPDIR/missing" "$image" "$dir"
	says 'mount namespace'
}

@test "without the module the user reads how to load it" {
	! grep -qw daxfs /proc/filesystems || skip "the module is loaded"
	((EUID == 0)) || skip "only root gets so far"
	fails 32 mount.daxfs none "$dir"
	says 'the kernel does not know daxfs'
	says 'modprobe daxfs'
}

@test "mount --write-back is for image files with branches that can be replaced, and says so before it mounts" {
	cd "$BATS_TEST_TMPDIR"
	mkdir tree
	mkdaxfs -q -d tree -o plain
	mkdaxfs -q -w -D 1M -d tree -o writable
	cp writable "with,comma"
	fails 32 daxfsctl mount --write-back -f plain dir
	says "plain: has no branches, so that nothing in it can change"
	fails 32 daxfsctl mount --write-back -f -o ro writable dir
	says "writable: is mounted read-only"
	fails 32 daxfsctl mount --write-back -f with,comma dir
	says "with,comma: has a name that cannot be kept as a mount option"
	fails 32 daxfsctl mount --write-back -f phys:0x100000000+1M dir
	says "is no image file, which --write-back is for"
	fails 32 daxfsctl mount --write-back -f -o phys=0x100000000,size=1M none dir
	says "is no image file, which --write-back is for"
	daxfsctl mount --write-back -f writable dir
}
