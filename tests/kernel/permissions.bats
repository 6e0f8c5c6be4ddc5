#!/usr/bin/env bats
# Who may do what, and who is told what: branches, mounts, memory, and mounts that map users.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 64M
}

setup() {
	start pmem /tmp/base.img
}

teardown() {
	umount -R /mnt/bound 2>/dev/null || :
	unmount_all
}

branches() { daxfs-branch list -m "$MNT" -nr -o NAME | LC_ALL=C sort | tr '\n' ' '; }

# A branch at /mnt/NAME whose root is UID's.
branch_of() {
	mkdir -p "/mnt/$2"
	daxfs-branch create "$2" -q -m "/mnt/$2" --volume "$MNT" -p "${3:-main}"
	chown "$1" "/mnt/$2"
}

@test "verb by verb: a branch is changed by root and the owner of its root, not by that of another branch" {
	branch_of 65533 mine
	branch_of 65532 yours
	branch_of 0 roots yours
	may <<-'EOF'
		EPERM 65531 /mnt/mine create x
		EPERM 65531 /mnt/mine switch main
		EPERM 65531 /mnt/mine commit
		EPERM 65531 /mnt/mine abort
		EPERM 65531 /mnt/mine rename mine x
		EPERM 65533 /mnt/mine stay x main
		EPERM 65533 /mnt/mine create x yours
		EPERM 65533 /mnt/mine switch yours
		EPERM 65533 /mnt/mine switch main
		EPERM 65533 /mnt/mine commit yours
		EPERM 65533 /mnt/mine abort yours
		EPERM 65533 /mnt/mine abort roots
		EPERM 65533 /mnt/mine rename yours x
		EPERM 65533 /mnt/mine rename roots x
		EPERM 65533 /mnt/mine commit
		EPERM 65533 /mnt/mine to-root
		EPERM 65532 /mnt/yours abort yours
		ok 65533 /mnt/mine rename mine his
		ok 65533 /mnt/mine stay below
		ok 65533 /mnt/mine switch below
		ok 65533 /mnt/mine switch his
		ok 65533 /mnt/mine create over below
		ok 65533 /mnt/mine switch his
		ok 65533 /mnt/mine abort below
	EOF
	[ "$(branches)" = "his main roots yours " ]
	may <<-'EOF'
		ok 0 /mnt/mine abort roots
		ok 0 /mnt/mine abort yours
		ok 65533 /mnt/mine commit
	EOF
	[ "$(branches)" = "main " ]
}

@test "commit --to-root asks for each branch on the way before it changes the first" {
	branch_of 0 middle
	branch_of 65533 mine middle
	may <<<"EPERM 65533 /mnt/mine to-root"
	[ "$(branches)" = "main middle mine " ]
	may <<<"ok 65533 /mnt/mine commit"
	[ "$(branches)" = "main middle " ]
}

@test "a branch that no mount shows is its owner's all the same" {
	branch_of 65533 mine
	branch_of 65532 yours
	umount /mnt/yours
	may <<-'EOF'
		EPERM 65533 /mnt/mine abort yours
		EPERM 65533 /mnt/mine commit
	EOF
	umount /mnt/mine
	daxfs-branch mount yours /mnt/yours --volume "$MNT"
	may <<-'EOF'
		EPERM 65532 /mnt/yours abort mine
		ok 65532 /mnt/yours abort
	EOF
}

# Of everything that a branch can change, also through names and by ways that it did not touch; beside what nobody has changed.
change_much() {
	cd "$1" || return
	echo new >new
	echo more >>deep/way/down/file
	echo x >>hard/a
	rm gone/inner/x && rmdir gone/inner && rm gone/y && rmdir gone
	mv moved elsewhere/moved && echo y >>elsewhere/moved/below/file
	mv old new-name
	chmod 600 mode && setfattr -n user.a -v b xattr && truncate -s 3 short
	mkdir -p made/in && mv replaced made/in && echo z >replaced
	mv secret/known known
	ln linked made/linked
	rm kept && echo other >kept
	touch -d @1 times && chmod 750 deep/way
	# More than a page holds. In a shell that bats does not watch line by line.
	bash -c 'for ((i = 0; i < 2600; i++)); do printf -v name "a name that is long enough to fill a page, number %0195d" "$i"; echo >"made/$name"; done'
	printf odd >$'made/line\nbreak'
	cd / || return
}

