# inspect on branches: ls, stat, cat and extents show main, or the branch that is named, as extract gives it and a mount would show it.
# shellcheck disable=SC2012,SC2154 # ls is what is compared with; setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	command -v cc >/dev/null || return 0
	make_image
	cd "$BATS_FILE_TMPDIR" || return
	setfattr -n user.base -v base tree/hello || true
	mkdaxfs -q -w -D 8M -d tree -o base
	cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -o grow "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	cp --sparse=always base grown
	grow_main create /new main
	grow_main write /hello 'of main'
	grow_main unlink /fifo
	grow_main put /dir/random 3 main
	grow_main put /sparse 0 main
	./grow grown x branch main
	grow_x write /hello 'of x'
	grow_x create /dir/child text
	grow_x mkdir /made
	grow_x create /made/inside more
	grow_x unlink /new
	grow_x rename /dir/sub /moved
	grow_x symlink /to /moved/deep/last
	grow_x chmod /dir/random 600
	grow_x xattr /hello value
	grow_x link /hello /made/linked
	grow_x put /dir/random 5 x
	grow_x punch /dir/random 7
	for branch in main x; do
		daxfsctl inspect grown extract --branch "$branch" -C "$branch"
	done
}

grow_main() {
	./grow grown main "$@"
}

grow_x() {
	./grow grown x "$@"
}

setup() {
	[[ -x $BATS_FILE_TMPDIR/grow ]] || skip "no C compiler"
	cd "$BATS_FILE_TMPDIR" || return
	# The random file as each should have it, made without any code of daxfs.
	expected=$BATS_TEST_TMPDIR/expected
	cp tree/dir/random "$expected.base"
	cp "$expected.base" "$expected.main"
	block 3 main "$expected.main"
	cp "$expected.main" "$expected.x"
	block 5 x "$expected.x"
	block 7 '' "$expected.x"
}

# block NUMBER TEXT FILE: a block of a file becomes TEXT and zeros.
block() {
	dd if=/dev/zero of="$3" bs=4096 seek="$1" count=1 conv=notrunc status=none
	printf %s "$2" | dd of="$3" bs=4096 seek="$1" conv=notrunc status=none
}

# shows BRANCH VERB OPERAND...
shows() {
	daxfsctl inspect --branch "$1" grown "${@:2}"
}

# shows_json BRANCH VERB OPERAND...
shows_json() {
	daxfsctl inspect --json --branch "$1" grown "${@:2}"
}

# incomplete COMMAND...: exits 1; what it shows is in out, what it says in err.
incomplete() {
	local status=0
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && -s $BATS_TEST_TMPDIR/out && -s $BATS_TEST_TMPDIR/err ]]
}

@test "without --branch it is main" {
	for verb in "ls -lR /" "stat /hello" "cat /hello" "extents /dir/random"; do
		# shellcheck disable=SC2086 # words
		cmp <(daxfsctl inspect grown $verb) <(shows main $verb)
		# shellcheck disable=SC2086
		[[ $(daxfsctl inspect grown $verb) != "$(daxfsctl inspect base $verb)" && $(shows main $verb) != "$(shows x $verb)" ]]
	done
}

@test "a writable image that nobody wrote to shows what the same image without branches does" {
	for verb in "-lR ls /" "--json stat /dir" "cat /dir/random" "-J -R ls /"; do
		# shellcheck disable=SC2086 # words
		diff <(daxfsctl inspect base $verb | grep -v '^Known from: *base$\|"offset"') <(daxfsctl inspect image $verb | grep -v '"offset"')
	done
	[[ $(daxfsctl inspect base stat /hello | sed -n 's/^Known from: *//p') == base ]]
}

@test "ls lists what was made, moved and taken away, as extract does" {
	for branch in main x; do
		while read -r dir; do
			shows "$branch" ls "/$dir" | cmp - <(ls -A -1 "$branch/$dir" | LC_ALL=C sort)
		done < <(cd "$branch" && find . -type d -printf '%P\n')
		shows "$branch" ls -R / | grep -a '^/.*:$' | sort | cmp - <(cd "$branch" && find . -type d -printf '/%P:\n' | sort)
	done
	daxfsctl inspect base ls >"$BATS_TEST_TMPDIR/base"
	diff "$BATS_TEST_TMPDIR/base" <(shows main ls) | grep '^[<>]' | diff - <(printf '%s\n' '< fifo' '> new')
	diff "$BATS_TEST_TMPDIR/base" <(shows x ls) | grep '^[<>]' | diff - <(printf '%s\n' '< fifo' '> made' '> moved' '> to')
	[[ $(shows x ls /made/linked) == /made/linked && $(shows x ls /moved/deep) == last ]]
	daxfsctl inspect grown -l ls / --branch x | grep -q ' to -> /moved/deep/last$'
}

