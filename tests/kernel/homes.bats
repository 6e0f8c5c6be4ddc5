#!/usr/bin/env bats
# Who may write what after a commit or an abort: losers write nothing any more, whatever they have open, and a mount writes only where it is at home.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M -L homes
}

teardown() {
	unmount_all
}

# Siblings of main at /mnt/one and /mnt/two, made for these; main at $MNT.
siblings() {
	start "$1" /tmp/base.img
	mkdir -p /mnt/one /mnt/two
	daxfs-branch create one -m /mnt/one -p main --volume "$MNT"
	daxfs-branch create two -m /mnt/two -p main --volume "$MNT"
}

# options DIR: as /proc/self/mounts has them.
options() { findmnt -nro OPTIONS --mountpoint "$1"; }

# says TEXT COMMAND...: it fails, and says so.
says() {
	local text=$1
	shift
	run "$@"
	echo "$*: $output"
	[[ $status != 0 && $output == *"$text"* ]]
}

# dead DIR BRANCH: it shows nothing, and says of what.
dead() {
	[[ $(options "$1") == *"branch=$2,discarded"* ]]
	says "Stale file handle" ls "$1"
	says "Stale file handle" cat "$1/kept"
	says "Stale file handle" touch "$1/new"
	stat "$1" >/dev/null
	stat -f "$1" >/dev/null
	[[ $(stat -c %i "$1") == 1 ]]
}

@test "a loser's script that goes on writes nothing: by name, descriptor, current directory or mapping" {
	for backing in $(backings); do
		siblings "$backing"
		echo won >/mnt/one/created
		python3 - /mnt/two "$MNT" <<'PY'
import errno, mmap, os, signal, subprocess, sys
lost, main = sys.argv[1:]
os.chdir(f"{lost}/dir/sub")
root = os.open(lost, os.O_RDONLY)
names = ["../../kept", f"{lost}/changed", "file", "new", f"{lost}/created"]
for name in names:
    open(name, "a").write("loser")
fds = [os.open(name, os.O_RDWR) for name in names]
maps = [mmap.mmap(fd, 0) for fd in fds]
private = mmap.mmap(fds[0], 0, flags=mmap.MAP_PRIVATE)
private[0:1] = b"p"
base = os.open(f"{lost}/base/0", os.O_RDONLY)
read = mmap.mmap(base, 0, prot=mmap.PROT_READ)
assert len(read[:]) == 9000
subprocess.run(["daxfs-branch", "commit", "-q", "-m", "/mnt/one"], check=True)
before = subprocess.run(["tar", "-C", main, "-c", "."], check=True, stdout=subprocess.PIPE).stdout
def stale(what, *args):
    try:
        what(*args)
    except OSError as e:
        assert e.errno == errno.ESTALE, (what, args, e)
    else:
        raise AssertionError(f"{what} {args} still works")
for name in names:
    for what in os.stat, os.unlink, os.listxattr, lambda n: open(n), lambda n: open(n, "a"), lambda n: os.chmod(n, 0), lambda n: os.rename(n, n + "x"):
        stale(what, name)
for name in "made", "../made", f"{lost}/made", f"{lost}/dir/made":
    for what in os.mkdir, os.mkfifo, lambda n: open(n, "w"), lambda n: os.symlink("x", n):
        stale(what, name)
for name in ".", "..", f"{lost}/dir":
    for what in os.listdir, os.stat, os.chdir, os.statvfs:
        stale(what, name) if name != ".." else None
stale(os.listdir, root), stale(os.stat, "kept"), stale(os.fchmod, root, 0o700)
for fd in fds + [base]:
    for what in (lambda f: os.pread(f, 1, 0)), os.fstat, lambda f: os.lseek(f, 0, os.SEEK_DATA), lambda f: mmap.mmap(f, 4096, prot=mmap.PROT_READ):
        stale(what, fd)
for fd in fds:
    for what in (lambda f: os.write(f, b"x")), (lambda f: os.ftruncate(f, 0)), os.fsync, (lambda f: os.fchmod(f, 0)), (lambda f: os.posix_fallocate(f, 0, 10**6)), lambda f: os.setxattr(f, "trusted.x", b"y"):
        stale(what, fd)
def dies(touch):
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        touch()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGBUS, status
for m in maps:
    dies(lambda: m.__setitem__(0, 65)), dies(lambda: m[0])
dies(lambda: read[0]), dies(lambda: private[0]), dies(lambda: private.__setitem__(0, 65))
assert before == subprocess.run(["tar", "-C", main, "-c", "."], check=True, stdout=subprocess.PIPE).stdout
PY
		[[ $(<"$MNT/created") == won ]]
		dead /mnt/two two
		umount /mnt/two
		[[ $backing == dmabuf ]] || is_clean
		unmount_all
	done
}

