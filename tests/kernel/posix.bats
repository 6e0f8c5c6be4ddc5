#!/usr/bin/env bats
# What POSIX and Linux promise of a file system that can be written to, on a branch.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

setup() {
	start pmem /tmp/base.img
	cd "$MNT"
}

teardown() {
	cd /
	umount /mnt/merged 2>/dev/null || :
	unmount_all
}

# fails ERRNO-TEXT COMMAND...
fails() {
	run "${@:2}"
	[ "$status" -ne 0 ]
	[[ $output == *"$1"* ]]
}

# Everything about times in nanoseconds.
times() { stat -c '%.9X %.9Y %.9Z' "$1"; }
mtime() { stat -c %.9Y "$1"; }
ctime() { stat -c %.9Z "$1"; }

# later A B: time A is later than B; both have nine digits after the point.
later() { ((10#${1/./} > 10#${2/./})); }

@test "xattrs: no more than listxattr can tell of: ENOSPC; what is there can be changed and removed, and makes room" {
	python3 - <<'PY'
import errno, os
def name(i):
    return "user.%0200d" % i
open("many", "w").close()
i = 0
try:
    while i < 1000:
        os.setxattr("many", name(i), b"v")
        i += 1
except OSError as e:
    assert e.errno == errno.ENOSPC, e
assert i == 65536 // 206, i
assert len(os.listxattr("many")) == i
os.setxattr("many", name(3), b"another")
os.removexattr("many", name(4))
os.setxattr("many", name(i), b"v")
assert len(os.listxattr("many")) == i
PY
}

@test "names: too long, there already, not there, not empty, no directory, into itself" {
	long=$(printf 'n%.0s' {1..255})
	touch "$long" && mkdir "d$(printf 'n%.0s' {1..254})"
	fails "File name too long" touch "x$long"
	fails "File name too long" mkdir "x$long"
	# Each call with the error it must give; ln and mv look for themselves first.
	python3 - <<'PY'
import errno, os
def fails(error, call, *args):
    try:
        call(*args)
    except OSError as e:
        assert e.errno == getattr(errno, error), f"{call.__name__}{args}: {e}"
    else:
        raise AssertionError(f"{call.__name__}{args} worked")
fails("EEXIST", os.mkdir, "base")
fails("EEXIST", os.symlink, "x", "base/1")
fails("EEXIST", os.link, "base/1", "base/2")
fails("EEXIST", os.open, "base/1", os.O_CREAT | os.O_EXCL)
fails("ENOENT", os.link, "nowhere", "x")
fails("ENOENT", os.open, "nowhere", os.O_RDONLY)
fails("ENOTEMPTY", os.rmdir, "base")
os.mkdir("e")
fails("ENOTEMPTY", os.rename, "e", "base")
fails("ENOTEMPTY", os.rename, "base/1", "base")
fails("ENOTDIR", os.rmdir, "base/1")
fails("ENOTDIR", os.open, "base/1/x", os.O_CREAT)
fails("ENOTDIR", os.rename, "dir", "base/1")
fails("EISDIR", os.unlink, "base")
fails("EISDIR", os.rename, "base/1", "dir")
fails("EISDIR", os.open, "base", os.O_RDWR)
fails("EINVAL", os.rename, "dir", "dir/sub/x")
fails("EINVAL", os.truncate, "base/1", -1)
fails("EPERM", os.link, "base", "x")
# What may be replaced is.
os.mkdir("f")
os.rename("e", "f")
os.rename("base/2", "base/1")
assert sorted(os.listdir(".")).count("e") == 0 and not os.path.exists("base/2")
PY
	cmp base/1 /tmp/base/base/2
}

@test "links: the count goes up and down, and the bytes stay for the last name and the open file" {
	ln base/1 one && ln base/1 two
	[ "$(stat -c %h base/1)" -eq 3 ]
	rm base/1 one
	[ "$(stat -c %h two)" -eq 1 ]
	cmp two /tmp/base/base/1
	exec {fd}<two
	rm two
	cmp /proc/self/fd/$fd /tmp/base/base/1
	[ "$(stat -L -c %h /proc/self/fd/$fd)" -eq 0 ]
	exec {fd}<&-
	links=$(stat -c %h .)
	mkdir a && mkdir a/b
	[ "$(stat -c %h .)" -eq $((links + 1)) ]
	[ "$(stat -c %h a)" -eq 3 ]
	mv a/b .
	[ "$(stat -c %h . a | tr '\n' ' ')" = "$((links + 2)) 2 " ]
	[ "$(stat -c %i b/..)" = "$(stat -c %i .)" ]
}

@test "times: what changes a file sets its times, and all of them are the same after a remount" {
	old=$(mtime base/1) old_dir=$(mtime base)
	echo x >>base/1
	later "$(mtime base/1)" "$old"
	[ "$(mtime base)" = "$old_dir" ]
	old=$(ctime base/2) old_m=$(mtime base/2)
	sleep 0.02
	chmod 600 base/2
	later "$(ctime base/2)" "$old"
	[ "$(mtime base/2)" = "$old_m" ]
	touch base/new
	later "$(mtime base)" "$old_dir"
	old=$(ctime base/3)
	ln base/3 three
	later "$(ctime base/3)" "$old"
	truncate -s 10 base/4
	later "$(mtime base/4)" "$old_m"
	touch -d '2100-01-01 00:00:00.123456789 UTC' base/5
	touch -d '1960-01-01 00:00:00.987654321 UTC' base/6
	touch -h -d '1999-12-31 23:59:59.000000001 UTC' base/7
	[ "$(stat -c %y base/5)" != "$(stat -c %y /tmp/base/base/5)" ]
	# A write in place, whose time is written later than it is.
	echo y | dd of=base/1 conv=notrunc status=none
	sleep 0.02
	echo z | dd of=base/1 conv=notrunc status=none
	before=$(for f in . base base/*; do times "$f"; done)
	cd / && again && cd "$MNT"
	diff <(echo "$before") <(for f in . base base/*; do times "$f"; done)
	[ "$(TZ=UTC stat -c %y base/6)" = "1960-01-01 00:00:00.987654321 +0000" ]
}

born() { stat -c %.9W "$1"; }
# unborn FILE...: statx does not tell when they were made.
unborn() { [[ $(stat -c %w "$@" | sort -u) == - ]]; }

# bats test_tags=kernels
@test "birth: when a file was made in a branch is told for ever, whatever is changed; of a file of the base nobody knows it" {
	cd / && daxfs-branch create a -m "$MNT" && cd "$MNT"
	unborn . base base/* dir kept
	# touch would change it once more.
	: >made && mkdir made-dir && ln -s made made-link && mkfifo made-fifo && mknod made-node c 1 3 && cp kept copy
	made=(made made-dir made-link made-fifo made-node)
	for file in "${made[@]}"; do [[ $(born "$file") == "$(ctime "$file")" ]]; done
	python3 - <<'PY'
import ctypes, os, time
fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
time.sleep(0.05)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"made-tmp", 0x400) == 0
# RENAME_WHITEOUT
os.close(os.open("covered", os.O_CREAT))
assert libc.renameat2(-100, b"covered", -100, b"made-renamed", 4) == 0, ctypes.get_errno()
PY
	later "$(ctime made-tmp)" "$(born made-tmp)"
	[[ $(born covered) == "$(ctime covered)" ]]
	made+=(made-tmp made-renamed covered copy)
	all() { for file in "${made[@]}"; do born "$file"; done; }
	before=$(all)
	for file in "${made[@]}"; do ! unborn "$file" || false; done
	sleep 0.02
	chmod 640 made base/1 && chown 1:2 made-dir base/2
	touch -d '2100-01-01 UTC' made base/3 && touch -h -d '1960-01-01 UTC' made-link
	echo x >>made && echo x >>base/4 && truncate -s 100 copy base/5
	setfattr -n user.x -v y made && setfattr -n user.x -v y base/6
	touch made-dir/below base/below && ln made another && ln base/7 seven && mv made-fifo renamed && mv renamed made-fifo && mv base/8 eight
	rm base/below
	[[ $(all) == "$before" ]]
	unborn . base base/* dir kept seven eight
	# Often enough for the log to be written anew.
	python3 -c 'import os
for i in range(20000): os.chmod("base/9", 0o600 + i % 8)'
	cd / && again branch=a && cd "$MNT"
	[[ $(all) == "$before" ]]
	unborn . base base/* seven eight
	cd / && daxfs-branch commit -m "$MNT" && cd "$MNT"
	[[ $(all) == "$before" ]]
	cd / && again && cd "$MNT"
	[[ $(all) == "$before" ]]
	unborn . base base/* seven eight
	daxfsctl save -q --flat "$MNT" /tmp/flat.img
	cd / && unmount_all && mount_image pmem /tmp/flat.img && cd "$MNT"
	unborn "${made[@]}" base/*
}

@test "owner, set-group-id directories, sticky directories and modes are obeyed" {
	mkdir shared && chown 0:100 shared && chmod 2775 shared
	touch shared/file && mkdir shared/dir
	[ "$(stat -c '%g %a' shared/file)" = "100 644" ]
	[ "$(stat -c '%g %a' shared/dir)" = "100 2755" ]
	mkdir sticky && chmod 1777 sticky && touch sticky/mine
	fails "not permitted" setpriv --reuid 65533 --regid 65533 --clear-groups rm -f sticky/mine
	fails "Permission denied" setpriv --reuid 65533 --regid 65533 --clear-groups touch base/x
	fails "not permitted" setpriv --reuid 65533 --regid 65533 --clear-groups chmod 777 base/1
	# A write by somebody else takes set-user-id away.
	chmod 4777 base/1
	setpriv --reuid 65533 --regid 65533 --clear-groups bash -c 'echo x >>base/1'
	[ "$(stat -c %a base/1)" = 777 ]
}

@test "extended attributes of all kinds, and what is too much of them" {
	setfattr -n user.one -v 1 base/1
	setfattr -n trusted.two -v 2 base/1
	setfattr -n security.three -v 3 base/1
	setfattr -n user.empty base/1
	setfattr -n user.big -v "$(printf 'v%.0s' {1..4000})" base/1
	setfattr -h -n trusted.link -v l -h base/2
	fails "No such attribute" setfattr -x user.nothing base/1
	setfattr -n user.one -v eins base/1
	setfattr -x security.three base/1
	check() {
		[ "$(getfattr --absolute-names --only-values -n user.one "$MNT/base/1")" = eins ]
		[ "$(getfattr --absolute-names --only-values -n user.big "$MNT/base/1" | wc -c)" -eq 4000 ]
		[ "$(getfattr --absolute-names -m - "$MNT/base/1" | LC_ALL=C sort | tr '\n' ' ')" = " # file: $MNT/base/1 trusted.two user.big user.empty user.one " ]
	}
	# More than fits, or not: in either case the others stay.
	! setfattr -n user.huge -v "$(head -c 60000 /dev/zero | tr '\0' h)" base/1 || setfattr -x user.huge base/1
	check
	cd / && again
	check
}

# bats test_tags=kernels
@test "POSIX ACLs: inherited, shown, obeyed and kept" {
	mkdir acl
	setfacl -d -m u:65533:rwx,g:12:r acl
	setfacl -m u:65533:rwx acl
	touch acl/file && mkdir acl/dir
	getfacl -n acl/file 2>/dev/null | grep -q '^user:65533:rwx.*#effective:rw-'
	getfacl -n acl/dir 2>/dev/null | grep -q '^default:user:65533:rwx'
	setpriv --reuid 65533 --regid 65533 --clear-groups bash -c 'echo x >acl/file; touch acl/dir/his'
	setfacl -m u:65533:--- acl/file
	fails "Permission denied" setpriv --reuid 65533 --regid 65533 --clear-groups cat acl/file
	chmod 600 acl/file
	getfacl -n acl acl/file acl/dir acl/dir/his >/tmp/before 2>/dev/null
	cd / && again && cd "$MNT"
	diff /tmp/before <(getfacl -n acl acl/file acl/dir acl/dir/his 2>/dev/null)
	setfacl -b acl
	[ "$(getfacl -n acl 2>/dev/null | grep -c 65533)" -eq 0 ]
}

@test "O_TMPFILE: no name, then one; without one it leaves nothing" {
	free=$(stat -f -c %f .)
	python3 - <<'PY'
import ctypes, os
fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(fd, b"a" * 100000)
assert os.fstat(fd).st_nlink == 0
assert ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"named", 0x400) == 0
assert os.fstat(fd).st_nlink == 1
os.close(fd)
fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(fd, b"b" * 1000000)
PY
	[ "$(tr -d a <named | wc -c)" -eq 0 ]
	[ "$(stat -c '%s %a' named)" = "100000 640" ]
	rm named
	# The log of it may have begun a chunk.
	(($(stat -f -c %f .) >= free - 32))
}

@test "a directory whose names are renamed as they are read comes to an end, and shows all when it is read again" {
	python3 - <<'PY'
import os
os.mkdir("many")
for i in range(3000):
    os.close(os.open(f"many/{i}", os.O_CREAT))
fd = os.open("many", os.O_RDONLY)
seen = 0
for entry in os.scandir(fd):
    os.rename(f"many/{entry.name}", f"many/r{seen}")
    seen += 1
    assert seen <= 3000, "names come again"
assert seen == 3000
assert len(os.listdir(fd)) == 3000
open("many/later", "w")
assert "later" in os.listdir(fd)
PY
}

# bats test_tags=kernels
@test "device nodes, FIFOs and sockets can be made, and work" {
	mknod null c 1 3 && echo gone >null
	mknod zero c 1 5
	[ "$(head -c 5 zero | tr '\0' z)" = zzzzz ]
	mkfifo fifo
	echo through >fifo &
	[ "$(cat fifo)" = through ]
	wait $!
	python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect("sock")'
	cd / && again && cd "$MNT"
	[ "$(stat -c '%F %t:%T' null)" = "character special file 1:3" ]
	[ -p fifo ] && [ -S sock ]
}

@test "as the upper layer of overlayfs: copy-up, rename, whiteout, opaque directories" {
	mkdir upper work-dir
	mkdir -p /mnt/merged
	mount -t overlay -o "lowerdir=/tmp/base,upperdir=$MNT/upper,workdir=$MNT/work-dir" merged /mnt/merged
	cp -a /tmp/base /tmp/plain
	for tree in /mnt/merged /tmp/plain; do
		(
			cd "$tree"
			echo more >>base/1
			mv base/2 dir/sub/moved
			rm base/3
			rm -r dir/tree
			mkdir dir/tree && echo new >dir/tree/new
			chmod 600 base/4
			ln base/5 linked
			find . -newermt 2010-01-01 -exec touch -h -d '2005-05-05 05:05:05 UTC' {} +
		)
	done
	# What overlayfs keeps of the files above goes on being right when another mount changes names.
	second_main /mnt/other
	touch "$MNT/elsewhere"
	[[ -e /mnt/other/elsewhere ]]
	run treecmp /tmp/plain /mnt/merged
	echo "$output"
	[ "$status" -eq 0 ]
	umount /mnt/merged
	[ -c upper/base/3 ]
	[ "$(getfattr --only-values -n trusted.overlay.opaque upper/dir/tree)" = y ]
	# dmesg says it when the upper file system lacks what overlayfs would use.
	! dmesg | tail -n 30 | grep "overlayfs:.*upper fs"
	rm -rf /tmp/plain
}

@test "file handles of new files open them, and no file once it is gone" {
	echo text >new
	probe handle new .
	python3 - <<'PY'
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
fh = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mnt = ctypes.c_int()
assert libc.name_to_handle_at(-100, b"new", fh, ctypes.byref(mnt), 0) == 0
top = os.open(".", os.O_RDONLY)
fd = libc.open_by_handle_at(top, fh, os.O_RDONLY)
assert fd >= 0 and os.read(fd, 10) == b"text\n"
os.close(fd)
os.unlink("new")
open("/proc/sys/vm/drop_caches", "w").write("2")
assert libc.open_by_handle_at(top, fh, os.O_RDONLY) == -1 and ctypes.get_errno() == 116, ctypes.get_errno()
PY
}

# Inodes in memory, used or not. KASAN keeps what is free for a while, and counts it, too.
cached() {
	echo 1 >/sys/kernel/slab/daxfs_inode/shrink
	awk '$1 == "daxfs_inode" { print $2 }' /proc/slabinfo
}

@test "a file that was made without a name, and linked, leaves memory when nobody uses it" {
	# What other tests left.
	echo 2 >/proc/sys/vm/drop_caches
	sleep 1
	before=$(cached)
	python3 - <<'PY'
import os
proc = os.open("/proc/self/fd", os.O_RDONLY)
for i in range(500):
    fd = os.open(".", os.O_RDWR | os.O_TMPFILE, 0o644)
    os.link(str(fd), f"linked{i}", src_dir_fd=proc, follow_symlinks=True)
    os.close(fd)
PY
	[ "$(ls | grep -c linked)" -eq 500 ]
	(($(cached) >= before + 400))
	# Freed after a grace period.
	for _ in {1..100}; do
		echo 2 >/proc/sys/vm/drop_caches
		(($(cached) >= before + 200)) || break
		sleep 0.1
	done
	(($(cached) < before + 200))
}

@test "fsync, fdatasync, O_SYNC, sync and syncfs all work, on files and directories" {
	python3 - <<'PY'
import os
fd = os.open("synced", os.O_RDWR | os.O_CREAT | os.O_SYNC)
assert os.write(fd, b"x" * 10000) == 10000
os.fsync(fd)
os.fdatasync(fd)
d = os.open(".", os.O_RDONLY)
os.fsync(d)
os.sync()
PY
	sync -f synced
	[ "$(stat -c %s synced)" -eq 10000 ]
}

@test "a frozen file system lets writers wait, and go on" {
	fsfreeze -f "$MNT"
	(echo late >late) &
	writer=$!
	# It is asleep in the kernel, not on its way.
	for _ in {1..100}; do
		read -r _ _ state _ <"/proc/$writer/stat"
		[[ $state == D ]] && break
		sleep 0.05
	done
	[ "$state" = D ]
	[ ! -e late ]
	cat base/1 >/dev/null
	fsfreeze -u "$MNT"
	wait "$writer"
	[ "$(cat late)" = late ]
}

@test "statfs: blocks that are written are not free, and free again when they are deleted" {
	before=$(stat -f -c %f .)
	head -c 8388608 /dev/urandom >file
	during=$(stat -f -c %f .)
	((before - during >= 2048 && before - during < 2300))
	[ "$(stat -c %b file)" -eq 16384 ]
	rm file
	# Not quite: its writes are in the log until that is compacted.
	(($(stat -f -c %f .) >= before - 192))
	[ "$(stat -f -c '%s %l' .)" = "4096 255" ]
	(($(stat -f -c %b .) >= $(stat -f -c %f .)))
}

@test "remount read-only and back: EROFS in between, and another mount may write meanwhile" {
	mount -i -o remount,ro "$MNT"
	fails "Read-only file system" touch x
	mount -i -o remount,rw "$MNT"
	touch x
	exec {fd}>x
	fails "busy" mount -i -o remount,ro "$MNT"
	exec {fd}>&-
}

@test "a read-only mount of a writable image changes nothing, and two can look at one branch" {
	echo x >x
	cd / && umount "$MNT"
	mount -i -t daxfs -o ro "$DAXFS_PMEM" "$MNT"
	fails "Read-only file system" touch "$MNT/y"
	[ "$(cat "$MNT/x")" = x ]
	grep " $MNT daxfs ro," /proc/mounts
}

@test "a hundred thousand bytes at odd places, holes between them: SEEK_HOLE, FIEMAP and bytes agree" {
	python3 - <<'PY'
import os
fd = os.open("sparse", os.O_RDWR | os.O_CREAT)
model = bytearray(3000000)
for i in range(40):
    at = i * 70001 + 13
    os.pwrite(fd, bytes([i + 1]) * 1000, at)
    model[at:at + 1000] = bytes([i + 1]) * 1000
os.ftruncate(fd, len(model))
assert os.read(fd, len(model) + 1) == model
pos, data = 0, 0
while True:
    try:
        pos = os.lseek(fd, pos, os.SEEK_DATA)
    except OSError:
        break
    end = os.lseek(fd, pos, os.SEEK_HOLE)
    assert end > pos
    data += end - pos
    model[pos:end] = bytes(end - pos)
    pos = end
assert not any(model), "bytes in a hole"
assert data < 80 * 4096 + 1, data
PY
	cmp sparse <(cp --sparse=always sparse copy && cat copy)
}

@test "300 MB of delta area take 60,000 files of 1 to 4 KB" {
	cd / && unmount_all
	mkdaxfs -q -f -d /tmp/base -o "$DAXFS_PMEM" -w -D 300M
	mount -i -t daxfs -o rw "$DAXFS_PMEM" "$MNT"
	daxfs-branch create many -m "$MNT"
	rounds files "$MNT" 60000
	echo "# $(($(rounds used "$MNT") >> 20)) MiB are used" >&3
	START=pmem
	is_clean
}

@test "preallocation: truncating to the size that a file has gives it back; any mode to the end of the range; unsharing makes blocks one's own" {
	free() { stat -f -c %f .; }
	printf x >file
	before=$(free)
	fallocate -n -o 1M -l 2M file
	[ "$(stat -c %s:%b file)" = 1:$((8 + 4096)) ]
	truncate -s 1 file
	[ "$(stat -c %s:%b file)" = 1:8 ]
	(($(free) + 8 >= before))
	# Unshared, it takes space, and holds what it held.
	before=$(free)
	python3 - kept "$((0x40))" 0 40000 <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDWR)
args = [ctypes.c_long(int(a)) for a in sys.argv[2:]]
assert libc.fallocate(fd, *args) == 0, os.strerror(ctypes.get_errno())
PY
	(($(free) + 10 <= before))
	cmp kept /tmp/base/kept
	# Whatever another file system does of the following, this one does.
	mkdir -p /tmp/other && mountpoint -q /tmp/other || mount -t tmpfs none /tmp/other
	for dir in /tmp/other .; do
		python3 - "$dir/far" <<'PY'
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(fd, b"x")
end = (1 << 63) - 1
for mode in 3,:
    for start in end - 0x7ff, end - 0x800, end - 0x1000, end - 0x1001, end - 0x100000, 0, 1:
        for stop in end, end - 1, end - 0x7ff, end - 0xfff, end - 0x1000:
            if start < stop:
                done = libc.fallocate(fd, mode, ctypes.c_long(start), ctypes.c_long(stop - start))
                print(mode, hex(start), hex(stop), done and errno.errorcode[ctypes.get_errno()], os.fstat(fd).st_size)
PY
	done >/tmp/far
	umount /tmp/other
	half=$(($(wc -l </tmp/far) / 2))
	diff <(head -n "$half" /tmp/far) <(tail -n "$half" /tmp/far)
}

@test "st_blocks is counted on with what is done, and the same when it is counted anew" {
	python3 - <<'PY'
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def fallocate(fd, mode, pos, length):
    assert libc.fallocate(fd, mode, ctypes.c_long(pos), ctypes.c_long(length)) == 0
for name in "big", "base/1", "new":
    def step(what, do):
        fd = os.open(name, os.O_RDWR | os.O_CREAT)
        os.fstat(fd)
        do(fd)
        counted = os.fstat(fd).st_blocks
        os.close(fd)
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("2")
        anew = os.stat(name).st_blocks
        assert counted == anew, (name, what, counted, anew)
    step("open", lambda fd: None)
    step("write", lambda fd: os.pwrite(fd, b"y" * 10000, 5000))
    step("far", lambda fd: os.pwrite(fd, b"y" * 5000, 9000000))
    step("punch", lambda fd: fallocate(fd, 3, 6000, 20000))
    step("punch hole", lambda fd: fallocate(fd, 3, 4000000, 6000000))
    step("fill", lambda fd: fallocate(fd, 0, 3000, 100000))
    step("zero", lambda fd: fallocate(fd, 0x10, 1000, 20000))
    step("keep", lambda fd: fallocate(fd, 1, 20000000, 100000))
    step("longer", lambda fd: os.ftruncate(fd, 20050000))
    step("same", lambda fd: os.ftruncate(fd, 20050000))
    step("shorter", lambda fd: os.ftruncate(fd, 7001))
    def store(fd):
        with mmap.mmap(fd, 4096) as m:
            m[0] = 1
    step("punch 0", lambda fd: fallocate(fd, 3, 0, 4096))
    step("store", store)
    step("empty", lambda fd: os.ftruncate(fd, 0))
PY
}

@test "positions in a directory fit 31 bits, of names that were made too; reads that must not wait are done" {
	mkdir made && touch made/{1..50} base/{made,more}
	python3 - <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
libc.readdir.argtypes = libc.telldir.argtypes = libc.closedir.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
def name(entry):
    return ctypes.string_at(entry + 19)
for path in b"made", b"base", b".":
    d = libc.opendir(path)
    seen = []
    while True:
        pos, entry = libc.telldir(d), libc.readdir(d)
        assert pos < 1 << 31, (path, pos)
        if not entry:
            break
        seen.append((pos, name(entry)))
    assert sorted(n for _, n in seen) == sorted(os.listdir(path) + [b".", b".."]), seen
    for pos, want in seen:
        libc.seekdir(d, pos)
        assert name(libc.readdir(d)) == want
    libc.closedir(d)
# Of a file that the branch has changed, and of one that it has not.
for path in "base/2", "base/3":
    if path == "base/3":
        os.truncate(path, 8000)
    with open(path, "rb") as f:
        want = f.read()
        buf = bytearray(len(want))
        assert os.preadv(f.fileno(), [buf], 0, os.RWF_NOWAIT) == len(want) and buf == want, path
PY
}

@test "fsync of a file of a read-only image is done; what is said to be available can be written" {
	mkdaxfs -f -q -d /tmp/base -o /tmp/ro.img
	memwrite "$DAXFS_PHYS_ADDR" /tmp/ro.img
	mkdir -p /mnt/ro
	mount -i -t daxfs -o "phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE" none /mnt/ro
	python3 - <<'PY'
import errno, os
for path in "/mnt/ro/kept", "/mnt/ro/base":
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)
with open("all", "wb", buffering=0) as f:
    avail = os.statvfs(".").f_bavail * 4096
    piece = b"a" * (1 << 20)
    done = 0
    try:
        while done < avail:
            done += f.write(piece[:avail - done])
    except OSError as e:
        assert e.errno == errno.ENOSPC
    assert done == avail, (done, avail)
    try:
        while done < 2 * avail:
            done += f.write(piece)
    except OSError as e:
        assert e.errno == errno.ENOSPC
    assert done <= avail + avail // 100 + (1 << 20), (done, avail)
PY
}
