# inspect extract: what comes out is what was put in, in DIR and nowhere else, and what is damaged is named.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	make_tree
	local tree=$BATS_FILE_TMPDIR/tree
	touch -d '1999-12-31 23:59:59.5 UTC' "$tree/dir" "$tree/fifo"
	touch -h -d '1969-12-31 23:59:58 UTC' "$tree/link"
	chmod 4711 "$tree/dir/random"
	chmod 1777 "$tree/empty"
	chmod 000 "$tree/nothing"
	mkdir "$tree/closed"
	echo inside >"$tree/closed/file"
	chmod 500 "$tree/closed"
	# Not everywhere can have these.
	setfattr -n user.test -v 'some value' "$tree/hello" || true
	setfattr -n user.test -v 0x00ff5c "$tree/dir" || true
	mkdaxfs -q -L testlabel -d "$tree" -o "$BATS_FILE_TMPDIR/image"
	mkdaxfs -q -w -D 8M -d "$tree" -o "$BATS_FILE_TMPDIR/writable"
	if command -v cc >/dev/null; then
		cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -o "$BATS_FILE_TMPDIR/grow" "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
		cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -shared -fPIC -o "$BATS_FILE_TMPDIR/fake.so" "$project/tests/cli/fake.c"
	fi
}

setup() {
	image=$BATS_FILE_TMPDIR/image
	tree=$BATS_FILE_TMPDIR/tree
	out=$BATS_TEST_TMPDIR/extracted
}

# Without this bats cannot take its directory away.
teardown_file() {
	chmod -R u+rwx "$BATS_FILE_TMPDIR"
}

teardown() {
	[[ ! -e $BATS_TEST_TMPDIR ]] || chmod -R u+rwx "$BATS_TEST_TMPDIR"
}

# everything DIR: what can be said of each file in it.
everything() {
	(cd "$1" && find . ! -type d -printf '%P %M %U %G %n %s %T@ %l\n' -o -printf '%P %M %U %G %n %T@\n') | LC_ALL=C sort
	(cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
	(cd "$1" && find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex -- 2>/dev/null)
}

# same DIR DIR
same() {
	diff -a <(everything "$1") <(everything "$2")
}

# loses COMMAND...: exits 1 and prints nothing to stdout; what it says is in err.
loses() {
	local status=0
	"$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && ! -s $BATS_TEST_TMPDIR/stdout ]] || {
		echo "exit status $status"
		cat "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/err"
		return 1
	}
}

# grows COMMAND...: in a copy of the writable image, once a test.
grows() {
	[[ -x $BATS_FILE_TMPDIR/grow ]] || skip "no C compiler"
	grown=$BATS_TEST_TMPDIR/grown
	[[ -e $grown ]] || cp --sparse=always "$BATS_FILE_TMPDIR/writable" "$grown"
	"$BATS_FILE_TMPDIR/grow" "$grown" "$@"
}

inode() {
	daxfsctl inspect --json "$image" stat "$1" | jq .inodes[0].inode
}

@test "a whole tree comes out as it went in: modes, times, links, xattrs, owners, holes" {
	daxfsctl inspect "$image" extract -C "$out"
	same "$tree" "$out"
	[[ $out/hello -ef $out/dir/hard ]]
	[[ $(stat -c %b "$out/sparse") -le $(stat -c %b "$tree/sparse") ]]
}

@test "a writable image that nobody wrote to gives the same, and an empty directory is filled" {
	mkdir "$out"
	daxfsctl inspect "$BATS_FILE_TMPDIR/writable" extract --directory "$out" /
	same "$tree" "$out"
}

@test "a PATH comes out under its last name, or as what is in it after a dot" {
	mkdir "$out"
	chmod 751 "$out"
	touch -d '2002-02-02 UTC' "$out"
	daxfsctl inspect "$image" extract -C "$out" /closed
	same "$tree/closed" "$out/closed"
	daxfsctl inspect "$image" extract -C "$out" hello
	cmp "$tree/hello" "$out/hello"
	daxfsctl inspect "$image" extract -C "$out" /absolute/deep/last
	cmp "$tree/dir/sub/deep/last" "$out/last"
	daxfsctl inspect "$image" extract -C "$out" /link
	[[ $(readlink "$out/link") == hello ]]
	# With a slash the link is followed.
	daxfsctl inspect "$image" extract -C "$out" /absolute/
	same "$tree/dir/sub" "$out/absolute"
	daxfsctl inspect "$image" extract -C "$out" /dir/sub/.
	same "$tree/dir/sub/deep" "$out/deep"
	[[ $(stat -c %a "$out") == 751 ]]
}

