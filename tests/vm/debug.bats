#!/usr/bin/env bats
# The harness on the kernel with KASAN and lockdep. Part of make check-debug: the kernel takes minutes to build.

setup() {
	vm=$BATS_TEST_DIRNAME/run
	unset "${!DAXFS_VM_@}"
}

@test "the debug kernel runs commands, and what KASAN and lockdep find there fails the run" {
	run "$vm" --kernel debug --no-module -- bash -c '[ -e /dev/udmabuf ] && [ -e $DAXFS_PMEM ] && uname -r; exit 9'
	echo "$output"
	[ "$status" -eq 9 ]
	[[ $output == *-daxfs-debug ]]
	run "$vm" --kernel debug --no-module -- bash -c 'echo READ_AFTER_FREE >/sys/kernel/debug/provoke-crash/DIRECT'
	[ "$status" -eq 125 ]
	[[ $output == *"BUG: KASAN: "* ]]
	run "$vm" --kernel debug --no-module -- bash -c 'echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT'
	[ "$status" -eq 125 ]
	[[ $output == *"WARNING: CPU: "* ]]
}
