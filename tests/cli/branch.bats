# branch, as far as it needs no kernel module: tests/cli/grow.c makes the branches that diff compares, tests/cli/fake.c stands in
# for a mount.
load setup.bash

setup_file() {
	load setup.bash
	local tree=$BATS_FILE_TMPDIR/tree
	mkdir -p "$tree"/{dir/sub/deep,empty,gone/inner}
	for file in hello dir/a dir/b gone/moved gone/inner/x dir/sub/deep/last; do
		echo "$file" >"$tree/$file"
	done
	ln "$tree/hello" "$tree/dir/hard"
	ln -s hello "$tree/link"
	mkdaxfs -q -w -D 8M -d "$tree" -o "$BATS_FILE_TMPDIR/image"
	mkdaxfs -q -d "$tree" -o "$BATS_FILE_TMPDIR/read-only"
	# shellcheck disable=SC2154 # setup.bash sets project
	if command -v cc >/dev/null; then
		local compile=(cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include")
		"${compile[@]}" -o "$BATS_FILE_TMPDIR/grow" "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
		"${compile[@]}" -shared -fPIC -o "$BATS_FILE_TMPDIR/fake.so" "$project/tests/cli/fake.c"
	fi
	cat >"$BATS_FILE_TMPDIR/branches" <<-END
		main 0 1 0 1 2 1 4096 -
		a 1 2 0 1 6 0 65536 -
		b 2 3 0 1 4 2 131072 elsewhere
		aa 3 4 1 2 1 1 0 here
		bb 5 9 2 3 0 0 0 -
	END
}

setup() {
	tree=$BATS_FILE_TMPDIR/tree
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# grows BRANCH COMMAND...: in a copy of the image, once a test.
grows() {
	[[ -x $BATS_FILE_TMPDIR/grow ]] || skip "no C compiler"
	image=$BATS_TEST_TMPDIR/image
	[[ -e $image ]] || cp --sparse=always "$BATS_FILE_TMPDIR/image" "$image"
	"$BATS_FILE_TMPDIR/grow" "$image" "$@"
}

# faked COMMAND...: with $dir as the mount of an image with the branches above.
faked() {
	[[ -e $BATS_FILE_TMPDIR/fake.so ]] || skip "no C compiler"
	FAKE_MOUNT=$dir FAKE_BRANCHES=${branches:-$BATS_FILE_TMPDIR/branches} FAKE_CALLS=$BATS_TEST_TMPDIR/calls \
		LD_PRELOAD=$BATS_FILE_TMPDIR/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$@"
}

# refused STATUS ERRNO COMMAND...: the kernel, asked by COMMAND, gives this error.
refused() {
	FAKE_ERROR=$2 fails "$1" faked "${@:3}"
}

# called WANT: the last call that changes something.
called() {
	diff -u <(echo "$1") <(tail -n 1 "$BATS_TEST_TMPDIR/calls" | sed 's/ 472 / /')
}

# differs BRANCH: what stdin says is what diff says of the branch.
differs() {
	diff -u - <(daxfsctl branch diff "$1" -s "$image")
}

@test "wrong use of the verbs exits 2 and shows the way" {
	misused 2 daxfsctl branch
	misused 2 daxfs-branch frobnicate
	says '"frobnicate"'
	for verb in create switch rename mount; do
		misused 2 daxfsctl branch "$verb"
		says "$verb needs"
	done
	misused 2 daxfsctl branch rename old
	says 'needs a NEW'
	misused 2 daxfsctl branch create one two
	says '"two"'
	misused 2 daxfsctl branch list one
	for verb in show switch diff commit abort; do
		misused 2 daxfsctl branch "$verb" one two
	done
	misused 2 daxfsctl branch rename one two three
	misused 2 daxfsctl branch mount one two three
	misused 2 daxfsctl branch list -Z
	misused 2 daxfsctl branch list -m
	says 'needs an argument'
}

@test "an option of another verb is named and refused, exit 2" {
	while read -r option verb operands; do
		# shellcheck disable=SC2086 # words
		misused 2 daxfsctl branch "$verb" $operands $option
		says "$verb takes no --"
	done <<-END
		--stay switch x
		--stat commit x
		--dry-run abort x
		--to-root diff x
		--json commit x
		--quiet list
		--quiet diff
		--bytes switch x
		--noheadings show
		--volume=/ switch x
		--source=/ commit x
		--parent=x list
	END
}

@test "options that exclude each other are refused, exit 2" {
	misused 2 daxfsctl branch list -J -P
	misused 2 daxfsctl branch list -r -P
	misused 2 daxfsctl branch list -O -o NAME
	misused 2 daxfsctl branch list -o NAME,SHOE
	says '"SHOE"'
	misused 2 daxfsctl branch list -o ''
	misused 2 daxfsctl branch diff --stat --json
	misused 2 daxfsctl branch diff -s "$BATS_FILE_TMPDIR/image" -m "$dir"
	misused 2 daxfsctl branch list -s "$BATS_FILE_TMPDIR/image" -m "$dir"
	misused 2 daxfsctl branch create x -m "$dir" -s "$BATS_FILE_TMPDIR/image" --volume "$dir"
	misused 2 daxfsctl branch create x -s "$BATS_FILE_TMPDIR/image"
	misused 2 daxfsctl branch create x -m "$dir" --stay
	misused 2 daxfsctl branch mount x "$dir" -m "$dir"
}

@test "a name that no branch may have is refused before anything is looked at, exit 2" {
	long=$(printf 'x%.0s' {1..128})
	for name in '' .x 'a b' a,b "$long" $'a\nb' $'\xe4' $'\u202e'; do
		misused 2 daxfsctl branch create "$name" -m "$BATS_TEST_TMPDIR/missing"
		says 'A-Z a-z 0-9'
		misused 2 daxfsctl branch rename old "$name" -m "$BATS_TEST_TMPDIR/missing"
	done
	misused 2 daxfsctl branch create -m "$dir" -- -x
	fails 3 daxfsctl branch create "${long#x}" -m "$BATS_TEST_TMPDIR/missing"
}

@test "what is not where a daxfs is mounted is refused, exit 3" {
	for verb in list show "switch x" diff commit abort "rename x y"; do
		# shellcheck disable=SC2086 # words
		fails 3 daxfsctl branch $verb -m "$dir"
		says "$dir: is not where a daxfs is mounted"
		# shellcheck disable=SC2086
		fails 3 daxfsctl branch $verb -m "$BATS_TEST_TMPDIR/missing"
		says 'No such file or directory'
		# shellcheck disable=SC2086
		fails 3 daxfsctl branch $verb -m "$tree/hello"
		says 'Not a directory'
	done
	fails 3 daxfsctl branch create x -m "$tree"
	says 'neither where a daxfs is mounted nor an empty directory'
	fails 3 daxfsctl branch create x -m "$dir" --volume "$tree"
	fails 3 daxfsctl branch mount x "$dir" --volume "$tree"
}

@test "a directory to mount on that is not there is to be made, exit 3" {
	fails 3 daxfsctl branch create x -m "$dir/missing"
	says 'No such file'
	grep -q 'hint: mkdir ' "$BATS_TEST_TMPDIR/err"
}

@test "without -m the current directory has to be in a daxfs" {
	cd "$dir"
	fails 3 daxfsctl branch list
	says 'the current directory is in no daxfs'
	says 'hint: say with -m'
	fails 3 daxfsctl branch create x
}

@test "with nothing mounted an empty directory needs a source" {
	! grep -qw daxfs /proc/self/mounts || skip "a daxfs is mounted"
	fails 3 daxfsctl branch create x -m "$dir"
	says 'no daxfs is mounted: say with --source'
	fails 3 daxfsctl branch mount x "$dir"
}

@test "diff refuses what is no daxfs or has no such branch with 3, an image without branches with 4" {
	fails 3 daxfsctl branch diff -s "$tree/hello"
	says 'is no daxfs image'
	fails 3 daxfsctl branch diff -s "$BATS_TEST_TMPDIR/missing"
	fails 3 daxfsctl branch diff nobody -s "$BATS_FILE_TMPDIR/image"
	says 'nobody: there is no such branch'
	fails 4 daxfsctl branch diff -s "$BATS_FILE_TMPDIR/read-only"
	says 'no branches'
}

@test "a branch in which nothing happened differs in nothing" {
	[[ ! $(daxfsctl branch diff main -s "$BATS_FILE_TMPDIR/image") ]]
	grows x branch main
	differs x </dev/null
	[[ $(daxfsctl branch diff x -s "$image" --json | jq -c .) == '{"schema":1,"changes":[]}' ]]
}

@test "diff lists what was added, modified and deleted, deletions first" {
	grows x branch main
	grows x create /new text
	grows x mkdir /z
	grows x symlink /z/link /new
	grows x write /dir/a changed
	grows x chmod /dir/b 600
	grows x xattr /empty value
	grows x unlink /link
	grows x unlink /gone/inner/x
	grows x rmdir /gone/inner
	differs x <<-END
		D /gone/inner
		D /gone/inner/x
		D /link
		M /dir/a
		M /dir/b
		M /empty
		A /new
		A /z
		A /z/link
	END
}

@test "a file with two names is modified under both" {
	grows x branch main
	grows x write /hello changed
	differs x <<-END
		M /dir/hard
		M /hello
	END
	grows y branch main
	grows y unlink /hello
	differs y <<<"D /hello"
	grows z branch main
	grows z link /hello /third
	differs z <<<"A /third"
}

@test "a file that another one replaced is modified" {
	grows x branch main
	grows x create /dir/a.new text
	grows x rename /dir/a.new /dir/a
	differs x <<<"M /dir/a"
}

@test "a directory is modified by what is done to it, not by the names that come and go in it" {
	grows x branch main
	grows x create /dir/new
	grows x unlink /dir/new
	grows x chmod /empty 700
	differs x <<-END
		M /dir
		M /empty
	END
	grows x create /dir/other
	differs x <<-END
		A /dir/other
		M /empty
	END
}

@test "what moved is one line, with what changed beneath it" {
	grows x branch main
	grows x rename /dir/sub /dir/moved
	differs x <<<"R /dir/sub -> /dir/moved"
	grows x write /dir/moved/deep/last changed
	grows x create /dir/moved/more
	grows x chmod /dir/moved 700
	differs x <<-END
		R /dir/sub -> /dir/moved
		M /dir/moved
		M /dir/moved/deep/last
		A /dir/moved/more
	END
}

@test "what moved into and out of other things that moved is found" {
	grows x branch main
	grows x mkdir /new
	grows x rename /gone/moved /new/kept
	grows x unlink /gone/inner/x
	grows x rename /gone/inner /new/inner
	grows x rmdir /gone
	grows x rename /dir /new/dir
	grows x rename /new/dir/sub/deep /new/inner/deep
	differs x <<-END
		D /gone
		D /gone/inner/x
		A /new
		R /dir -> /new/dir
		R /gone/inner -> /new/inner
		R /dir/sub/deep -> /new/inner/deep
		R /gone/moved -> /new/kept
	END
}

@test "a branch is compared with its parent, not with main" {
	grows main create /in-main
	grows x branch main
	grows x create /in-x
	grows y branch x
	grows y rename /in-x /in-y
	grows y unlink /dir/a
	differs x <<<"A /in-x"
	differs y <<-END
		D /dir/a
		R /in-x -> /in-y
	END
	differs main <<<"A /in-main"
	grows z branch y
	differs z </dev/null
}

@test "diff --stat adds sizes and a sum, --json has whole words and plain numbers" {
	grows x branch main
	grows x create /new text
	grows x rename /dir/a /dir/c
	grows x unlink /dir/b
	run daxfsctl branch diff x -s "$image" --stat
	[[ ${lines[-1]} == "1 deleted, 1 added, 0 modified, 1 renamed, -2 bytes" ]]
	[[ ${lines[0]} =~ ^D\ +6\ +0\ /dir/b$ ]]
	daxfsctl branch diff x -s "$image" -J | jq -e '.schema == 1 and .changes == [
		{change: "deleted", path: "/dir/b", old_size: 6},
		{change: "renamed", path: "/dir/c", old_path: "/dir/a", modified: false, old_size: 6, size: 6},
		{change: "added", path: "/new", size: 4}]'
}

@test "a name cannot break a line of JSON" {
	grows x branch main
	grows x create $'/a\nb\e[2J"'
	daxfsctl branch diff x -s "$image" -J | jq -e '.changes[0].path == "/a\\x0ab\\x1b[2J\""'
}

@test "a name cannot break a line of diff and commit --dry-run, to a terminal or a pipe" {
	grows x branch main
	grows x create $'/a\nA b\e[2J\\ä'
	grows x rename /hello $'/\nhello'
	branches=$BATS_TEST_TMPDIR/branches
	printf '%s\n' "main 0 1 0 1 2 0 0 -" "x 1 2 0 1 1 1 0 -" >"$branches"
	printf '%s\n' 'R /hello -> /\x0ahello' 'A /a\x0aA b\x1b[2J\x5cä' >"$BATS_TEST_TMPDIR/want"
	daxfsctl branch diff x -s "$image" | diff -u "$BATS_TEST_TMPDIR/want" -
	FAKE_IMAGE=$image faked daxfsctl branch commit --dry-run -m "$dir" | diff -u "$BATS_TEST_TMPDIR/want" -
	script -qec "daxfsctl branch diff x -s '$image'" /dev/null </dev/null | tr -d '\r' | diff -u "$BATS_TEST_TMPDIR/want" -
	[[ $(daxfsctl branch diff x -s "$image" --stat | wc -l) == 3 ]]
}

@test "a log that lies is an error, whatever it says" {
	grows x branch main
	grows x create /new text
	tables=$((0x120000))
	# br_parent of entry 1: itself
	poke "$image" "tables + 256 + 8" "$(word branch 1 2)"
	status=0
	daxfsctl branch diff x -s "$image" >"$BATS_TEST_TMPDIR/out" 2>&1 || status=$?
	((status == 1 || status == 3 || status == 4))
}

@test "list shows a tree" {
	faked daxfsctl branch list -m "$dir" | sed 's/ *$//' | diff -u - <(
		cat <<-END
			NAME   STATE  MODE USED HOST      TARGETS
			main   frozen ro     4K
			├─a    frozen ro    64K
			│ └─aa shown  ro     0B here
			└─b    live   rw   128K elsewhere
			  └─bb live   ro     0B
		END
	)
}

@test "list takes columns, and prints pairs, raw lines and bytes" {
	[[ $(faked daxfsctl branch list -m "$dir" -nr -b -o used,NAME,used | head -n 2) == $'4096 main\n65536 a' ]]
	[[ $(faked daxfsctl branch list -m "$dir" -P -o NAME,PARENT,ID | tail -n 1) == 'NAME="bb" PARENT="b" ID="5.9"' ]]
	faked daxfsctl branch list -m "$dir" -O | head -n 1 | grep -q 'ID.*PARENT.*CREATED'
}

@test "list does not look at other mounts for columns that say nothing of them" {
	# Who reads it waits.
	mkfifo "$BATS_TEST_TMPDIR/mountinfo"
	[[ $(FAKE_MOUNTINFO=$BATS_TEST_TMPDIR/mountinfo faked timeout 10 daxfsctl branch list -m "$dir" -rno NAME | xargs) == "main a b aa bb" ]]
	[[ ! $(FAKE_MOUNTINFO=$BATS_TEST_TMPDIR/mountinfo faked timeout 1 daxfsctl branch list -m "$dir") ]]
}

@test "list in JSON is an array of objects with plain numbers" {
	faked daxfsctl branch list -m "$dir" --json | jq -e '.schema == 1 and (.branches | length) == 5 and .branches[2] == {
		name: "b", state: "live", mode: "rw", used: 131072, host: "elsewhere", targets: [], id: "2.3", parent: "main",
		created: 1700000000, uid: 1003, frozen: false, mounts: 2}'
	faked daxfsctl branch list -m "$dir" -J -o NAME | jq -e '.branches[0] == {name: "main"}'
}