@test "ls --json has type, mode, links, owner, size and time as the branch has them" {
	for branch in main x; do
		# The one odd name is compared as bytes, above.
		shows_json "$branch" ls -R / | jq -r '.entries[] | select(.name | startswith("a\\") | not) | [.path, .links, .uid, .gid,
			(if .type == "directory" then 0 else .size end), .modified, .mode] | @tsv' | sort >"$BATS_TEST_TMPDIR/have"
		(cd "$branch" && find . -mindepth 1 -not -name $'a\n*' -printf '%P\n') | while read -r path; do
			size=$(stat -c %s "$branch/$path")
			[[ -L $branch/$path || ! -d $branch/$path ]] || size=0
			printf '/%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$path" "$(stat -c %h "$branch/$path")" "$(stat -c %u "$branch/$path")" \
				"$(stat -c %g "$branch/$path")" "$size" "$(stat -c %Y "$branch/$path")" "$((8#$(stat -c %a "$branch/$path")))"
		done | sort >"$BATS_TEST_TMPDIR/want"
		diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/have"
	done
}

@test "cat puts a file together from the base, its parents' blocks and its own, holes as zeros" {
	daxfsctl inspect base cat /dir/random | cmp - "$expected.base"
	shows main cat /dir/random | cmp - "$expected.main"
	shows x cat /dir/random | cmp - "$expected.x"
	[[ $(daxfsctl inspect base cat /hello) == 'hello, world' && $(shows main cat /hello) == 'of main' && $(shows x cat /hello) == 'of x' ]]
	[[ $(shows main cat /new) == main && $(shows x cat /made/inside) == more ]]
	for branch in main x; do
		while IFS= read -r -d '' path; do
			shows "$branch" cat "/$path" | cmp - "$branch/$path"
		done < <(cd "$branch" && find . -type f -printf '%P\0')
	done
}

@test "a path leads where the branch has it" {
	[[ $(shows x cat /to) == last && $(shows x cat /made/../moved/./deep/last) == last && $(shows x cat /link) == 'of x' ]]
	# Where it moved to is another directory for what was relative.
	fails 3 shows x cat /moved/relative
	fails 3 shows x cat /dir/sub/deep/last
	fails 3 shows x stat /new
	fails 3 shows main stat /fifo
	fails 3 shows main cat /made/inside
	fails 3 daxfsctl inspect base stat /new
	says '/new: No such file or directory'
	fails 1 shows x cat /made
	says 'is no file but a directory'
	fails 1 shows x extents /moved/deep
}

