#!/usr/bin/env bats
# daxfsctl mkfs: what goes into an image, where images go, and what is refused.

load setup

setup_file() {
	make_tree
	export SOURCE_DATE_EPOCH=1700000000
	mkdaxfs -q -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/image"
}

setup() {
	tree=$BATS_FILE_TMPDIR/tree
	image=$BATS_TEST_TMPDIR/out.daxfs
	out=$BATS_TEST_TMPDIR/out.d
	mkdir "$out"
	# ASan cannot look for leaks while strace looks at it.
	export ASAN_OPTIONS=detect_leaks=0
}

# cat_image IMAGE PATH
cat_image() {
	daxfsctl inspect "$1" cat "$2"
}

# nothing_in DIR: no image and no temporary file was left.
nothing_in() {
	[[ -z $(ls -A "$1") ]] || {
		ls -lA "$1"
		return 1
	}
}

can_inject() {
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -o /dev/null -e trace=none true 2>/dev/null || skip "strace may not trace"
}

# injected WHAT COMMAND...: runs COMMAND with a system call made to fail; skips where that cannot be done.
injected() {
	local what=$1
	shift
	can_inject
	# Who runs the tests in the background has them ignore SIGINT.
	env --default-signal=INT strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "inject=$what" "$@"
}

# A copy of the tree and a folder out, both in $open and nobody's, where nobody can get to them.
open_tree() {
	open=$(mktemp -d "${TMPDIR:-/tmp}/daxfs-mkfs.XXXXXX")
	cp -a "$tree" "$open/copy"
	mkdir "$open/out"
	chmod 755 "$open"
	[[ $(id -u) != 0 ]] || chown -R 65534 "$open"
	as_nobody test -x "$build/mkdaxfs" || skip "nobody cannot get to $build"
}

teardown() {
	[[ -z ${open:-} ]] || { chmod -R u+rwX "$open" && rm -rf "$open"; }
	[[ -z ${loop:-} ]] || losetup -d "$loop"
}

as_nobody() {
	if [[ $(id -u) != 0 ]]; then
		"$@"
	else
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	fi
}

extents_of() {
	daxfsctl inspect "$1" extents "$2" | awk 'NR > 1 && $3 != "hole"' | wc -l
}

@test "an image of every kind of file passes the checker" {
	daxfsctl fsck "$BATS_FILE_TMPDIR/image"
}

@test "files come out with the bytes that went in" {
	local path
	while IFS= read -r -d '' path; do
		cat_image "$BATS_FILE_TMPDIR/image" "$path" | cmp - "$tree/$path"
	done < <(cd "$tree" && find . -type f -printf '%P\0')
}

@test "hard links are one inode with as many names" {
	run -0 daxfsctl inspect "$BATS_FILE_TMPDIR/image" stat /hello
	local one=$output
	run -0 daxfsctl inspect "$BATS_FILE_TMPDIR/image" stat /dir/hard
	[[ $(grep -i inode <<<"$one") == $(grep -i inode <<<"$output") ]]
	[[ $(grep -ic 'links.*2' <<<"$one") == 1 ]]
}

@test "a link to a file outside the tree is not counted" {
	mkdir "$BATS_TEST_TMPDIR/t"
	echo x >"$BATS_TEST_TMPDIR/t/in"
	ln "$BATS_TEST_TMPDIR/t/in" "$BATS_TEST_TMPDIR/outside"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	daxfsctl fsck "$image"
}

@test "an empty directory makes an image" {
	mkdir "$BATS_TEST_TMPDIR/t"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	daxfsctl fsck "$image"
}

@test "a name of 255 bytes is kept" {
	local name
	name=$(printf 'n%.0s' {1..255})
	mkdir "$BATS_TEST_TMPDIR/t"
	echo long >"$BATS_TEST_TMPDIR/t/$name"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	[[ $(cat_image "$image" "/$name") == long ]]
	daxfsctl fsck "$image"
}

@test "a directory 200 levels deep is kept" {
	local deep=$BATS_TEST_TMPDIR/t i
	for ((i = 0; i < 200; i++)); do deep+=/d; done
	mkdir -p "$deep"
	echo bottom >"$deep/file"
	echo top >"$BATS_TEST_TMPDIR/t/zz"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	daxfsctl fsck "$image"
	[[ $(cat_image "$image" "${deep#"$BATS_TEST_TMPDIR/t"}/file") == bottom ]]
}

@test "xattrs are kept, equal sets are stored once" {
	mkdir "$BATS_TEST_TMPDIR/t"
	local i
	for i in 1 2 3; do
		echo "$i" >"$BATS_TEST_TMPDIR/t/$i"
		setfattr -n user.b -v two "$BATS_TEST_TMPDIR/t/$i" 2>/dev/null || skip "no user xattrs here"
		setfattr -n user.a -v one "$BATS_TEST_TMPDIR/t/$i"
	done
	setfattr -n user.a -v other "$BATS_TEST_TMPDIR/t/3"
	run -0 mkdaxfs -n -d "$BATS_TEST_TMPDIR/t"
	[[ $(awk '$1 == "xattrs" { print $5 }' <<<"$output") == 2 ]]
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	daxfsctl fsck "$image"
}