@test "list --source reads the branches of an image, or asks the mount at a mount point" {
	grows a branch main
	grows b branch main
	grows aa branch a
	grows aa write /hello changed
	daxfsctl branch list -s "$image" -o NAME,STATE,MODE,USED,HOST | sed 's/ *$//' | diff -u - <(
		cat <<-END
			NAME   STATE  MODE USED HOST
			main   frozen ro     0B
			├─a    frozen ro     0B
			│ └─aa live   ro     8K
			└─b    live   ro     0B
		END
	)
	[[ $(daxfsctl branch list --source "$image" -rno NAME,USED,TARGETS,PARENT -b | head -n 2) == $'main 0  \na 0  main' ]]
	faked daxfsctl branch list -s "$dir" | cmp - <(faked daxfsctl branch list -m "$dir")
}

@test "list --source counts the mounts that have a slot in the image, and names the host of the one that may write" {
	grows a branch main
	places=$(daxfsctl inspect -J "$image" | jq '.images[0].areas | map({(.name): .offset}) | add')
	mounts=$(jq .mounts <<<"$places")
	# Slot 0 may write to a, which is entry 1 of the table, slot 2 not.
	poke "$image" "$mounts" "$(word owner 0 5)"
	poke "$image" "$mounts + 24" "$(word branch 1 2)" 01
	poke "$image" "$mounts + 40" 6f 6e 65
	poke "$image" "$mounts + 128" "$(word owner 2 6)"
	poke "$image" "$mounts + 152" "$(word branch 1 2)" 00
	poke "$image" "$mounts + 168" 74 77 6f
	poke "$image" "$(jq .branches <<<"$places") + 256 + 32" "$(word holder 0 5)"
	daxfsctl branch list -s "$image" -J | jq -e '.branches[1] | [.name, .mode, .host, .mounts] == ["a", "rw", "one", 2]'
	# Who owns no slot any more writes to nothing.
	poke "$image" "$mounts" 00 00 00 00 00 00 00 00
	daxfsctl branch list -s "$image" -J | jq -e '.branches[1] | [.name, .mode, .host, .mounts] == ["a", "ro", "two", 1]'
}

