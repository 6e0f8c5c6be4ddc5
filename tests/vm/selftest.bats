#!/usr/bin/env bats
# The harness of the kernel tests says what happened in the VM, and nothing else.

setup() {
	vm=$BATS_TEST_DIRNAME/run
	unset "${!DAXFS_VM_@}"
}

# Each boot costs seconds, so one run proves several things.
@test "streams and exit status come through, apart and byte for byte" {
	status=0
	"$vm" --no-module -- bash -c 'printf "a\0b\r\n\377"; echo err >&2; printf end; exit 37' \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[ "$status" -eq 37 ]
	printf 'a\0b\r\n\377end' | cmp - "$BATS_TEST_TMPDIR/out"
	echo err | cmp - "$BATS_TEST_TMPDIR/err"
}

@test "streams that go to one place keep their order, and much output is all there" {
	run "$vm" --no-module -- bash -c 'echo 1; echo 2 >&2; echo 3; for i in {1..20000}; do echo "line $i of many"; done; echo 4 >&2'
	[ "$status" -eq 0 ]
	[ "${lines[0]} ${lines[1]} ${lines[2]}" = "1 2 3" ]
	[ "${#lines[@]}" -eq 20004 ]
	[ "${lines[20002]}" = "line 20000 of many" ]
	[ "${lines[20003]}" = 4 ]
}

@test "the command has the caller's folder, arguments and variables, root, and its files writable without effect" {
	cd "$BATS_TEST_DIRNAME"
	DAXFS_X="a 'b'" OTHER=c run env DAXFS_VM_ENV=OTHER "$vm" --no-module -- bash -c \
		'echo "$PWD|$1|$2|$DAXFS_X|$OTHER|$EUID"; echo >>run; touch new' sh 'two  words' '*$x'
	[ "$status" -eq 0 ]
	[ "$output" = "$PWD|two  words|*\$x|a 'b'|c|0" ]
	[ ! -e new ]
	[ -n "$(tail -n 1 run)" ]
}

@test "a folder below /tmp is shown that contains the source tree, is in it, or is beside it" {
	outer=$(mktemp -d /tmp/daxfs-selftest.XXXXXX)
	mkdir -p "$outer/tree/tests" "$outer/beside"
	cp -r "$BATS_TEST_DIRNAME" "$outer/tree/tests/vm"
	for folder in . tree tree/tests beside; do
		echo "$folder" >"$outer/$folder/here"
	done
	seen='' want=''
	for folder in . tree/tests beside; do
		cd "$outer/$folder"
		run "$outer/tree/tests/vm/run" --no-module -- bash -c 'cat here; echo new >new; ls "$1/tree/tests/vm/run"; cat "$1/tree/here"' sh "$outer"
		seen+="$status $output;"
	done
	there=$(ls "$outer")
	cd /
	rm -r "$outer"
	echo "$seen"
	for folder in . tree/tests beside; do
		want+="0 $folder"$'\n'"$outer/tree/tests/vm/run"$'\n'"tree;"
	done
	[ "$seen" = "$want" ]
	[ "$there" = $'beside\nhere\ntree' ]
}

@test "the reserved range, the pmem, the heaps, the share and the kernel's modules are there" {
	mkdir "$BATS_TEST_TMPDIR/share"
	DAXFS_VM_SHARE=$BATS_TEST_TMPDIR/share DAXFS_VM_PHYS=256M DAXFS_VM_PMEM=128M run "$vm" --no-module -- bash -ec '
		echo $DAXFS_PHYS_ADDR $DAXFS_PHYS_SIZE $DAXFS_PMEM $(blockdev --getsize64 $DAXFS_PMEM)
		[ -c /dev/dma_heap/system ] && [ -c /dev/udmabuf ]
		modprobe -a ext4 erofs overlay squashfs btrfs xfs
		mkfs.ext4 -q -b 4096 $DAXFS_PMEM && mount -o dax=always $DAXFS_PMEM /media && umount /media
		echo word >/mnt/share/file; (sleep 1000 & ) ; mount -t tmpfs left /media'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "0x100000000 0x10000000 /dev/pmem0 134217728" ]
	[ "$(<"$BATS_TEST_TMPDIR/share/file")" = word ]
}

@test "a warning of the kernel fails the run although the command succeeded" {
	run "$vm" --no-module -- bash -c 'echo "WARNING: CPU: 0 PID: 1 at fake" >/dev/kmsg'
	[ "$status" -eq 125 ]
	[[ $output == *"complained"*"WARNING: CPU: 0 PID: 1 at fake"* ]]
}

@test "a panic of the kernel fails the run" {
	run "$vm" --no-module -- bash -c 'echo c >/proc/sysrq-trigger; sleep 100'
	[ "$status" -eq 125 ]
	[[ $output == *"Kernel panic"* ]]
}

