# For the tests of tests/blkid: ours and the system's programs, and util-linux's own with our prober, in $patched.

bats_require_minimum_version 1.5.0

project=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PATH=$project/build:$PATH:/sbin:/usr/sbin
export LC_ALL=C.UTF-8

# Builds util-linux the first time. To be called by setup_file; afterwards $patched and $source are there for each test.
build_patched() {
	local dir
	dir=$("$project/tests/blkid/util-linux" 2>&3)
	export patched=$dir/build source=$dir/source
}

# poke FILE OFFSET HEX...: writes bytes into a file.
poke() {
	local file=$1 offset=$2
	shift 2
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$(printf '\\x%s' "$@")" | dd of="$file" bs=1 seek="$((offset))" conv=notrunc status=none
}