@test "holes of a sparse file are not stored, its bytes are" {
	mkdir "$BATS_TEST_TMPDIR/t"
	truncate -s 40M "$BATS_TEST_TMPDIR/t/sparse"
	printf middle | dd of="$BATS_TEST_TMPDIR/t/sparse" bs=1 seek=20000000 conv=notrunc status=none
	[[ $(stat -c %b "$BATS_TEST_TMPDIR/t/sparse") -lt 1000 ]] || skip "this filesystem has no sparse files"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	[[ $(stat -c %s "$image") -lt 4000000 ]]
	cat_image "$image" sparse | cmp - "$BATS_TEST_TMPDIR/t/sparse"
	[[ $(extents_of "$image" sparse) == 1 ]]
	daxfsctl fsck "$image"
}

@test "a file that is one hole takes no block" {
	mkdir "$BATS_TEST_TMPDIR/t"
	truncate -s 40M "$BATS_TEST_TMPDIR/t/hole"
	[[ $(stat -c %b "$BATS_TEST_TMPDIR/t/hole") == 0 ]] || skip "this filesystem has no sparse files"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	cat_image "$image" hole | cmp - "$BATS_TEST_TMPDIR/t/hole"
	[[ $(extents_of "$image" hole) == 0 ]]
	daxfsctl fsck "$image"
}

@test "equal files are stored once, almost equal ones are not" {
	mkdir "$BATS_TEST_TMPDIR/t"
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/t/a"
	local i
	for i in b c d e; do cp "$BATS_TEST_TMPDIR/t/a" "$BATS_TEST_TMPDIR/t/$i"; done
	# The first block is the same, and the sizes are.
	printf '\x00' | dd of="$BATS_TEST_TMPDIR/t/d" bs=1 seek=299998 conv=notrunc status=none
	printf '\x01' | dd of="$BATS_TEST_TMPDIR/t/d" bs=1 seek=299999 conv=notrunc status=none
	printf '\x02' | dd of="$BATS_TEST_TMPDIR/t/e" bs=1 seek=299999 conv=notrunc status=none
	echo small >"$BATS_TEST_TMPDIR/t/f"
	echo small >"$BATS_TEST_TMPDIR/t/g"
	echo smalL >"$BATS_TEST_TMPDIR/t/h"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	for i in a b c d e f g h; do cat_image "$image" $i | cmp - "$BATS_TEST_TMPDIR/t/$i"; done
	daxfsctl fsck "$image"
	run -0 mkdaxfs -n -d "$BATS_TEST_TMPDIR/t"
	# 3 x 74 blocks, and one for the small ones
	[[ $(awk '$1 == "data" { print $5 }' <<<"$output") == 223 ]]
	run -0 mkdaxfs -n --no-pack -d "$BATS_TEST_TMPDIR/t"
	[[ $(awk '$1 == "data" { print $5 }' <<<"$output") == 224 ]]
}

# packed FILE: "true" or "false".
packed() {
	daxfsctl inspect --json "$image" stat "/$1" | jq '.inodes[0].packed'
}

@test "small files share blocks, as many as fit, and are read, extracted and found by their own bytes" {
	mkdir -p "$BATS_TEST_TMPDIR/t/d"
	local i
	for i in {1..500}; do head -c $((i * 5)) /dev/urandom >"$BATS_TEST_TMPDIR/t/d/$i"; done
	cp "$BATS_TEST_TMPDIR/t/d/"{7,again}
	: >"$BATS_TEST_TMPDIR/t/d/empty"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	daxfsctl fsck "$image"
	daxfsctl inspect "$image" extract -C "$BATS_TEST_TMPDIR/out" /
	diff -r "$BATS_TEST_TMPDIR/t" "$BATS_TEST_TMPDIR/out"
	for i in 1 77 409; do
		[[ $(packed d/$i) == true ]]
		cat_image "$image" d/$i | cmp - "$BATS_TEST_TMPDIR/t/d/$i"
	done
	[[ $(packed d/410) == false && $(packed d/empty) == false ]]
	# An equal file is in the same place.
	[[ $(daxfsctl inspect --json "$image" stat /d/7 | jq '.inodes[0].offset') == $(daxfsctl inspect --json "$image" stat /d/again | jq '.inodes[0].offset') ]]
	# 409 files of 1,025 bytes on average, hardly more blocks than that takes, and one for each of the others.
	run -0 mkdaxfs -n -d "$BATS_TEST_TMPDIR/t"
	(($(awk '$1 == "data" { print $5 }' <<<"$output") < 125 + 91))
}

@test "with --no-pack, and alone, each file has blocks of its own" {
	mkdir "$BATS_TEST_TMPDIR/t"
	echo one >"$BATS_TEST_TMPDIR/t/one"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	[[ $(packed one) == false ]]
	echo two >"$BATS_TEST_TMPDIR/t/two"
	mkdaxfs -q -f -d "$BATS_TEST_TMPDIR/t" -o "$image"
	[[ $(packed one) == true && $(packed two) == true ]]
	mkdaxfs -q -f --no-pack -d "$BATS_TEST_TMPDIR/t" -o "$image"
	[[ $(packed one) == false && $(packed two) == false ]]
	daxfsctl fsck "$image"
}

@test "two files that are equal at the start only, are told apart by their bytes" {
	mkdir "$BATS_TEST_TMPDIR/t"
	head -c 10000 /dev/zero >"$BATS_TEST_TMPDIR/t/a"
	{ head -c 9999 /dev/zero; printf x; } >"$BATS_TEST_TMPDIR/t/b"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	cat_image "$image" b | cmp - "$BATS_TEST_TMPDIR/t/b"
	cat_image "$image" a | cmp - "$BATS_TEST_TMPDIR/t/a"
}