@test "parents in a loop, or that are not there, do not keep list from ending" {
	branches=$BATS_TEST_TMPDIR/branches
	cat >"$branches" <<-END
		main 0 1 0 1 2 1 0 -
		x 1 2 2 3 0 0 0 -
		y 2 3 1 2 0 0 0 -
		lost 7 7 99 1 0 0 0 -
	END
	[[ $(faked timeout 10 daxfsctl branch list -m "$dir" -nr -o NAME | sort | xargs) == "lost main x y" ]]
	faked timeout 10 daxfsctl branch commit x -m "$dir" --to-root
}

@test "without -m the mount is the one that holds the current directory" {
	cd "$dir"
	[[ $(faked daxfs-branch show | head -n 1) == "Name:      aa" ]]
}

@test "show speaks of the shown branch or the one that is named" {
	[[ $(faked daxfsctl branch show -m "$dir" | sed -n 's/^Name: *//p') == aa ]]
	faked daxfsctl branch show b -b -m "$dir" | grep -q '^Used: *131072$'
	faked daxfsctl branch show b -m "$dir" | grep -q '^Child: *bb$'
	[[ $(faked daxfsctl branch show b -m "$dir" -J | jq -r '.branches[].name') == b ]]
	fails 3 faked daxfsctl branch show nobody -m "$dir"
	says 'nobody: there is no such branch'
}

