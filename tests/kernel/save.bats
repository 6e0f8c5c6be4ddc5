#!/usr/bin/env bats
# daxfsctl save: an image file of what is mounted, while others write it.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

setup() {
	rm -rf /tmp/out
	mkdir -p /tmp/out /mnt/saved /mnt/other
	writers=()
}

teardown() {
	# Not for what else runs: bats has a clock there.
	if ((${#writers[@]})); then
		kill "${writers[@]}" 2>/dev/null || :
		wait "${writers[@]}" || :
	fi
	unmount_all
}

# write_files DIR: one after another files that say the numbers 0, 1, ...: n0 to n199 and again, each made anew and renamed; for ever, in a
# process of its own.
write_files() {
	exec python3 -c 'import itertools, os, sys, time
os.chdir(sys.argv[1])
for i in itertools.count():
    with open(".new", "w") as f:
        f.write("%-5000d" % i)
    os.rename(".new", "n%d" % (i % 200))
    # Others are to get on, too.
    time.sleep(0.01)' "$1"
}

# last_of DIR: the last number that write_files wrote there. Fails unless all before it that can be there are, each complete.
last_of() {
	python3 -c 'import os, sys
os.chdir(sys.argv[1])
found = {n: open(n).read() for n in os.listdir(".") if n[0] == "n"}
numbers = sorted(int(text) for text in found.values())
assert len(numbers) in (numbers[-1] + 1, 200), numbers
assert numbers == list(range(numbers[-1] - len(numbers) + 1, numbers[-1] + 1)), numbers
assert found == {"n%d" % (i % 200): "%-5000d" % i for i in numbers}
print(numbers[-1])' "$1"
}

# clean FILE: it is an image in which nothing is wrong and nothing was left behind.
clean() {
	run fsck.daxfs -n "$1"
	echo "$output"
	[[ $status == 0 && $output != *"left behind"* ]]
}

source_of() {
	case $1 in
	phys) echo "phys:$DAXFS_PHYS_ADDR+$DAXFS_PHYS_SIZE" ;;
	pmem) echo "$DAXFS_PMEM" ;;
	dmabuf) echo "$MNT" ;;
	esac
}

# after DIR NUMBER: waits until NUMBER was written there.
after() { until (($(cat "$1"/n* 2>/dev/null | tr -s ' ' '\n' | sort -n | tail -n 1) + 0 >= $2)); do sleep 0.05; done; }

# try BACKING: twice while one process writes in one branch and another one in a second.
try() {
	local before=0 last i

	start "$1" /tmp/base.img
	daxfs-branch create one -m "$MNT"
	daxfs-branch create two -m /mnt/other --volume "$MNT" -p main
	write_files "$MNT/work" &
	writers+=($!)
	write_files /mnt/other/work &
	writers+=($!)
	for i in 1 2; do
		after "$MNT/work" $((before + 30))
		before=$((before + 30))
		if ((i == 2)); then
			daxfs-save -f -q "$(source_of "$1")" /tmp/out/saved
		else
			daxfsctl save --force --quiet "$MNT" /tmp/out/saved
		fi
		clean /tmp/out/saved
		[[ $(ls -A /tmp/out) == saved ]]
		daxfsctl mount -o rw,branch=one /tmp/out/saved /mnt/saved
		last=$(last_of /mnt/saved/work)
		((last >= before))
		before=$last
		rm /mnt/saved/kept
		umount /mnt/saved
		daxfsctl mount -o ro,branch=two /tmp/out/saved /mnt/saved
		last_of /mnt/saved/work
		umount /mnt/saved
	done
	# They went on after it.
	after "$MNT/work" $((before + 5))
	kill "${writers[@]}"
	wait "${writers[@]}" || :
	writers=()
	# When nobody writes it is the same tree.
	daxfsctl save -f -q "$MNT" /tmp/out/saved
	daxfsctl mount -o ro,branch=one /tmp/out/saved /mnt/saved
	same "$MNT" /mnt/saved
	unmount_all
}

@test "a saved image is clean, mounts and holds what was written, while writers of two branches go on: phys" {
	try phys
	is_clean
	# Not mounted.
	daxfsctl save -f -q "$(source_of phys)" /tmp/out/saved
	clean /tmp/out/saved
	daxfsctl save -q "$(source_of phys)" - | cmp - /tmp/out/saved
}

@test "the same on pmem" {
	try pmem
	is_clean
}

@test "the same on a dma-buf" {
	have_dmabuf || skip "this kernel has neither dma-heap nor udmabuf"
	try dmabuf
}

@test "branches are made, committed and aborted while it is saved" {
	start phys /tmp/base.img
	mkdir -p /mnt/o1 /mnt/o2
	daxfs-branch create o1 -m /mnt/o1 -p main --volume "$MNT"
	daxfs-branch create o2 -m /mnt/o2 -p main --volume "$MNT"
	daxfs-branch create work -m "$MNT" -p main
	stress 8 7 "$MNT" /mnt/o1 /mnt/o2 >/tmp/stress.log 2>&1 &
	writers+=($!)
	for i in 1 2; do
		daxfsctl save -f -q "$MNT" /tmp/out/saved
		clean /tmp/out/saved
	done
	wait "${writers[0]}"
	writers=()
}

