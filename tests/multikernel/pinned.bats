#!/usr/bin/env bats
# What one kernel gives back is not given out by another one while a page of it is held: by I/O, in a pipe.
bats_require_minimum_version 1.5.0
load setup

# What both do: fill NAME: all there is, until it is full, and one byte more.
filling() {
	cat <<'SH'
fill() {
	local i
	for ((i = 0; i < 1000; i++)); do cat /tmp/other >/mnt/$1/fill.$i 2>/dev/null || break; done
}
# Another chunk of the region.
more() { head -c 40K /tmp/other >/mnt/$1/more; }
yes other | head -c 1M >/tmp/other
SH
}

# The first VM has a page of a branch in a pipe, the second one commits its sibling, which discards the branch.
discarded_guest() {
	guest_start
	filling
	cat <<'SH'
if ((me == 1)); then
	export -f until_ok await reach
	show main rw
	for name in held other; do daxfs-branch create $name --stay -m /mnt/main -p main; done
	umount /mnt/main
	show held rw
	yes held | head -c 40K >/mnt/held/file
	build/kernel/mapping piped /mnt/held/file bash -c "reach shown; await filled"
	reach given
	await unmounted
	umount /mnt/held
else
	await shown
	show other rw
	daxfs-branch commit -y -m /mnt/other
	# It was made for what it committed.
	mount -o remount,rw /mnt/other
	# Longer than it takes to be seen by the other one, and reclaimed.
	sleep 4
	fill other
	run_out=0; more other 2>/dev/null || run_out=1
	echo $run_out >/mnt/share/full
	rm -f /mnt/other/more
	reach filled
	await given
	until_ok more other
	umount /mnt/other
	reach unmounted
fi
SH
}

@test "a page of a branch that another kernel discards is nobody else's for as long as it is in a pipe, and is then" {
	"$TOP/tests/kernel/prepare" programs
	both discarded_guest -w -D 16M -d "$TOP/kmod/core"
	tail -n 12 "$SHARED"/share/[^g]* "$SHARED"/out.*
	[[ $(<"$SHARED/share/full") == 1 ]]
	fsck.daxfs -n "$SHARED/memory"
}

# The first VM unmounts while a page is in a pipe; the second one wants the branch, gives back the file, and fills it.
unmounted_guest() {
	guest_start
	filling
	cat <<'SH'
if ((me == 1)); then
	hostname first-host
	export -f until_ok await reach show
	export where
	show main rw
	yes held | head -c 40K >/mnt/main/file
	build/kernel/mapping piped /mnt/main/file bash -ec '
		mount -o remount,ro /mnt/main
		reach readonly
		await refused.readonly
		# The same slot and lease, lent, given back, and lent again.
		mount -o remount,rw /mnt/main
		mount -o remount,ro /mnt/main
		mount -o remount,rw /mnt/main
		umount /mnt/main
		# This kernel may have it again at once, and looks at its pages itself.
		show main rw
		echo again >/mnt/main/again
		rm /mnt/main/file
		umount /mnt/main
		reach shown
		await refused'
	reach given
	await unmounted
	until_ok grep -q "^daxfs .* 0 " /proc/modules
	rmmod daxfs
else
	await readonly
	if show main rw; then false; fi
	reach refused.readonly
	await shown
	if show main rw; then false; fi
	reach refused
	await given
	until_ok show main rw
	[[ ! -e /mnt/main/file && $(</mnt/main/again) == again ]]
	fill main
	umount /mnt/main
	reach unmounted
fi
SH
}

@test "who unmounts, or writes no more, with a page in a pipe keeps its branch from other kernels, not from its own, until the page is free" {
	"$TOP/tests/kernel/prepare" programs
	both unmounted_guest -w -D 16M -d "$TOP/kmod/core"
	tail -n 12 "$SHARED"/share/[^g]* "$SHARED"/out.*
	[[ $(grep -c "branch main is being written by first-host" "$SHARED/out.2") == 2 ]]
	fsck.daxfs -n "$SHARED/memory"
}