@test "each verb asks the kernel for what it was asked, and says so in a line" {
	while IFS='|' read -r words call said; do
		# shellcheck disable=SC2086 # words
		[[ $(faked daxfsctl branch $words -m "$dir") == "${said//DIR/$dir}" ]]
		called "$call"
		# shellcheck disable=SC2086
		[[ ! $(faked daxfsctl branch $words -q -m "$dir") ]]
	done <<-END
		create x|CREATE name=x other=aa flags=0|created branch "x" from "aa", which is read-only now; DIR shows "x"
		create x -p b|CREATE name=x other=b flags=0|created branch "x" from "b", which is read-only now; DIR shows "x"
		create x --stay|CREATE name=x other=aa flags=1|created branch "x" from "aa", which is read-only now
		switch b|SWITCH name=b other= flags=0|DIR shows branch "b" now
		commit|COMMIT name=aa other= flags=0|committed branch "aa" into "a"; DIR shows "a" now
		abort|ABORT name=aa other= flags=0|aborted branch "aa"; DIR shows "a" now
		abort b|ABORT name=b other= flags=0|aborted branch "b"
		rename b c|RENAME name=b other=c flags=0|renamed branch "b" to "c"
	END
	fails 3 faked daxfsctl branch create x -p nobody -m "$dir"
	fails 3 faked daxfsctl branch switch "$(printf 'x%.0s' {1..128})" -m "$dir"
}