@test "--flat: what a branch shows while it is written is the base of an image, in all attributes" {
	make_tree /tmp/tree
	mkdaxfs -f -q -d /tmp/tree -o /tmp/tree.img -w -D 64M
	start phys /tmp/tree.img
	daxfs-branch create work -m "$MNT"
	rm -r "$MNT/many"
	ln "$MNT/page" "$MNT/names/page"
	printf X | dd of="$MNT/big" bs=1 seek=1000000 conv=notrunc status=none
	chown 7:8 "$MNT/char"
	setfattr -n trusted.new -v x "$MNT/zero"
	touch -d '2003-04-05 06:07:08.9 UTC' "$MNT/names"
	daxfsctl save -q --flat --branch work "$MNT" /tmp/out/flat
	clean /tmp/out/flat
	daxfsctl mount /tmp/out/flat /mnt/saved
	same "$MNT" /mnt/saved
	umount /mnt/saved
	daxfsctl save -q --flat "$(source_of phys)" - >/tmp/out/main
	daxfsctl mount /tmp/out/main /mnt/saved
	same /tmp/tree /mnt/saved
}

@test "free chunks and blocks of zeros take no space, and neither does what was deleted" {
	start phys /tmp/base.img
	head -c 30M /dev/urandom >"$MNT/large"
	head -c 30M /dev/zero >"$MNT/zeros"
	daxfsctl save -q "$MNT" /tmp/out/full
	(($(stat -c %b /tmp/out/full) * 512 < 40 << 20))
	rm "$MNT/large"
	daxfsctl save -q "$MNT" /tmp/out/less
	clean /tmp/out/less
	(($(stat -c %b /tmp/out/less) * 512 < 10 << 20))
	[[ $(stat -c %s /tmp/out/full) == "$(stat -c %s /tmp/base.img)" ]]
}

@test "a signal in the middle leaves no file, and nothing frozen" {
	start phys /tmp/base.img
	head -c 5M /dev/urandom >"$MNT/large"
	# Each of its first system calls of these kinds: copying, freezing, thawing, and after it.
	for signal in TERM KILL; do
		for call in pwrite64:when=2 ioctl:when=10 ioctl:when=12 ioctl:when=14 pread64:when=5 fsync:when=1; do
			run env --default-signal=INT strace -f -qq -o /dev/null -e "inject=${call%:*}:signal=$signal:${call#*:}" \
				daxfsctl save "$MNT" /tmp/out/saved
			if [[ $status != 0 ]]; then
				[[ -z $(ls -A /tmp/out) ]]
			else
				clean /tmp/out/saved
				rm /tmp/out/saved
			fi
			timeout 60 touch "$MNT/after"
			timeout 60 daxfs-branch create "after" -m "$MNT" && timeout 60 daxfs-branch abort after -m "$MNT"
		done
	done
	daxfsctl save -q "$MNT" /tmp/out/saved
	clean /tmp/out/saved
}

@test "what cannot be kept still is refused, and what lies in what is saved" {
	start phys /tmp/base.img
	run daxfsctl save "$MNT" "$MNT/saved"
	[[ $status == 4 && $output == *"$MNT/saved: lies in what is to be saved"* ]]
	run ls -A "$MNT/saved"
	[ "$status" -ne 0 ]
	TMPDIR=$MNT run daxfsctl save "$MNT" -
	[[ $status == 4 && $output == *"standard output: lies in what is to be saved"* ]]
	fsfreeze -f "$MNT"
	run daxfsctl save "$MNT" /tmp/out/saved
	[[ $status == 4 && $output == *"$MNT: was frozen already, by another program"*"fsfreeze -u"* ]]
	# It is not thawed either.
	run fsfreeze -f "$MNT"
	[ "$status" -ne 0 ]
	fsfreeze -u "$MNT"
	[[ -z $(ls -A /tmp/out) ]]
	# A mount that only another namespace shows.
	mkfifo /tmp/out/go
	daxfs-branch create hidden --stay -m "$MNT"
	unshare -m bash -c "mkdir -p /mnt/hidden; daxfs-branch mount hidden /mnt/hidden --volume $MNT >/dev/null
		echo >/tmp/out/go; cat /tmp/out/go >/dev/null" &
	writers+=($!)
	read -r </tmp/out/go
	run daxfsctl save "$MNT" /tmp/out/saved
	echo >/tmp/out/go
	wait "${writers[@]}"
	writers=()
	rm /tmp/out/go
	[[ $status == 4 && $output == *"is mounted for writing by "*", where it cannot be kept still"* ]]
	[[ -z $(ls -A /tmp/out) ]]
}
