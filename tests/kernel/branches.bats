#!/usr/bin/env bats
# Branches: made, edited, committed and aborted, by the commands of the documents and by hundreds.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M -L branches
	cp -a /tmp/base /tmp/edited
	edit_tree /tmp/edited
}

teardown() {
	unmount_all
	[[ ! -e /dev/no-heaps ]] || mv /dev/no-heaps /dev/dma_heap
}

# The walk of the documents; END is commit or abort.
walk() {
	local end=$2 tree=/tmp/base

	[[ $end == abort ]] || tree=/tmp/edited
	start "$1" /tmp/base.img
	same /tmp/base "$MNT"
	daxfs-branch create feature -m "$MNT" -p main
	edit_tree "$MNT"
	same /tmp/edited "$MNT"
	run daxfs-branch list -m "$MNT"
	echo "$output"
	[[ $output == *main*feature*"$MNT"* ]]
	daxfs-branch "$end" -m "$MNT"
	same "$tree" "$MNT"
	run daxfs-branch list -m "$MNT"
	echo "$output"
	[[ $output == *main*"$MNT"* && $output != *feature* ]]
	again
	same "$tree" "$MNT"
	[[ $1 == dmabuf ]] || is_clean
}

# bats test_tags=kernels
@test "phys: mkdaxfs -w, mount, create, edit, list, commit: the edits are main's, also after a remount" {
	walk phys commit
}

@test "pmem: commit, too" {
	walk pmem commit
}

@test "dma-buf: commit, too" {
	walk dmabuf commit
}

@test "phys: the same with abort: main is what it was" {
	walk phys abort
}

@test "pmem: abort, too" {
	walk pmem abort
}

@test "dma-buf: abort, too" {
	walk dmabuf abort
}

@test "mkdaxfs -H HEAP -m DIR -w makes a dma-buf that can be written to at once" {
	[[ -e /dev/dma_heap/system ]] || skip "this kernel has no dma-heap"
	mkdir -p "$MNT"
	mkdaxfs -d /tmp/base -H /dev/dma_heap/system -s 256M -m "$MNT" -w
	daxfs-branch create feature -m "$MNT" -p main
	edit_tree "$MNT"
	same /tmp/edited "$MNT"
	daxfs-branch commit -m "$MNT"
	same /tmp/edited "$MNT"
}

# reads_all BACKING: what reads the memory behind a writable mount does so, before anybody has written and after.
reads_all() {
	start "$1" "${2:-/tmp/base.img}"
	daxfs-branch create feature -m "$MNT" -p main
	echo something >"$MNT/created"
	for command in "daxfs-branch diff -m $MNT" "daxfs-branch diff feature --source $MNT" "daxfs-branch commit --dry-run -m $MNT"; do
		run $command
		echo "$command: $output"
		[[ $status == 0 && $output == *"A /created"* ]]
	done
	run daxfsctl inspect "$MNT" log feature
	echo "$output"
	[[ $status == 0 && $output == *created* ]]
	run daxfsctl inspect "$MNT" layout
	echo "$output"
	[[ $status == 0 && $output == *feature* ]]
	run fsck.daxfs -n "$MNT"
	echo "$output"
	[[ $status == 0 ]]
}

@test "phys: diff, commit --dry-run, inspect log and layout, and fsck read the memory behind a writable mount" {
	reads_all phys
}

@test "pmem: they do, too" {
	reads_all pmem
}

@test "dma-heap: they do, too" {
	[[ -e /dev/dma_heap/system ]] || skip "this kernel has no dma-heap"
	reads_all dmabuf
}

@test "udmabuf: they do, too" {
	[[ -e /dev/udmabuf ]] || skip "this kernel has no udmabuf"
	# It lends 64 MiB at most.
	mkdaxfs -f -q -d /tmp/base -o /tmp/small.img -w -D 16M
	[[ ! -e /dev/dma_heap ]] || mv /dev/dma_heap /dev/no-heaps
	reads_all dmabuf /tmp/small.img
}

@test "edits of main itself, without any branch, last through a remount with validate" {
	start phys /tmp/base.img
	edit_tree "$MNT"
	same /tmp/edited "$MNT"
	again branch=main,validate
	same /tmp/edited "$MNT"
	is_clean
}

@test "umount keeps a branch, and branch=NAME shows it again" {
	start pmem /tmp/base.img
	daxfs-branch create feature -m "$MNT" -p main
	edit_tree "$MNT"
	again branch=feature,validate
	same /tmp/edited "$MNT"
	grep " $MNT daxfs rw,.*branch=feature" /proc/mounts
	again branch=main
	same /tmp/base "$MNT"
	run daxfs-branch list -m "$MNT"
	[[ $output == *feature* ]]
	mkdir -p /mnt/keep
	run daxfsctl mount -o "rw,branch=nothing" "$DAXFS_PMEM" /mnt/keep
	[ "$status" -ne 0 ]
	[[ $output == *nothing* ]]
}