@test "commit says which branches are discarded, and who has them" {
	faked daxfsctl branch commit bb --to-root -m "$dir" | diff -u - <(
		cat <<-END
			committed branch "bb" into "main"; $dir shows "main" now
			discarded branch "a"
			discarded branch "aa", mounted 1 time (host here)
		END
	)
	called "COMMIT name=bb other= flags=2"
	faked daxfsctl branch commit aa --to-root -m "$dir" >"$BATS_TEST_TMPDIR/said"
	# Before it is done, too.
	[[ $(head -n 1 "$BATS_TEST_TMPDIR/said") == 'branch "b", mounted 2 times (host elsewhere), is discarded by this' ]]
	grep -qx 'discarded branch "b", mounted 2 times (host elsewhere)' $BATS_TEST_TMPDIR/said
}

@test "on a terminal commit asks before mounts lose their branch, unless --yes is given" {
	for answer in n y; do
		: >"$BATS_TEST_TMPDIR/calls"
		run faked script -qec "daxfsctl branch commit aa --to-root -m '$dir'" /dev/null <<<$answer
		echo "$output"
		[[ $output == *'is discarded by this'*'[y/N]'* ]]
		[[ $answer == y || ($status == 4 && $output == *"nothing was committed"* && ! -s $BATS_TEST_TMPDIR/calls) ]]
	done
	called "COMMIT name=aa other= flags=2"
	run faked script -qec "daxfsctl branch commit --yes aa --to-root -m '$dir'" /dev/null
	[[ $status == 0 && $output == *'is discarded by this'* && $output != *'[y/N]'* ]]
	run faked script -qec "daxfsctl branch commit -y aa --to-root -m '$dir'" /dev/null
	[[ $status == 0 && $output == *'is discarded by this'* && $output != *'[y/N]'* ]]
	# Nothing is lost: nothing is asked.
	run faked script -qec "daxfsctl branch commit bb --to-root -m '$dir'" /dev/null
	[[ $status == 0 && $output != *'[y/N]'* ]]
}

