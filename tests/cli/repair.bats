# fsck repairs: each kind of damage is made, found, named, repaired, and found no more; what cannot be repaired is named and left alone.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	make_tree
	command -v cc >/dev/null || return 0
	cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -o "$BATS_FILE_TMPDIR/grow" "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	mkdaxfs -q -w -D 8M --branches 8 -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/grown"
	# main, x below it with a log of several records and a file of its own, y below x
	grow x branch main
	grow x create /new text
	grow x mkdir /made
	grow x create /made/second more
	grow x unlink /fifo
	grow y branch x
	grow y create /below "deep down"
	daxfsctl inspect "$BATS_FILE_TMPDIR/grown" extract -C "$BATS_FILE_TMPDIR/x" --branch x /
	daxfsctl inspect "$BATS_FILE_TMPDIR/grown" extract -C "$BATS_FILE_TMPDIR/y" --branch y /
}

setup() {
	[[ -x $BATS_FILE_TMPDIR/grow ]] || skip "no C compiler"
	cd "$BATS_TEST_TMPDIR" || return
	fresh
}

grow() {
	"$BATS_FILE_TMPDIR/grow" "$BATS_FILE_TMPDIR/grown" "$@"
}

# fresh: an image to be damaged, called image.
fresh() {
	cp --sparse=always "$BATS_FILE_TMPDIR/grown" image
}

# at AREA [INDEX SIZE [MEMBER]]: an offset in the image.
at() {
	daxfsctl inspect --json "$BATS_FILE_TMPDIR/grown" | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + ${2:-0} * ${3:-0} + ${4:-0}"
}

# runs STATUS OPTION...: fsck exits with STATUS; out and err have what it said.
runs() {
	local status=0 want=$1
	shift
	fsck.daxfs "$@" >out 2>err || status=$?
	[[ $status == "$want" ]] && return
	echo "fsck.daxfs $*: exit status $status, expected $want; stdout and stderr were:"
	cat out err
	return 1
}

# hash: of the image's bytes.
hash() {
	sha256sum image
}

# unmounted FILE: its bytes, but for those of the mount slots, which say who was there.
unmounted() {
	head -c "$(at mounts)" "$1"
	tail -c +$(($(at mounts) + $(at mounts 256 64) - $(at mounts) + 1)) "$1"
}

# restored: every byte that counts is as it was before the damage.
restored() {
	cmp <(unmounted image | head -c $(($(stat -c %s "$BATS_FILE_TMPDIR/grown") - 16384))) <(unmounted "$BATS_FILE_TMPDIR/grown")
}

# shows: the image's branches show what they did before.
shows() {
	rm -rf now.x now.y
	daxfsctl inspect image extract -C now.x --branch x /
	daxfsctl inspect image extract -C now.y --branch y /
	diff -r --no-dereference "$BATS_FILE_TMPDIR/x" now.x && diff -r --no-dereference "$BATS_FILE_TMPDIR/y" now.y
}

# repaired OPTION TEXT [CHECK-STATUS]: fsck finds TEXT and changes nothing without being asked; with OPTION it is repaired, and gone, and nothing is lost.
repaired() {
	local before
	before=$(hash)
	for options in "" -n "-n -C -V"; do
		# shellcheck disable=SC2086
		runs "${3:-4}" $options image
		grep -qF -- "$2" out
	done
	[[ $(hash) == "$before" ]]
	if [[ $1 == -y ]]; then
		runs 4 -p image
		grep -qF -- "$2" out
		grep -qF "left alone" out
		grep -qF "fsck.daxfs -y may repair" out
	fi
	runs 1 "$1" image
	grep -F -- "$2" out | grep -q ': repaired$'
	grep -q "^image: [0-9]* repaired, 0 left alone$" out
	runs 0 -n image
	grep -q "^image: clean, " out
	[[ $(wc -l <out) == 1 ]]
	runs 0 "$1" image
	[[ ${4:-} ]] || shows
}

# stubborn TEXT: fsck finds TEXT, has no remedy, and leaves every byte as it is.
stubborn() {
	cp --sparse=always image before
	for option in -n -p -y; do
		runs 4 "$option" image
		grep -qF -- "$1" out
		! grep -q "may repair" out
		cmp <(unmounted image) <(unmounted before)
	done
	grep -F -- "$1" out | grep -q ': left alone$'
	grep -q -- "--extract DIR" out
}

