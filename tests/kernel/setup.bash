# SPDX-License-Identifier: GPL-2.0-only
# What the tests inside the VM share: an image on each backing, mounted at $MNT. Run through tests/kernel/run.

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=$TOP/build
# shellcheck source=tests/cli/word.bash
source "$TOP/tests/cli/word.bash"
modprobe -qa loop 2>/dev/null || :
PATH=$BIN:$BIN/kernel:$PATH
MNT=/mnt/daxfs
DEBUG=$([[ -e /sys/kernel/debug/kmemleak ]] && echo yes || true)

have_dmabuf() { [[ -e /dev/dma_heap/system || -e /dev/udmabuf ]]; }

# The backings that this kernel has.
backings() {
	echo phys pmem
	! have_dmabuf || echo dmabuf
}

# put BACKING IMAGE: the image's bytes where BACKING will find them; the options and source to mount are left in SOURCE and OPTS.
put() {
	case $1 in
	phys)
		memwrite "$DAXFS_PHYS_ADDR" "$2"
		SOURCE=none OPTS=phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE
		;;
	pmem)
		dd if="$2" of="$DAXFS_PMEM" bs=1M conv=fsync status=none
		SOURCE=$DAXFS_PMEM OPTS=ro
		;;
	dmabuf)
		have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
		SOURCE=$2 OPTS=ro
		;;
	esac
}

# mount_image BACKING IMAGE [OPTIONS]
mount_image() {
	put "$1" "$2"
	mkdir -p "$MNT"
	if [[ $1 == dmabuf ]]; then
		daxfsctl mount -o "$OPTS${3:+,$3}" "$SOURCE" "$MNT"
	else
		mount -i -t daxfs -o "$OPTS${3:+,$3}" "$SOURCE" "$MNT"
	fi
}

# Takes down what a failed test left, too.
unmount_all() {
	local target

	while target=$(findmnt -nr -o TARGET -t daxfs | tail -n 1) && [[ $target ]]; do
		umount -R "$target" || umount -Rl "$target"
	done
}

# What the kernel's fs_context says of a mount that must fail: in $output, status in $status.
refuse() {
	run daxfsctl mount "$@" "$MNT"
	[ "$status" -ne 0 ]
	! findmnt -n "$MNT" >/dev/null
}

# A tree with everything a file system can hold, at $1 (a tmpfs).
make_tree() {
	local i

	mkdir -p "$1"
	(
		cd "$1" || exit
		umask 022
		mkdir -p empty deep/a/b/c/d/e/f/g many names perms acl
		for ((i = 0; i < 3000; i++)); do : >"many/file-$i"; done
		printf one >names/x
		printf long >"names/$(printf 'n%.0s' {1..255})"
		printf odd >"names/a b	c\\d\"e*"
		printf utf >names/äöü-名前
		printf bytes >names/$'\xff\xfe\x01'
		printf dots >names/...
		: >zero
		printf 'a small file\n' >small
		head -c 4096 /dev/urandom >page
		head -c 4097 /dev/urandom >page-and-one
		head -c 5300000 /dev/urandom >big
		cp big big-again
		head -c 12582912 /dev/zero | tr '\0' x >huge
		truncate -s 300M sparse
		printf start | dd of=sparse conv=notrunc status=none
		printf middle | dd of=sparse bs=1 seek=150000000 conv=notrunc status=none
		printf end | dd of=sparse bs=1 seek=314572797 conv=notrunc status=none
		truncate -s 1M all-hole
		ln small hard1
		ln small deep/a/hard2
		ln -s small link
		ln -s /nowhere/at/all dangling
		ln -s "$(printf 'l%.0s' {1..4000})" long-link
		mknod fifo p
		mknod char c 1 3
		mknod block b 259 1048575
		python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
		printf s >perms/setuid && chown 12345:54321 perms/setuid && chmod 6755 perms/setuid
		printf t >perms/none && chmod 0 perms/none
		chmod 1777 perms
		chown 4000000000:4000000001 names/x
		touch -h -d '1969-07-20 20:17:40.123456789 UTC' link
		touch -d '1901-01-01 00:00:00.000000001 UTC' small
		touch -d '2200-02-28 12:34:56.999999999 UTC' page
		setfattr -n trusted.one -v 1 small
		setfattr -n security.something -v secret small
		setfattr -n trusted.big -v "$(printf 'v%.0s' {1..3000})" page
		setfattr -n trusted.empty zero
		setfattr -h -n trusted.onlink -v y link
		setfattr -n user.one -v eins small 2>/dev/null || :
		printf a >acl/file
		setfacl -m u:65534:rwx,g:12:r,m::rx acl/file 2>/dev/null || :
		setfacl -d -m u:12:rw acl 2>/dev/null || :
	)
}

