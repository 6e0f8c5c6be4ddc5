#!/usr/bin/env bats
# mkfs --tar: an image of an archive is the image of what unpacking it gives, whatever stands in the archive.
# shellcheck disable=SC2154 # setup.bash sets build

load setup

setup_file() {
	export SOURCE_DATE_EPOCH=1700000000
	make_tree
	# Root's, so that the archive says the same of it that a directory does; names that need a header of their own.
	local tree=$BATS_FILE_TMPDIR/tree long
	long=$(printf 'n%.0s' {1..200})
	mkdir -p "$tree/$long/$long"
	echo deep >"$tree/$long/$long/$long"
	ln -s "$long/$long/$long" "$tree/longlink"
	ln "$tree/$long/$long/$long" "$tree/hard to a long name"
	tar -C "$tree" -S --format=pax -cf "$BATS_FILE_TMPDIR/tree.tar" .
	mkdaxfs -q -d "$tree" -o "$BATS_FILE_TMPDIR/image"
}

setup() {
	tree=$BATS_FILE_TMPDIR/tree
	archive=$BATS_FILE_TMPDIR/tree.tar
	image=$BATS_TEST_TMPDIR/out.daxfs
	out=$BATS_TEST_TMPDIR/out.d
	mkdir "$out"
	cd "$BATS_TEST_TMPDIR" || return
	export ASAN_OPTIONS=detect_leaks=0
}

nothing_in() {
	[[ -z $(ls -A "$1") ]] || {
		ls -lA "$1"
		return 1
	}
}

# made PYTHON: odd.tar of what PYTHON adds to t with file(name, bytes) and add(name, type, ...).
made() {
	python3 - "$1" "${2:-pax}" <<-'END'
		import io, sys, tarfile
		t = tarfile.open('odd.tar', 'w', format={'pax': tarfile.PAX_FORMAT, 'gnu': tarfile.GNU_FORMAT}[sys.argv[2]])
		def add(name, type, data=b'', **more):
		    member = tarfile.TarInfo(name)
		    member.type = type
		    member.mode = 0o755
		    member.mtime = 1000000000
		    member.size = len(data)
		    for key, value in more.items():
		        setattr(member, key, value)
		    t.addfile(member, io.BytesIO(data))
		def file(name, data, **more):
		    add(name, tarfile.REGTYPE, data, **more)
		def dir(name, **more):
		    add(name, tarfile.DIRTYPE, **more)
		def link(name, to):
		    add(name, tarfile.LNKTYPE, linkname=to)
		def symlink(name, to):
		    add(name, tarfile.SYMTYPE, linkname=to)
		exec(sys.argv[1])
		t.close()
	END
}

# same_as_unpacked TAR [TAR-OPTION...]: the image of the archive is that of what tar makes of it.
same_as_unpacked() {
	local tar=$1
	shift
	mkdir u
	touch -d @0 u
	chmod 755 u
	tar -C u -xpf "$tar" "$@"
	# What the archive does not say of the top.
	tar -tf "$tar" | grep -qxF ./ || touch -d @0 u
	mkdaxfs -q -d u -o unpacked
	mkdaxfs -q -f --tar "$tar" -o "$image"
	daxfsctl fsck "$image" >/dev/null
	cmp "$image" unpacked
	rm -rf u unpacked
}

cat_image() {
	daxfsctl inspect "$image" cat "$1"
}

refused() {
	fails 1 mkdaxfs --tar odd.tar -o "$out/image"
	says "$1"
	nothing_in "$out"
}

@test "the image of an archive has the bytes of the image of the tree" {
	mkdaxfs -q --tar "$archive" -o "$image"
	daxfsctl fsck "$image"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
}

@test "so has one from standard input, as a file and as a pipe, from where it stands" {
	mkdaxfs -q --tar - -o "$image" <"$archive"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
	# shellcheck disable=SC2002 # a pipe is what this is about
	cat "$archive" | mkdaxfs -q -f --tar - -o "$image"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
	{ head -c 5120 /dev/zero && cat "$archive"; } >shifted
	{ dd bs=512 count=10 of=/dev/null status=none && mkdaxfs -q -f --tar - -o "$image"; } <shifted
	cmp "$image" "$BATS_FILE_TMPDIR/image"
}

