# The program itself: verbs, links, help.
# shellcheck disable=SC2012,SC2154 # ls is what is compared with; setup.bash sets build
load setup.bash

@test "without a verb it exits 2 and shows the way" {
	misused 2 daxfsctl
}

@test "an unknown verb or option is named and exits 2" {
	misused 2 daxfsctl frobnicate
	says '"frobnicate"'
	misused 2 daxfsctl --frobnicate
	says '"--frobnicate"'
	misused 2 daxfsctl help frobnicate
	misused 2 daxfsctl version now
}

@test "verbs cannot be abbreviated" {
	misused 2 daxfsctl insp
}

@test "--help goes to stdout, exits 0 and lists each verb" {
	run --separate-stderr daxfsctl --help
	[[ $status == 0 && ! $stderr ]]
	for verb in mkfs mount branch inspect fsck list help version; do
		grep -q "^  $verb " <<<"$output"
	done
}

@test "each verb explains itself in three ways, alike" {
	for verb in mkfs mount branch inspect fsck list; do
		daxfsctl "$verb" --help >"$BATS_TEST_TMPDIR/a" 2>"$BATS_TEST_TMPDIR/err"
		daxfsctl help "$verb" >"$BATS_TEST_TMPDIR/b"
		daxfsctl "$verb" -h >"$BATS_TEST_TMPDIR/c"
		cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
		cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/c"
		[[ ! -s $BATS_TEST_TMPDIR/err ]]
		head -n 1 "$BATS_TEST_TMPDIR/a" | grep -q "^Usage: daxfsctl $verb "
	done
}

@test "--list prints exactly the links that --install makes and the build has" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	daxfsctl --install -s "$BATS_TEST_TMPDIR/bin"
	daxfsctl --list | sort | diff - <(ls "$BATS_TEST_TMPDIR/bin" | sort)
	for link in $(daxfsctl --list); do
		[[ $(readlink -f "$build/$link") == "$build/daxfsctl" ]]
	done
}

@test "--install makes hard links, and a second time changes nothing" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp "$build/daxfsctl" "$BATS_TEST_TMPDIR/daxfsctl"
	"$BATS_TEST_TMPDIR/daxfsctl" --install "$BATS_TEST_TMPDIR/bin"
	"$BATS_TEST_TMPDIR/daxfsctl" --install "$BATS_TEST_TMPDIR/bin"
	[[ $BATS_TEST_TMPDIR/bin/mkdaxfs -ef $BATS_TEST_TMPDIR/daxfsctl && ! -L $BATS_TEST_TMPDIR/bin/mkdaxfs ]]
}

@test "--install does not replace what is not its own, exits 4 and makes the others" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	echo mine >"$BATS_TEST_TMPDIR/bin/mkdaxfs"
	fails 4 daxfsctl --install -s "$BATS_TEST_TMPDIR/bin"
	says mkdaxfs
	[[ $(<"$BATS_TEST_TMPDIR/bin/mkdaxfs") == mine && -L $BATS_TEST_TMPDIR/bin/fsck.daxfs ]]
	misused 2 daxfsctl --install
	misused 2 daxfsctl --install a b
	fails 1 daxfsctl --install "$BATS_TEST_TMPDIR/missing"
}

@test "the version is the same in every way to ask for it" {
	want=$(daxfsctl version)
	[[ $want == daxfsctl\ * ]]
	[[ $(daxfsctl --version) == "$want" ]]
	[[ $(daxfsctl inspect --version) == "$want" ]]
	[[ $(mkdaxfs --version) == "$want" ]]
}

@test "a stdout that takes no more is a failure" {
	status=0
	daxfsctl --help >/dev/full 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 ]]
	says 'No space left on device'
}

@test "a name on the command line cannot move the cursor or break the line" {
	fails 3 daxfsctl inspect $'/missing\e[2J\nsecond line'
	says '/missing\x1b[2J\x0asecond line'
}
