#!/usr/bin/env bats
# The module as it comes to a distribution: installed source, built by DKMS in a clean system, loaded by the kernel itself when it is mounted.
bats_require_minimum_version 1.5.0

setup_file() {
	local top version
	((EUID == 0)) || skip "only root can change into another root"
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	# Below the source tree, where the VM sees it.
	export TOP=$top WORK=$top/build/dkms SYSTEM=$top/build/dkms/root
	system=$("$BATS_TEST_DIRNAME/fetch" --system 6.12)
	RELEASE=$(<"$system/../release")
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$top/dkms.conf")
	export RELEASE NAME=daxfs/$version
	rm -rf "$WORK"
	mkdir -p "$WORK"
	cp -a --reflink=auto "$system" "$SYSTEM"
	# -o: the program is built already. A make above this one is not meant.
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$top" -o daxfsctl PREFIX=/usr DESTDIR="$SYSTEM" install
}

teardown_file() {
	rm -rf "${WORK:?}"
}

# inside COMMAND ARG...: in the system.
inside() {
	# shellcheck disable=SC2016 # for the shell within
	unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$SYSTEM" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

module() {
	inside find /lib/modules -name 'daxfs.ko*'
}

@test "DKMS builds and installs the module from the installed source in a clean system" {
	[ -z "$(module)" ]
	inside dkms add "$NAME"
	inside dkms build "$NAME" -k "$RELEASE" || {
		cat "$SYSTEM/var/lib/dkms/$NAME/build/make.log"
		return 1
	}
	inside dkms install "$NAME" -k "$RELEASE"
	[[ "$(module)" == "/lib/modules/$RELEASE/updates/dkms/daxfs.ko"* ]]
	[[ "$(inside dkms status)" == *"$NAME, $RELEASE, x86_64: installed"* ]]
	[[ "$(inside modinfo -k "$RELEASE" -F vermagic daxfs)" == "$RELEASE "* ]]
	[ "$(inside modinfo -k "$RELEASE" -F alias daxfs)" = fs-daxfs ]
	# Nothing that the compiler, or DKMS, had to say against it.
	run ! grep -iE 'warning|error' "$SYSTEM/var/lib/dkms/$NAME/$RELEASE/x86_64/log/make.log"
}

@test "the kernel that it was built for loads it when a daxfs is mounted" {
	mkdir "$WORK/tree"
	echo hello >"$WORK/tree/file"
	# shellcheck disable=SC2016 # for the shell within
	"$BATS_TEST_DIRNAME/run" --no-module --append iomem=relaxed -- bash -ec '
		mount --bind "$1/lib/modules/$(uname -r)" "/lib/modules/$(uname -r)"
		[[ "$(modinfo -n daxfs)" == "/lib/modules/$(uname -r)/updates/dkms/daxfs.ko"* ]]
		! grep daxfs /proc/modules
		"$2/build/mkdaxfs" -q -w -D 1M -d "$2/build/dkms/tree" -p "$DAXFS_PHYS_ADDR" -s 16M
		mount -t daxfs -o "phys=$DAXFS_PHYS_ADDR,size=16M" none /media
		grep "^daxfs " /proc/modules
		[[ "$(cat /media/file)" == hello ]]
		echo more >/media/new
		umount /media
		modprobe -r daxfs
		! grep daxfs /proc/modules
	' sh "$SYSTEM" "$TOP"
}

@test "a new kernel gets it by itself, and removing it leaves nothing" {
	inside dkms remove "$NAME" -k "$RELEASE"
	[ -z "$(module)" ]
	# What the packages of kernels call when one is installed.
	inside dkms add "$NAME"
	inside sh /etc/kernel/postinst.d/dkms "$RELEASE"
	[[ "$(module)" == "/lib/modules/$RELEASE/updates/dkms/daxfs.ko"* ]]
	inside dkms remove "$NAME" --all
	[ -z "$(module)" ]
	[ ! -e "$SYSTEM/var/lib/dkms/${NAME%/*}" ]
	run ! grep -r daxfs "$SYSTEM/lib/modules/$RELEASE/modules.dep"
}
