#!/usr/bin/env bats
# What goes away while it is in use: devices, memory that fails, mounts whose pages are still in use, and buffers that do not come.
load setup

DIR=/mnt/two DIR2=/mnt/three
export MNT DIR DIR2

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 24M
}

setup() {
	mkdir -p "$DIR" "$DIR2"
}

teardown() {
	unmount_all
	# What a failed test left.
	[[ -e $DAXFS_PMEM ]] || bind
}

# away that may find that the kernel cannot do it.
may() {
	run away "$@"
	echo "$output"
	[ "$status" -ne 77 ] || skip "the kernel cannot do that"
	[ "$status" -eq 0 ]
}

# ---- buffers that do not come ----

# In a branch beside what is mounted at $MNT: more is written and given up than there is space for at a time.
busy_branches() {
	local i

	set -e
	for i in {1..3}; do
		daxfs-branch create -q "b$i" -m "$1" -p main
		dd if=/dev/zero of="$1/file" bs=1M count=12 conv=notrunc status=none
		daxfs-branch abort -q -m "$1"
	done
}

@test "a read whose buffer does not come keeps neither reclaim nor writers of other branches waiting" {
	export -f busy_branches
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		# Touched by the branch, so that blocks of it are copied from.
		echo changed >>"$MNT/kept"
		daxfs-branch create -q busy -m "$DIR" -p main --volume "$MNT"
		may slow read works "$MNT/kept" bash -c "busy_branches $DIR"
		unmount_all
	done
}

# ---- a device that goes ----