@test "files of 2 MiB and more start on 2 MiB boundaries, small ones fill the gaps" {
	mkdir "$BATS_TEST_TMPDIR/t"
	local i
	for i in 1 2 3; do head -c 2100000 /dev/urandom >"$BATS_TEST_TMPDIR/t/big$i"; done
	for i in {1..50}; do head -c 9000 /dev/urandom >"$BATS_TEST_TMPDIR/t/small$i"; done
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/t" -o "$image"
	for i in 1 2 3; do
		run -0 daxfsctl inspect "$image" extents "big$i"
		[[ $(awk 'NR == 2 { print $3 }' <<<"$output") =~ 0x[0-9a-f]*[02468ace]00000$ ]]
	done
	# Big ones at 4, 8 and 12 MiB, and the last one's end, and the trailer.
	[[ $(stat -c %s "$image") -le $((12 * 1048576 + 2101248 + 262144)) ]]
	daxfsctl fsck "$image"
}

@test "the same tree gives the same bytes with SOURCE_DATE_EPOCH, from a copy too" {
	cp -a "$tree" "$BATS_TEST_TMPDIR/copy"
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -d "$BATS_TEST_TMPDIR/copy" -o "$image"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
}

@test "SOURCE_DATE_EPOCH: another byte in a file gives another UUID" {
	cp -a "$tree" "$BATS_TEST_TMPDIR/copy"
	printf 'J' | dd of="$BATS_TEST_TMPDIR/copy/hello" bs=1 conv=notrunc status=none
	touch -r "$tree/hello" "$BATS_TEST_TMPDIR/copy/hello"
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -d "$BATS_TEST_TMPDIR/copy" -o "$image"
	[[ $(daxfsctl inspect "$image" | grep UUID) != $(daxfsctl inspect "$BATS_FILE_TMPDIR/image" | grep UUID) ]]
}

@test "SOURCE_DATE_EPOCH: later times are clamped, earlier ones stay" {
	TZ=UTC run -0 daxfsctl inspect "$BATS_FILE_TMPDIR/image" stat /hello
	[[ $output == *"2001-02-03 04:05:06.789012345"* ]]
	TZ=UTC run -0 daxfsctl inspect "$BATS_FILE_TMPDIR/image" stat /nothing
	[[ $output == *"2023-11-14 22:13:20"* ]]
}

@test "SOURCE_DATE_EPOCH: -U alone decides the UUID, and the same tree gives the same bytes" {
	local uuid=12345678-9abc-def0-1234-56789abcdef0
	SOURCE_DATE_EPOCH=5 mkdaxfs -q -U $uuid -d "$tree" -o "$image"
	SOURCE_DATE_EPOCH=5 mkdaxfs -q --uuid $uuid -d "$tree" -o "$image.2"
	cmp "$image" "$image.2"
	daxfsctl inspect "$image" | grep -q "$uuid"
}

@test "SOURCE_DATE_EPOCH that is no number is wrong use" {
	SOURCE_DATE_EPOCH=yesterday misused 2 mkdaxfs -d "$tree" -o "$image"
	[[ ! -e $image ]]
}

@test "without SOURCE_DATE_EPOCH each image has its own UUID" {
	unset SOURCE_DATE_EPOCH
	mkdaxfs -q -d "$tree" -o "$image"
	mkdaxfs -q -d "$tree" -o "$image.2"
	[[ $(daxfsctl inspect "$image" | grep UUID) != $(daxfsctl inspect "$image.2" | grep UUID) ]]
}

@test "-L gives a label, up to 64 bytes of UTF-8" {
	local longest
	longest=$(printf 'l%.0s' {1..64})
	mkdaxfs -q -L "$longest" -d "$tree" -o "$image"
	daxfsctl inspect "$image" | grep -q "$longest"
	mkdaxfs -q -f --label 'Größe' -d "$tree" -o "$image"
	daxfsctl inspect "$image" | grep -q 'Größe'
	misused 2 mkdaxfs -L "${longest}l" -d "$tree" -o "$image.2"
	misused 2 mkdaxfs -L $'a\nb' -d "$tree" -o "$image.2"
	misused 2 mkdaxfs -L $'\xff' -d "$tree" -o "$image.2"
	[[ ! -e $image.2 ]]
}

@test "--all-root makes everything root's" {
	mkdaxfs -q --all-root -d "$tree" -o "$image"
	[[ -z $(daxfsctl inspect "$image" ls -lR | awk '$1 ~ /^[-dlpcbs][rwxst-]+$/ && ($3 != 0 || $4 != 0)') ]]
}

@test "--exclude leaves out what matches, and what is below it" {
	mkdaxfs -q --exclude dir/sub --exclude '*hard' -d "$tree" -o "$image"
	run -0 daxfsctl inspect "$image" ls -R
	[[ $output != *deep* && $output != *hard* && $output == *random* && $output == *hello* ]]
	daxfsctl fsck "$image"
}

@test "-n prints the layout and creates nothing" {
	run -0 mkdaxfs -n -d "$tree" -o "$out/image"
	[[ $output == *OFFSET* && $output == *0x200000* && $output == *trailer* ]]
	nothing_in "$out"
	run -0 mkdaxfs --dry-run -d "$tree"
}