@test "so have compressed ones" {
	local program any=
	for program in gzip bzip2 xz zstd lz4; do
		command -v $program >/dev/null || continue
		$program -c <"$archive" >compressed
		mkdaxfs -q -f --tar compressed -o "$image"
		cmp "$image" "$BATS_FILE_TMPDIR/image"
		any+=" $program"
	done
	echo "$any"
	[[ $any == *gzip*xz* ]]
}

@test "so have the other forms of tar" {
	local form
	for form in gnu oldgnu posix; do
		tar -C "$tree" -S --format=$form -cf odd.tar .
		same_as_unpacked odd.tar
	done
	rm -rf small
	mkdir small
	echo x >small/file
	mkdir small/dir
	for form in ustar v7; do
		tar -C small --format=$form -cf odd.tar file dir
		same_as_unpacked odd.tar
	done
}

@test "a root filesystem as docker export packs it, 5,000 entries and more, is the image of the unpacked tree" {
	[[ $(id -u) == 0 ]] || skip "needs root to unpack devices and owners"
	mkdir -p r/usr/{bin,share} r/dev r/home/user r/var/tmp
	cp -a /usr/share/{man,zoneinfo} r/usr/share/ 2>/dev/null
	cp -a /usr/bin/[a-c]* r/usr/bin/
	local i
	for ((i = 0; i < 5000; i++)); do : >"r/var/tmp/$i"; done
	ln -s usr/bin r/bin
	mknod r/dev/null c 1 3
	mknod r/dev/sda b 8 0
	mknod r/dev/odd c 4095 1048575
	mkfifo r/dev/initctl
	chmod 1777 r/var/tmp
	cp /bin/sh r/usr/bin/suid
	chmod 6755 r/usr/bin/suid
	ln r/usr/bin/suid r/home/user/hard
	chown -R 1000:1000 r/home/user
	chown 4000000000:3000000 r/var/tmp/7
	setfattr -n user.comment -v something r/usr/bin/cat 2>/dev/null && setfattr -n trusted.overlay.opaque -v y r/home
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 r/usr/bin/suid
	truncate -s 30M r/var/sparse
	printf middle | dd of=r/var/sparse bs=1 seek=11111111 conv=notrunc status=none
	(($(find r | wc -l) > 5000))
	(cd r && tar --format=pax --xattrs --xattrs-include='*' --numeric-owner -S -cf ../odd.tar -- *)
	same_as_unpacked odd.tar --xattrs --xattrs-include='*' --numeric-owner
	daxfsctl inspect "$image" stat /usr/bin/suid | grep -i 'links.*2'
	daxfsctl inspect "$image" ls -l /dev | grep -q '^crw.* 1, *3 .*null'
}

@test "owners, devices and capabilities of an archive need no root" {
	[[ $(id -u) == 0 ]] || skip "is not root: the other tests have shown it"
	open=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-tar.XXXXXX")
	chmod 777 "$open"
	made 'file("a", b"x", uid=7, gid=8, pax_headers={"SCHILY.xattr.security.capability": "abc"}); add("d", tarfile.CHRTYPE, devmajor=1, devminor=3)'
	cp odd.tar "$open"
	as_nobody() {
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	}
	as_nobody test -x "$build/mkdaxfs" || skip "nobody cannot get to $build"
	as_nobody "$build/mkdaxfs" -q --tar "$open/odd.tar" -o "$open/image"
	mkdaxfs -q --tar odd.tar -o "$image"
	cmp "$open/image" "$image"
	daxfsctl inspect "$image" ls -l / | grep -q '^crw.* 1, *3 .*d$'
}

teardown() {
	[[ -z ${open:-} ]] || rm -rf "$open"
}