@test "a discarded mount is listed, shows another branch only when it is switched to it, and what was open stays stale" {
	siblings pmem
	exec 7</mnt/two/base/0
	echo loser >/mnt/two/created
	daxfs-branch commit one -m /mnt/one
	dead /mnt/two two
	daxfs-branch list -m "$MNT" -nr -o NAME,STATE,TARGETS | grep -x "two discarded /mnt/two"
	daxfs-branch list -m /mnt/two -J | jq -e '.branches[] | select(.name == "two") | .state == "discarded" and .targets == ["/mnt/two"]'
	run daxfs-branch show -m /mnt/two
	[[ $output == *two*discarded*switch* ]]
	says discarded daxfs-branch commit -m /mnt/two
	says discarded daxfs-branch create sub -m /mnt/two
	mount -o remount,ro /mnt/two
	says "Stale file handle" mount -o remount,rw /mnt/two
	# Mounting what lies below it gives a mount of its own.
	daxfs-branch create three --stay -m "$MNT" -p main
	daxfs-branch switch three -m /mnt/two
	[[ $(options /mnt/two) == *branch=three* && $(options /mnt/two) != *discarded* ]]
	same /tmp/base /mnt/two
	says "Stale file handle" cat <&7
	exec 7>&-
	umount /mnt/two
	is_clean
}

@test "revived in a mode that writes it writes what it was switched to, and nothing else" {
	siblings phys
	daxfs-branch commit one -m /mnt/one
	daxfs-branch create three --stay -m "$MNT" -p main
	daxfs-branch switch three -m /mnt/two
	echo three >/mnt/two/created
	[[ $(</mnt/two/created) == three && ! -e $MNT/created ]]
	daxfs-branch create four -m /mnt/two
	echo four >/mnt/two/created
	daxfs-branch commit -m /mnt/two
	echo home >/mnt/two/created
	daxfs-branch commit -m /mnt/two
	says "Read-only file system" touch /mnt/two/created
	[[ $(<"$MNT/created") == home ]]
	is_clean
}

@test "create after its branch is gone takes a discarded mount along, too" {
	siblings pmem
	daxfs-branch abort two -m "$MNT"
	dead /mnt/two two
	daxfs-branch create next -m /mnt/two -p main
	echo next >/mnt/two/created
	[[ $(</mnt/two/created) == next && ! -e $MNT/created ]]
	is_clean
}

@test "a mount of main that creates and commits is writable in main again; so it is in between, level by level" {
	start pmem /tmp/base.img
	for level in 1 2 3; do daxfs-branch create "level$level" -m "$MNT"; done
	for level in 3 2 1; do
		echo "$level" >"$MNT/level$level"
		daxfs-branch commit -m "$MNT"
		echo "$level" >>"$MNT/level$level"
	done
	[[ $(options "$MNT") == rw,*branch=main* ]]
	daxfs-branch create again -m "$MNT"
	daxfs-branch abort -m "$MNT"
	echo main >"$MNT/main"
	is_clean
}