@test "nothing that is there is replaced, entered or changed, and the rest comes out" {
	mkdir -p "$out/dir" "$BATS_TEST_TMPDIR/elsewhere"
	echo mine >"$out/hello"
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$out/closed"
	ln -s "$BATS_TEST_TMPDIR/elsewhere/made" "$out/sparse"
	chmod 711 "$out"
	loses daxfsctl inspect "$image" extract -C "$out"
	for name in dir hello closed sparse; do
		says "/$name: File exists"
	done
	says 'hint: nothing that is there is replaced'
	[[ $(wc -l <"$BATS_TEST_TMPDIR/err") == 5 ]]
	[[ $(<"$out/hello") == mine && ! $(ls -A "$BATS_TEST_TMPDIR/elsewhere") && ! $(ls -A "$out/dir") ]]
	[[ $(stat -c %a "$out") == 711 && -p $out/fifo && -L $out/link ]]
}

@test "without root it does what it can: modes and times, no set-id bit of somebody else, devices named" {
	((EUID == 0)) || skip "only root can make the image of such a tree, and become somebody else"
	dir=$(mktemp -d)
	chmod 755 "$dir"
	cp -aT "$tree" "$BATS_TEST_TMPDIR/tree"
	mknod "$BATS_TEST_TMPDIR/tree/null" c 1 3
	setfattr -n trusted.test -v x "$BATS_TEST_TMPDIR/tree/hello" || true
	chmod 6755 "$BATS_TEST_TMPDIR/tree/hello"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/tree" -o "$dir/image"
	cp "$build/daxfsctl" "$dir/daxfsctl"
	chmod 755 "$dir/daxfsctl"
	chmod 644 "$dir/image"
	install -d -o 65534 -g 65534 "$dir/out"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/daxfsctl" inspect "$dir/image" extract -C "$dir/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	rm "$BATS_TEST_TMPDIR/tree/null"
	diff -a <(cd "$BATS_TEST_TMPDIR/tree" && chmod 755 hello && chmod 711 dir/random && find . ! -type d -printf '%P %M %s %T@ %l\n' | sort) \
		<(cd "$dir/out" && find . ! -type d -printf '%P %M %s %T@ %l\n' | sort)
	chmod -R u+rwx "$dir"
	rm -rf "$dir"
	[[ $status == 1 && $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 ]]
	says '/null: Operation not permitted'
}

@test "devices and trusted xattrs come out when root extracts" {
	((EUID == 0)) || skip "needs root"
	mkdir "$BATS_TEST_TMPDIR/dev"
	mknod -m 620 "$BATS_TEST_TMPDIR/dev/null" c 1 3 || skip "no devices in $BATS_TEST_TMPDIR"
	mknod "$BATS_TEST_TMPDIR/dev/disk" b 7 70000
	ln -s x "$BATS_TEST_TMPDIR/dev/link"
	setfattr -h -n trusted.test -v x "$BATS_TEST_TMPDIR/dev/link" || skip "no trusted xattrs in $BATS_TEST_TMPDIR"
	chown -h 1234:70000 "$BATS_TEST_TMPDIR/dev/"*
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/dev" -o "$BATS_TEST_TMPDIR/image"
	daxfsctl inspect "$BATS_TEST_TMPDIR/image" extract -C "$out"
	same "$BATS_TEST_TMPDIR/dev" "$out"
	[[ $(stat -c '%t %T' "$out/disk") == "$(stat -c '%t %T' "$BATS_TEST_TMPDIR/dev/disk")" ]]
}

