#!/usr/bin/env bats
# The EXAMPLES of every manual page, run as they stand and in order (man-examples takes them out of the pages), then with the image on each
# backing; and the commands of README.md, in order. What a reader has before each example is in before(); names of files and devices that are the
# reader's are in on(). An example that has no line there fails.
load setup

IMAGE=/tmp/examples.img # with a branch "feature"

setup_file() {
	load setup
	rm -rf /tmp/examples && mkdir -p /tmp/examples/bin && cd /tmp/examples || return
	mkdir -p rootfs/etc rootfs/usr/bin models build /srv/feature /opt/tools
	echo "welcome" >rootfs/etc/motd
	echo "ID=example" >rootfs/etc/os-release
	echo "none / tmpfs" >rootfs/etc/fstab
	head -c 3000000 /dev/urandom | tee models/weights >rootfs/weights
	echo "int x;" | tee build/x.c >build/x.o
	# As far as they go here: another machine, and a program that makes an archive.
	printf '#!/bin/sh\ntar -C /tmp/examples/rootfs -c .\n' >bin/docker
	printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >bin/ssh
	chmod +x bin/*
	mkdaxfs -f -q -w -D 32M -L rootfs -d rootfs -o "$IMAGE"
	dd if="$IMAGE" of="$DAXFS_PMEM" bs=1M conv=fsync status=none
	mount -i -t daxfs -o rw,branch=main "$DAXFS_PMEM" /mnt
	daxfs-branch create feature -m /mnt -p main
	echo "none /tmp tmpfs" >>/mnt/etc/fstab
	umount /mnt
	dd if="$DAXFS_PMEM" of="$IMAGE" bs=1M iflag=count_bytes count="$(stat -c %s "$IMAGE")" conv=sparse status=none
	fsck.daxfs -n "$IMAGE"
	cp -r rootfs /tmp/examples.rootfs
}

setup() {
	cd /tmp/examples || return
	PATH=/tmp/examples/bin:$PATH
	# As it is installed, so that mount(8) finds its helper.
	daxfsctl --install -s /usr/sbin >/dev/null
	fresh
}

teardown() {
	unmount_all
	cd / || return
	sed -i '/daxfs/d' /etc/fstab
}

# Nothing is mounted, no image is anywhere.
fresh() {
	unmount_all
	rm -rf ./*.daxfs ./*.zst /var/tmp/saved saved copy rootfs feature etc os-release /srv/one /srv/two
	cp -r /tmp/examples.rootfs rootfs
	truncate -s 4M /tmp/examples.zero
	memwrite "$DAXFS_PHYS_ADDR" /tmp/examples.zero
	dd if=/tmp/examples.zero of="$DAXFS_PMEM" conv=fsync,notrunc status=none
}

# place FILE: this image everywhere.
place() {
	unmount_all
	cp --sparse=always "$1" image.daxfs
	cp --sparse=always "$1" rootfs.daxfs
	memwrite "$DAXFS_PHYS_ADDR" "$1"
	dd if="$1" of="$DAXFS_PMEM" bs=1M conv=fsync status=none
}

# An image whose superblock has a flipped bit.
place_damaged() {
	cp --sparse=always "$IMAGE" /tmp/examples.damaged
	printf '\xff' | dd of=/tmp/examples.damaged bs=1 seek=$((0x70)) conv=notrunc status=none
	place /tmp/examples.damaged
}

# mounted BACKING: the image is at /mnt.
mounted() {
	place "$IMAGE"
	bash -c "$(on "$1" "daxfsctl mount rootfs.daxfs /mnt")"
}

# before PAGE/BLOCK BACKING: what the reader has; the examples of a page go on from one another where nothing is put in place.
before() {
	case $1 in
	daxfs-branch.8/[12] | daxfsctl.8/[12] | mkdaxfs.8/[1-7]) ;;
	daxfs-inspect.8/[123] | daxfs.5/[12] | mount.daxfs.8/[12]) place "$IMAGE" ;;
	daxfs-list.8/1) mounted "$2" ;;
	daxfs-save.8/[123]) mounted "$2" && rm ./*.daxfs ;;
	umount.daxfs.8/1) mkdaxfs -q -w -D 32M -d rootfs -o rootfs.daxfs ;;
	fsck.daxfs.8/1) place "$IMAGE" ;;
	fsck.daxfs.8/[23]) place_damaged ;;
	*)
		echo "before() knows nothing of example $1"
		return 1
		;;
	esac
}

# on BACKING COMMAND: the command with the image on that backing; "as it stands" is one, too.
on() {
	local script word words

	# shellcheck disable=SC2016 # these are sed's
	case $1 in
	"as it stands") script='' ;;
	phys)
		script='s#-o (/dev/pmem0|[a-z]+\.daxfs)#-p 4G -s 256M#
			s#daxfsctl mount [a-z]+\.daxfs#mount -t daxfs -o phys=4G,size=256M none#
			s#mount -t daxfs -o (branch|ro)(\S*) /dev/pmem0#mount -t daxfs -o phys=4G,size=256M,\1\2 none#
			s#mount -t daxfs /dev/pmem0#mount -t daxfs -o phys=4G,size=256M none#
			s#(/dev/pmem0|(image|rootfs)\.daxfs)( |$)#phys:4G+256M #'
		;;
	pmem)
		script='s#-p 4G -s 256M#-o /dev/pmem0#
			s#daxfsctl mount [a-z]+\.daxfs#mount -t daxfs /dev/pmem0#
			s#-o phys=[^ ,]*,size=256M,(\S+) none#-o \1 /dev/pmem0#
			s#-o phys=[^ ,]*,size=256M none#/dev/pmem0#
			s#(image|rootfs)\.daxfs( |$)#/dev/pmem0 #'
		;;
	dma-buf)
		script='s#-p 4G -s 256M#-o image.daxfs#
			s#mount -t daxfs -o phys=[^ ,]*,size=256M,(\S+) none#daxfsctl mount -o \1 image.daxfs#
			s#mount -t daxfs -o phys=[^ ,]*,size=256M none#daxfsctl mount image.daxfs#
			s#mount -t daxfs /dev/pmem0#daxfsctl mount image.daxfs#'
		if mountpoint -q /mnt; then
			script+=';s#mount -t daxfs (.*) /dev/pmem0#mount -t daxfs \1 /mnt#'
		else
			script+=';s#mount -t daxfs (.*) /dev/pmem0#daxfsctl mount \1 image.daxfs#'
		fi
		script+=';s#/dev/pmem0#image.daxfs#'
		;;
	esac
	read -ra words <<<"$2"
	for word in "${words[@]}"; do
		case $word in
		/dev/pmem0 | /dev/dma_heap/system | image.daxfs | rootfs.daxfs | feature.daxfs | fsck.daxfs | build.daxfs | ?cat | ">rootfs.daxfs'" | ">rootfs.daxfs.zst'") ;;
		phys=4G,* | phys=0x100000000,*) ;;
		/dev/* | *.daxfs* | phys* | UUID=* | LABEL=*)
			echo "on() knows nothing of \"$word\"" >&2
			return 1
			;;
		esac
	done
	# What is saved or written back is a file in any case.
	[[ $2 != daxfs-save* && $2 != *--write-back* ]] || script=''
	sed -E "$script" <<<"$2"
}

# expected COMMAND: the exit status that a page names for this: of fsck, what is damaged is left so, or was corrected.
expected() {
	case $1 in
	fsck.daxfs\ --extract*) echo 4 ;;
	fsck.daxfs\ -y*) echo 1 ;;
	*) echo 0 ;;
	esac
}

# The line of fstab(5) in an example is what mount -a is for.
in_fstab() {
	echo "$1" >>/etc/fstab
	mount -a -t daxfs
	findmnt -n /opt/tools
}

# examples BACKING PAGE
examples() {
	local block command last='' count=0

	while IFS=$'\t' read -r block command; do
		[[ $block == "$last" ]] || before "$2/$block" "$1"
		last=$block
		# Each mkdaxfs is another way to begin, and what is mounted is taken down before something else is mounted there.
		[[ $command != *mkdaxfs* && $command != *"daxfsctl mkfs"* ]] || fresh
		[[ ! $command =~ (^|\ )mount\ .*/mnt$ ]] || ! mountpoint -q /mnt || umount /mnt
		command=$(on "$1" "$command")
		echo "# $command"
		if [[ $command == daxfs:* ]]; then
			run in_fstab "$command"
		else
			run bash -c "$command" </dev/null
		fi
		echo "$output"
		echo "(status $status)"
		[[ $status == "$(expected "$command")" ]]
		count=$((count + 1))
	done < <("$TOP/tests/kernel/man-examples" "$TOP/man/$2")
	((count))
}