# The pmem device without its driver, and with it again. Each returns when it is done.
unbind() {
	local name

	name=$(basename "$(readlink -f "/sys/block/${DAXFS_PMEM##*/}/device")")
	echo "$name" >/tmp/namespace
	echo "$name" >/sys/bus/nd/drivers/nd_pmem/unbind
}

bind() {
	echo "$(</tmp/namespace)" >/sys/bus/nd/drivers/nd_pmem/bind
	[[ -b $DAXFS_PMEM ]]
}

# Another system finds the device empty, and uses it.
rebind_empty() {
	unbind
	bind
	dd if=/dev/zero of="$DAXFS_PMEM" bs=1M count=40 conv=fsync status=none
}

is_empty() {
	cmp -n 40M "$DAXFS_PMEM" /dev/zero
}

# says_eio COMMAND...
says_eio() {
	run "$@"
	echo "$* : $status $output"
	[[ $status -ne 0 && $output == *"Input/output error"* ]]
}

@test "pmem: the device goes while a read, a write or a listing waits for its buffer: it does not wait, they say EIO" {
	export -f unbind
	for call in "read base/1" "read kept" "write kept" "list dir"; do
		start pmem /tmp/base.img
		echo changed >>"$MNT/kept"
		may slow "${call% *}" gone "$MNT/${call#* }" bash -c unbind
		umount "$MNT"
		bind
	done
}

@test "pmem: the device goes under a mount: SIGBUS in mappings, EIO for everything, and the next user's bytes stay as they are" {
	export -f unbind bind rebind_empty
	start pmem /tmp/base.img
	may hold "$MNT/mapped" bash -c rebind_empty
	says_eio cat "$MNT/kept"
	says_eio ls "$MNT/dir"
	says_eio stat "$MNT/kept"
	says_eio touch "$MNT/new"
	says_eio stat -f "$MNT"
	says_eio sync -f "$MNT/"
	says_eio daxfs-branch create new -m "$MNT"
	umount "$MNT"
	is_empty
}

@test "pmem: the device goes under a volume whose region is exported: SIGBUS in its mappings, EIO in a mount of it" {
	export -f unbind bind rebind_empty
	start pmem /tmp/base.img
	may import "$MNT" "$DIR"
	cmp "$DIR/kept" "$MNT/kept"
	may region "$MNT" bash -c rebind_empty
	says_eio cat "$DIR/kept"
	says_eio ls "$DIR/dir"
	says_eio stat -f "$DIR"
	umount "$DIR" "$MNT"
	is_empty
}

@test "pmem: the device goes under an image without branches: SIGBUS in mappings" {
	export -f unbind bind rebind_empty
	mkdaxfs -f -q -d /tmp/base -o /tmp/plain.img
	mount_image pmem /tmp/plain.img
	may watch "$MNT/mapped" bash -c rebind_empty
	says_eio cat "$MNT/kept"
	umount "$MNT"
	is_empty
}

# ---- pages that are still in use ----

@test "pmem: a device that goes waits for a page that is in a pipe, which keeps its bytes" {
	export -f unbind bind rebind_empty
	start pmem /tmp/base.img
	may spliced "$MNT/mapped" bash -c rebind_empty
	umount "$MNT"
	is_empty
}

@test "pmem: a device that goes waits for a page that is still to be written to: the next user's bytes stay as they are" {
	export -f unbind bind rebind_empty
	start pmem /tmp/base.img
	may written "$MNT/mapped" bash -c rebind_empty
	umount "$MNT"
	is_empty
}

@test "umount of phys= returns while a page of it is in a pipe; it can be mounted again meanwhile, and another range there not" {
	remount_phys() {
		set -e
		umount "$MNT"
		[[ $(grep -c daxfs /proc/iomem) == 1 ]]
		run daxfsctl mount -o "phys=$DAXFS_PHYS_ADDR,size=128M" none "$MNT"
		[[ $status != 0 && $output == *"still in use"* ]]
		mount -i -t daxfs -o "rw,$OPTS" none "$MNT"
		cmp "$MNT/kept" "$DIR/kept"
		echo more >"$MNT/more"
		umount "$MNT"
		[[ $1 != last ]] || mount -i -t daxfs -o "rw,$OPTS" none "$MNT"
	}
	export -f remount_phys run
	start phys /tmp/base.img
	export OPTS
	cp "$MNT/kept" "$DIR/kept"
	may pipe "$MNT/kept" bash -c "remount_phys last"
	grep -q more "$MNT/more"
	may pipe "$MNT/kept" bash -c "remount_phys"
	rm "$DIR/kept"
	# The range is given back when the pipe is gone.
	until ! grep -q daxfs /proc/iomem; do sleep 0.1; done
	mount -i -t daxfs -o "ro,phys=$DAXFS_PHYS_ADDR,size=128M" none "$MNT"
}

# ---- frozen mounts ----

# refused_as_frozen COMMAND...
refused_as_frozen() {
	run timeout 60 "$@"
	echo "$* : $status $output"
	[[ $status -ne 0 && $status -ne 124 && $output == *frozen* ]]
}

@test "a mount that is frozen does not change by a commit or an abort through another one, which say EBUSY" {
	start phys /tmp/base.img
	daxfs-branch create -q left -m "$DIR" -p main --volume "$MNT"
	daxfs-branch create -q right -m "$DIR2" -p main --volume "$MNT"
	echo left >"$DIR/file"
	echo right >"$DIR2/file"
	for frozen in "$DIR" "$MNT"; do
		fsfreeze -f "$frozen"
		refused_as_frozen daxfs-branch commit -m "$DIR2"
		[[ $(cat "$DIR/file") == left && ! -e $MNT/file ]]
		fsfreeze -u "$frozen"
	done
	fsfreeze -f "$DIR"
	refused_as_frozen daxfs-branch abort left -m "$DIR2"
	# What it does not show may change.
	daxfs-branch create -q other --stay -m "$DIR2" -p main
	daxfs-branch abort -q other -m "$DIR2"
	fsfreeze -u "$DIR"
	echo more >>"$DIR/file"
	daxfs-branch commit -q -m "$DIR2"
	[[ $(cat "$MNT/file") == right ]]
	is_clean
}

@test "a mount that is frozen does not follow what another kernel commits until it is thawed" {
	start phys /tmp/base.img
	# Of the same memory, as other kernels would mount it.
	may import "$MNT" "$DIR"
	may import "$MNT" "$DIR2"
	fsfreeze -f "$DIR"
	for i in 1 2 3; do
		daxfs-branch create -q "b$i" -m "$MNT"
		echo "$i" >"$MNT/file"
		daxfs-branch commit -q -m "$MNT"
		# The one that is not frozen looks as often.
		until [[ $(cat "$DIR2/file" 2>/dev/null) == "$i" ]]; do sleep 0.1; done
		[[ ! -e $DIR/file ]]
	done
	fsfreeze -u "$DIR"
	until [[ $(cat "$DIR/file" 2>/dev/null) == 3 ]]; do sleep 0.1; done
}

# ---- memory that fails ----

@test "pmem: a file of one partition can be deleted after a memory error, when another partition was unmounted before" {
	local sectors=$((64 * 2048))

	mkdir -p /mnt/p1 /mnt/p2
	addpart "$DAXFS_PMEM" 1 2048 $sectors
	addpart "$DAXFS_PMEM" 2 $((2048 + sectors)) $sectors
	for i in 1 2; do
		dd if=/tmp/base.img of="${DAXFS_PMEM}p$i" bs=1M conv=fsync status=none
		mount -i -t daxfs -o rw "${DAXFS_PMEM}p$i" "/mnt/p$i"
	done
	umount /mnt/p1
	run mapping poison /mnt/p2/mapped
	echo "$output"
	[ "$status" -ne 77 ] || skip "no memory errors can be made"
	timeout 60 rm /mnt/p2/mapped
	umount /mnt/p2
	delpart "$DAXFS_PMEM" 1
	delpart "$DAXFS_PMEM" 2
}

@test "phys and pmem: read(2) copies from the region so that it survives memory that fails" {
	[ -e /sys/kernel/tracing/kprobe_events ] || skip "no kprobes"
	local trace=/sys/kernel/tracing

	echo 0 >$trace/options/record-cmd
	[ ! -e /proc/sys/debug/kprobes-optimization ] || echo 0 >/proc/sys/debug/kprobes-optimization
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		echo changed >>"$MNT/kept"
		for file in kept base/1; do
			echo 'p:daxfs_mc copy_mc_to_user bytes=%dx:u32' >$trace/kprobe_events
			echo >$trace/trace
			echo 1 >$trace/events/kprobes/daxfs_mc/enable
			cat "$MNT/$file" >/dev/null
			echo 0 >$trace/events/kprobes/daxfs_mc/enable
			(($(sed -n 's/.* bytes=//p' $trace/trace | awk '{ sum += $1 } END { print sum + 0 }') >= $(stat -c %s "$MNT/$file")))
			echo >$trace/kprobe_events
		done
		unmount_all
	done
}

@test "pmem: the first store to a private mapping is copied for while the device cannot go, and survives memory that fails" {
	local trace=/sys/kernel/tracing

	[ -e $trace/kprobe_events ] || skip "no kprobes"
	echo 'p:daxfs_cow copy_mc_to_kernel bytes=%dx:u32' >$trace/kprobe_events 2>/dev/null ||
		skip "the kernel has no copy_mc_to_kernel()"
	start pmem /tmp/base.img
	echo stacktrace >$trace/events/kprobes/daxfs_cow/trigger
	echo >$trace/trace
	echo 1 >$trace/events/kprobes/daxfs_cow/enable
	away private "$MNT/kept"
	echo 0 >$trace/events/kprobes/daxfs_cow/enable
	echo '!stacktrace' >$trace/events/kprobes/daxfs_cow/trigger
	cp $trace/trace /tmp/trace
	echo >$trace/kprobe_events
	# The module copies, not only the kernel after it.
	grep -c copy_mc_to_kernel /tmp/trace
	grep -q dxc_extent_copy /tmp/trace
}

# ---- shutdown ----

@test "FS_IOC_SHUTDOWN is for root; after it all mounts of the volume say EIO, mappings SIGBUS, and it can be mounted again" {
	for backing in phys pmem; do
		start "$backing" /tmp/base.img
		daxfs-branch create -q other -m "$DIR" -p main --volume "$MNT"
		echo other >"$DIR/new"
		run setpriv --reuid 65534 --clear-groups away shutdown "$MNT" 2
		[[ $status -ne 0 && $output == *"not permitted"* ]]
		may hold "$DIR/mapped" away shutdown "$MNT" 2
		for i in "$MNT" "$DIR"; do
			says_eio cat "$i/kept"
			says_eio ls "$i/dir"
			says_eio touch "$i/new"
			says_eio stat -f "$i"
		done
		run daxfsctl mount -o "$OPTS" "$SOURCE" "$DIR2"
		[[ $status -ne 0 && $output == *"shut down"* ]]
		umount "$MNT" "$DIR"
		show branch=other
		grep -q other "$MNT/new"
		umount "$MNT"
	done
}

@test "FS_IOC_SHUTDOWN that flushes keeps what was stored through a mapping, and refuses flags that it does not know" {
	start pmem /tmp/base.img
	mapping fill "$MNT/large" 300000 7
	run away shutdown "$MNT/kept" 3
	[[ $status -ne 0 && $output == *"Invalid argument"* ]]
	away shutdown "$MNT/kept" 1
	says_eio cat "$MNT/large"
	again
	mapping expect "$MNT/large" 300000 7
}
