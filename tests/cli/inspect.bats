# inspect: what it shows is what was put in, and it believes nothing.
# shellcheck disable=SC2012,SC2154 # ls is what is compared with; setup.bash sets build
load setup.bash

setup_file() {
	load setup.bash
	make_image
}

setup() {
	image=$BATS_FILE_TMPDIR/image
	tree=$BATS_FILE_TMPDIR/tree
}

@test "alone it shows label, UUID and every area inside the image" {
	daxfsctl inspect "$image" | grep -q '^Label: *testlabel$'
	daxfsctl inspect --json "$image" >"$BATS_TEST_TMPDIR/json"
	jq -e --argjson size "$(stat -c %s "$image")" '
		.schema == 1 and (.images | length) == 1 and (.images[0] | .label == "testlabel" and .image_size == $size and
		(.uuid | test("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")) and
		all(.areas[]; .offset % 4096 == 0 and .offset + .length <= $size))' "$BATS_TEST_TMPDIR/json"
	[[ $(jq '.images[0].inodes' "$BATS_TEST_TMPDIR/json") == "$(find "$tree" -printf '%i\n' | sort -u | wc -l)" ]]
}

@test "-b and --json print bytes, and no unit otherwise is lost" {
	size=$(stat -c %s "$image")
	daxfsctl inspect -b "$image" | grep -q "^Image size: *$size$"
	daxfsctl inspect "$image" | grep -q '^Image size: *[0-9.]*[KMG]$'
}

@test "ls lists each directory of the tree as ls does" {
	while read -r dir; do
		daxfsctl inspect "$image" ls "/$dir" | cmp - <(ls -A -1 "$tree/$dir" | LC_ALL=C sort)
	done < <(cd "$tree" && find . -type d -not -path './dir/sub' -printf '%P\n')
}

@test "ls without a PATH lists the root" {
	daxfsctl inspect "$image" ls | cmp - <(daxfsctl inspect "$image" ls /)
}

@test "ls -l shows mode, links, owner, size and the target of a symlink" {
	daxfsctl inspect -b -l "$image" ls / >"$BATS_TEST_TMPDIR/out"
	while read -r mode links uid gid size name; do
		grep -Eq "^$mode +$links +$uid +$gid +$size .* ${name}( -> .*)?$" "$BATS_TEST_TMPDIR/out"
	done < <(cd "$tree" && find . -mindepth 1 -maxdepth 1 -not -type d -printf '%M %n %U %G %s %P\n')
	grep -q ' link -> hello$' "$BATS_TEST_TMPDIR/out"
	daxfsctl inspect -b -l "$image" ls /hello | grep -q '2001-02-03 04:05:06 +0000 /hello$'
}

@test "ls -R visits each directory once" {
	daxfsctl inspect -R "$image" ls / | grep -a '^/.*:$' | sort | cmp - <(cd "$tree" && find . -type d -printf '/%P:\n' | sort)
}