@test "the image that is damaged in these tests is clean, and there is nothing to repair" {
	for option in -n -p -a -y; do
		runs 0 "$option" image
		cmp image "$BATS_FILE_TMPDIR/grown"
	done
}

@test "a damaged superblock is taken from its copy, with -y only" {
	poke image 0x70 ff
	repaired -y "bad superblock checksum"
	restored
}

@test "a superblock that is all zeros is taken from its copy, also where the image is shorter than what holds it" {
	dd if=/dev/zero of=image bs=4096 count=1 conv=notrunc status=none
	truncate -s +1000000 image
	repaired -y "no daxfs magic"
	restored
}

@test "a damaged copy of the superblock is written again" {
	poke image "$(stat -c %s image) - 4096 + 8" 00
	repaired -p "superblock's copy"
	restored
}

@test "what another filesystem left where zeros belong is cleared, with -y only" {
	poke image 0x10040 5f 42 48 52 66 53 5f 4d
	repaired -y "bytes that must be zero are not"
	restored
}

@test "the superblock does not come back over another filesystem" {
	mkswap -q image
	before=$(hash)
	for option in -n -p -y; do
		fails 8 fsck.daxfs "$option" image
		grep -q "holds swap" "$BATS_TEST_TMPDIR/err"
	done
	[[ $(hash) == "$before" ]]
}

@test "counters that lag behind, and bytes of the shared state, are set right" {
	poke image "$(at shared) + 64" "$(word number 0)"
	repaired -p "next inode number is in use"
	fresh
	poke image "$(at shared) + 88" "$(word number 1)"
	repaired -p "generation or salt is in use"
	fresh
	poke image "$(at shared) + 96" "$(word number 1)"
	repaired -p "generation or salt is in use"
	for member in 64 72 88 96; do
		fresh
		poke image "$(at shared) + $member" 11 11
		repaired -p "counter of the shared state cannot be read"
	done
	fresh
	poke image "$(at shared) + 10" 01
	repaired -p "shared state that must be zero"
	fresh
	poke image "$(at branches 1 256) + 88" 01
	repaired -p "reserved member of a branch"
}

@test "chunks that the table gives to nobody, to somebody else, or to what means nothing are whose log uses them" {
	for word in "00 00 00 00 00 00 00 00" "09 09 00 00 00 00 00 00" "$(word log 0 1)" "ff ff ff ff ff ff ff ff"; do
		for number in $(daxfsctl inspect --json image log x | jq '[.records[].chunk] | unique[]'); do
			fresh
			# shellcheck disable=SC2086
			poke image "$(at chunks "$number" 8)" $word
			repaired -p "log goes on in what is no log chunk of the branch"
		done
		data=$(daxfsctl inspect --json image log x | jq '[.records[].items[] | select(.type == "map").offset][0]')
		fresh
		# shellcheck disable=SC2086
		poke image "$(at chunks $(((data - $(at delta)) / $(chunk_size))) 8)" $word
		repaired -p "blocks are not the branch's"
	done
}

chunk_size() {
	daxfsctl inspect --json "$BATS_FILE_TMPDIR/grown" | jq -e '.images[0].chunk_size'
}

@test "chunks of nobody, idle ones, and such as were freed in the future are given back" {
	poke image "$(at chunks 100 8)" "$(word log 7 5)"
	repaired -p "chunk belongs to no branch" 0
	fresh
	poke image "$(at chunks 100 8)" "$(word log 0 1)"
	repaired -p "chunk is not used by the branch that owns it" 0
	fresh
	poke image "$(at chunks 100 8)" "$(word freed 0xffffff)"
	repaired -p "chunk was freed in the future"
}

@test "a record that was written in part is cleared away" {
	end=$(daxfsctl inspect --json image log x | jq '.records[-1] | .offset + .length')
	poke image "$end" 70 00 00 00 12 34 56 78
	repaired -p "last record of a log was not written to its end" 0
	restored
}

@test "records behind a damaged one are given up, with -y only, and what refers to them in branches" {
	"$BATS_FILE_TMPDIR/grow" image y create /one
	"$BATS_FILE_TMPDIR/grow" image y create /two
	mid=$(daxfsctl inspect --json image log y | jq '.records[-2].offset')
	poke image "$mid + 30" aa
	repaired -y "log ends at a damaged record" 4 lossy
	daxfsctl inspect image extract -C now --branch y /
	[[ -e now/below && ! -e now/one && ! -e now/two ]]
	fresh
	mid=$(daxfsctl inspect --json image log x | jq '.records[-2].offset')
	poke image "$mid + 30" aa
	repaired -y "log does not go on after this record, though others were written" 4 lossy
	daxfsctl inspect image extract -C left --branch x /
	[[ -e left/new && -e left/fifo ]]
	daxfsctl inspect image extract -C above --branch y /
	[[ -e above/new && -e above/fifo ]]
	fresh
	poke image "$mid + 30" aa
	runs 1 -y image
	grep -q "branch x: its records [0-9]* to [0-9]* are lost" err
}