@test "--branch takes a branch as it is, and without it main" {
	grows x branch main
	grows x create /dir/new text
	grows x write /hello changed
	grows x symlink /dir/to /hello
	grows x mkdir /made
	grows x rename /dir/sub /made/sub
	grows x link /hello /made/linked
	grows x unlink /fifo
	grows x chmod /dir/random 600
	grows x xattr /made value
	daxfsctl inspect "$grown" extract --branch x -C "$out"
	[[ $(<"$out/dir/new") == text && $(<"$out/hello") == changed && $(readlink "$out/dir/to") == /hello ]]
	[[ $out/made/linked -ef $out/hello && $out/dir/hard -ef $out/hello && ! -e $out/fifo && ! -e $out/dir/sub ]]
	cmp "$tree/dir/sub/deep/last" "$out/made/sub/deep/last"
	[[ $(stat -c %a "$out/dir/random") == 600 ]]
	cmp "$tree/dir/random" "$out/dir/random"
	[[ $(getfattr --only-values -n user.test "$out/made" 2>/dev/null || echo value) == value ]]
	daxfsctl inspect "$grown" extract -C "$BATS_TEST_TMPDIR/main"
	same "$tree" "$BATS_TEST_TMPDIR/main"
	daxfsctl inspect "$grown" extract --branch x -C "$BATS_TEST_TMPDIR/one" /made/linked
	[[ $(<"$BATS_TEST_TMPDIR/one/linked") == changed ]]
}

@test "a path longer than PATH_MAX is no limit" {
	deep=$BATS_TEST_TMPDIR/deep name=$(printf 'd%.0s' {1..250})
	mkdir "$deep"
	(cd "$deep" && for ((i = 0; i < 20; i++)); do mkdir "$name" && cd "./$name" || exit; done && echo bottom >file && ln file link)
	mkdaxfs -q -d "$deep" -o "$BATS_TEST_TMPDIR/image" || skip "mkdaxfs cannot read such a tree"
	daxfsctl inspect "$BATS_TEST_TMPDIR/image" extract -C "$out"
	(cd "$out" && for ((i = 0; i < 20; i++)); do cd "./$name" || exit; done && [[ $(<file) == bottom && file -ef link ]])
}

@test "of a damaged image every undamaged file comes out, and each other one is named" {
	damaged=$(copy_image)
	poke "$damaged" "$(area inodes) + ($(inode /hello) - 1) * 64" 00 00
	poke "$damaged" "$(area inodes) + ($(inode /sparse) - 1) * 64 + 48" ff ff ff 7f
	poke "$damaged" "$(daxfsctl inspect --json "$image" stat /dangling | jq .inodes[0].offset)" 00
	loses daxfsctl inspect "$damaged" extract -C "$out"
	for path in /hello /dir/hard /sparse /dangling; do
		grep -q "^daxfsctl: inspect: $damaged: $path: inode [0-9]*: " "$BATS_TEST_TMPDIR/err"
		[[ ! -e $out$path && ! -L $out$path ]]
	done
	[[ $(wc -l <"$BATS_TEST_TMPDIR/err") == 4 ]]
	cp -aT "$tree" "$BATS_TEST_TMPDIR/rest"
	rm "$BATS_TEST_TMPDIR/rest"/{hello,dir/hard,sparse,dangling}
	touch -r "$tree" "$BATS_TEST_TMPDIR/rest"
	touch -r "$tree/dir" "$BATS_TEST_TMPDIR/rest/dir"
	same "$BATS_TEST_TMPDIR/rest" "$out"
}

@test "of a file whose contents cannot be had in full nothing is left" {
	damaged=$(copy_image)
	# Where its one extent is.
	poke "$damaged" "$(daxfsctl inspect --json "$image" stat /sparse | jq .inodes[0].offset) + 8" ff ff ff ff
	loses daxfsctl inspect "$damaged" extract -C "$out"
	says '/sparse: inode '
	[[ $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 && ! -e $out/sparse && -e $out/hello ]]
}

@test "a damaged entry of a directory is named, and its neighbours come out" {
	damaged=$(copy_image)
	offset=$(daxfsctl inspect --json "$image" stat /dir | jq .inodes[0].offset)
	poke "$damaged" "$offset + 10" 2f
	loses daxfsctl inspect "$damaged" extract -C "$out"
	says '/dir: entry 0: '
	[[ $(find "$out/dir" -mindepth 1 -maxdepth 1 | wc -l) == $(($(find "$tree/dir" -mindepth 1 -maxdepth 1 | wc -l) - 1)) ]]
}