@test "-n leaves a filesystem that is there alone" {
	cp "$BATS_FILE_TMPDIR/image" "$image"
	mkdaxfs -n -f -d "$tree/dir" -o "$image"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
}

@test "-q prints nothing, the default one line, -v a table; no progress bar without a terminal" {
	run -0 --separate-stderr mkdaxfs -q -d "$tree" -o "$image"
	[[ -z $output$stderr ]]
	run -0 --separate-stderr mkdaxfs -f -d "$tree" -o "$image"
	[[ ${#lines[@]} == 1 && -z $stderr ]]
	run -0 --separate-stderr mkdaxfs --verbose -F -d "$tree" -o "$image"
	[[ $output == *directories* && $output == *"equal to another"* && -z $stderr ]]
}

@test "the target may come last, as mkfs(8) gives it" {
	mkfs.daxfs -q -d "$tree" "$image"
	daxfsctl fsck "$image"
}

@test "-s makes the file that large; the image stays the same" {
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -s 64M -d "$tree" -o "$image"
	[[ $(stat -c %s "$image") == $((64 << 20)) ]]
	cmp -n "$(stat -c %s "$BATS_FILE_TMPDIR/image")" "$image" "$BATS_FILE_TMPDIR/image"
	daxfsctl fsck "$image"
}

@test "an image larger than -s is refused with both sizes, and nothing is left" {
	fails 1 mkdaxfs -d "$tree" -o "$out/image" -s 2M
	says "2097152 bytes"
	says "needs"
	nothing_in "$out"
}

@test "a file that holds a filesystem is overwritten with -f only" {
	command -v mkfs.ext4 >/dev/null || PATH+=:/sbin:/usr/sbin
	truncate -s 8M "$image"
	mkfs.ext4 -q -L precious "$image"
	cp "$image" "$image.before"
	fails 4 mkdaxfs -d "$tree" -o "$image"
	says 'ext4 labelled "precious"'
	says '-f'
	cmp "$image" "$image.before"
	mkdaxfs -q -f -d "$tree" -o "$image"
	daxfsctl fsck "$image"
}

@test "a file that holds a daxfs is overwritten with -f only" {
	cp "$BATS_FILE_TMPDIR/image" "$image"
	fails 4 mkdaxfs -d "$tree" -o "$image"
	says daxfs
	mkdaxfs -q --force -d "$tree/dir" -o "$image"
	daxfsctl fsck "$image"
}

@test "a file that holds nothing known is replaced, with its mode kept" {
	echo 'some text' >"$image"
	chmod 600 "$image"
	mkdaxfs -q -d "$tree" -o "$image"
	daxfsctl fsck "$image"
	[[ $(stat -c %a "$image") == 600 ]]
}

@test "a symlink to the file is followed" {
	: >"$BATS_TEST_TMPDIR/real"
	ln -s real "$BATS_TEST_TMPDIR/link"
	mkdaxfs -q -d "$tree" -o "$BATS_TEST_TMPDIR/link"
	[[ -L $BATS_TEST_TMPDIR/link ]]
	daxfsctl fsck "$BATS_TEST_TMPDIR/real"
}

@test "an image inside the tree does not hold itself" {
	cp -a "$tree" "$BATS_TEST_TMPDIR/copy"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/copy" -o "$BATS_TEST_TMPDIR/copy/image"
	run -0 mkdaxfs -v -f -d "$BATS_TEST_TMPDIR/copy" -o "$BATS_TEST_TMPDIR/copy/image"
	[[ $output == *"image: the image itself"* ]]
	[[ $(daxfsctl inspect "$BATS_TEST_TMPDIR/copy/image" ls) != *image* ]]
}

@test "the finished image has no names but its own" {
	mkdaxfs -q -d "$tree" -o "$out/image"
	[[ $(ls -A "$out") == image ]]
}

@test "without O_TMPFILE the image is made under another name, then renamed" {
	can_inject
	# The first openat with O_TMPFILE is the one that names "."; find its number.
	strace -f -qq -o "$BATS_TEST_TMPDIR/calls" -e trace=openat mkdaxfs -q -d "$tree" -o "$out/image"
	rm "$out/image"
	local n
	n=$(grep -n O_TMPFILE "$BATS_TEST_TMPDIR/calls" | cut -d: -f1)
	[[ -n $n ]]
	# Counted per thread: only the calls of the first thread come before it there.
	local tid
	tid=$(sed -n "${n}p" "$BATS_TEST_TMPDIR/calls" | awk '{ print $1 }')
	n=$(head -n "$n" "$BATS_TEST_TMPDIR/calls" | grep -c "^$tid ")
	injected "openat:error=EOPNOTSUPP:when=$n" mkdaxfs -q -d "$tree" -o "$out/image"
	grep -q 'O_TMPFILE.*INJECTED' "$BATS_TEST_TMPDIR/trace"
	daxfsctl fsck "$out/image"
	[[ $(ls -A "$out") == image ]]
	# and when it fails then, the other name goes away
	rm "$out/image"
	injected "openat:error=EOPNOTSUPP:when=$n" -e inject=pwrite64:error=ENOSPC \
		mkdaxfs -q -d "$tree" -o "$out/image" && return 1
	nothing_in "$out"
}

@test "a file that cannot be read fails the image, is named, and nothing is left" {
	open_tree
	chmod 000 "$open/copy/hello"
	fails 1 as_nobody "$build/mkdaxfs" -d "$open/copy" -o "$open/out/image"
	says "$open/copy/"
	says "Permission denied"
	nothing_in "$open/out"
}

@test "a directory that cannot be read fails the image, is named, and nothing is left" {
	open_tree
	chmod 000 "$open/copy/dir"
	fails 1 as_nobody "$build/mkdaxfs" -d "$open/copy" -o "$open/out/image"
	says "$open/copy/dir: "
	nothing_in "$open/out"
}

@test "a file that vanishes before it is copied fails the image and is named" {
	mkdir "$BATS_TEST_TMPDIR/t"
	echo there >"$BATS_TEST_TMPDIR/t/gone"
	fails 1 injected openat:error=ENOENT -P gone mkdaxfs -d "$BATS_TEST_TMPDIR/t" -o "$out/image"
	says "$BATS_TEST_TMPDIR/t/gone: "
	says "No such file or directory"
	nothing_in "$out"
}

@test "a file that vanishes while names are read fails the image and is named" {
	mkdir "$BATS_TEST_TMPDIR/t"
	echo there >"$BATS_TEST_TMPDIR/t/gone"
	fails 1 injected newfstatat:error=ENOENT -P gone mkdaxfs -d "$BATS_TEST_TMPDIR/t" -o "$out/image"
	says "$BATS_TEST_TMPDIR/t/gone: "
	nothing_in "$out"
}

@test "a file that becomes shorter while it is copied fails the image and is named" {
	mkdir "$BATS_TEST_TMPDIR/t"
	head -c 20000 /dev/urandom >"$BATS_TEST_TMPDIR/t/shrinks"
	fails 1 injected pread64:retval=0:when=1 -P "$BATS_TEST_TMPDIR/t/shrinks" \
		mkdaxfs -d "$BATS_TEST_TMPDIR/t" -o "$out/image"
	says "$BATS_TEST_TMPDIR/t/shrinks: changed its size"
	nothing_in "$out"
}

@test "a file that grows, or is written, while it is copied fails the image and is named" {
	mkdir "$BATS_TEST_TMPDIR/t"
	can_inject
	local change tracer stopped
	for change in 'echo more >>"$1"' 'printf x | dd of="$1" conv=notrunc status=none'; do
		head -c 20000 /dev/urandom >"$BATS_TEST_TMPDIR/t/changes"
		touch -d '2020-01-01' "$BATS_TEST_TMPDIR/t/changes"
		# mkfs is stopped when it has opened the file, and goes on when the file has changed.
		: >"$BATS_TEST_TMPDIR/trace"
		injected openat:signal=SIGSTOP -P changes mkdaxfs -d "$BATS_TEST_TMPDIR/t" -o "$out/image" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
		tracer=$! stopped=
		while [[ -z $stopped ]]; do
			kill -0 $tracer
			stopped=$(awk '/stopped by SIGSTOP/ { print $1; exit }' "$BATS_TEST_TMPDIR/trace")
		done
		bash -c "$change" - "$BATS_TEST_TMPDIR/t/changes"
		kill -CONT "$stopped"
		wait $tracer && return 1
		says "$BATS_TEST_TMPDIR/t/changes: changed"
		nothing_in "$out"
	done
}

@test "a read error fails the image and names the file" {
	mkdir "$BATS_TEST_TMPDIR/t"
	head -c 20000 /dev/urandom >"$BATS_TEST_TMPDIR/t/bad"
	fails 1 injected pread64:error=EIO -P "$BATS_TEST_TMPDIR/t/bad" \
		mkdaxfs -d "$BATS_TEST_TMPDIR/t" -o "$out/image"
	says "$BATS_TEST_TMPDIR/t/bad: "
	says "Input/output error"
	nothing_in "$out"
}

@test "a read that is interrupted is repeated" {
	injected pread64:error=EINTR:when=1 -P "$tree/dir/random" mkdaxfs -q -d "$tree" -o "$image"
	grep -q INJECTED "$BATS_TEST_TMPDIR/trace"
	daxfsctl fsck "$image"
	cat_image "$image" dir/random | cmp - "$tree/dir/random"
}

@test "no space left, at any write: one sentence, nothing left" {
	local n failures=0
	for n in {1..20}; do
		injected "pwrite64:error=ENOSPC:when=$n" mkdaxfs -q -d "$tree" -o "$out/image" 2>"$BATS_TEST_TMPDIR/err" && break
		says "No space left on device"
		[[ $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 ]]
		nothing_in "$out"
		failures=$n
	done
	# contents, four areas, the superblock and its copy
	[[ $failures -ge 6 && $failures -lt 20 ]]
}

@test "a file size limit is an error like others" {
	fails 1 bash -c 'ulimit -f 1000; mkdaxfs -d "$0" -o "$1"' "$tree" "$out/image"
	says "File too large"
	nothing_in "$out"
}

@test "SIGTERM in the middle leaves nothing, and shows in the exit status" {
	local status=0
	injected pwrite64:signal=SIGTERM:when=1 mkdaxfs -d "$tree" -o "$out/image" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 143 ]]
	nothing_in "$out"
}

@test "SIGINT in the middle leaves nothing either" {
	local status=0
	injected getdents64:signal=SIGINT:when=1 mkdaxfs -d "$tree" -o "$out/image" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 130 ]]
	nothing_in "$out"
}