# everywhere PAGE
everywhere() {
	local backing

	for backing in "as it stands" $(backings | sed 's/dmabuf/dma-buf/'); do
		echo "## $backing"
		fresh
		examples "$backing" "$1"
	done
}

@test "daxfs(5)" { everywhere daxfs.5; }

@test "daxfs-branch(8)" { everywhere daxfs-branch.8; }

@test "daxfs-inspect(8)" { everywhere daxfs-inspect.8; }

@test "daxfs-list(8)" { everywhere daxfs-list.8; }

@test "daxfs-save(8)" { everywhere daxfs-save.8; }

@test "daxfsctl(8)" { everywhere daxfsctl.8; }

@test "fsck.daxfs(8)" { everywhere fsck.daxfs.8; }

# Its examples name the kinds of memory themselves.
@test "mkdaxfs(8)" { examples "as it stands" mkdaxfs.8; }

@test "mount.daxfs(8)" { everywhere mount.daxfs.8; }

# It is about what is in a dma-buf only.
@test "umount.daxfs(8)" { examples "as it stands" umount.daxfs.8; }

# What stands after the headline "Two commands", line by line; before what is mounted at /mnt, that is free.
readme() {
	sed -n '/^## Two commands/,/^## Install/s/^    //p' "$TOP/README.md" | sed 's/ *# .*//'
}

@test "README.md" {
	fresh
	count=0
	while read -r command; do
		[[ ! $command =~ (^|\ )(mount|-m)\ .*/mnt$ || $command == daxfs-branch* ]] || ! mountpoint -q /mnt || umount /mnt
		echo "# $command"
		run bash -c "$command" </dev/null
		echo "$output"
		echo "(status $status)"
		[[ $status == 0 ]]
		count=$((count + 1))
	done < <(readme)
	((count > 25))
}

@test "no page with examples is left out" {
	for page in "$TOP"/man/*.[58]; do
		grep -q '^\.Sh EXAMPLES' "$page" || continue
		grep -qE "^@test .*\{ (everywhere|examples \"as it stands\") ${page##*/}; \}$" "$BATS_TEST_FILENAME"
	done
}