@test "access control lists come out as the kernel keeps them, from lists of names, of numbers, and from xattrs" {
	[[ $(id -u) == 0 ]] || skip "needs root"
	mkdir t
	echo x >t/file
	mkdir t/dir
	setfacl -m u:0:rwx,u:12345:r,g:54321:x,m:rw t/file 2>/dev/null || skip "no access control lists here"
	setfacl -d -m u:0:rw t/dir
	chmod 2755 t/dir
	tar -C t --acls --format=pax -cf odd.tar .
	same_as_unpacked odd.tar --acls
	tar -C t --acls --xattrs --xattrs-include='*' --format=pax -cf odd.tar .
	same_as_unpacked odd.tar --acls
	# Where Linux keeps none.
	made 'a = {"SCHILY.acl.access": "user::rw-,user:0:r--:0,group::r--,mask::r--,other::r--"}
d = {"SCHILY.acl.default": a["SCHILY.acl.access"]}
symlink("l", "x"); add("m", tarfile.SYMTYPE, linkname="x", pax_headers=a); file("f", b"x", pax_headers=d); dir("d", pax_headers=a | d)'
	same_as_unpacked odd.tar --acls
	tar -C t --acls --xattrs --xattrs-include='*' --format=pax -cf odd.tar .
	# What an image holds is said by the one of -d.
	mkdaxfs -q -d t -o of-tree
	mkdaxfs -q -f --tar odd.tar -o "$image"
	cmp "$image" of-tree
	made 'file("a", b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:nobody-knows:r--,group::r--,mask::r--,other::r--"})'
	refused "odd.tar:a: has an access control list with a name that is not known here"
	# 2^31 - 1 is what libarchive makes of all numbers above it; an xattr has the number itself.
	made 'file("a", b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user::r--:3000000000,group::r--,mask::r--,other::r--"})'
	refused "odd.tar:a: has an access control list with a number that libarchive cannot tell"
	setfacl -m u:3000000000:r t/file
	tar -C t --acls --xattrs --xattrs-include='*' --format=pax -cf odd.tar .
	same_as_unpacked odd.tar --acls --xattrs --xattrs-include='*'
	# USER_OBJ rw-, GROUP_OBJ r--, OTHER r-- is the shortest list; what else may be wrong with one.
	local list=0200000001000600ffffffff04000400ffffffff20000400ffffffff bad
	raw() {
		made "import base64
add('a', tarfile.REGTYPE, pax_headers={'LIBARCHIVE.xattr.system.posix_acl_access': base64.b64encode(bytes.fromhex('$1')).decode()})"
	}
	raw $list
	mkdaxfs -q -f --tar odd.tar -o "$image"
	daxfsctl inspect "$image" stat a | grep -q posix_acl_access
	for bad in '' 020000 02000000 ${list%ff} 03${list#02} ${list/0600/0e00} ${list}40000400ffffffff ${list/20000400/11000400ffffffff20000400} ${list/04000400/10000400} \
		${list/01000600/02000600} 02000000${list:24}${list:8:16} $list${list:8:16} 0200000001000600ffffffff${list:8} \
		0200000001000600ffffffff020004000000000004000400ffffffff20000400ffffffff; do
		raw "$bad"
		refused "odd.tar:a: has an access control list that is not valid"
	done
	made 'file("b", b""); file("a", b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:0:odd:0,group::r--,mask::---,other::r--"})'
	refused "odd.tar: the archive is damaged: Parse error"
	says ", at a"
	made 'file("a", b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:nobody-knows:r--:77,group::---,mask::rw-,other::r--"})'
	mkdaxfs -q -f --tar odd.tar -o "$image"
	daxfsctl inspect "$image" ls -l | grep -q '^-rw-rw-r--'
}

@test "a directory may come after what is in it, or not at all" {
	made 'file("a/b/c", b"1"); dir("a", mode=0o700, uid=5); file("a/d", b"2"); dir("e/f")'
	mkdaxfs -q --tar odd.tar -o "$image"
	daxfsctl fsck "$image"
	[[ $(cat_image a/b/c)$(cat_image a/d) == 12 ]]
	daxfsctl inspect "$image" ls -l / | grep -q '^drwx------ .* 5 .* a$'
	daxfsctl inspect "$image" ls -l / | grep -q '^drwxr-xr-x .* 0 .* e$'
}

@test "of several members with one name the last one counts, and links to the earlier one keep it" {
	made 'file("a", b"first"); link("b", "a"); file("a", b"second"); link("c", "./a"); file("./x//y", b"1"); file("x/./y", b"22"); dir("x")'
	mkdaxfs -q --tar odd.tar -o "$image"
	daxfsctl fsck "$image"
	[[ $(cat_image a) == second && $(cat_image b) == first && $(cat_image c) == second && $(cat_image x/y) == 22 ]]
	same_as_unpacked odd.tar
	made 'dir("d"); symlink("d", "elsewhere"); file("f", b"x"); dir("f", mode=0o711); file("f/g", b"y"); dir("f", mode=0o722); link("f/g", "f/g")'
	same_as_unpacked odd.tar
}

@test "names are the bytes that they are, in any locale" {
	made 'file("gr\u00fc\u00dfe", b"1"); file("odd", b"2", pax_headers={"path": "b\udcffd"}); symlink("l", "\u4e2d\u6587"); symlink("m", "\udce4")
file("cesu", b"3", pax_headers={"path": "\udced\udca0\udcbd\udced\udcb8\udc80"})'
	LC_ALL=C mkdaxfs -q --tar odd.tar -o "$image"
	[[ $(cat_image $'grüße')$(cat_image $'b\xffd')$(cat_image $'\xed\xa0\xbd\xed\xb8\x80') == 123 ]]
	mv "$image" first
	mkdaxfs -q --tar odd.tar -o "$image"
	cmp "$image" first
	made 'file("gr\u00fc\u00dfe", b"1"); file("b\udcffd", b"2")' gnu
	same_as_unpacked odd.tar
	localedef -c -i POSIX -f ISO-8859-1 ./latin1 2>/dev/null || :
	[[ -d latin1 ]] || skip "no locale that is not UTF-8 can be made here"
	made 'file("gr\u00fc\u00dfe", b"1")'
	LOCPATH=$PWD LC_ALL=latin1 mkdaxfs -q -f --tar odd.tar -o "$image"
	[[ $(cat_image $'grüße') == 1 ]]
}

@test "--exclude leaves out of an archive what it leaves out of the tree, --all-root makes all of it root's" {
	mkdaxfs -q --exclude dir/sub --exclude hello --all-root --tar "$archive" -o "$image"
	mkdaxfs -q --exclude dir/sub --exclude hello --all-root -d "$tree" -o of-tree
	cmp "$image" of-tree
	# The other name of what is left out stays.
	[[ $(cat_image dir/hard) == "hello, world" ]]
}

@test "equal files of an archive are stored once, from the archive and from the spool" {
	made 'import os
a = os.urandom(300000)
file("a", a); file("b", a[:-1] + bytes([a[-1] ^ 1])); file("c", a)'
	run -0 mkdaxfs -n --tar odd.tar
	[[ $(awk '$1 == "data" { print $5 }' <<<"$output") == $((2 * 74)) ]]
	gzip odd.tar
	mkdaxfs -q --tar odd.tar.gz -o "$image"
	gunzip odd.tar.gz
	same_as_unpacked odd.tar
}

@test "holes are not read to find equal files: of 1 TB each, with holes elsewhere, from the archive and the tree" {
	mkdir t
	truncate -s 1T t/{a,b,c,d,e} 2>/dev/null || skip "no file can be so large here"
	local name
	for name in a b c d e; do
		printf 'the same' | dd of=t/$name bs=1 seek=500000000000 conv=notrunc status=none
	done
	# d has zeros where the others have a hole, c and e other bytes, of which e's are in another place.
	printf 'the SAME' | dd of=t/c bs=1 seek=500000000000 conv=notrunc status=none
	dd if=/dev/zero of=t/d bs=64K count=1 conv=notrunc status=none
	printf '\0\0\0\0\0\0\0\0' | dd of=t/e bs=1 seek=500000000000 conv=notrunc status=none
	printf 'the same' | dd of=t/e bs=1 seek=500001000000 conv=notrunc status=none
	# Two only, which are compared without a digest: one has a hole where the other one has bytes.
	truncate -s 1025G t/p t/q
	truncate -s 1026G t/r t/s
	for name in p s; do
		printf 'and more' | dd of=t/$name bs=1 seek=1000000000000 conv=notrunc status=none
	done
	tar -C t -S --format=pax -cf odd.tar .
	timeout 60 mkdaxfs -q -d t -o of-tree
	timeout 60 mkdaxfs -q --tar odd.tar -o "$image"
	cmp of-tree "$image"
	daxfsctl fsck "$image"
	for name in a b d c e; do
		daxfsctl inspect "$image" extents $name | md5sum
	done >sums
	[[ $(sed -n 1,3p sums | uniq | wc -l) == 1 && $(sed -n 3,5p sums | sort -u | wc -l) == 3 ]]
	[[ $(daxfsctl inspect "$image" extents p) != "$(daxfsctl inspect "$image" extents q)" ]]
	[[ $(daxfsctl inspect "$image" extents r) != "$(daxfsctl inspect "$image" extents s)" ]]
}

@test "contents are not held in memory: 100 MB of them need less than 50, compressed or not" {
	made 'import random
for i in range(10):
    file(str(i), random.Random(i).randbytes(10000000))'
	[[ ! $(ldd "$build/daxfsctl") == *asan* ]] || skip "the sanitizers take memory"
	local tar
	# gzip -1: the bytes are random, the archive is as large.
	gzip -1 -c odd.tar >odd.tar.gz
	for tar in odd.tar odd.tar.gz; do
		/usr/bin/env python3 - $tar "$image" <<-'END'
			import resource, subprocess, sys
			subprocess.run(['mkdaxfs', '-q', '-f', '--tar', sys.argv[1], '-o', sys.argv[2]], check=True)
			used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
			print(used, 'KiB')
			sys.exit(used > 50000)
		END
	done
}

@test "a compressed archive is spooled where TMPDIR says, which stays empty; a plain one is not" {
	strace -o /dev/null -e trace=none true 2>/dev/null || skip "strace may not trace"
	mkdir spool
	gzip -c "$archive" >odd.tar.gz
	TMPDIR=$PWD/spool strace -f -o trace -e trace=openat mkdaxfs -q --tar odd.tar.gz -o "$image"
	grep -q "\"$PWD/spool\".*O_TMPFILE" trace
	nothing_in spool
	TMPDIR=$PWD/spool strace -f -o trace -e trace=openat mkdaxfs -q -f --tar "$archive" -o "$image"
	run -1 grep "\"$PWD/spool\"" trace
	fails 1 env TMPDIR="$PWD/missing" mkdaxfs --tar odd.tar.gz -o "$out/image"
	says "$PWD/missing: has no place"
	nothing_in "$out"
	fails 1 strace -f -qq -o trace -e inject=pwrite64:error=ENOSPC:when=1 mkdaxfs --tar odd.tar.gz -o "$out/image"
	says "No space left on device"
	nothing_in "$out"
}

@test "names that lead elsewhere are refused and named, and nothing is left" {
	made 'file("ok", b"x"); file("/etc/passwd", b"x")'
	refused "odd.tar:/etc/passwd: has an absolute name"
	made 'file("a/../../b", b"x")'
	refused 'odd.tar:a/../../b: has a name with ".." in it'
	made 'symlink("l", "/etc"); file("l/passwd", b"x")'
	refused "odd.tar:l/passwd: is below a file that is not a directory"
	made 'file("a", b"x"); link("b", "../a")'
	refused 'odd.tar:b: has a name with ".." in it'
	made 'file("a", b"x"); link("b", "/a")'
	refused 'odd.tar:b: has an absolute name'
}

@test "what an image cannot hold is refused and named, and nothing is left" {
	made 'file("n" * 256, b"x")'
	refused "has a name longer than 255 bytes"
	made 'symlink("l", "t" * 4096)'
	refused "odd.tar:l: is a symbolic link to a name longer than 4095 bytes"
	made 'symlink("l", "")'
	refused "odd.tar:l: is a symbolic link to nothing"
	made 'link("b", "a"); file("a", b"x")'
	refused "odd.tar:b: is a hard link to what the archive does not have before it"
	made 'link("b", "b/c")'
	refused "odd.tar:b: is a hard link to what"
	made 'dir("a"); link("b", "a")'
	refused "odd.tar:b: is a hard link to a directory"
	made 'link("b", ".")'
	refused "odd.tar:b: is a hard link to a directory"
	made 'file("", b"x")'
	refused "odd.tar: has a member without a name"
	made 'file("a/b", b"x"); file("a", b"x")'
	refused "odd.tar:a: takes the place of a directory that is not empty"
	made 'file(".", b"x")'
	refused "is the root, and not a directory"
	made 'file("a", b"x", uid=1 << 32)'
	refused "odd.tar:a: belongs to somebody"
	made 'file("a", b"x", pax_headers={"SCHILY.xattr.user." + "n" * 300: "v"})'
	refused "odd.tar:a: has an xattr whose name"
	made 'file("a", b"x", pax_headers={"SCHILY.xattr.user.n": "v" * 70000})'
	refused "odd.tar:a: an xattr is longer than 64 KiB"
	# 64 KiB of names and not one more, as listxattr(2) has it.
	made 'file("a", b"x", pax_headers={"SCHILY.xattr.user." + str(i).zfill(26): "" for i in range(2048)})'
	mkdaxfs -q --tar odd.tar -o "$image"
	[[ $(daxfsctl inspect "$image" stat a | grep -o 'user\.' | wc -l) == 2048 ]]
	made 'file("a", b"x", pax_headers={"SCHILY.xattr.user." + str(i).zfill(26): "" for i in range(2048)} | {"SCHILY.xattr.user.x": ""})'
	refused "odd.tar:a: has xattrs whose names together are longer than 64 KiB"
	made 'add("a", tarfile.CHRTYPE, devmajor=5000, devminor=1)'
	refused "odd.tar:a: has an impossible device number"
}

@test "an archive that stops anywhere, or is damaged, is refused, and nothing is left" {
	made 'file("a", b"x" * 1000); file("b", b"y" * 3000); dir("c")'
	local size end n
	# 512 + 1024, 512 + 3072, 512, then the end.
	end=$((512 + 1024 + 512 + 3072 + 512))
	mv odd.tar whole.tar
	for n in 1 100 511 512 513 1000 1511 1536 1537 2048 3000 5119 5120 5200 $((end - 1)) $end $((end + 511)); do
		head -c "$n" whole.tar >odd.tar
		refused "odd.tar:"
		run -1 grep 'Success\|errno' "$BATS_TEST_TMPDIR/err"
	done
	head -c $((end + 512)) whole.tar >odd.tar
	mkdaxfs -q --tar odd.tar -o "$image"
	gzip whole.tar
	size=$(stat -c %s whole.tar.gz)
	for n in 1 20 100 $((size - 9)) $((size - 1)); do
		head -c "$n" whole.tar.gz >odd.tar
		refused "odd.tar:"
		fails 1 mkdaxfs --tar - -o "$out/image" <odd.tar
		says "standard input:"
		nothing_in "$out"
	done
	# A wrong checksum of a header, and of the compression, behind the end of the archive proper.
	gunzip whole.tar.gz
	cp whole.tar odd.tar
	poke odd.tar 1540 ff
	refused "odd.tar: the archive is damaged"
	head -c 100000 /dev/zero >>whole.tar
	bzip2 whole.tar
	cp whole.tar.bz2 odd.tar
	poke odd.tar $(($(stat -c %s odd.tar) - 3)) 12 34
	refused "odd.tar: the archive is damaged"
}

@test "what is no tar is refused: nothing at all, text, a directory, what is not there" {
	: >odd.tar
	refused "odd.tar: is empty"
	seq 10000 >odd.tar
	refused "odd.tar: is not a tar archive"
	head -c 100000 /dev/urandom >odd.tar
	refused "odd.tar: is not a tar archive"
	fails 1 mkdaxfs --tar "$out" -o "$out/image"
	says "Is a directory"
	fails 1 mkdaxfs --tar missing -o "$out/image"
	says "missing: cannot be opened: No such file or directory"
	nothing_in "$out"
	# An archive of nothing is one.
	tar -cf odd.tar -T /dev/null
	mkdaxfs -q --tar odd.tar -o "$image"
	daxfsctl fsck "$image"
}

@test "an archive that changes while it is read fails the image and is named" {
	strace -o /dev/null -e trace=none true 2>/dev/null || skip "strace may not trace"
	made 'file("a", b"x" * 3000000)'
	fails 1 strace -f -qq -o trace -e inject=fcntl:error=EMFILE:when=1 -P "$PWD/odd.tar" mkdaxfs --tar odd.tar -o "$out/image"
	says "odd.tar: cannot be examined: Too many open files"
	nothing_in "$out"
	fails 1 strace -f -qq -o trace -e inject=pread64:retval=0:when=1 -P "$PWD/odd.tar" mkdaxfs --tar odd.tar -o "$out/image"
	says "odd.tar:/a: changed its size while it was read"
	nothing_in "$out"
}

@test "SIGTERM while an archive is read leaves nothing" {
	local status=0
	mkfifo fifo
	mkdaxfs --tar fifo -o "$out/image" 2>/dev/null &
	exec 7>fifo
	head -c 5000 "$archive" >&7
	while [[ ! $(ls -l /proc/$!/fd 2>/dev/null) == *fifo* ]]; do :; done
	kill -TERM $!
	wait $! || status=$?
	exec 7>&-
	[[ $status == 143 ]]
	nothing_in "$out"
}

@test "SIGTERM behind the end of an archive that goes on without one is heard, too" {
	local status=0 writer
	made 'file("a", b"x")'
	mkfifo fifo
	cat odd.tar /dev/zero >fifo &
	writer=$!
	timeout -s KILL 60 mkdaxfs --tar fifo -o "$out/image" 2>/dev/null &
	while (($(awk '$1 == "wchar:" { print $2 }' "/proc/$writer/io") < 10000000)); do :; done
	kill -TERM $!
	wait $! || status=$?
	[[ $status == 143 ]]
	nothing_in "$out"
}

@test "wrong use of --tar" {
	misused 2 mkdaxfs --tar "$archive" -d "$tree" -o "$image"
	misused 2 mkdaxfs --tar "$archive" --tar "$archive" -o "$image"
	misused 2 mkdaxfs --tar '' -o "$image"
	misused 2 mkdaxfs --tar
	misused 2 mkdaxfs --tar "$archive"
	[[ ! -e $image ]]
}

@test "libarchive is loaded for a tar only: without it everything else works, and that is said" {
	run readelf -d "$(command -v daxfsctl)"
	[[ $status == 0 && $output == *NEEDED*libc.so* && $output != *libarchive* ]]
	((EUID == 0)) || skip "only root can hide a library"
	mkdir d
	echo contents >d/file
	tar -cf d.tar -C d file
	: >none
	cat >hidden <<-'SH'
		lib=$(ldconfig -p | sed -n 's/^[[:space:]]*libarchive\.so\.13 .*=> //p' | head -n 1)
		mount --bind none "$(realpath "$lib")" || exit 99
		mkdaxfs -q -d d -o made.img || exit 98
		mkdaxfs -q --tar d.tar -o tar.img
	SH
	PATH=$PATH:/sbin run unshare -m bash hidden
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"d.tar: cannot be read without libarchive: "* ]]
	[[ -s made.img && ! -e tar.img ]]
}
