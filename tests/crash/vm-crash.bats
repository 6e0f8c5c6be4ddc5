#!/usr/bin/env bats
# The emulator is killed while a file-backed pmem is written; after the next boot everything is there that was said to be. Runs on the host.
#
#	DAXFS_CRASH_KILLS=N	so many kills in each of two VMs rather than 11
#	DAXFS_CRASH_SEED=N	other operations and moments

setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export TOP SEED=${DAXFS_CRASH_SEED:-1} KILLS=${DAXFS_CRASH_KILLS:-11}
	PATH=$TOP/build:$PATH
	mkdir -p "$TOP/build/crash"
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I"$TOP/include" -o "$TOP/build/crash/vm-load" \
		"$TOP"/tests/crash/{vm-load,load}.c
	WORK=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/daxfs-crash.XXXXXX")
	export WORK
	mkdir "$WORK/tree"
	"$TOP/build/crash/vm-load" --tree "$WORK/tree"
	mkdaxfs -q -w -D 96M -d "$WORK/tree" -o "$WORK/image"
}

teardown_file() {
	rm -rf "$WORK"
}

# boot LANE: a VM on the lane's NVDIMM; what it says goes to the lane's share.
boot() {
	(
		cd "$TOP" || exit
		DAXFS_VM_SHARE=$WORK/$1 DAXFS_VM_NVDIMM=$WORK/$1.nvdimm DAXFS_VM_PHYS=0 DAXFS_VM_PMEM=0 DAXFS_VM_QEMU="-pidfile $WORK/$1.pid" \
			DAXFS_VM_ENV=PATH \
			exec tests/vm/run --mem 512M --cpus 1 --timeout 120 -- tests/crash/vm-guest "$TOP/build/crash/vm-load" "$2"
	) >"$WORK/$1/out" 2>&1
}

# What a lane has come to.
stage() { cat "$WORK/$1/stage" 2>/dev/null || :; }

# kill_one LANE SEED MICROSECONDS STAGE: boots, and kills it so long after it came to STAGE. False when it did not.
kill_one() {
	local run pid

	rm -f "$WORK/$1/stage" "$WORK/$1.pid"
	boot "$1" "$2" &
	run=$!
	until [[ $(stage "$1") == "$4" || $(stage "$1") == loading || $(stage "$1") == failed ]]; do
		kill -0 $run 2>/dev/null || return
		sleep 0.05
	done
	sleep "$(printf '%d.%06d' $(($3 / 1000000)) $(($3 % 1000000)))"
	# It ended by itself: what it found says why.
	[[ -e $WORK/$1.pid ]] || { cat "$WORK/$1/how" "$WORK/$1/out" && return 1; }
	pid=$(<"$WORK/$1.pid")
	kill -KILL "$pid"
	wait $run
	[[ $(stage "$1") != failed ]]
}

# lane NAME SEED: kills and boots, and a last boot that only looks.
lane() {
	local i

	mkdir "$WORK/$1"
	truncate -s 256M "$WORK/$1.nvdimm"
	ln "$WORK/image" "$WORK/$1/image"
	RANDOM=$2
	for ((i = 0; i < KILLS; i++)); do
		# One in six while it mounts and recovers from the kill before.
		if ((i % 6 == 5)); then
			kill_one "$1" "$2" $((RANDOM * 30)) mounting || return
		else
			kill_one "$1" "$2" $((RANDOM * 80)) loading || return
		fi
	done
	: >"$WORK/$1/last"
	boot "$1" "$2"
}

@test "what returned before the emulator was killed is there afterwards, and the image is sound" {
	rc=0
	lane one "$SEED" &
	first=$!
	lane two $((SEED + 1)) || rc=$?
	wait $first || rc=$?
	for l in one two; do
		sed 's/^/# /' "$WORK/$l/how" >&3 || :
		grep -q '^ok' "$WORK/$l/how"
		if ((rc)) || grep -q '^failed' "$WORK/$l/how"; then
			cat "$WORK/$l/how" "$WORK/$l/out"
			rc=1
		fi
		# Boots that were killed while mounting say nothing.
		[ "$(grep -c '^ok' "$WORK/$l/how")" -ge $((KILLS * 3 / 4)) ]
		[ "$(wc -l <"$WORK/$l/log")" -gt $((KILLS * 10)) ]
	done
	[ "$rc" -eq 0 ]
}