@test "behind the last entry of the base, damaged, come those that a branch added" {
	grows main create /dir/new text
	read -r offset count size < <(daxfsctl inspect --json "$BATS_FILE_TMPDIR/writable" stat /dir | jq -r '.inodes[0] | "\(.offset) \(.entries) \(.entry_size)"')
	poke "$grown" "$offset + ($count - 1) * $size + 10" 2f
	loses daxfsctl inspect "$grown" extract -C "$out"
	says "/dir: entry $((count - 1)): "
	[[ $(<"$out/dir/new") == text && $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 ]]
}

@test "an entry that claims another type is named and not made" {
	damaged=$(copy_image)
	offset=$(daxfsctl inspect --json "$image" stat /dir/sub/deep | jq .inodes[0].offset)
	poke "$damaged" "$offset + 4" "$(printf '%02x' "$(inode /link)")"
	loses daxfsctl inspect "$damaged" extract -C "$out"
	says '/dir/sub/deep/last: '
	[[ ! -e $out/dir/sub/deep/last && ! -L $out/dir/sub/deep/last ]]
}

@test "directories that are inside themselves, or share their entries, end" {
	damaged=$(copy_image)
	offset=$(daxfsctl inspect --json "$image" stat /dir/sub/deep | jq .inodes[0].offset)
	poke "$damaged" "$offset + 4" "$(printf '%02x' "$(inode /dir/sub)")" 00 00 00 04
	loses timeout 20 daxfsctl inspect "$damaged" extract -C "$out"
	says '/dir/sub/deep/last: inode'
	damaged=$(copy_image)
	for part in 16:8 40:8 48:4 56:2; do
		dd if="$image" of="$damaged" bs=1 conv=notrunc status=none count="${part#*:}" \
			skip=$(($(area inodes) + ($(inode /dir) - 1) * 64 + ${part%:*})) seek=$(($(area inodes) + ($(inode /empty) - 1) * 64 + ${part%:*}))
	done
	loses timeout 20 daxfsctl inspect "$damaged" extract -C "$BATS_TEST_TMPDIR/shared"
	says 'exactly one name'
}

@test "many directories that share the entries of one end, too" {
	mkdir -p "$BATS_TEST_TMPDIR/many"/{big,d{01..20}}
	(cd "$BATS_TEST_TMPDIR/many/big" && touch file{001..200})
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/many" -o "$BATS_TEST_TMPDIR/image"
	inodes=$(daxfsctl inspect --json "$BATS_TEST_TMPDIR/image" | jq '.images[0].areas[] | select(.name == "inodes").offset')
	number() { daxfsctl inspect --json "$BATS_TEST_TMPDIR/image" stat "$1" | jq .inodes[0].inode; }
	big=$(number /big)
	cp "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/damaged"
	for i in {01..20}; do
		for part in 16:8 40:8 48:4 56:2; do
			dd if="$BATS_TEST_TMPDIR/image" of="$BATS_TEST_TMPDIR/damaged" bs=1 conv=notrunc status=none count="${part#*:}" \
				skip=$((inodes + (big - 1) * 64 + ${part%:*})) seek=$((inodes + ($(number "/d$i") - 1) * 64 + ${part%:*}))
		done
	done
	loses daxfsctl inspect "$BATS_TEST_TMPDIR/damaged" extract -C "$out"
	says 'directory shares entries with another'
	[[ $(find "$out" -type f | wc -l) -le 900 ]]
}