@test "a branch with children is frozen: EROFS, also for what is open; the kernel's log and daxfs-branch show say why" {
	start pmem /tmp/base.img
	exec {fd}<>"$MNT/base/0"
	daxfs-branch create feature --stay -m "$MNT" -p main
	run touch "$MNT/x"
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only file system"* ]]
	run bash -c 'echo x >&'"$fd"
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only file system"* ]]
	run rm "$MNT/base/1"
	[[ $output == *"Read-only file system"* ]]
	dmesg | tail -n 20 | grep "branch main cannot be written.*children"
	run daxfs-branch show -m "$MNT"
	[[ $output == *"Read-only: it has branches of its own"* ]]
	same /tmp/base "$MNT"
	daxfs-branch abort feature -m "$MNT"
	echo x >&"$fd"
	exec {fd}>&-
	touch "$MNT/x"
}

# table AREA INDEX SIZE: the offset in /tmp/base.img of an entry.
table() {
	daxfsctl inspect --json /tmp/base.img | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + $2 * $3"
}

# poke OFFSET BYTES [FILE]: into /tmp/left.img, or another file.
poke() {
	printf "$2" | dd of="${3:-/tmp/left.img}" bs=1 seek="$(($1))" conv=notrunc status=none
}

# sealed WORD...: a word with its check (tests/cli/word.bash), for poke.
sealed() {
	# shellcheck disable=SC2046 # its bytes
	printf '\\x%s' $(word "$@")
}

@test "validate takes what a kernel left behind for no damage; the mount clears it up, and damage beside it is found" {
	cp /tmp/base.img /tmp/left.img
	# A chunk of a branch that is gone, and a commit to main that nobody finished.
	poke "$(table chunks 5 8)" "$(sealed log 1 5)"
	poke "$(table branches 0 256) + 24" "$(sealed branch 3 1)"
	start phys /tmp/left.img branch=main,validate
	grep " $MNT daxfs .*,validate" /proc/mounts
	same /tmp/base "$MNT"
	is_clean
	poke "$(table chunks 6 8)" '\x9\x9'
	put phys /tmp/left.img
	refuse -o "$OPTS,validate" none
	[[ $output == *"impossible word of a chunk"* ]]
}

@test "validate looks at the logs that a commit was begun of when that is finished" {
	start pmem /tmp/base.img
	touch "$MNT/new"
	daxfs-branch create child --stay -m "$MNT" -p main
	umount "$MNT"
	# The store that decides; and the number of new is to be given once more, which only main's log shows.
	poke "$(table branches 0 256) + 24" "$(sealed branch 1 2)" "$DAXFS_PMEM"
	head -c "$(stat -c %s /tmp/base.img)" "$DAXFS_PMEM" >/tmp/begun.img
	next=$(($(table shared 0 0) + 64))
	dd if=/tmp/base.img of="$DAXFS_PMEM" bs=1 skip=$next seek=$next count=8 conv=notrunc status=none
	refuse -o rw,validate,branch=main "$DAXFS_PMEM"
	echo "$output"
	[[ $output == *"next inode number is in use already"* ]]
	put pmem /tmp/begun.img
	show branch=main,validate
	[ -e "$MNT/new" ]
	run daxfs-branch list -m "$MNT"
	[[ $output != *child* ]]
	is_clean
}

@test "a damaged entry of the branch table keeps nobody but its own branch from being mounted, and is named" {
	start pmem /tmp/base.img
	daxfs-branch create bad --stay -m "$MNT" -p main
	daxfs-branch create good --stay -m "$MNT" -p main
	umount "$MNT"
	# Who made bad, in more than a bit; and it is being committed to main.
	poke "$(table branches 1 256) + 64" '\xff' "$DAXFS_PMEM"
	poke "$(table branches 0 256) + 24" "$(sealed branch 1 2)" "$DAXFS_PMEM"
	show branch=good
	dmesg | tail -n 20 | grep "branch number 1 cannot be committed to number 0"
	touch "$MNT/x"
	run daxfs-branch list -m "$MNT"
	[[ $output == *main*good* ]]
	again branch=main
	run touch "$MNT/x"
	[[ $output == *"Read-only file system"* ]]
	mkdir -p /mnt/keep
	run daxfsctl mount -o rw,branch=bad "$DAXFS_PMEM" /mnt/keep
	[ "$status" -ne 0 ]
	[[ $output == *"entry of branch bad is damaged"* ]]
	daxfs-branch abort good -m "$MNT"
}