@test "stat has attributes, links and times as the branch has them" {
	for branch in main x; do
		while read -r path; do
			shows_json "$branch" stat "/$path" | jq -r '.inodes[0] | [.links, .mode, .uid, .gid, (if .type == "directory" then "-" else .size end), .modified,
				(.modified_nanoseconds | tostring | "00000000" + . | .[-9:]), .target // ""] | @tsv' >"$BATS_TEST_TMPDIR/have"
			size=$(stat -c %s "$branch/$path")
			[[ -L $branch/$path || ! -d $branch/$path ]] || size=-
			when=$(stat -c %.9Y "$branch/$path")
			printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(stat -c %h "$branch/$path")" "$((8#$(stat -c %a "$branch/$path")))" "$(stat -c %u "$branch/$path")" \
				"$(stat -c %g "$branch/$path")" "$size" "${when%.*}" "${when#*.}" "$(readlink "$branch/$path" || true)" | diff - "$BATS_TEST_TMPDIR/have"
		done < <(cd "$branch" && find . -not -name $'a\n*' -printf '%P\n')
	done
	# grow wrote, and read nothing: the base has one time for all.
	shows_json x stat /hello | jq -e '.inodes[0] | .links == 3 and .accessed == 981173106 and .accessed_nanoseconds == 789012345 and
		.modified > 1500000000 and .changed == .modified and .changed_nanoseconds == .modified_nanoseconds'
	daxfsctl inspect --json base stat /hello | jq -e '.inodes[0] | .links == 2 and .changed == 981173106 and .changed_nanoseconds == 789012345'
	shows x stat /hello | grep -q '^Accessed: *2001-02-03 04:05:06.789012345 +0000$'
	# When a branch made it; of a file of the base nobody knows, whoever changed it.
	for path in /new /made /made/inside /to; do
		[[ $path == /new ]] && branch=main || branch=x
		shows_json "$branch" stat "$path" | jq -e '.inodes[0] | .born > 1500000000 and [.born, .born_nanoseconds] <= [.modified, .modified_nanoseconds]'
		shows "$branch" stat "$path" | grep -q '^Born: *20..-..-.. ..:..:..\.[0-9]\{9\} +0000$'
	done
	for path in / /hello /dir/random /made/linked; do
		shows_json x stat "$path" | jq -e '.inodes[0] | (has("born") or has("born_nanoseconds")) | not'
		[[ $(shows x stat "$path") != *Born:* ]]
	done
	[[ $(shows_json x stat /made/linked | jq .inodes[0].inode) == "$(daxfsctl inspect --json base stat /dir/hard | jq .inodes[0].inode)" ]]
}

@test "stat counts the blocks and entries that the branch has, and says who knows of the file" {
	blocks() { jq -c '.inodes[0] | [.blocks, .sparse, .in_base, .in_log, has("offset")]'; }
	[[ $(daxfsctl inspect --json base stat /dir/random | blocks) == '[200,false,true,false,true]' ]]
	[[ $(daxfsctl inspect --json image stat /dir/random | blocks) == '[200,false,true,false,true]' ]]
	[[ $(shows_json main stat /dir/random | blocks) == '[200,false,true,true,false]' ]]
	[[ $(shows_json x stat /dir/random | blocks) == '[192,true,true,true,false]' ]]
	[[ $(daxfsctl inspect --json base stat /sparse | blocks) == '[8,true,true,false,true]' && $(shows_json main stat /sparse | blocks) == '[16,true,true,true,false]' ]]
	[[ $(shows_json x stat /made/inside | blocks) == '[8,false,false,true,false]' ]]
	count() { shows_json "$1" stat "$2" | jq .inodes[0].entries; }
	for branch in main x; do
		for path in / /dir /empty; do
			[[ $(count "$branch" "$path") == $(ls -A "$branch$path" | wc -l) ]]
		done
	done
	[[ $(count x /made) == 2 && $(count main /) == $(ls -A tree | wc -l) ]]
	shows x stat /made | grep -q '^Known from: *log$'
	shows x stat /dir | grep -q '^Known from: *base, log$'
	shows x stat /empty | grep -q '^Known from: *base$'
}

@test "stat shows the xattrs of the base and of the branch" {
	xattrs() { jq -c '[.inodes[0].xattrs[] | select(.name | startswith("user.")) | "\(.name)=\(.value)"] | sort'; }
	getfattr -n user.base tree/hello || skip "no user xattrs in $BATS_FILE_TMPDIR"
	[[ $(shows_json main stat /hello | xattrs) == '["user.base=base"]' ]]
	[[ $(shows_json x stat /hello | xattrs) == '["user.base=base","user.test=value"]' ]]
	shows x stat /hello | grep -q '^Xattr: *user.test=value$'
	run ! grep -q user.test <(shows main stat /hello)
}

@test "extents shows where each piece is and whose, and the bytes are there" {
	pieces() { jq -c '[.extents[] | [.position / 4096, (if .hole then "hole" elif .in_base then "base" else .branch end)]]'; }
	[[ $(daxfsctl inspect --json base extents /dir/random | pieces) == '[[0,"base"]]' && $(daxfsctl inspect --json image extents /dir/random | pieces) == '[[0,"base"]]' ]]
	[[ $(shows_json main extents /dir/random | pieces) == '[[0,"base"],[3,"main"],[4,"base"]]' ]]
	[[ $(shows_json x extents /dir/random | pieces) == '[[0,"base"],[3,"main"],[4,"base"],[5,"x"],[6,"base"],[7,"hole"],[8,"base"]]' ]]
	[[ $(shows_json x extents /made/inside | pieces) == '[[0,"x"]]' && $(shows_json x extents /sparse | pieces) == "$(shows_json main extents /sparse | pieces)" ]]
	for branch in main x; do
		shows_json "$branch" extents /dir/random >"$BATS_TEST_TMPDIR/json"
		jq -e '.extents | (map(.length) | add) == 100000 and all(.hole == (.offset == 0) and .hole != has("in_base") and has("branch") == (.in_base == false))' "$BATS_TEST_TMPDIR/json"
		while read -r position length offset; do
			cmp -n "$length" -i "$position:$offset" "$expected.$branch" grown
		done < <(jq -r '.extents[] | select(.hole | not) | "\(.position) \(.length) \(.offset)"' "$BATS_TEST_TMPDIR/json")
	done
	shows x extents /dir/random | sed 's/  */ /g; s/^ //; s/ $//; s/0x[0-9a-f]* \([a-z]\)/at \1/; s/^0x//' | diff - <(printf '%s\n' 'POSITION LENGTH OFFSET OWNER' '0 12K at base' \
		'3000 4K at branch main' '4000 4K at base' '5000 4K at branch x' '6000 4K at base' '7000 4K hole' '8000 65.7K at base')
	run ! grep OWNER <(daxfsctl inspect image extents /dir/random)
}

@test "a branch that is not there exits 3 with one sentence, an image without branches has none" {
	for verb in ls "ls -J" "stat /hello" "cat /hello" "extents /hello"; do
		# shellcheck disable=SC2086 # words
		fails 3 shows none $verb
		says 'grown: there is no branch "none"'
		# shellcheck disable=SC2086
		fails 3 daxfsctl inspect image --branch main $verb
		says 'image: has no branches'
	done
	misused 2 shows main log
	misused 2 shows main layout
	misused 2 shows main
}

@test "a record that is damaged ends its log: what is before is shown, and the exit status is 1" {
	cp --sparse=always grown "$BATS_TEST_TMPDIR/damaged"
	cd "$BATS_TEST_TMPDIR"
	poke damaged "$(daxfsctl inspect --json damaged log x | jq '.records[2].offset') + 20" ff
	for verb in ls "stat /hello" "cat /hello" "extents /hello"; do
		# shellcheck disable=SC2086 # words
		incomplete daxfsctl inspect damaged $verb --branch x
		says 'damaged: x: delta: '
	done
	[[ $(daxfsctl inspect damaged cat /hello --branch x 2>/dev/null) == 'of x' && $(daxfsctl inspect damaged cat /hello) == 'of main' ]]
	incomplete daxfsctl inspect damaged --branch x --json ls /
	jq -e '[.entries[].name] | index("new") and (index("made") | not)' out
}

@test "a log that cannot be read to its end gives what is before, and without any the base" {
	cp --sparse=always base "$BATS_TEST_TMPDIR/damaged"
	cd "$BATS_TEST_TMPDIR"
	"$BATS_FILE_TMPDIR/grow" damaged main create /first one
	cp --sparse=always damaged branched
	"$BATS_FILE_TMPDIR/grow" branched y branch main
	head=$(daxfsctl inspect --json damaged | jq '.images[0].areas[] | select(.name == "delta").offset')
	# Its chain goes on in what is no log; then its first chunk is none either.
	poke damaged "$head + 32" ff ff
	incomplete daxfsctl inspect damaged cat /first
	says 'damaged: main: delta: '
	says 'hint: what can be had is from before that'
	[[ $(<out) == one ]]
	# Of a log with a branch over it no more is read than was there then.
	poke branched "$head + 32" ff ff
	[[ $(daxfsctl inspect branched cat /first) == one ]]
	mv branched damaged
	poke damaged "$head" 00
	for branch in main y; do
		incomplete daxfsctl inspect damaged ls / --branch "$branch"
		says "damaged: $branch: "
		cmp out <(daxfsctl inspect "$BATS_FILE_TMPDIR/base" ls)
		incomplete daxfsctl inspect damaged stat /hello --branch "$branch"
		incomplete daxfsctl inspect damaged extents /hello --branch "$branch"
	done
	# Its entry in the table is none: nothing leads to its log.
	poke damaged "$(daxfsctl inspect --json damaged | jq '.images[0].areas[] | select(.name == "branches").offset')" 77 77
	incomplete daxfsctl inspect damaged cat /hello
	says 'hint: what can be had is the base, without any branch'
	[[ $(<out) == 'hello, world' ]]
}

@test "of a directory that a branch changed, damaged entries of the base are named and counted, and the others listed" {
	cp --sparse=always grown "$BATS_TEST_TMPDIR/damaged"
	read -r offset count size < <(daxfsctl inspect --json base stat /dir | jq -r '.inodes[0] | "\(.offset) \(.entries) \(.entry_size)"')
	cd "$BATS_TEST_TMPDIR"
	poke damaged "$offset + ($count - 1) * $size + 10" 2f
	incomplete daxfsctl inspect damaged ls /dir --branch x
	says 'damaged: /dir: '
	[[ $(wc -l <out) -ge $((count - 1)) && $(grep -c '^child$' out) == 1 ]]
	[[ $(daxfsctl inspect damaged --json --branch x stat /dir | jq .inodes[0].entries) == $(($(wc -l <out) + 1)) ]]
}