# ---- images that can be written to ----

# start BACKING IMAGE [OPTIONS]: its branch main (or another one, by OPTIONS) at $MNT, writable.
start() {
	put "$1" "$2"
	START=$1
	case $1 in
	pmem) OPTS='' ;;
	dmabuf)
		# Another mount keeps the memory, and with it the branches, when $MNT is taken down.
		mkdir -p "$MNT" /mnt/keep
		daxfsctl mount -o rw,branch=main "$SOURCE" /mnt/keep
		;;
	esac
	show "${3:-branch=main}"
}

# show branch=NAME[,OPTIONS]: mounts at $MNT what start has prepared, writable.
show() {
	local name=${1#branch=}

	mkdir -p "$MNT"
	if [[ $START == dmabuf ]]; then
		daxfsctl branch mount "${name%%,*}" "$MNT" --volume /mnt/keep >/dev/null
		[[ $1 != *,noatime* ]] || mount -o remount,bind,noatime "$MNT"
	else
		mount -i -t daxfs -o "rw${OPTS:+,$OPTS},$1" "$SOURCE" "$MNT"
	fi
}

# second_main DIR: a super block of its own that shows main like that of $MNT, read-only. Mounting main again would show the same one.
second_main() {
	mkdir -p "$1"
	daxfs-branch create second -m "$1" --volume "$MNT" -p main >/dev/null
	daxfs-branch abort second -m "$1" >/dev/null
	[[ $(findmnt -nro MAJ:MIN "$1") != "$(findmnt -nro MAJ:MIN "$MNT")" ]]
}

# Takes $MNT down and mounts it again. OPTIONS as above.
again() {
	umount "$MNT"
	show "${1:-branch=main}"
}

# What start has prepared is consistent, now that nobody has it mounted, and nothing is left behind in it.
is_clean() {
	unmount_all
	case $START in
	phys) run fsck.daxfs -n "phys:$DAXFS_PHYS_ADDR+$DAXFS_PHYS_SIZE" ;;
	pmem) run fsck.daxfs -n "$DAXFS_PMEM" ;;
	esac
	echo "$output"
	[[ $status == 0 && $output != *"left behind"* ]]
}

# A small base for branches, at $1. All times in it are of 2001.
make_base() {
	local i

	rm -rf "$1"
	mkdir -p "$1"
	(
		cd "$1" || exit
		umask 022
		mkdir -p base dir/sub/below dir/tree/a/b work
		for i in {0..9}; do head -c 9000 /dev/urandom >"base/$i"; done
		head -c 40000 /dev/urandom >kept
		head -c 100000 /dev/urandom >changed
		head -c 100000 /dev/urandom >mapped
		head -c 3000000 /dev/urandom >big
		echo one >dir/sub/file
		echo two >dir/tree/a/b/file
		for i in {1..20}; do echo "$i" >"dir/tree/$i"; done
		ln base/6 dir/hard
		setfattr -n trusted.base -v value base/8
		find . -exec touch -h -d '2001-02-03 04:05:06.789 UTC' {} +
	)
}

# Changes of all kinds in a copy of that base. What they change is of 2005.
edit_tree() {
	(
		cd "$1" || exit
		umask 022
		printf new >created
		echo appended >>base/1
		printf X | dd of=base/2 bs=1 seek=5000 conv=notrunc status=none
		truncate -s 100 base/3
		rm base/4
		mv base/5 moved
		ln base/6 another
		setfattr -n trusted.x -v y base/7
		setfattr -x trusted.base base/8
		chmod 640 base/8
		chown 1:2 base/9
		mv base/0 created-too
		mv created-too base/0
		mv dir/sub renamed
		echo three >renamed/below/file
		rm -r dir/tree
		mkdir -p new/deep dir/tree
		cp big new/big
		printf hole | dd of=new/sparse bs=1 seek=1000000 status=none
		ln -s created link
		ln -s gone moved-link && mv -T moved-link dangling
		mknod fifo p
		mknod null c 1 3
		: >work/short-lived && rm work/short-lived
		find . -newermt 2010-01-01 -exec touch -h -d '2005-05-05 05:05:05.123456789 UTC' {} +
	)
}

# same A B: treecmp that shows what differs.
same() {
	run treecmp -l "$1" "$2"
	echo "$output"
	[ "$status" -eq 0 ]
}

# Whether the mount shows the branch NAME, or has such a branch at all.
branch_is() { [ "$(daxfs-branch list -m "${2:-$MNT}" -nr -o NAME,STATE | awk -v name="$1" '$1 == name')" ]; }