@test "ls -R --json has each file with its type, mode, size and time" {
	daxfsctl inspect -R --json "$image" ls / >"$BATS_TEST_TMPDIR/json"
	# the one odd name is compared below
	jq -r '.entries[] | select(.name | startswith("a\\") | not) | [.path, .links, .uid, .gid,
		(if .type == "directory" then 0 else .size end), .modified, .modified_nanoseconds, .mode] | @tsv' "$BATS_TEST_TMPDIR/json" |
		sort >"$BATS_TEST_TMPDIR/have"
	(cd "$tree" && find . -mindepth 1 -not -name 'a?b*' -not -name 'a*' -printf '/%P\n'; cd "$tree" && find . -name absolute -printf '/%P\n') |
		while read -r path; do
			size=$(stat -c %s "$tree$path")
			[[ -d $tree$path && ! -L $tree$path ]] && size=0
			when=$(stat -c %.9Y "$tree$path")
			nsec=${when#*.}
			printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$path" "$(stat -c %h "$tree$path")" "$(stat -c %u "$tree$path")" \
				"$(stat -c %g "$tree$path")" "$size" "${when%.*}" "$((10#$nsec))" "$((8#$(stat -c %a "$tree$path")))"
		done | sort >"$BATS_TEST_TMPDIR/want"
	diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/have"
	jq -e '.entries[] | select(.path == "/dir/outside") | .type == "symlink" and .target == "../../../../../../hello"' "$BATS_TEST_TMPDIR/json"
}

@test "a name of any bytes comes back from JSON through printf %b" {
	name=$(daxfsctl inspect --json "$image" ls /dir/sub | jq -r '.entries[] | select(.name | startswith("a")).name')
	[[ $(printf '%b' "$name") == $'a\nb\e[31m\\c\xff' ]]
}

@test "ls gives a pipe the bytes, and a terminal no control character" {
	daxfsctl inspect "$image" ls /dir/sub | grep -qaF $'b\e[31m'
	script -qec "daxfsctl inspect '$image' ls /dir/sub" /dev/null </dev/null | tee "$BATS_TEST_TMPDIR/tty" | grep -qF 'a\x0ab\x1b[31m\x5cc\xff'
	run ! grep -q $'\e' "$BATS_TEST_TMPDIR/tty"
}

@test "cat gives the bytes of every file, holes included" {
	while IFS= read -r -d '' path; do
		daxfsctl inspect "$image" cat "/$path" | cmp - "$tree/$path"
	done < <(cd "$tree" && find . -type f -printf '%P\0')
}

@test "cat follows symlinks on the way and at the end, and never leaves the image" {
	daxfsctl inspect "$image" cat /link | cmp - "$tree/hello"
	daxfsctl inspect "$image" cat /dir/sub/relative | cmp - "$tree/dir/random"
	daxfsctl inspect "$image" cat /absolute/deep/last | cmp - "$tree/dir/sub/deep/last"
	daxfsctl inspect "$image" cat /dir/sub/from-root | cmp - "$tree/hello"
	daxfsctl inspect "$image" cat /dir/outside | cmp - "$tree/hello"
	daxfsctl inspect "$image" cat ../../dir//./../hello | cmp - "$tree/hello"
}

@test "stat and ls do not follow the last symlink, with a slash after it they do" {
	daxfsctl inspect --json "$image" stat /absolute | jq -e '.inodes[0] | .type == "symlink" and .target == "/dir/sub"'
	daxfsctl inspect --json "$image" stat /absolute/ | jq -e '.inodes[0].type == "directory"'
	[[ $(daxfsctl inspect "$image" ls /absolute) == /absolute ]]
	daxfsctl inspect "$image" ls /absolute/ | grep -qx deep
}

@test "stat shows one inode for two hard links, and nanoseconds" {
	daxfsctl inspect --json "$image" stat /hello >"$BATS_TEST_TMPDIR/json"
	jq -e '.inodes[0] | .links == 2 and .size == 13 and .modified == 981173106 and .modified_nanoseconds == 789012345' "$BATS_TEST_TMPDIR/json"
	daxfsctl inspect --json "$image" stat /dir/hard | jq -e --argjson ino "$(jq '.inodes[0].inode' "$BATS_TEST_TMPDIR/json")" '.inodes[0].inode == $ino'
	daxfsctl inspect "$image" stat /hello | grep -q '^Modified: *2001-02-03 04:05:06.789012345 +0000$'
}

@test "stat shows xattrs byte for byte" {
	setfattr -n user.test -v 'some value' "$tree/hello" || skip "no user xattrs in $BATS_FILE_TMPDIR"
	setfattr -n user.bytes -v 0x00ff5c "$tree/hello"
	mkdaxfs -q -d "$tree" -o "$BATS_TEST_TMPDIR/image"
	daxfsctl inspect --json "$BATS_TEST_TMPDIR/image" stat /hello |
		jq -e '[.inodes[0].xattrs[] | {(.name): .value}] | add | .["user.test"] == "some value" and .["user.bytes"] == "\\x00\\xff\\x5c"'
	daxfsctl inspect "$BATS_TEST_TMPDIR/image" stat /hello | grep -q '^Xattr: *user.test=some value$'
}

@test "extents lie in the data area, cover the file and hold its bytes" {
	for file in /sparse /dir/random /hello; do
		daxfsctl inspect --json "$image" extents "$file" >"$BATS_TEST_TMPDIR/json"
		jq -e --argjson size "$(stat -c %s "$tree$file")" '.extents | (map(.length) | add) == $size and .[0].position == 0' "$BATS_TEST_TMPDIR/json"
		while read -r position length offset; do
			cmp -n "$length" -i "$position:$offset" "$tree$file" "$image"
		done < <(jq -r '.extents[] | select(.hole | not) | "\(.position) \(.length) \(.offset)"' "$BATS_TEST_TMPDIR/json")
	done
	daxfsctl inspect --json "$image" extents /sparse | jq -e '.extents | map(.hole) == [true, false, true]'
	daxfsctl inspect "$image" extents /sparse | grep -q 'hole$'
	daxfsctl inspect --json "$image" extents /nothing | jq -e '.extents == []'
}

@test "what is not there exits 3, what is something else exits 1" {
	fails 3 daxfsctl inspect "$image" stat /missing
	says '/missing: No such file or directory'
	fails 3 daxfsctl inspect "$image" cat /hello/below
	fails 3 daxfsctl inspect "$image" ls /hello/
	fails 3 daxfsctl inspect "$image" cat /dangling
	fails 1 daxfsctl inspect "$image" cat /dir
	says 'directory'
	fails 1 daxfsctl inspect "$image" cat /fifo
	fails 1 daxfsctl inspect "$image" extents /dir
	fails 1 daxfsctl inspect "$image" cat /loop1
	says 'Too many levels of symbolic links'
	fails 1 daxfsctl inspect "$image" stat "/$(printf 'x%.0s' {1..256})"
}

@test "what is no daxfs exits 3, what is no source exits 1 or 3" {
	fails 3 daxfsctl inspect "$tree/hello"
	says 'no daxfs'
	fails 3 daxfsctl inspect "$tree/nothing"
	fails 3 daxfsctl inspect "$BATS_TEST_TMPDIR/missing"
	fails 3 daxfsctl inspect ''
	fails 3 daxfsctl inspect LABEL=no-such-label-anywhere
	fails 1 daxfsctl inspect "$tree"
	fails 1 daxfsctl inspect /dev/null
	for spec in phys: phys:1 phys:+1 phys:1+ phys:0x1000+0 phys:4096+1X phys:-1+4096 'phys:4096+ 4096'; do
		fails 1 daxfsctl inspect "$spec"
		says 'phys:ADDR+SIZE'
	done
	fails 1 daxfsctl inspect phys:0xffffffffffffffff+4096
	fails 1 daxfsctl inspect phys:4096+99999999999999999999
	says 'number too large'
	fails 1 daxfsctl inspect phys:4096+99999999999T
	says 'number too large'
}

@test "wrong use exits 2" {
	misused 2 daxfsctl inspect
	misused 2 daxfsctl inspect --wrong "$image"
	says '"--wrong"'
	misused 2 daxfsctl inspect -lx "$image" ls
	says '"-x"'
	misused 2 daxfsctl inspect --json=yes "$image"
	misused 2 daxfsctl inspect "$image" frobnicate
	misused 2 daxfsctl inspect "$image" stat
	misused 2 daxfsctl inspect "$image" ls / /
	misused 2 daxfsctl inspect -l "$image"
	misused 2 daxfsctl inspect -R "$image" stat /
	misused 2 daxfsctl inspect --json "$image" cat /hello
}

@test "a superblock with a flipped byte is refused with a reason" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	fails 1 daxfsctl inspect "$damaged"
	says 'checksum'
	damaged=$(copy_image)
	poke "$damaged" 0 00
	fails 3 daxfsctl inspect "$damaged"
	damaged=$(copy_image)
	truncate -s -4096 "$damaged"
	fails 1 daxfsctl inspect "$damaged"
	says 'smaller than the image'
}

@test "a damaged inode is named, and the rest is listed all the same" {
	damaged=$(copy_image)
	inode=$(daxfsctl inspect --json "$image" stat /hello | jq '.inodes[0].inode')
	poke "$damaged" "$(area inodes) + ($inode - 1) * 64" 00 00
	fails 1 daxfsctl inspect "$damaged" cat /hello
	says "inode $inode: impossible file type"
	status=0
	daxfsctl inspect -l "$damaged" ls / >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(wc -l <"$BATS_TEST_TMPDIR/out") == $(ls -A "$tree" | wc -l) ]]
	says "/hello: inode $inode"
}