@test "diff and commit --dry-run: the owner of a branch's root is told what root is, others nothing, and none of what the branch did not touch" {
	mkdir -p "$MNT"/{deep/way/down,hard,gone/inner,moved/below,elsewhere,secret/vault/most,other}
	for file in deep/way/down/file hard/a gone/inner/x gone/y moved/below/file old mode xattr short replaced secret/known linked kept times \
		secret/untouched secret/vault/most/untouched; do
		echo "$file" >"$MNT/$file"
	done
	ln "$MNT/hard/a" "$MNT/other/b"
	chmod 700 "$MNT/secret"
	chmod 700 "$MNT/deep"
	branch_of 65533 mine
	branch_of 65532 yours
	change_much /mnt/mine
	sync -f /mnt/mine
	owner() { setpriv --reuid 65533 --regid 65533 --clear-groups "$@"; }
	stranger() { setpriv --reuid 65532 --regid 65532 --clear-groups "$@"; }
	daxfs-branch diff -m /mnt/mine >/tmp/root
	grep -v 'a name that is long' /tmp/root
	diff - <(grep -v 'a name that is long' /tmp/root) <<-'EOF'
		D /gone
		D /gone/inner
		D /gone/inner/x
		D /gone/y
		M /
		M /deep/way
		M /deep/way/down/file
		R /moved -> /elsewhere/moved
		M /elsewhere/moved/below/file
		M /hard/a
		M /kept
		R /secret/known -> /known
		A /made
		A /made/in
		R /replaced -> /made/in/replaced
		A /made/line\x0abreak
		A /made/linked
		M /mode
		A /new
		R /old -> /new-name
		M /other/b
		A /replaced
		M /short
		M /times
		M /xattr
	EOF
	[ "$(grep -c '^A /made/a name that is long' /tmp/root)" = 2600 ]
	for form in --stat -J; do
		daxfs-branch diff $form -m /mnt/mine >/tmp/root
		owner daxfs-branch diff $form -m /mnt/mine | diff /tmp/root -
	done
	owner daxfs-branch diff mine -J --source /mnt/mine | diff /tmp/root -
	# As it is read without a kernel, too.
	head -c "$(stat -c %s /tmp/base.img)" "$DAXFS_PMEM" >/tmp/copy.img
	daxfs-branch diff mine -J --source /tmp/copy.img | diff /tmp/root -
	rm /tmp/copy.img
	jq -e '.changes | length > 2600' /tmp/root
	owner daxfs-branch diff -m /mnt/mine >/tmp/root
	owner daxfs-branch commit --dry-run -m /mnt/mine >/tmp/mine
	grep -v '^would discard' /tmp/mine | diff /tmp/root -
	grep 'would discard branch "yours"' /tmp/mine
	# The call itself, in pages of any size, tells nothing of what it did not touch.
	owner "$BIN/kernel/may" pages /mnt/mine 1048576 | sort -u >/tmp/pages
	grep -q ' file$' /tmp/pages
	[ -z "$(grep -e untouched -e vault -e most /tmp/pages)" ]
	owner "$BIN/kernel/may" pages /mnt/mine 1024 | sort -u | cmp - /tmp/pages
	for who in "stranger /mnt/yours" "stranger /mnt/mine" "owner /mnt/yours"; do
		read -r as at <<<"$who"
		run "$as" daxfs-branch diff mine -m "$at"
		echo "$output"
		[[ $status -eq 4 && $output == *"only the owner "*" may "* ]]
	done
	run owner daxfs-branch diff yours -m /mnt/mine
	[[ $status -eq 4 && $output == *"yours: only the owner "*" may "* ]]
	run owner daxfs-branch diff main -m /mnt/mine
	[[ $status -eq 4 && $output == *"main: only the owner "*" may "* ]]
	# One that no mount shows, and through a mount that is read-only.
	branch_of 65533 view
	mkdir -p /mnt/bound
	umount /mnt/mine
	owner daxfs-branch diff mine -m /mnt/view | diff /tmp/root -
	mount --bind /mnt/view /mnt/bound
	mount -o remount,bind,ro /mnt/bound
	owner daxfs-branch diff mine -m /mnt/bound | diff /tmp/root -
	run stranger daxfs-branch diff mine -m /mnt/yours
	[ "$status" -eq 4 ]
}