@test "a branch whose renaming was cut short is mounted by its new name, first of all" {
	start pmem /tmp/base.img
	daxfs-branch create feature -m "$MNT" -p main
	touch "$MNT/x"
	daxfs-branch rename feature renamed -m "$MNT"
	umount "$MNT"
	# The entry that had the name until it was written has it still: being made, of the same generation.
	poke "$(table branches 2 256)" "$(sealed state "$MAKING" 2)" "$DAXFS_PMEM"
	poke "$(table branches 1 256) + 130" 'ature' "$DAXFS_PMEM"
	fsck.daxfs "$DAXFS_PMEM" | grep "renaming a branch was not finished"
	show branch=renamed
	[[ -e $MNT/x ]]
	is_clean
}

@test "a mount that becomes writable gives back what a writer left that stopped" {
	start pmem /tmp/base.img
	umount "$MNT"
	# A chunk for main's log, of which there is nothing in it yet.
	poke "$(table chunks 5 8)" "$(sealed log 0 1)" "$DAXFS_PMEM"
	run fsck.daxfs "$DAXFS_PMEM"
	[[ $status == 0 && $output == *"not used by the branch that owns it"*"left behind"* ]]
	mount -i -t daxfs -o ro,branch=main "$DAXFS_PMEM" "$MNT"
	mount -o remount,rw "$MNT"
	touch "$MNT/x"
	is_clean
}

# Siblings of main at /mnt/one and /mnt/two; main at $MNT.
siblings() {
	start "$1" /tmp/base.img
	mkdir -p /mnt/one /mnt/two
	daxfs-branch create one -m /mnt/one -p main --volume "$MNT"
	daxfs-branch create two -m /mnt/two -p main --volume "$MNT"
}

@test "siblings side by side: what one writes nobody else sees" {
	siblings phys
	edit_tree /mnt/one
	echo two >/mnt/two/created
	mkdir -p /mnt/three
	mount -i -t daxfs -o "$OPTS,branch=one" none /mnt/three
	same /tmp/edited /mnt/one
	same /tmp/edited /mnt/three
	same /tmp/base "$MNT"
	[ "$(cat /mnt/two/created)" = two ]
	rm /mnt/two/created
	touch -d '2001-02-03 04:05:06.789 UTC' /mnt/two
	same /tmp/base /mnt/two
	daxfs-branch commit one -m /mnt/one
	for mount in /mnt/one /mnt/three "$MNT"; do same /tmp/edited "$mount"; done
	is_clean
}

@test "what is open and mapped in a discarded sibling is stale at once, on the winner it is read on" {
	for backing in $(backings); do
		siblings "$backing"
		views commit /mnt/one /mnt/two
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "the same when what is discarded lies two levels below the sibling" {
	siblings pmem
	daxfs-branch create deep -m /mnt/two -p two
	echo x >/mnt/two/between
	daxfs-branch create deeper -m /mnt/two -p deep
	views commit /mnt/one /mnt/two
	# The mount of what was discarded is named, and nothing else of it.
	[ "$(daxfs-branch list -m "$MNT" -rno NAME,STATE | grep -E '^(two|deep|deeper) ')" = "deeper discarded" ]
	is_clean
}

@test "what is open and mapped in an aborted branch is stale at once, and its parent is shown" {
	for backing in $(backings); do
		siblings "$backing"
		views abort /mnt/two
		# The other one is none the worse for it.
		echo still >/mnt/one/there
		[ "$(cat /mnt/one/there)" = still ]
		unmount_all
	done
}

# Files without a name, of 1 MiB, and a branch over them, in which FIRST and SECOND, Python, are run; then the branch is ENDed.
nameless() {
	python3 - "$MNT" "$1" "$2" "$3" <<'PY'
import ctypes, errno, mmap, os, subprocess, sys
mount, end, first, second = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def command(*args):
    subprocess.run(["daxfs-branch", *args, "-m", mount], check=True, stdout=subprocess.DEVNULL)
def link(fd, name):
    ret = libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, f"{mount}/{name}".encode(), 0x400)
    return ctypes.get_errno() if ret else 0
def holds(fd, data):
    return os.pread(fd, len(data) + 1, 0) == data == maps[fd][:]
def fails(fd):
    try:
        os.pread(fd, 1, 0)
    except OSError as e:
        return e.errno
def change(fd, data):
    os.fchmod(fd, 0o600)
    os.pwrite(fd, b"X", 5000)
    return data[:5000] + b"X" + data[5001:]
one, two = os.urandom(1 << 20), os.urandom(1 << 20)
made = os.open(f"{mount}/made", os.O_RDWR | os.O_CREAT)
os.write(made, one)
os.unlink(f"{mount}/made")
tmp = os.open(mount, os.O_TMPFILE | os.O_RDWR)
os.write(tmp, two)
base = os.open(f"{mount}/big", os.O_RDWR)
three = os.pread(base, 4000000, 0)
os.unlink(f"{mount}/big")
maps = {fd: mmap.mmap(fd, 0, prot=mmap.PROT_READ) for fd in (made, tmp, base)}
command("create", "over")
exec(first)
command(end)
exec(second)
PY
}