@test "a mount that was made for a branch goes on writing that, and shows the parent read-only" {
	siblings phys
	daxfs-branch create deep -m /mnt/one
	umount "$MNT"
	views keep /mnt/one
	[[ $(options /mnt/one) == rw,*branch=one* ]]
	views commit /mnt/two
	[[ $(options /mnt/two) == ro,*branch=main* ]]
	dead /mnt/one one
	is_clean
}

@test "after its commit it is at home in a branch that it creates, switches to or is remounted for" {
	siblings pmem
	umount "$MNT"
	exec 7</mnt/one/kept
	daxfs-branch commit -m /mnt/one
	[[ $(options /mnt/one) == ro,*branch=main* ]]
	says "Read-only file system" touch /mnt/one/x
	cmp - /tmp/base/kept <&7
	exec 7<&-
	daxfs-branch create next -m /mnt/one
	[[ $(options /mnt/one) == rw,*branch=next* ]]
	touch /mnt/one/next
	daxfs-branch commit -m /mnt/one
	says "Read-only file system" touch /mnt/one/x
	mount -o remount,rw /mnt/one
	touch /mnt/one/x
	mount -o remount,ro /mnt/one
	says "Read-only file system" touch /mnt/one/y
	says "read-only" daxfs-branch create no -m /mnt/one
	is_clean
}

@test "abort through the mount made for the branch shows the parent read-only, and through another one discards it" {
	siblings pmem
	echo lost >/mnt/one/created
	daxfs-branch abort -m /mnt/one
	[[ $(options /mnt/one) == ro,*branch=main* && ! -e /mnt/one/created ]]
	says "Read-only file system" touch /mnt/one/x
	daxfs-branch create below -m /mnt/two
	daxfs-branch abort two -m "$MNT"
	dead /mnt/two below
	touch "$MNT/x"
	is_clean
}

@test "a second mount of a branch that is being written is read-only, says so, and its files are the same ones" {
	start pmem /tmp/base.img
	mkdir -p /mnt/one
	daxfs-branch create one -m /mnt/one --volume "$MNT" -p main
	run daxfs-branch switch main -m /mnt/one
	echo "$output"
	[[ $status == 0 && $output == *read-only* ]]
	daxfs-branch abort one -m "$MNT"
	[[ $(options /mnt/one) == ro,*branch=main* ]]
	echo seen >"$MNT/seen"
	[[ $(</mnt/one/seen) == seen ]]
	says "Read-only file system" touch /mnt/one/x
	dmesg | tail -n 5
	[[ $(stat -c %d:%i /mnt/one/kept) == "$(stat -c %d:%i "$MNT/kept")" ]]
	says "are the same file" cp /mnt/one/kept "$MNT/kept"
	cmp "$MNT/kept" /tmp/base/kept
	says busy mount -o remount,rw /mnt/one
	daxfs-branch list -m /mnt/one -nr -o NAME,TARGETS | grep -x "main .*/mnt/one.*"
	# A file is locked through the mount that can write it, or not at all.
	says "No locks available" flock -n /mnt/one/kept true
	flock -n "$MNT/kept" flock -n "$MNT/changed" true
	# At home there, it writes when the other one is gone.
	umount "$MNT"
	touch /mnt/one/x
	[[ $(options /mnt/one) == rw,* ]]
	is_clean
}

@test "of two mounts that come to show main, the one that shows it first goes on writing" {
	start phys /tmp/base.img
	daxfs-branch create side -m "$MNT"
	mkdir -p /mnt/two
	mount -i -t daxfs -o "rw,$OPTS,branch=side" none /mnt/two
	[[ $(stat -c %d /mnt/two) == "$(stat -c %d "$MNT")" ]]
	umount /mnt/two
	mount -i -t daxfs -o "ro,$OPTS,branch=main" none /mnt/two
	daxfs-branch commit -m "$MNT"
	touch "$MNT/x" /tmp/x
	[[ -e /mnt/two/x ]]
	says "Read-only file system" touch /mnt/two/y
	umount /mnt/two
	daxfs-branch create side -m "$MNT"
	daxfs-branch create other --stay -m "$MNT" -p main
	mount -i -t daxfs -o "rw,$OPTS,branch=other" none /mnt/two
	daxfs-branch abort other -m /mnt/two
	[[ $(options /mnt/two) == ro,*branch=main* ]]
	daxfs-branch abort -m "$MNT"
	touch "$MNT/y"
	[[ -e /mnt/two/y ]]
	is_clean
}