@test "a page of a diff that does not go with the one before is refused, and what nobody may ask for" {
	branch_of 65533 mine
	setpriv --reuid 65533 --regid 65533 --clear-groups bash -c 'cd /mnt/mine && for ((i = 0; i < 100; i++)); do echo >$i; done'
	setpriv --reuid 65533 --regid 65533 --clear-groups "$BIN/kernel/may" mixed /mnt/mine
}

@test "a read-only bind mount changes no branch, and not what the mount beside it shows" {
	daxfs-branch create other -q --stay -m "$MNT"
	chown 65533 "$MNT" 2>/dev/null || :
	mkdir -p /mnt/bound
	mount --bind "$MNT" /mnt/bound
	mount -o remount,bind,ro /mnt/bound
	may <<-'EOF'
		EROFS 0 /mnt/bound switch other
		EROFS 0 /mnt/bound create x
		EROFS 0 /mnt/bound abort other
		EROFS 0 /mnt/bound rename other x
	EOF
	# Where all of it was mounted read-only, root may switch it, and nobody else.
	umount /mnt/bound
	daxfs-branch abort other -q -m "$MNT"
	chown 65533 "$MNT"
	daxfs-branch create other -q --stay -m "$MNT"
	umount "$MNT"
	show branch=main,ro
	may <<-'EOF'
		EROFS 65533 /mnt/daxfs switch other
		ok 0 /mnt/daxfs switch other
	EOF
	[[ $(findmnt -nro OPTIONS "$MNT") == *branch=other* ]]
}

@test "a context of a user namespace that names a mount keeps nothing in use" {
	# So that the copy of the mount in the other namespace goes with it.
	mount --make-shared /
	coproc NAMED { exec setpriv --reuid 65533 --regid 65533 --clear-groups "$BIN/kernel/may" fsopen "$MNT/kept"; }
	read -r -t 60 line <&"${NAMED[0]}"
	[ "$line" = named ]
	umount "$MNT"
	# For himself, which no mount's device can be had for.
	python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)' "$DAXFS_PMEM"
	kill "$NAMED_PID"
	mount --make-private /
}

@test "where memory is, and which hosts there are, is told to root alone" {
	unmount_all
	start phys /tmp/base.img
	mkdir -p /mnt/bound
	run setpriv --reuid 65533 --clear-groups cat /proc/mounts /proc/self/mountinfo
	[[ $output == *daxfs*phys=0x0,size=* && $output != *"phys=$(printf %#x "$DAXFS_PHYS_ADDR")"* ]]
	[[ $(</proc/mounts) == *"phys=$(printf %#x "$DAXFS_PHYS_ADDR"),"* ]]
	[ "$(may told 65533 "$MNT")" = "phys 0 host " ]
	[ "$(may told 0 "$MNT")" = "phys $(printf %x "$DAXFS_PHYS_ADDR") host $(uname -n)" ]
	mount -o remount,noatime "$MNT"
}

@test "each branch has an f_fsid of its own, the same in each of its mounts, and main that of the image" {
	fsid() { stat -f -c %i "$1"; }
	main=$(fsid "$MNT")
	branch_of 0 one
	branch_of 0 two
	one=$(fsid /mnt/one) two=$(fsid /mnt/two)
	[[ $one != "$main" && $two != "$main" && $one != "$two" && $(fsid "$MNT") == "$main" ]]
	daxfs-branch abort two -q -m /mnt/two
	daxfs-branch switch one -q -m /mnt/two
	[ "$(fsid /mnt/two)" = "$one" ]
	umount /mnt/one /mnt/two
	daxfs-branch mount one /mnt/one --volume "$MNT"
	[ "$(fsid /mnt/one)" = "$one" ]
}