@test "a commit that was not finished is, and what was discarded goes" {
	# x wins: main's entry names it
	generation=$(daxfsctl inspect --json image layout | jq '.layouts[0].branches[] | select(.name == "x").generation')
	other=$(daxfsctl inspect --json image layout | jq '.layouts[0].branches[] | select(.name == "y").generation')
	daxfsctl inspect image extract -C before --branch x /
	# y is x's child and has to go first, as for every commit: an abort of it was begun, and not finished either
	poke image "$(at branches 2 256)" "$(word state "$DEAD" "$other")"
	poke image "$(at branches 0 256 24)" "$(word branch 1 "$generation")"
	runs 0 image
	grep -qF "commit was not finished" out
	runs 1 -p image
	runs 0 image
	[[ $(wc -l <out) == 1 ]]
	daxfsctl inspect image extract -C after /
	diff -r --no-dereference before after
	fails 3 daxfsctl inspect image extract -C none --branch x /
}

@test "mounts that are gone, and the lock and leases that they held, are given up" {
	poke image "$(at mounts)" "$(word owner 0 5)"
	poke image "$(at shared) + 80" "$(word holder 0 5)"
	poke image "$(at branches 1 256 32)" "$(word holder 0 5)"
	runs 0 image
	grep -qF "mount slot of a mount that is gone" out
	grep -qF "volume lock is held by a mount that is gone" out
	grep -qF "lease of a branch is held by a mount that is gone" out
	runs 1 -p image
	grep -q "^image: 3 repaired, 0 left alone$" out
	runs 0 image
	[[ $(wc -l <out) == 1 ]]
	shows
}

@test "an image whose mount's heart beats is not repaired, and -n says why its findings may pass" {
	poke image "$(at mounts)" "$(word owner 0 5)"
	printf 'other-host' | dd of=image bs=1 seek=$(($(at mounts) + 40)) conv=notrunc status=none
	poke image "$(stat -c %s image) - 4096 + 8" 00
	# The image is mapped as by another kernel: once a second a byte of the heartbeat changes.
	(for i in $(seq 1 60); do
		poke image "$(at mounts) + 8" "$(printf '%02x' "$i")"
		sleep 0.5
	done) &
	beats=$!
	copy=$(tail -c 4096 image | sha256sum)
	for option in -p -y; do
		runs 8 "$option" image
		grep -q "is mounted by .*nothing was changed" err
	done
	runs 4 -n image
	grep -q "is mounted; " out
	run ! grep -q "is gone" out
	[[ $(tail -c 4096 image | sha256sum) == "$copy" ]]
	before=$(head -c 4096 image | sha256sum)
	status=0
	mkdaxfs -f -q -d "$BATS_FILE_TMPDIR/tree" -o image 2>err || status=$?
	[[ $status == 4 ]]
	grep -q "is mounted by " err
	[[ $(head -c 4096 image | sha256sum) == "$before" ]]
	mkdaxfs -ff -q -d "$BATS_FILE_TMPDIR/tree" -o image
	[[ $(head -c 4096 image | sha256sum) != "$before" ]]
	kill "$beats"
}

@test "a branch whose parent's entry is lost stays until somebody gives it up, and nothing else goes with it" {
	dd if=/dev/zero of=image bs=1 seek="$(at branches 1 256)" count=256 conv=notrunc status=none
	# The chunks of the lost one are nobody's.
	runs 5 -p image
	grep -qF "branch whose parent is not there" out
	runs 1 -y image
	runs 0 image
	[[ $(wc -l <out) == 1 ]]
	daxfsctl inspect image extract -C now /
	diff -r --no-dereference --exclude=fifo "$BATS_FILE_TMPDIR/tree" now
}