@test "a symlink as -d is followed, symlinks below are kept" {
	ln -s "$tree" "$BATS_TEST_TMPDIR/link"
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -d "$BATS_TEST_TMPDIR/link" -o "$image"
	cmp "$image" "$BATS_FILE_TMPDIR/image"
}

@test "relative paths work" {
	cd "$out"
	mkdaxfs -q -d "$(realpath --relative-to=. "$tree")" -o image
	daxfsctl fsck image
}

@test "a directory that is not there, or is none" {
	fails 1 mkdaxfs -d "$tree/missing" -o "$out/image"
	says "No such file or directory"
	fails 1 mkdaxfs -d "$tree/hello" -o "$out/image"
	says "Not a directory"
	nothing_in "$out"
}

@test "targets that cannot be: a directory, a device that is none, a directory that is not there" {
	fails 1 mkdaxfs -d "$tree" -o "$out"
	fails 1 mkdaxfs -d "$tree" -o /dev/null
	fails 1 mkdaxfs -d "$tree" -o /dev/daxfs-missing
	says "device that is not there"
	[[ ! -e /dev/daxfs-missing ]]
	fails 1 mkdaxfs -d "$tree" -o "$out/missing/image"
	fails 1 mkdaxfs -d "$tree" -o "$out/image/"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	fails 1 mkdaxfs -d "$tree" -o "$BATS_TEST_TMPDIR/fifo"
	nothing_in "$out"
}

