# fsck: finds what is wrong, and says by its exit status what it did about it.
load setup.bash

setup_file() {
	load setup.bash
	make_image
}

setup() {
	image=$BATS_FILE_TMPDIR/image
}

# found STATUS TEXT IMAGE: fsck exits with STATUS, one line of stdout holds TEXT, and the image is unchanged.
found() {
	local status=0 before
	before=$(sha256sum "$3")
	fsck.daxfs "$3" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	if [[ $status != "$1" ]] || ! grep -qF -- "$2" "$BATS_TEST_TMPDIR/out"; then
		echo "exit status $status, expected $1; expected to read: $2; stdout and stderr were:"
		cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
		return 1
	fi
	[[ $(sha256sum "$3") == "$before" ]]
}

@test "a fresh image is clean, and one line says so" {
	run --separate-stderr fsck.daxfs "$image"
	[[ $status == 0 && ${#lines[@]} == 1 && $output == "$image: clean, "* && ! $stderr ]]
}

@test "what boot scripts pass is taken, an empty argument too" {
	for options in -a -A -p -y -n -f -C -V "-a -C" ""; do
		# shellcheck disable=SC2086
		fsck.daxfs $options "" "$image"
	done
}

@test "progress is shown on a terminal only" {
	fsck.daxfs -C "$image" 2>"$BATS_TEST_TMPDIR/err"
	[[ ! -s $BATS_TEST_TMPDIR/err ]]
}

@test "-V says what is checked" {
	fsck.daxfs -V "$image" | grep -q "checking [0-9]* inodes, $(stat -c %s "$image") bytes"
}

@test "a flipped byte anywhere in the metadata is found, exit 4" {
	for name in inodes directories symlinks extents; do
		damaged=$(copy_image)
		offset=$(area "$name")
		byte=$(od -An -tx1 -j $((offset + 9)) -N1 "$damaged" | tr -d ' ')
		poke "$damaged" "$offset + 9" "$(printf '%02x' $((0x$byte ^ 1)))"
		found 4 "$name: bad checksum" "$damaged"
		found 4 ", nothing was changed" "$damaged"
	done
}

@test "a flipped byte of the superblock is found, exit 4" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	found 4 'superblock: bad superblock checksum' "$damaged"
}

@test "a lost copy of the superblock is found, exit 4" {
	damaged=$(copy_image)
	poke "$damaged" "$(stat -c %s "$damaged") - 4096" 00
	found 4 "superblock's copy" "$damaged"
}

@test "a byte after the end of a file is found, and names the inode, exit 4" {
	damaged=$(copy_image)
	offset=$(daxfsctl inspect --json "$image" extents /hello | jq '.extents[0].offset')
	inode=$(daxfsctl inspect --json "$image" stat /hello | jq '.inodes[0].inode')
	poke "$damaged" "$offset + 13" 78
	found 4 "inode $inode, /hello: bytes after the end of the file are not zero" "$damaged"
}

@test "contents of a file that changed are found, and the file is named, exit 4" {
	for file in /dir/random /sparse; do
		damaged=$(copy_image)
		offset=$(daxfsctl inspect --json "$image" extents "$file" | jq '[.extents[] | select(.hole == false)][0].offset')
		byte=$(od -An -tx1 -j $((offset + 777)) -N1 "$damaged" | tr -d ' ')
		poke "$damaged" "$offset + 777" "$(printf '%02x' $((0x$byte ^ 0x10)))"
		found 4 ", $file: contents of the file have changed: bad checksum" "$damaged"
		found 4 "1 finding, nothing was changed" "$damaged"
		status=0
		fsck.daxfs --json "$damaged" >"$BATS_TEST_TMPDIR/json" || status=$?
		[[ $status == 4 ]]
		jq -e --arg file "$file" '.findings | length == 1 and .[0].path == $file and .[0].area != "inodes"' "$BATS_TEST_TMPDIR/json"
	done
}

@test "the path of a finding is shown without its control characters" {
	damaged=$(copy_image)
	name=$(printf '/dir/sub/a\nb\e[31m\\c\xff')
	offset=$(daxfsctl inspect --json "$image" extents "$name" | jq '.extents[0].offset')
	poke "$damaged" "$offset" 58
	found 4 ', /dir/sub/a\x0ab\x1b[31m\c\xff: contents of the file have changed' "$damaged"
}

@test "the checksum of a file is that of its bytes, of a long one, too, and stat shows it" {
	mkdir "$BATS_TEST_TMPDIR/tree"
	head -c 20000001 /dev/urandom >"$BATS_TEST_TMPDIR/tree/long"
	printf 123456789 >"$BATS_TEST_TMPDIR/tree/nine"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/tree" -o "$BATS_TEST_TMPDIR/image"
	fsck.daxfs "$BATS_TEST_TMPDIR/image"
	# The value that is published for these digits.
	daxfsctl inspect "$BATS_TEST_TMPDIR/image" stat /nine | grep -q '^Checksum: *0xe3069283$'
	daxfsctl inspect --json "$BATS_TEST_TMPDIR/image" stat /nine | jq -e '.inodes[0].checksum == 3808858755'
}

@test "--json has each finding, and an empty array for a clean image" {
	fsck.daxfs --json "$image" | jq -e '.schema == 1 and .findings == []'
	damaged=$(copy_image)
	poke "$damaged" "$(stat -c %s "$damaged") - 4096" 00
	status=0
	fsck.daxfs --json "$damaged" >"$BATS_TEST_TMPDIR/json" || status=$?
	[[ $status == 4 ]]
	jq -e '.findings | length == 1 and (.[0] | .area == "superblock" and (.text | length > 0) and (.offset | type) == "number")' "$BATS_TEST_TMPDIR/json"
}

# of_table AREA INDEX SIZE: the offset of an entry in an area of the writable image.
of_table() {
	daxfsctl inspect --json "$writable" | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + $2 * $3"
}

@test "what a kernel leaves behind that stopped is said to be no damage, exit 0; beside damage, exit 4" {
	writable=$BATS_TEST_TMPDIR/writable
	mkdaxfs -q -w -d "$BATS_FILE_TMPDIR/tree" -o "$writable"
	# A chunk of a branch that is gone.
	poke "$writable" "$(of_table chunks 2 8)" "$(word log 1 5)"
	found 0 "chunk belongs to no branch (2), at" "$writable"
	found 0 "1 left behind by a kernel" "$writable"
	fsck.daxfs --json "$writable" | jq -e '.findings | length == 1 and .[0].leftover'
	# A commit to main, of nobody.
	poke "$writable" "$(of_table branches 0 256) + 24" "$(word branch 3 1)"
	found 0 "2 left behind by a kernel" "$writable"
	poke "$writable" "$(of_table chunks 3 8)" 09 09
	found 4 "1 finding, nothing was changed" "$writable"
	found 4 "2 left behind by a kernel" "$writable"
}

@test "without a superblock and without its copy nothing is promised" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	poke "$damaged" "$(stat -c %s "$damaged") - 4096 + 0x70" ff
	found 4 "bad superblock checksum" "$damaged"
	run ! grep -q "may repair\|--extract" "$BATS_TEST_TMPDIR/out"
	status=0
	fsck.daxfs -y "$damaged" >"$BATS_TEST_TMPDIR/out" || status=$?
	[[ $status == 4 ]]
	run ! grep -q "clean\|repaired" "$BATS_TEST_TMPDIR/out"
}

@test "what cannot be checked exits 8" {
	fails 8 fsck.daxfs "$BATS_TEST_TMPDIR/missing"
	fails 8 fsck.daxfs "$BATS_FILE_TMPDIR/tree/hello"
	says 'no daxfs'
	fails 8 fsck.daxfs "$BATS_FILE_TMPDIR/tree"
	fails 8 fsck.daxfs phys:1
	status=0
	fsck.daxfs "$image" >/dev/full 2>/dev/null || status=$?
	[[ $status == 8 ]]
}

@test "wrong use exits 16" {
	misused 16 fsck.daxfs
	misused 16 fsck.daxfs ''
	misused 16 fsck.daxfs -Z "$image"
	says '"-Z"'
	misused 16 fsck.daxfs "$image" "$image"
}