@test "a kernel that dies before init is booted a second time, and only once" {
	DAXFS_VM_LOG=$BATS_TEST_TMPDIR/log run "$vm" --no-module --append "rdinit=/nothere root=/dev/nothing" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"Kernel panic"* ]]
	grep -q "Kernel panic" "$BATS_TEST_TMPDIR/log.first-boot"
}

@test "a run that takes too long is killed with status 124" {
	run "$vm" --no-module --timeout 15 -- sleep 1000
	[ "$status" -eq 124 ]
	[[ $output == *"killed after 15 s"* ]]
}

@test "instruction counting works, with the same streams" {
	run "$vm" --no-module --icount -- bash -c 'nproc; head -c 200000 /dev/zero | tr "\0" x | fold -w 100; exit 5'
	[ "$status" -eq 5 ]
	[ "${lines[0]}" -eq 1 ]
	[ "${#lines[@]}" -eq 2001 ]
}

@test "two VMs at once see one memory" {
	[ -w /dev/shm ] || skip "there is no /dev/shm"
	file=$(mktemp /dev/shm/daxfs-selftest.XXXXXX)
	poke='import mmap, os, sys
f = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
m = mmap.mmap(f, 4096, offset=int(os.environ["DAXFS_PHYS_ADDR"], 16))'
	export DAXFS_VM_SHARED_PHYS=$file DAXFS_VM_PHYS=128M
	"$vm" --no-module --timeout 60 --append iomem=relaxed -- python3 -c "$poke
while m[0:4] != b'ping': pass
m[4:8] = b'pong'" &
	run "$vm" --no-module --timeout 60 --append iomem=relaxed -- python3 -c "$poke
m[0:4] = b'ping'
while m[4:8] != b'pong': pass"
	wait $! || status=1
	seen=$(head -c 8 "$file")
	rm -f "$file"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$seen" = pingpong ]
}

@test "an NVDIMM keeps what a killed VM stored in it" {
	truncate -s 128M "$BATS_TEST_TMPDIR/nvdimm"
	export DAXFS_VM_NVDIMM=$BATS_TEST_TMPDIR/nvdimm
	run "$vm" --no-module --timeout 20 -- bash -c 'echo kept | dd of=$DAXFS_NVDIMM conv=notrunc oflag=direct,dsync bs=512 iflag=fullblock conv=sync status=none; sleep 100'
	[ "$status" -eq 124 ]
	run "$vm" --no-module -- bash -c 'head -n 1 $DAXFS_NVDIMM | tr -d "\0"'
	[ "$status" -eq 0 ]
	[ "$output" = kept ]
}

@test "an interrupted run leaves no VM and no files" {
	mkdir "$BATS_TEST_TMPDIR/tmp"
	TMPDIR=$BATS_TEST_TMPDIR/tmp DAXFS_VM_LOG=$BATS_TEST_TMPDIR/log "$vm" --no-module -- sleep 100 &
	run=$!
	until grep -q . "$BATS_TEST_TMPDIR/log" 2>/dev/null; do sleep 0.1; done
	kill "$run"
	status=0
	wait "$run" || status=$?
	[ "$status" -eq 143 ]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ]
	! pgrep -f "path=$BATS_TEST_TMPDIR/log" >/dev/null
}

@test "wrong use is refused with status 2 and one line" {
	for args in "" "true" "--kernel" "--mem x -- true" "--cpus 0 -- true" "--nonsense -- true" "--icount --cpus 2 -- true"; do
		# shellcheck disable=SC2086
		run "$vm" $args
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run "$vm" --kernel 5.99 -- true
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	run "$vm" --help
	[ "$status" -eq 0 ]
}

@test "a system that fetch makes has this one's apt settings: it reads an archive whose Release file is old" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p bin cache/kernel/6.12
	echo 6.12.0-test >cache/kernel/6.12/release
	printf '%s\n' 'Acquire::Check-Valid-Until "false";' 'Acquire::http::Proxy-Auto-Detect "/here/only";' >settings
	printf '#!/bin/sh\nmkdir -p "$3/etc/apt/apt.conf.d" "$3/etc/apt/sources.list.d" "$3/var/lib/apt/lists"\n' >bin/debootstrap
	# What its apt knows when it is called.
	printf '%s\n' '#!/bin/sh' 'echo "Dir \"$1\";" >in-system' 'APT_CONFIG=in-system apt-config dump >known' >bin/chroot
	chmod +x bin/*
	PATH=$PWD/bin:$PATH APT_CONFIG=$PWD/settings DAXFS_CACHE=$PWD/cache "$BATS_TEST_DIRNAME/fetch" --system 6.12
	grep -Fx 'Acquire::Check-Valid-Until "false";' known
	! grep /here/only known
}