@test "-H: a heap that is not there, or is none" {
	fails 1 mkdaxfs -d "$tree" -H /dev/dma_heap/missing -m "$out"
	says "/dev/dma_heap/missing"
	fails 1 mkdaxfs -d "$tree" -H "$tree/hello" -m "$out"
}

@test "-m: a mount point that is not there is found out before anything is written" {
	fails 1 mkdaxfs -d "$tree" -o "$out/image" -m "$out/missing"
	nothing_in "$out"
	fails 1 mkdaxfs -d "$tree" -o "$out/image" -m "$tree/hello"
	nothing_in "$out"
}

@test "-p: System RAM is refused, whatever the options" {
	[[ $(id -u) == 0 ]] || skip "needs root to read addresses in /proc/iomem"
	local ram
	ram=$(awk -F'[- ]' '/System RAM/ && length($1) > 6 { print $1; exit }' /proc/iomem)
	[[ -n $ram ]] || skip "no System RAM above 16 MiB in /proc/iomem"
	fails 4 mkdaxfs -f -f -d "$tree" -p "0x$ram" -s 16M
	says "System RAM"
}

# area_of IMAGE NAME FIELD: offset or length of an area.
area_of() {
	daxfsctl inspect --json "$1" | jq -e --arg name "$2" '.images[0].areas[] | select(.name == $name)'".$3"
}

@test "-w makes a writable image with main, which passes the checker and no other filesystem's probe" {
	mkdaxfs -q -w -d "$tree" -o "$image"
	daxfsctl fsck -n "$image"
	daxfsctl inspect --json "$image" | jq -e '.images[0] | .writable and .features.incompat == 1 and .chunk_size == 4096 and
		.branches == 1 and .branch_slots == 256 and .mount_slots == 256'
	PATH+=:/sbin:/usr/sbin
	run -2 blkid -p "$image"
	[[ -z $output ]]
}

@test "-w: tables are where the format has them, the delta area is whole chunks on a 2 MiB boundary" {
	mkdaxfs -q -w -d "$tree" -o "$image"
	[[ $(area_of "$image" shared offset) == 4096 ]]
	[[ $(area_of "$image" branches offset) == $((0x120000)) && $(area_of "$image" branches length) == $((256 * 256)) ]]
	[[ $(area_of "$image" mounts length) == $((256 * 64)) ]]
	[[ $(area_of "$image" inodes offset) == $((0x200000)) ]]
	local delta length
	delta=$(area_of "$image" delta offset) length=$(area_of "$image" delta length)
	((delta % 0x200000 == 0 && length == 64 << 20))
	[[ $(area_of "$image" chunks length) == $((length / 4096 * 8)) ]]
	# It is part of the image, and a hole of the file.
	(($(stat -c %s "$image") == delta + length + 0x40000))
	(($(stat -c %b "$image") * 512 < 4 << 20)) || skip "this filesystem has no sparse files"
}

@test "-w: files come out with the bytes that went in" {
	mkdaxfs -q -w -d "$tree" -o "$image"
	local path
	while IFS= read -r -d '' path; do
		cat_image "$image" "$path" | cmp - "$tree/$path"
	done < <(cd "$tree" && find . -type f -printf '%P\0')
}

@test "-D is the size of the delta area, from 1M on" {
	mkdaxfs -q -w -D 1M -d "$tree" -o "$image"
	[[ $(area_of "$image" delta length) == $((1 << 20)) ]]
	daxfsctl fsck "$image"
	mkdaxfs -q -f --writable --delta 3264K -d "$tree" -o "$image"
	[[ $(area_of "$image" delta length) == $((3264 << 10)) ]]
	daxfsctl fsck "$image"
}