# lie VERB NAME OTHER: from now on the region says something else of a branch, with checks that are right (tests/hostile/relate_command.c).
lie() {
	grep -qw iomem=relaxed /proc/cmdline || skip "the kernel lets nobody write a mounted range: iomem=relaxed is not on its command line"
	"$BIN/hostile/relate" "$DAXFS_PHYS_ADDR" "$@"
}

# soon COMMAND...: it fails as on something read-only, as soon as what the region says was looked at.
soon() {
	local tries

	for ((tries = 0; tries < 100; tries++)); do
		run "$@"
		[[ $status == 0 ]] || break
		sleep 0.1
	done
	echo "$*: $output"
	[[ $status != 0 && $output == *"Read-only file system"* ]]
}

@test "a mounted branch that the region says lies elsewhere is read-only, with a sentence, and abort discards it and nothing else" {
	for other in two none; do
		siblings phys
		echo mine >/mnt/one/created
		setfattr -n trusted.mine -v value /mnt/one/kept
		echo theirs >/mnt/two/created
		dmesg -C
		lie parent one "$other"
		soon touch /mnt/one/more
		dmesg | grep "homes: branch one is read-only: the region does not say any longer that it lies on main"
		[[ $(cat /mnt/one/created) == mine && $(getfattr -n trusted.mine --only-values /mnt/one/kept) == value ]]
		says "any longer that branch one lies on main" daxfs-branch commit -y -m /mnt/one
		says "any longer that branch one lies on main" daxfs-branch create child -m /mnt/one -p one
		daxfs-branch abort -m /mnt/one
		same /tmp/base /mnt/one
		[[ $(cat /mnt/two/created) == theirs ]]
		echo more >>/mnt/two/created
		says "Read-only file system" touch "$MNT/new"
		daxfs-branch commit -y -m /mnt/two
		[[ $(tail -n 1 "$MNT/created") == more ]]
		touch "$MNT/new"
		unmount_all
	done
	is_clean
}

@test "a branch that the region says lies on one that is being discarded stays" {
	siblings phys
	echo mine >/mnt/one/created
	lie parent one two
	daxfs-branch abort -m /mnt/two
	[[ $(cat /mnt/one/created) == mine ]]
	lie parent one main
	echo more >>/mnt/one/created
	daxfs-branch commit -y -m /mnt/one
	[[ $(tail -n 1 "$MNT/created") == more ]]
	is_clean
}

@test "a new entry on a branch that is written here is no branch" {
	start phys /tmp/base.img
	echo mine >"$MNT/created"
	lie new liar main
	mkdir -p /mnt/liar
	says "impossible parent of a branch" daxfsctl mount -o "rw,$OPTS,branch=liar" none /mnt/liar
	says "damaged" daxfs-branch switch liar -m "$MNT"
	dmesg | tail -n 20 | grep "lies on main, which is written here and has no children"
	echo more >>"$MNT/created"
	branch_is main
}

@test "a branch with a child that is shown here is not written, whatever the region says of the child" {
	start phys /tmp/base.img
	mkdir -p /mnt/one
	daxfs-branch create one -m /mnt/one -p main --volume "$MNT"
	echo mine >/mnt/one/created
	lie parent one none
	says "Read-only file system" touch "$MNT/new"
	says "Read-only file system" setfattr -n trusted.new -v value "$MNT/kept"
	dmesg | tail -n 20 | grep "branch main cannot be written.*children"
	[[ $(cat /mnt/one/created) == mine ]]
	lie parent one main
	lie state one 0x55
	# As after another kernel's abort: main is written when one is shown no more.
	touch "$MNT/new"
	dead /mnt/one one
}
