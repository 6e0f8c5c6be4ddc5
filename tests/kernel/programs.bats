#!/usr/bin/env bats
# A root file system in an image: programs run from it, and overlayfs writes over it.
load setup

# A small root with a static and a dynamic shell.
make_root() {
	local file

	mkdir -p "$1"/{bin,dev,proc,tmp}
	cp /bin/busybox "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
	for file in /bin/bash $(ldd /bin/bash | grep -o '/[^ ]*'); do
		mkdir -p "$1${file%/*}"
		cp -L "$file" "$1$file"
	done
	mkdir -p "$1/dir/sub"
	echo original >"$1/dir/file"
	echo second >"$1/dir/sub/file"
}

setup_file() {
	load setup
	make_root /tmp/root
	mkdaxfs -q -d /tmp/root -o /tmp/root.img
}

teardown() {
	umount /mnt/merged 2>/dev/null || :
	unmount_all
}

@test "programs run from the mount, static and dynamic, on each backing" {
	for backing in $(backings); do
		mount_image "$backing" /tmp/root.img
		[ "$(chroot "$MNT" /bin/sh -c 'echo $((6 * 7)); ls -d /dir' | tr '\n' ' ')" = "42 /dir " ]
		[ "$(chroot "$MNT" /bin/bash -c 'echo ${BASH_VERSION%%.*}; read x </dir/file; echo $x')" = "${BASH_VERSION%%.*}"$'\n'original ]
		umount "$MNT"
	done
}

@test "as a lower layer of overlayfs: copy-up, rename, whiteout and program start" {
	mount_image phys /tmp/root.img
	mkdir -p /mnt/upper /mnt/merged
	mount -t tmpfs upper /mnt/upper
	mkdir /mnt/upper/{up,work}
	mount -t overlay -o "lowerdir=$MNT,upperdir=/mnt/upper/up,workdir=/mnt/upper/work" merged /mnt/merged
	echo more >>/mnt/merged/dir/file
	[ "$(cat /mnt/merged/dir/file)" = $'original\nmore' ]
	[ "$(cat "$MNT/dir/file")" = original ]
	mv /mnt/merged/dir/sub/file /mnt/merged/moved
	[ "$(cat /mnt/merged/moved)" = second ]
	[ ! -e /mnt/merged/dir/sub/file ]
	rm -r /mnt/merged/dir/sub
	[ ! -e /mnt/merged/dir/sub ]
	[ -c /mnt/upper/up/dir/sub ]
	chmod 600 /mnt/merged/bin/busybox
	chmod 755 /mnt/merged/bin/busybox
	[ "$(chroot /mnt/merged /bin/sh -c 'echo over')" = over ]
	umount /mnt/merged /mnt/upper
}