@test "-w without -D: half of the contents when that is more than 64M" {
	mkdir "$BATS_TEST_TMPDIR/t"
	# Not one hole, and not one byte that differs from the next.
	head -c 150M /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/t/large"
	run -0 mkdaxfs -n -w -d "$BATS_TEST_TMPDIR/t"
	[[ $(awk '$1 == "delta" { print $3 }' <<<"$output") == $((75 << 20)) ]]
}

@test "-w without -D: what is left of a target with a size, and the image ends with it" {
	mkdaxfs -q -w -s 256M -d "$tree" -o "$image"
	[[ $(stat -c %s "$image") == $((256 << 20)) ]]
	local rest
	rest=$(((256 << 20) - 0x40000 - $(area_of "$image" delta offset)))
	[[ $(area_of "$image" delta length) == $((rest / 4096 * 4096)) ]]
	daxfsctl fsck "$image"
	# With -D the rest stays unused.
	mkdaxfs -q -f -w -s 256M -D 16M -d "$tree" -o "$image"
	[[ $(stat -c %s "$image") == $((256 << 20)) && $(area_of "$image" delta length) == $((16 << 20)) ]]
	daxfsctl fsck "$image"
}

@test "-w: a target without room for 16 chunks is too small, with -D for those" {
	# The tree needs less than 4 MiB, then come 1 MiB and 256 KiB.
	mkdaxfs -q -w -s 5376K -d "$tree" -o "$out/image"
	[[ $(area_of "$out/image" delta length) == $((1 << 20)) ]]
	rm "$out/image"
	fails 1 mkdaxfs -w -s 5372K -d "$tree" -o "$out/image"
	says "5505024 bytes"
	fails 1 mkdaxfs -w -s 32M -D 32M -d "$tree" -o "$out/image"
	says "needs"
	nothing_in "$out"
}

@test "-w: tables that the header has no room for move what comes after them" {
	run -0 mkdaxfs -n -w --branches 65535 -d "$tree"
	[[ $(awk '$1 == "branches" { print $3, $5 }' <<<"$output") == "$((65535 * 256)) 65535" ]]
	mkdaxfs -q -w --branches 65535 -d "$tree" -o "$image"
	(($(area_of "$image" inodes offset) >= $(area_of "$image" chunks offset) + $(area_of "$image" chunks length)))
	(($(area_of "$image" inodes offset) > 0x200000))
	daxfsctl fsck "$image"
	# 20 GiB have a table of 2.5 MiB.
	mkdaxfs -q -f -w -s 20G -d "$tree" -o "$image"
	[[ $(area_of "$image" chunks length) == $(($(area_of "$image" delta length) / 4096 * 8)) ]]
	(($(area_of "$image" inodes offset) >= $(area_of "$image" chunks offset) + $(area_of "$image" chunks length)))
	daxfsctl inspect "$image" ls / >/dev/null
}

@test "--branches is the size of the branch table" {
	mkdaxfs -q -w --branches 1 -d "$tree" -o "$image"
	[[ $(area_of "$image" branches length) == 256 ]]
	daxfsctl fsck "$image"
	run -0 mkdaxfs -n -w --branches 300 -d "$tree"
	[[ $(awk '$1 == "branches" { print $5 }' <<<"$output") == 300 ]]
}

@test "-w -n prints the areas of branches, without -w there are none" {
	run -0 mkdaxfs -n -w -d "$tree"
	local name
	for name in shared branches mounts chunks delta; do
		grep -q "^$name " <<<"$output"
	done
	run -0 mkdaxfs -n -d "$tree"
	[[ $output != *delta* && $output != *branches* ]]
}

@test "-w: the same tree gives the same bytes with SOURCE_DATE_EPOCH, and main was created then" {
	cp -a "$tree" "$BATS_TEST_TMPDIR/copy"
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -w -d "$tree" -o "$image"
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -w -d "$BATS_TEST_TMPDIR/copy" -o "$image.2"
	cmp "$image" "$image.2"
	# br_created of entry 0, nanoseconds
	[[ $(od -An -td8 -j $((0x120000 + 56)) -N8 "$image") -eq 1700000000000000000 ]]
}

@test "-w: with SOURCE_DATE_EPOCH a writable image has another UUID than a read-only one" {
	SOURCE_DATE_EPOCH=1700000000 mkdaxfs -q -w -d "$tree" -o "$image"
	[[ $(daxfsctl inspect "$image" | grep UUID) != $(daxfsctl inspect "$BATS_FILE_TMPDIR/image" | grep UUID) ]]
}

@test "-w on a device: tables are zeroed, salts start elsewhere each time" {
	[[ $(id -u) == 0 ]] || skip "needs root for a loop device"
	PATH+=:/sbin:/usr/sbin
	local first second
	yes 'what was here before' | head -c 32M >"$BATS_TEST_TMPDIR/disk"
	loop=$(losetup -f --show "$BATS_TEST_TMPDIR/disk" 2>/dev/null) || skip "no loop devices"
	mkdaxfs -q -f -w -d "$tree" -o "$loop"
	daxfsctl fsck "$loop"
	first=$(od -An -tu8 -j $((0x1060)) -N8 "$loop")
	mkdaxfs -q -f -w -d "$tree" -o "$loop"
	daxfsctl fsck "$loop"
	second=$(od -An -tu8 -j $((0x1060)) -N8 "$loop")
	[[ $first != "$second" ]]
	# The table of chunks is what follows the mounts, up to the inodes.
	[[ -z $(dd if="$loop" bs=4096 skip=$((0x134)) count=$((0x200 - 0x134)) status=none | tr -d '\0') ]]
}