@test "a name that is in a directory twice cannot lead out of DIR" {
	mkdir -p "$BATS_TEST_TMPDIR/twice/aa" "$BATS_TEST_TMPDIR/outside"
	echo evil >"$BATS_TEST_TMPDIR/twice/aa/file"
	ln -s "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/twice/bb"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/twice" -o "$BATS_TEST_TMPDIR/image"
	offset=$(daxfsctl inspect --json "$BATS_TEST_TMPDIR/image" stat / | jq .inodes[0].offset)
	for hidden in aa bb; do
		cp "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/forged"
		# Both entries get the name and the hash of the other: which of them comes first is not known.
		for ((i = 0; i < 2; i++)); do
			if [[ $(dd if="$BATS_TEST_TMPDIR/image" bs=1 skip=$((offset + i * 64 + 10)) count=2 status=none) == "$hidden" ]]; then
				dd if="$BATS_TEST_TMPDIR/image" of="$BATS_TEST_TMPDIR/forged" bs=1 count=4 skip=$((offset + (1 - i) * 64)) seek=$((offset + i * 64)) conv=notrunc status=none
				dd if="$BATS_TEST_TMPDIR/image" of="$BATS_TEST_TMPDIR/forged" bs=1 count=2 skip=$((offset + (1 - i) * 64 + 10)) seek=$((offset + i * 64 + 10)) conv=notrunc status=none
			fi
		done
		loses daxfsctl inspect "$BATS_TEST_TMPDIR/forged" extract -C "$BATS_TEST_TMPDIR/$hidden"
		says 'File exists'
		[[ ! $(ls -A "$BATS_TEST_TMPDIR/outside") ]]
	done
}

# meddles VARIABLE COMMAND...: with somebody else at work in DIR, see fake.c; loses something.
meddles() {
	[[ -e $BATS_FILE_TMPDIR/fake.so ]] || skip "no C compiler"
	local -x "$1" LD_PRELOAD=$BATS_FILE_TMPDIR/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
	shift
	loses "$@"
}