@test "commit --dry-run lists what diff lists and what would go, and calls nothing" {
	grows a branch main
	grows a create /new
	grows b branch main
	branches=$BATS_TEST_TMPDIR/branches
	printf '%s\n' "main 0 1 0 1 2 0 0 -" "a 1 2 0 1 1 1 0 -" "b 2 3 0 1 0 0 0 -" >"$branches"
	FAKE_IMAGE=$image faked daxfsctl branch commit --dry-run -m "$dir" | diff -u - <(printf '%s\n' "A /new" 'would discard branch "b"')
	[[ $(FAKE_IMAGE=$image faked daxfsctl branch diff -m "$dir") == "A /new" ]]
	fails 4 faked daxfsctl branch commit --dry-run -m "$dir"
	says 'only root may do that'
	fails 4 faked daxfsctl branch commit main --dry-run -m "$dir"
	says 'main: has no parent'
	[[ ! -e $BATS_TEST_TMPDIR/calls ]]
}

@test "a refusal has its exit code, and the kernel's words when it gives some" {
	# ENOENT EBUSY EEXIST EROFS ESTALE EPERM ENOSPC EIO
	while read -r errno status; do
		for words in "create x" "switch b" commit abort "rename b c"; do
			# shellcheck disable=SC2086 # words
			refused "$status" "$errno" daxfsctl branch $words -m "$dir"
		done
	done <<-END
		2 3
		16 4
		17 4
		30 4
		116 4
		1 4
		28 1
		5 1
	END
	FAKE_REASON="branch \"b\" is in use by host elsewhere" refused 4 16 daxfsctl branch switch b -m "$dir"
	says 'daxfsctl: branch: b: branch "b" is in use by host elsewhere'
}

@test "a host name cannot move the cursor" {
	branches=$BATS_TEST_TMPDIR/branches
	printf '%s\n' "main 0 1 0 1 3 1 0 "$'e\e[2Jvil' >"$branches"
	faked daxfsctl branch list -m "$dir" | grep -qF 'e\x1b[2Jvil'
	faked daxfsctl branch show -m "$dir" | grep -qF 'e\x1b[2Jvil'
}

@test "a mount that knows no branches is told from one that is none, exit 3" {
	[[ -e $BATS_FILE_TMPDIR/fake.so ]] || skip "no C compiler"
	FAKE_MOUNT=$dir LD_PRELOAD=$BATS_FILE_TMPDIR/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 \
		fails 3 daxfsctl branch list -m "$dir"
	says 'branches belong to its root directory'
}

@test "inspect layout aligns names of branches by what they take on a terminal" {
	grows x branch main
	for name in x 名前/ветка grüße; do
		[[ $name == x ]] || grows "$name" branch main
		grows "$name" create "/new" text
	done
	daxfsctl inspect "$image" layout >"$BATS_TEST_TMPDIR/layout"
	# Counted in columns: each of the two ideographs takes two.
	for name in x 名前/ветка grüße; do
		line=$(grep -F -- "  $name " "$BATS_TEST_TMPDIR/layout")
		line=${line//名前/1234}
		line=${line%% log,*}
		echo "${#line}"
	done | sort -u >"$BATS_TEST_TMPDIR/widths"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/widths") == 1 ]]
}