@test "wrong use exits with 2 and says what is wrong" {
	misused 2 mkdaxfs
	misused 2 mkdaxfs -d "$tree"
	misused 2 mkdaxfs -o "$image"
	misused 2 mkdaxfs -d "$tree" -d "$tree" -o "$image"
	misused 2 mkdaxfs -d "$tree" -o "$image" -o "$image.2"
	misused 2 mkdaxfs -d "$tree" -o "$image" "$image.2"
	misused 2 mkdaxfs -d "$tree" "$image" "$image.2"
	misused 2 mkdaxfs -d "$tree" -o ''
	misused 2 mkdaxfs -d "$tree" -o "$image" -H /dev/dma_heap/system
	misused 2 mkdaxfs -d "$tree" -o "$image" -p 0x100000000 -s 16M
	misused 2 mkdaxfs -d "$tree" -H /dev/dma_heap/system
	says "needs -m"
	misused 2 mkdaxfs -d "$tree" -p 0x100000000
	says "needs -s"
	misused 2 mkdaxfs -d "$tree" -p 0x100000800 -s 16M
	misused 2 mkdaxfs -d "$tree" -p 0xfffffffffffff000 -s 16M
	misused 2 mkdaxfs -d "$tree" -p here -s 16M
	misused 2 mkdaxfs -d "$tree" -o "$image" -s 0
	misused 2 mkdaxfs -d "$tree" -o "$image" -s 5
	misused 2 mkdaxfs -d "$tree" -o "$image" -s 1X
	misused 2 mkdaxfs -d "$tree" -o "$image" -s -1
	misused 2 mkdaxfs -d "$tree" -o "$image" -s 99999999999999999999
	misused 2 mkdaxfs -d "$tree" -o "$image" -s 99999999999T
	misused 2 mkdaxfs -d "$tree" -o "$image" -U 1234
	misused 2 mkdaxfs -d "$tree" -o "$image" -D 64M
	says "needs -w"
	misused 2 mkdaxfs -d "$tree" -o "$image" --branches 16
	says "needs -w"
	misused 2 mkdaxfs -w -d "$tree" -o "$image" -D 0
	misused 2 mkdaxfs -w -d "$tree" -o "$image" -D 960K
	misused 2 mkdaxfs -w -d "$tree" -o "$image" -D 1025K
	misused 2 mkdaxfs -w -d "$tree" -o "$image" -D 256T
	misused 2 mkdaxfs -w -d "$tree" -o "$image" -D much
	misused 2 mkdaxfs -w -d "$tree" -o "$image" --branches 0
	misused 2 mkdaxfs -w -d "$tree" -o "$image" --branches 65536
	misused 2 mkdaxfs -w -d "$tree" -o "$image" --branches many
	misused 2 mkdaxfs -d "$tree" -o "$image" --no-such-option
	says no-such-option
	misused 2 mkdaxfs -d "$tree" -o "$image" -Z
	says -- -Z
	misused 2 mkdaxfs -d
	[[ ! -e $image && ! -e $image.2 ]]
}

@test "--help goes to stdout and names every option" {
	run -0 --separate-stderr mkdaxfs --help
	[[ -z $stderr ]]
	local option
	for option in directory tar output heap phys size mount writable delta branches label uuid dry-run force quiet verbose all-root exclude; do
		[[ $output == *"--$option"* ]]
	done
}

@test "-o - sends the image to standard output, the same bytes as a file has, holes as zeros" {
	run --separate-stderr mkdaxfs -v -d "$tree" -o -
	# shellcheck disable=SC2154 # bats sets it
	[[ $stderr == *"standard output: "*" inodes, "* ]]
	mkdaxfs -d "$tree" -o - 2>/dev/null | cmp - "$BATS_FILE_TMPDIR/image"
	mkdaxfs -q -d "$tree" -o - -s 8M | cmp -n "$(stat -c %s "$BATS_FILE_TMPDIR/image")" - "$BATS_FILE_TMPDIR/image"
	[[ $(mkdaxfs -q -d "$tree" -o - -s 8M | wc -c) == 8388608 ]]
	tar -C "$tree" -cf - . | mkdaxfs -q --tar - -o - >"$image"
	fsck.daxfs -n "$image"
	cd "$out"
	mkdaxfs -q -d "$tree" -o - >"$image"
	nothing_in "$out"
}

@test "-o - is refused on a terminal, and where standard output is closed" {
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "mkdaxfs -d '$tree' -o -" /dev/null
	[[ $status == 4 && $output == *"standard output: is a terminal, which an image is not for"* ]]
	fails 1 bash -c 'exec >&-; mkdaxfs -d "$0" -o -' "$tree"
	says "standard output: is not open for writing"
}

@test "-o -: a temporary file is made in TMPDIR, and nothing is left of it" {
	TMPDIR=$out mkdaxfs -q -d "$tree" -o - >"$image"
	nothing_in "$out"
	fails 1 env TMPDIR="$out/missing" mkdaxfs -d "$tree" -o -
	says "standard output: no temporary file can be had to put it together in: No such file or directory"
	TMPDIR=$out mkdaxfs -q -d "$tree" -o - | head -c 8 | grep -qx daxfs.*
	nothing_in "$out"
}