@test "what nobody can tell is named and left alone: metadata, contents, branches, logs" {
	for name in inodes directories symlinks extents; do
		fresh
		offset=$(at "$name")
		poke image "$offset + 9" "$(printf '%02x' $((0x$(xxd -p -s $((offset + 9)) -l 1 image) ^ 1)))"
		stubborn "$name: bad checksum"
	done
	fresh
	poke image "$(at branches 1 256 64)" 5a
	stubborn "of a branch"
	fresh
	poke image "$(at branches 0 256)" "$(word state 7 1)"
	stubborn "impossible state of a branch"
	fresh
	poke image "$(at branches 1 256 16)" "$(word link 0x1ffff)"
	stubborn "log does not start where the branch says"
}

@test "several kinds at once: what can be repaired is, the rest is left, and both are said" {
	poke image "$(stat -c %s image) - 4096 + 8" 00
	poke image "$(at chunks 100 8)" 09 09
	poke image "$(at branches 2 256 64)" 5a
	runs 5 -y image
	grep -q "superblock's copy .*: repaired$" out
	# It may be of the branch whose entry cannot be read.
	grep -q "impossible word of a chunk .*: left alone$" out
	grep -q "of a branch.*: left alone$" out
	grep -q "^image: 1 repaired, 2 left alone$" out
	runs 4 -y image
	grep -q "^image: 0 repaired, 2 left alone$" out
}

@test "--json says of each finding what remedy there is, and whether it was repaired" {
	poke image "$(stat -c %s image) - 4096 + 8" 00
	poke image "$(at branches 2 256 64)" 5a
	runs 4 --json image
	jq -e '.findings | map({remedy, repaired}) | sort_by(.remedy) == [{remedy: "none", repaired: false}, {remedy: "safe", repaired: false}]' out
	runs 5 --json -p image
	jq -e '.findings | map({remedy, repaired}) | sort_by(.remedy) == [{remedy: "none", repaired: false}, {remedy: "safe", repaired: true}]' out
}

@test "--extract writes every undamaged file, of an image without superblock as well, and changes nothing" {
	offset=$(at inodes)
	inode=$(daxfsctl inspect --json image stat /dir/random | jq '.inodes[0].inode')
	# An impossible mode
	poke image "$offset + ($inode - 1) * 64" 00 00
	dd if=/dev/zero of=image bs=4096 count=1 conv=notrunc status=none
	truncate -s +1000000 image
	before=$(hash)
	runs 4 --extract saved image
	grep -q "dir/random" err
	[[ $(hash) == "$before" && ! -e saved/dir/random ]]
	run diff -r --no-dereference --exclude=fifo "$BATS_FILE_TMPDIR/tree" saved
	[[ $output == "Only in $BATS_FILE_TMPDIR/tree/dir: random" && -p saved/fifo ]]
}

@test "--extract --branch writes the files of a branch, without superblock as well, and says what it has written" {
	dd if=/dev/zero of=image bs=4096 count=1 conv=notrunc status=none
	before=$(hash)
	runs 4 --extract saved.main image
	grep -qx "image: what can be read of branch main is in saved.main; --branch takes another one" out
	runs 4 --extract saved.x --branch x image
	grep -qx "image: what can be read of branch x is in saved.x" out
	fsck.daxfs --extract saved.y --branch=y image >out || [[ $? == 4 ]]
	[[ $(hash) == "$before" ]]
	for name in x y; do diff -r --no-dereference --exclude=fifo "$BATS_FILE_TMPDIR/$name" saved.$name; done
	diff -r --no-dereference --exclude=fifo "$BATS_FILE_TMPDIR/tree" saved.main
	runs 12 --extract none --branch nobody image
	grep -q "nobody" err
	[[ ! -e none ]]
	runs 0 --extract saved.whole --branch x "$BATS_FILE_TMPDIR/grown"
	grep -q ": all files of branch x are in saved.whole$" out
	# One without branches.
	mkdaxfs -q -d "$BATS_FILE_TMPDIR/tree" -o plain
	[[ $(fsck.daxfs --extract saved.plain plain) == *$'\n'"plain: all files are in saved.plain" ]]
}

@test "wrong use of repairing exits 16" {
	misused 16 fsck.daxfs -n -y image
	misused 16 fsck.daxfs -p -y image
	misused 16 fsck.daxfs -a -n image
	misused 16 fsck.daxfs --extract
	misused 16 fsck.daxfs -y --extract somewhere image
	[[ ! -e somewhere ]]
	fsck.daxfs -p -a image
}

@test "an image that must not be written to is not repaired, and that is said" {
	[[ $EUID != 0 ]] || skip "root may write to everything"
	poke image "$(stat -c %s image) - 4096 + 8" 00
	chmod 444 image
	runs 12 -p image
	grep -q "cannot be written to: Permission denied" err
}