@test "a hard link is made to what was extracted, not to what somebody put in its place" {
	mkdir -p "$BATS_TEST_TMPDIR/linked"/{a,b}
	echo ours >"$BATS_TEST_TMPDIR/linked/a/file"
	ln "$BATS_TEST_TMPDIR/linked/a/file" "$BATS_TEST_TMPDIR/linked/b/file"
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/linked" -o "$BATS_TEST_TMPDIR/image"
	meddles FAKE_MKDIR="cd '$out'; for f in */file; do ! test -e \$f || { echo theirs >new; mv new \$f; }; done" \
		daxfsctl inspect "$BATS_TEST_TMPDIR/image" extract -C "$out"
	says '/file: Stale file handle'
	[[ $(cat "$out"/*/file) == theirs ]]
}

@test "a directory that somebody moves away takes nothing with it that belongs above" {
	mkdir -p "$BATS_TEST_TMPDIR/moved/up/down" "$BATS_TEST_TMPDIR/elsewhere"
	touch "$BATS_TEST_TMPDIR/moved"/file{01..20}
	mkdaxfs -q -d "$BATS_TEST_TMPDIR/moved" -o "$BATS_TEST_TMPDIR/image"
	meddles FAKE_MKDIR="! test -e '$out/up/down' || mv '$out/up' '$BATS_TEST_TMPDIR/elsewhere'" \
		daxfsctl inspect "$BATS_TEST_TMPDIR/image" extract -C "$out"
	says '/up: Stale file handle'
	[[ $(ls "$BATS_TEST_TMPDIR/elsewhere") == up ]]
}

@test "what somebody puts in the place of a symlink that was just made gets none of its attributes" {
	cd "$BATS_TEST_TMPDIR"
	echo mine >file
	ln -s mine link
	touch -h -d '2002-02-02 UTC' file link
	before=$(stat -c '%Y %s %u' file link)
	meddles FAKE_SYMLINK="mv file '$out/outside'" daxfsctl inspect "$image" extract -C "$out" /dir/outside
	says '/dir/outside: Stale file handle'
	mv "$out/outside" file
	meddles FAKE_SYMLINK="ln -fP link '$out/outside'" daxfsctl inspect "$image" extract -C "$out" /dir/outside
	says '/dir/outside: Stale file handle'
	[[ $(stat -c '%Y %s %u' file link) == "$before" ]]
}

@test "a log that cannot be read to its end gives what is before, and says so" {
	grows main create /first one
	cp "$grown" "$BATS_TEST_TMPDIR/before"
	grows main create /second two
	# The last record of the log says something that cannot be, and is right otherwise: the chain's next chunk is none.
	head=$(($(daxfsctl inspect --json "$grown" | jq '.images[0].areas[] | select(.name == "delta").offset')))
	poke "$grown" "$head + 32" ff ff
	loses daxfsctl inspect "$grown" extract -C "$out"
	says "main: "
	says 'from before that'
	[[ $(<"$out/first") == one && $(<"$out/second") == two && $(<"$out/hello") == 'hello, world' ]]
	# Its first chunk is no log at all: the base is left.
	poke "$grown" "$head" 00
	loses daxfsctl inspect "$grown" extract -C "$BATS_TEST_TMPDIR/base"
	says "main: "
	[[ ! -e $BATS_TEST_TMPDIR/base/first && $(<"$BATS_TEST_TMPDIR/base/hello") == 'hello, world' ]]
	loses daxfsctl inspect "$grown" extract --branch main -C "$BATS_TEST_TMPDIR/base" /dir/random
	[[ -e $BATS_TEST_TMPDIR/base/random ]]
}

@test "a record that is damaged in the middle of a log is said to be, and what is before comes out" {
	grows main create /first one
	grows main create /second two
	damaged=$(daxfsctl inspect --json "$grown" log | jq '.records[2].offset')
	poke "$grown" "$damaged + 20" ff
	loses daxfsctl inspect "$grown" extract -C "$out"
	says "$grown: main: delta: "
	[[ $(<"$out/first") == one && ! -e $out/second ]]
	same "$tree/closed" "$out/closed"
}

@test "a damaged superblock is replaced by its copy, for reading only" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	sum=$(sha256sum <"$damaged")
	loses daxfsctl inspect "$damaged" extract -C "$out"
	says checksum
	says copy
	same "$tree" "$out"
	[[ $(sha256sum <"$damaged") == "$sum" ]]
	poke "$damaged" 0 00
	loses daxfsctl inspect "$damaged" extract -C "$BATS_TEST_TMPDIR/magic"
	same "$tree" "$BATS_TEST_TMPDIR/magic"
	poke "$damaged" "$(stat -c %s "$damaged") - 4096" 00
	fails 3 daxfsctl inspect "$damaged" extract -C "$BATS_TEST_TMPDIR/none"
	[[ ! -e $BATS_TEST_TMPDIR/none ]]
}

@test "what is not there exits 3 and makes no DIR" {
	fails 3 daxfsctl inspect "$image" extract -C "$out" /missing
	fails 3 daxfsctl inspect "$image" extract -C "$out" /hello/below
	fails 3 daxfsctl inspect "$image" extract -C "$out" --branch main
	says 'has no branches'
	fails 3 daxfsctl inspect "$BATS_FILE_TMPDIR/writable" extract -C "$out" --branch none
	says 'no branch "none"'
	[[ ! -e $out ]]
}

@test "a DIR that cannot be is named" {
	fails 1 daxfsctl inspect "$image" extract -C "$BATS_TEST_TMPDIR/a/b"
	says "$BATS_TEST_TMPDIR/a/b: cannot be extracted to: No such file"
	fails 1 daxfsctl inspect "$image" extract -C "$tree/hello"
	says 'Not a directory'
}

@test "a DIR that takes no more ends it with one line" {
	((EUID == 0)) || skip "needs root to mount a small filesystem"
	mkdir "$out"
	unshare -m true || skip "no mount namespaces"
	status=0
	# shellcheck disable=SC2016 # of the other shell
	unshare -m bash -c 'mount -t tmpfs -o size=64k none "$1" && exec daxfsctl inspect "$2" extract -C "$1"' bash "$out" "$image" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(grep -c 'No space left' "$BATS_TEST_TMPDIR/err") == 2 ]]
}

@test "wrong use exits 2" {
	misused 2 daxfsctl inspect "$image" extract
	says 'needs -C DIR'
	misused 2 daxfsctl inspect "$image" extract -C
	misused 2 daxfsctl inspect "$image" extract -C "$out" / /
	misused 2 daxfsctl inspect "$image" extract -C "$out" --json
	says 'no JSON'
	misused 2 daxfsctl inspect "$image" extract -C "$out" -l
	says 'extract takes no --long'
	misused 2 daxfsctl inspect "$image" ls -C "$out"
	says 'ls takes no --directory'
	misused 2 daxfsctl inspect "$image" -C "$out"
	[[ ! -e $out ]]
}
