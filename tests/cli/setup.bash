# For the tests of tests/cli: the program under test and one image of a small tree. Needs no root and no kernel module.
#
# DAXFSCTL_BUILD names another build folder, e.g. build/san.

bats_require_minimum_version 1.5.0

project=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
build=$(cd "$project" && realpath "${DAXFSCTL_BUILD:-build}")
PATH=$build:$PATH
export LC_ALL=C.UTF-8
# shellcheck source=tests/cli/word.bash
source "$project/tests/cli/word.bash"

# in_all_locales: commands go through locales.c, which runs them in other locales, too. Made once for a run of bats.
in_all_locales() {
	local bin=$BATS_RUN_TMPDIR/locales name

	if [[ ! -e $bin/daxfsctl ]]; then
		mkdir -p "$bin.new"
		cc -O1 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -DBUILD="\"$build\"" -o "$bin.new/locales" "$project/tests/cli/locales.c" || return
		for name in $("$build/daxfsctl" --list); do
			ln -s locales "$bin.new/$name"
		done
		ln -sf locales "$bin.new/daxfsctl"
		mv "$bin.new" "$bin"
	fi
	PATH=$bin:$PATH
}
# The sanitizers take their time: a program with them runs in one locale.
[[ ${DAXFSCTL_BUILD-} == *san ]] || ! command -v cc >/dev/null || in_all_locales

# A tree with every kind of thing that needs no root: in $BATS_FILE_TMPDIR/tree.
make_tree() {
	local tree=$BATS_FILE_TMPDIR/tree
	mkdir -p "$tree"/{dir/sub/deep,empty}
	echo 'hello, world' >"$tree/hello"
	: >"$tree/nothing"
	head -c 100000 /dev/urandom >"$tree/dir/random"
	chmod 640 "$tree/dir/random"
	truncate -s 1M "$tree/sparse"
	printf 'in the middle' | dd of="$tree/sparse" bs=1 seek=500000 conv=notrunc status=none
	ln "$tree/hello" "$tree/dir/hard"
	ln -s hello "$tree/link"
	ln -s /dir/sub "$tree/absolute"
	ln -s /hello "$tree/dir/sub/from-root"
	ln -s ../../dir/./sub/../random "$tree/dir/sub/relative"
	ln -s ../../../../../../hello "$tree/dir/outside"
	ln -s loop2 "$tree/loop1"
	ln -s loop1 "$tree/loop2"
	ln -s missing "$tree/dangling"
	mkfifo "$tree/fifo"
	echo odd >"$tree/dir/sub/"$'a\nb\e[31m\\c\xff'
	echo last >"$tree/dir/sub/deep/last"
	touch -d '2001-02-03 04:05:06.789012345 UTC' "$tree/hello"
}

# The tree and its image, once for a file of tests.
make_image() {
	make_tree
	mkdaxfs -q -L testlabel -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/image"
}

# poke FILE OFFSET HEX...: writes bytes into a file.
poke() {
	local file=$1 offset=$2
	shift 2
	# shellcheck disable=SC2059,SC2048,SC2086 # the format is the bytes; an argument may be several
	printf "$(printf '\\x%s' $*)" | dd of="$file" bs=1 seek="$((offset))" conv=notrunc status=none
}

# area NAME: the offset of an area of the image.
area() {
	daxfsctl inspect --json "$BATS_FILE_TMPDIR/image" | jq -e --arg name "$1" '.images[0].areas[] | select(.name == $name).offset'
}

# A copy of the image, to be damaged.
copy_image() {
	cp --sparse=always "$BATS_FILE_TMPDIR/image" "$BATS_TEST_TMPDIR/damaged"
	echo "$BATS_TEST_TMPDIR/damaged"
}

# fails STATUS COMMAND...: COMMAND prints nothing to stdout, one line that names daxfsctl to stderr, and exits with STATUS.
fails() {
	local status=0 want=$1
	shift
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	if [[ $status != "$want" || -s $BATS_TEST_TMPDIR/out || $(grep -c '^daxfsctl: ' <(grep -v 'hint: ' "$BATS_TEST_TMPDIR/err")) != 1 ]]; then
		echo "exit status $status, expected $want; stdout and stderr were:"
		cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
		return 1
	fi
	# A second line only shows the way.
	! sed 1d "$BATS_TEST_TMPDIR/err" | grep -qv "^Try 'daxfsctl\|^daxfsctl: .*hint: "
}

# misused STATUS COMMAND...: the same, and the second line is "Try ...".
misused() {
	fails "$@" && [[ $(sed 1d "$BATS_TEST_TMPDIR/err") == "Try 'daxfsctl "*"--help'." ]]
}

# says TEXT: the line on stderr of the last fails or misused holds it.
says() {
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/err" || {
		echo "stderr was:"
		cat "$BATS_TEST_TMPDIR/err"
		return 1
	}
}