@test "a directory that is inside itself is walked once, and said to be wrong" {
	damaged=$(copy_image)
	deep=$(daxfsctl inspect --json "$image" stat /dir/sub/deep | jq '.inodes[0].inode')
	offset=$(daxfsctl inspect --json "$image" stat /dir/sub/deep | jq '.inodes[0].offset')
	above=$(daxfsctl inspect --json "$image" stat /dir/sub | jq '.inodes[0].inode')
	# The entry "last" of /dir/sub/deep now names /dir/sub, a directory (4).
	poke "$damaged" "$offset + 4" "$(printf '%02x' "$above")" 00 00 00 04
	status=0
	timeout 20 daxfsctl inspect -R "$damaged" ls / >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(grep -c '^/.*:$' "$BATS_TEST_TMPDIR/out") == $(find "$tree" -type d | wc -l) && $deep ]]
	says "/dir/sub/deep/last: inode $above: directory has not exactly one name"
}

@test "directories that share entries are not listed without end" {
	damaged=$(copy_image)
	inodes=$(area inodes)
	parent=$(daxfsctl inspect --json "$image" stat /dir | jq '.inodes[0].inode')
	empty=$(daxfsctl inspect --json "$image" stat /empty | jq '.inodes[0].inode')
	# /empty gets the contents of /dir: size, data, count and unit.
	for part in 16:8 40:8 48:4 56:2; do
		dd if="$image" of="$damaged" bs=1 conv=notrunc status=none count="${part#*:}" \
			skip=$((inodes + (parent - 1) * 64 + ${part%:*})) seek=$((inodes + (empty - 1) * 64 + ${part%:*}))
	done
	status=0
	timeout 20 daxfsctl inspect -R "$damaged" ls / >/dev/null 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 ]]
	says 'directory shares entries with another'
}

@test "a stdout that takes no more is a failure, also in the middle of a file" {
	status=0
	daxfsctl inspect "$image" cat /dir/random >/dev/full 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 ]]
	says 'No space left on device'
}