@test "a mount that maps users: owners, new files, xattrs, ACLs, file capabilities and whiteouts are the file system's own" {
	mkdir -p /mnt/bound
	chown 0:0 "$MNT" && chmod 755 "$MNT"
	# As for a container: its root is one user, all others are a range.
	map=$'0 100000 1\n1 200001 65534'
	may idmap "$MNT" /mnt/bound "$map"
	user() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
	[ "$(stat -c %u:%g /mnt/bound /mnt/bound/base/1 | sort -u)" = 100000:100000 ]
	user 100000 bash -c 'cd /mnt/bound && umask 022 && echo x >file && mkdir dir2 && ln -s x link && mkfifo fifo && cp file exe && echo y >>kept'
	[ "$(stat -c %u:%g "$MNT"/{file,dir2,link,fifo,exe} | sort -u)" = 0:0 ]
	# A user who is not in the map makes nothing, and owns nothing.
	run touch /mnt/bound/nobodys
	[[ $status -ne 0 && ! -e $MNT/nobodys ]]
	user 100000 setfattr -n user.a -v b /mnt/bound/file
	[ "$(getfattr --only-values -n user.a "$MNT/file")" = b ]
	user 100000 setfacl -m u:200007:rwx,g:200008:r /mnt/bound/file
	[[ $(getfacl -nc "$MNT/file") == *user:7:rwx*group:8:r* ]]
	user 200007 test -x /mnt/bound/file
	run user 200008 test -x /mnt/bound/file
	[ "$status" -ne 0 ]
	user 100000 setfacl -d -m u:200007:rw /mnt/bound/dir2
	user 100000 touch /mnt/bound/dir2/child
	[[ $(getfacl -nc "$MNT/dir2/child") == *user:7:rw* ]]
	# What root of the container does: owners and capabilities of its own users.
	may inside "$map" bash -c 'cd /mnt/bound && chown 7:8 file && chown -h 9:9 link && setcap cap_net_raw+ep exe'
	[ "$(stat -c %u:%g "$MNT"/{file,link} | tr '\n' ' ')" = "7:8 9:9 " ]
	[[ $(may inside "$map" getcap /mnt/bound/exe) == *cap_net_raw=ep* ]]
	[[ $(getcap "$MNT/exe") == *cap_net_raw=ep* ]]
	user 100000 bash -c 'echo z >>/mnt/bound/exe'
	[ -z "$(getcap "$MNT/exe")" ]
	# renameat2(2) leaves a device 0,0 behind, of the mapped user.
	user 100000 python3 -c '
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.renameat2(-100, b"/mnt/bound/fifo", -100, b"/mnt/bound/moved", 4) == 0, os.strerror(ctypes.get_errno())
assert libc.renameat2(-100, b"/mnt/bound/exe", -100, b"/mnt/bound/moved", 4) == 0, os.strerror(ctypes.get_errno())'
	[ "$(stat -c '%F %u:%g' "$MNT"/{fifo,exe} | sort -u)" = "character special file 0:0" ]
	# Of another user, whom the map does not have.
	chmod 777 "$MNT"
	run user 65533 python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(ctypes.get_errno() if libc.renameat2(-100, b"/mnt/bound/file", -100, b"/mnt/bound/moved", 4) else 0)'
	[ "$status" -eq 75 ]
	chmod 755 "$MNT"
	# The root directory is the mapped user's, and so are branches.
	may <<-'EOF'
		EPERM 200007 /mnt/bound create x
		ok 100000 /mnt/bound create x
		ok 100000 /mnt/bound commit
	EOF
	umount /mnt/bound
	unmount_all
	show branch=main,validate
	[ "$(stat -c '%F %u:%g' "$MNT"/{file,exe} | tr '\n' ' ')" = "regular file 7:8 character special file 0:0 " ]
}

# The last of its VM, as nothing lifts it: physical memory cannot be written to any more, nor a module loaded.
@test "a kernel that is locked down mounts no range of physical memory, and goes on mounting devices" {
	[[ ${DAXFS_LOCKDOWN:-} ]] || skip "what comes after it in this VM would fail: DAXFS_LOCKDOWN=1 says that nothing does"
	mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
	[[ -e /sys/kernel/security/lockdown ]] || skip "the kernel has no lockdown"
	unmount_all
	start phys /tmp/base.img
	umount "$MNT"
	echo integrity >/sys/kernel/security/lockdown
	refuse -o "phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE" none
	[[ $output == *"locked down"* ]]
	start pmem /tmp/base.img
	echo x >"$MNT/file"
}