# All blocks but a few for the log are free again, when those who might read them have had their time.
frees() {
	for _ in {1..100}; do
		(($(stat -f -c %f "$MNT") < $1)) || return 0
		sleep 0.2
	done
	stat -f -c "%f of $1 are free" "$MNT"
	return 1
}

@test "a file without a name keeps its bytes when a branch is made, and has them when that is committed" {
	start pmem /tmp/base.img
	nameless commit '
one, two, three = change(made, one), change(tmp, two), change(base, three)
assert holds(made, one) and holds(tmp, two) and holds(base, three)
# What it is made of would go with what is open, but the name would stay.
assert link(tmp, "named") == errno.ENOENT and not os.path.exists(f"{mount}/named")
' '
assert holds(made, one) and holds(tmp, two) and holds(base, three)
assert link(tmp, "named") == 0
command("create", "another")
open("/tmp/two", "wb").write(two)
'
	cmp "$MNT/named" /tmp/two
	again branch=another,validate
	cmp "$MNT/named" /tmp/two
	[ ! -e "$MNT/big" ]
	is_clean
}

@test "files without a name that a branch was made over give their blocks back when it is gone and they are closed" {
	start pmem /tmp/base.img
	free=$(stat -f -c %f "$MNT")
	# What the branch has changed is stale with it; what it has not is as before.
	nameless abort '
change(made, one), change(base, three)
' '
assert fails(made) == fails(base) == errno.ESTALE
assert holds(tmp, two)
'
	frees $((free - 64))
	umount "$MNT" && start pmem /tmp/base.img
	# Closed before the branch goes.
	nameless commit '
change(tmp, two)
maps.clear()
for fd in made, tmp: os.close(fd)
' ''
	frees $((free - 64))
	is_clean
}

@test "switch shows another branch in the same mount" {
	start phys /tmp/base.img
	daxfs-branch create one -m "$MNT" -p main
	echo one >"$MNT/created"
	daxfs-branch create two -m "$MNT" -p main
	[ ! -e "$MNT/created" ]
	echo two >"$MNT/created"
	daxfs-branch switch one -m "$MNT"
	[ "$(cat "$MNT/created")" = one ]
	daxfs-branch switch two -m "$MNT"
	[ "$(cat "$MNT/created")" = two ]
	daxfs-branch switch main -m "$MNT"
	[ ! -e "$MNT/created" ]
	same /tmp/base "$MNT"
}

@test "commit --to-root takes a branch three levels up in one command" {
	start pmem /tmp/base.img
	for level in 1 2 3; do
		daxfs-branch create "level$level" -m "$MNT"
		echo "$level" >"$MNT/level$level"
	done
	daxfs-branch commit --to-root -m "$MNT"
	[ "$(cat "$MNT"/level{1,2,3} | tr '\n' ' ')" = "1 2 3 " ]
	[ "$(daxfs-branch list -m "$MNT" -nr -o NAME)" = main ]
	again branch=main,validate
	[ "$(cat "$MNT"/level{1,2,3} | tr '\n' ' ')" = "1 2 3 " ]
}

@test "who may not mount may not branch either" {
	start pmem /tmp/base.img
	run setpriv --reuid 65533 --clear-groups daxfs-branch create mine -m "$MNT"
	[ "$status" -ne 0 ]
	[ "$(daxfs-branch list -m "$MNT" -nr -o NAME)" = main ]
	# But the owner of the root may.
	chown 65533 "$MNT"
	setpriv --reuid 65533 --clear-groups "$BIN/daxfs-branch" create mine -m "$MNT"
	setpriv --reuid 65533 --clear-groups "$BIN/daxfs-branch" abort -m "$MNT"
}

@test "32 branches, each the child of the one before: each level shows what it should, and all space comes back" {
	start pmem /tmp/base.img
	free=$(stat -f -c %f "$MNT")
	rounds nest "$MNT" 32
	again branch=level32
	rounds unnest "$MNT" 32
	# main has a few bytes of its own.
	(($(stat -f -c %f "$MNT") >= free - 64))
	is_clean
}

@test "200 siblings: committing one discards the others and what is below them, and nothing else" {
	start phys /tmp/base.img
	free=$(stat -f -c %f "$MNT")
	rounds siblings "$MNT" 200 77
	run daxfs-branch list -m "$MNT" -nr -o NAME
	[ "${lines[*]}" = "main trunk" ]
	daxfs-branch abort -m "$MNT"
	[ "$(stat -f -c %f "$MNT")" -eq "$free" ]
	same /tmp/base "$MNT"
	is_clean
}
