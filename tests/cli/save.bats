#!/usr/bin/env bats
# daxfsctl save of images that nobody has mounted: what is in the file, and what is refused. What is mounted is tests/kernel/save.bats.
# shellcheck disable=SC2154 # setup.bash sets project and build

load setup

setup_file() {
	load setup
	make_image
	cd "$BATS_FILE_TMPDIR" || return
	mkdaxfs -q -w -D 8M -d tree -o writable
	command -v cc >/dev/null || return 0
	cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -o grow "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	./grow writable x branch main
	./grow writable x write /hello changed
	./grow writable y branch main
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	out=$BATS_TEST_TMPDIR/files
	mkdir "$out"
	export ASAN_OPTIONS=detect_leaks=0
}

nothing_in() {
	[[ -z $(ls -A "$1") ]] || {
		ls -lA "$1"
		return 1
	}
}

grown() { [[ -e grow ]] || skip "no C compiler"; }

@test "an image without branches is saved byte by byte, and sparse" {
	truncate -s 4G "$out/large"
	cp --sparse=always image "$out/copy"
	daxfsctl save image "$out/saved"
	cmp image "$out/saved"
	(($(stat -c %b "$out/saved") <= $(stat -c %b "$out/copy") + 16))
	daxfs-save -q image - | cmp image -
}

@test "branches are saved, what is free is a hole, and the result is clean" {
	grown
	run -0 daxfsctl save writable "$out/saved"
	[[ $output == "$out/saved: "*" saved, "*" in use" ]]
	[[ $(stat -c %s "$out/saved") == "$(stat -c %s writable)" ]]
	fsck.daxfs -n "$out/saved"
	[[ $(daxfsctl inspect --branch x "$out/saved" cat /hello) == changed ]]
	diff <(daxfs-branch list -s writable -nr -o NAME,STATE) <(daxfs-branch list -s "$out/saved" -nr -o NAME,STATE)
	./grow "$out/saved" y write /hello again
	fsck.daxfs -n "$out/saved"
	run -0 daxfsctl save --quiet writable "$out/again"
	[[ -z $output ]]
}

@test "a file that is there is replaced with -f only" {
	echo mine >"$out/saved"
	chmod 640 "$out/saved"
	fails 4 daxfsctl save image "$out/saved"
	says "$out/saved: is there already"
	[[ $(cat "$out/saved") == mine ]]
	daxfsctl save --force --quiet image "$out/saved"
	cmp image "$out/saved"
	[[ $(stat -c %a "$out/saved") == 640 ]]
	daxfsctl save -f -q "$out/saved" "$out/saved"
	cmp image "$out/saved"
}

@test "what is no file, no daxfs or not there is refused, and nothing is left" {
	fails 1 daxfsctl save image "$out/missing/saved"
	fails 1 daxfsctl save image "$out"
	fails 3 daxfsctl save tree/hello "$out/saved"
	says "tree/hello: is no daxfs image"
	fails 3 daxfsctl save missing "$out/saved"
	fails 3 daxfsctl save tree "$out/saved"
	nothing_in "$out"
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "daxfsctl save image -" /dev/null
	[[ $status == 4 && $output == *"standard output: is a terminal"* ]]
}

@test "without space, and after a signal, nothing is left" {
	fails 1 bash -c 'ulimit -f 1000; daxfsctl save "$0" "$1"' writable "$out/saved"
	says "File too large"
	nothing_in "$out"
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -o /dev/null -e trace=none true 2>/dev/null || skip "strace may not trace"
	for signal in TERM INT; do
		run env --default-signal=INT strace -f -qq -o /dev/null -e "inject=pwrite64:signal=SIG$signal:when=1" daxfsctl save writable "$out/saved"
		((status > 128))
		[[ $output == *"stopped by a signal; nothing was saved"* ]]
		nothing_in "$out"
	done
}

# shown IMAGE [BRANCH]: what a branch shows, but for where its contents are.
shown() {
	local to
	to=$(mktemp -d "$BATS_TEST_TMPDIR/shown.XXXXXX")
	daxfsctl inspect "$1" ${2:+--branch "$2"} ls -lR /
	daxfsctl inspect "$1" ${2:+--branch "$2"} extract -C "$to"
	(cd "$to" && find . ! -type d -printf '%P %s %n\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

@test "--flat: a branch as an image without branches, which shows the same" {
	grown
	run -0 daxfsctl save --flat --branch x writable "$out/flat"
	fsck.daxfs -n "$out/flat"
	diff <(shown writable x) <(shown "$out/flat")
	[[ $(daxfsctl inspect "$out/flat" cat /hello) == changed ]]
	[[ $(daxfsctl inspect --json "$out/flat" | jq '[.images[0].areas[].name] | index("delta")') == null ]]
	[[ $(daxfsctl inspect --json "$out/flat" | jq -r '.images[0].uuid') != "$(daxfsctl inspect --json writable | jq -r '.images[0].uuid')" ]]
	# main, and what has no branches.
	daxfsctl save -q --flat writable - >"$out/main"
	diff <(shown writable main) <(shown "$out/main")
	daxfsctl save -q --flat image "$out/image"
	diff <(shown image) <(shown "$out/image")
	(($(stat -c %b "$out/image") < $(stat -c %b image) + 64))
	fails 3 daxfsctl save --flat --branch nobody writable "$out/new"
	says 'there is no branch "nobody"'
	fails 3 daxfsctl save --flat --branch x image "$out/new"
	says "image: has no branches"
	[[ ! -e $out/new ]]
}

@test "what is damaged is saved as it is, and it is said" {
	cp writable "$out/damaged"
	# The mode of the second inode.
	poke "$out/damaged" "$(($(area inodes) + 64))" ff ff
	fails 1 daxfsctl save -q "$out/damaged" "$out/saved"
	says "$out/damaged: is damaged, and so is what was saved"
	[[ -e $out/saved ]]
	run ! fsck.daxfs -n "$out/saved"
}

# area NAME: of the writable image, other than that of setup.bash.
area() {
	daxfsctl inspect --json writable | jq -e --arg name "$1" '.images[0].areas[] | select(.name == $name).offset'
}

@test "an image that is written meanwhile is refused, and nothing is left" {
	grown
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -o /dev/null -e trace=none true 2>/dev/null || skip "strace may not trace"
	cp writable "$out/../written"
	# It stops itself when all was copied, before it looks again; the dynamic linker has read before.
	before=$(strace -f -qq -e trace=pread64 daxfsctl version 2>&1 >/dev/null | grep -c pread64) || :
	strace -f -qq -o /dev/null -e inject=pread64:signal=SIGSTOP:when=$((before + 1)) \
		daxfsctl save "$out/../written" "$out/saved" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	tracer=$!
	until pid=$(pgrep -P "$tracer" daxfsctl) && is_stopped "$pid"; do :; done
	./grow "$out/../written" x write /nothing more
	kill -CONT "$pid"
	status=0
	wait "$tracer" || status=$?
	cat "$BATS_TEST_TMPDIR/said"
	[[ $status == 4 ]]
	grep -q 'was written while it was being saved; nothing was saved' "$BATS_TEST_TMPDIR/said"
	nothing_in "$out"
}

# is_stopped PID: and stays so, rather than for a look of strace at a system call.
is_stopped() {
	local i
	for ((i = 0; i < 100; i++)); do grep -q '^State:[[:space:]]*[tT]' "/proc/$1/status" || return 1; done
}
