# inspect log and layout: the records and the areas that are there, in words, in a picture and in JSON.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	make_image
	mkdaxfs -q -w -D 4M --branches 300 -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/writable"
	if command -v cc >/dev/null; then
		cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -o "$BATS_FILE_TMPDIR/grow" "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	fi
}

setup() {
	image=$BATS_FILE_TMPDIR/image
	writable=$BATS_FILE_TMPDIR/writable
	cd "$BATS_TEST_TMPDIR" || return
}

# grows COMMAND...: in a copy of the writable image, once a test.
grows() {
	[[ -x $BATS_FILE_TMPDIR/grow ]] || skip "no C compiler"
	[[ -e grown ]] || cp --sparse=always "$writable" grown
	"$BATS_FILE_TMPDIR/grow" grown "$@"
}

# delta: the offset of the delta area of an image.
delta() {
	daxfsctl inspect --json grown | jq '.images[0].areas[] | select(.name == "delta").offset'
}

# A branch with a record of every kind of item that grow.c can write, and one below it.
grow_branches() {
	grows x branch main
	grows x create /new text
	grows x symlink /to /hello
	grows x mkdir /made
	grows x xattr /made value
	grows x unlink /fifo
	grows x rename /hello $'/evil\e[2J\nname'
	grows y branch x
	grows y create /below
}

@test "log has a line for each record, in order, of the branch alone" {
	grow_branches
	daxfsctl inspect grown log x >records
	# create and write are two
	[[ $(wc -l <records) == 7 ]]
	awk '{ print $1 }' records | diff - <(seq 1 7)
	grep -q '1/new names [0-9]*$' records
	grep -q 'blocks 0+1 of [0-9]* are at 0x[0-9a-f]*$' records
	grep -q '[0-9]* leads to /hello; ' records
	grep -q 'xattr user.test of [0-9]* has 5 bytes$' records
	grep -q '1/fifo no longer names' records
	grep -q 'is drwxr-xr-x 0:0 size [0-9]* links ' records
	[[ $(daxfsctl inspect grown log y | wc -l) == 1 && ! $(daxfsctl inspect grown log) && ! $(daxfsctl inspect grown log main) ]]
	daxfsctl inspect grown log y | grep -q '^ *8 .*/below names'
}

@test "log shows no control character of a name" {
	grow_branches
	daxfsctl inspect grown log x >records
	run ! grep -q $'\e' records
	grep -qF 'evil\x1b[2J\x0aname names' records
	daxfsctl inspect -J grown log x | jq -e '[.records[].items[] | select(.type == "link").name] | index("evil\\x1b[2J\\x0aname")'
}

@test "log --json has each record with chunk, offset, length and items, and the offsets are right" {
	grow_branches
	daxfsctl inspect --json grown log x >json
	jq -e '.schema == 1 and keys == ["records", "schema"] and (.records | length) == 7 and
		all(.records[]; keys == ["chunk", "items", "length", "offset", "sequence"] and (.items | length) > 0) and
		([.records[].sequence] == [range(1; 8)])' json
	jq -e '[.records[].items[].type] | unique == ["inode", "link", "map", "symlink", "unlink", "xattr"]' json
	jq -e 'all(.records[].items[]; .inode > 0 and
		(if .type == "inode" then (.mode | type) == "number" and (.file_type | type) == "string" and has("links") and has("size") and has("uid") and has("gid")
		elif .type == "link" or .type == "unlink" then .directory > 0 and (.name | type) == "string"
		elif .type == "map" then .blocks > 0 and .offset % 4096 == 0 and .block >= 0
		elif .type == "symlink" then .target == "/hello"
		else .name == "user.test" and .value_length == 5 end))' json
	while read -r offset sequence length; do
		[[ $(od -An -t u8 -j $((offset + 8)) -N 8 grown) -eq $sequence && $(od -An -t u4 -j $((offset + 4)) -N 4 grown) -eq $length ]]
	done < <(jq -r '.records[] | "\(.offset) \(.sequence) \(.length)"' json)
	daxfsctl inspect --json grown log | jq -ce . | diff - <(echo '{"schema":1,"records":[]}')
}

@test "a log that goes on in what is none is shown up to there, and exits 1" {
	grow_branches
	poke grown "$(delta) + 32" ff ff
	status=0
	daxfsctl inspect grown log x >records 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(wc -l <records) == 7 ]]
	says 'grown: x: delta: log does not go on after this record, though others were written'
	status=0
	daxfsctl inspect --json grown log x 2>/dev/null >json || status=$?
	[[ $status == 1 ]]
	jq -e '.records | length == 7' json
	poke grown "$(delta)" 00
	fails 1 daxfsctl inspect grown log x
}

@test "a damaged record that others follow is not taken for the end" {
	grow_branches
	poke grown "$(daxfsctl inspect --json grown log x | jq '.records[3].offset') + 20" ff
	status=0
	daxfsctl inspect grown log x >records 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status == 1 && $(wc -l <records) == 3 ]]
	says 'grown: x: delta: '
	# Of the last one nobody can tell.
	rm grown
	grow_branches
	poke grown "$(daxfsctl inspect --json grown log x | jq '.records[6].offset') + 20" ff
	[[ $(daxfsctl inspect grown log x | wc -l) == 6 ]]
}

@test "log of what has none exits 3" {
	fails 3 daxfsctl inspect "$image" log
	says 'has no branches'
	fails 3 daxfsctl inspect "$writable" log nothing
	says 'no branch "nothing"'
}

@test "layout names each area, with its place, and draws as wide as it is told" {
	for width in 60 120; do
		COLUMNS=$width daxfsctl inspect "$writable" layout >picture
		[[ $(sed -n 2p picture | wc -m) == $((width + 1)) ]]
		[[ $(wc -L <picture) -le $width || $width == 60 ]]
	done
	sed -n 2p picture | grep -q '^\[S.*b.*m.*c.*i.*r.*l.*e.*D.*W.*T\]$'
	while read -r name offset; do
		grep -Eq "^.  $name +0x0*$(printf %x "$offset") " picture
	done < <(daxfsctl inspect --json "$writable" | jq -r '.images[0].areas[] | "\(.name) \(.offset)"')
	grep -q '1 of 300 branches$' picture
	grep -q '0 of 1024 chunks of 4K$' picture
	daxfsctl inspect "$image" layout >picture
	grep -q 'read-only$' picture
	run ! grep -q 'Chunks' picture
	daxfsctl inspect -b "$writable" layout | grep -q "chunks of 4096$"
}

@test "layout shows whose chunks are: a letter for each branch, its log in capitals" {
	grow_branches
	grows y create /more data
	COLUMNS=80 daxfsctl inspect grown layout >picture
	sed -n '/^Chunks:/{ n; p }' picture | grep -q '^AaBb\.*$'
	grep -Eq '^a  x +8K +1 log, 1 data chunks$' picture
	grep -Eq '^b  y +8K +1 log, 1 data chunks$' picture
	grep -Eq '^\.  free +4M +1020 chunks$' picture
	# One that is given up, one that is nobody's, one that is impossible.
	table=$(daxfsctl inspect --json grown | jq '.images[0].areas[] | select(.name == "chunks").offset')
	poke grown "$table + 32" "$(word freed 1)"
	poke grown "$table + 40" "$(word data 1 99)"
	poke grown "$table + 48" 77 77
	daxfsctl inspect grown layout >picture
	sed -n '/^Chunks:/{ n; p }' picture | grep -q '^AaBb-?!\.*$'
	grep -Eq '^-  given up +4K +1 chunks$' picture
	grep -Eq '^\?  of no branch +4K' picture
	grep -Eq '^!  impossible +4K' picture
	daxfsctl inspect grown --json layout | jq -c '.layouts[0].chunks[4:7]' |
		diff - <(echo '[{"first":4,"count":1,"kind":"freed"},{"first":5,"count":1,"kind":"data","index":1,"generation":99},{"first":6,"count":1,"kind":"impossible"}]')
}

@test "layout of many chunks stays on one page" {
	mkdaxfs -q -w -D 64M -d "$BATS_FILE_TMPDIR/tree" -o many || skip "no room"
	COLUMNS=60 daxfsctl inspect many layout >picture
	grep -q '^Chunks, 18 in a cell:$' picture
	[[ $(sed -n '/^Chunks/,/^$/p' picture | grep -c '^\.*$') -le 17 && $(wc -l <picture) -lt 60 ]]
}

@test "layout --json covers the region without overlap, and counts what is used" {
	grow_branches
	truncate -s +1M grown
	daxfsctl inspect --json grown layout >json
	jq -e --argjson size "$(stat -c %s grown)" '.schema == 1 and keys == ["layouts", "schema"] and (.layouts | length) == 1 and (.layouts[0] |
		keys == ["areas", "branches", "chunk_size", "chunks", "image_size", "inodes", "region_size", "source"] and
		.region_size == $size and .image_size == $size - 1048576 and .chunk_size == 4096 and
		all(.areas[]; keys == ["length", "name", "offset", "used"] and .used <= .length) and
		(.areas | . as $areas | all(range(1; length); $areas[.].offset >= $areas[. - 1].offset + $areas[. - 1].length)) and
		(.areas[-1] | .name == "behind the image" and .offset + .length == $size) and
		(.areas[] | select(.name == "branches").used) == 3 * 256 and
		(.areas[] | select(.name == "delta").used) == 3 * 4096 and
		[.branches[].name] == ["main", "x", "y"] and
		all(.branches[]; keys == ["data_chunks", "generation", "index", "log_chunks", "name"]) and
		([.chunks[].count] | add) == 1024 and [.chunks[].kind] == ["log", "data", "log", "free"])' json
	daxfsctl inspect -J "$image" layout | jq -e '.layouts[0] | .branches == [] and .chunks == [] and .chunk_size == 0'
}

@test "colour is for terminals only, and NO_COLOR and dumb terminals have none" {
	run ! grep -q $'\e' <(daxfsctl inspect "$writable" layout)
	TERM=xterm script -qec "daxfsctl inspect '$writable' layout" /dev/null </dev/null | grep -q $'\e\[3[1-6]m'
	run ! grep -q $'\e' <(NO_COLOR=1 TERM=xterm script -qec "daxfsctl inspect '$writable' layout" /dev/null </dev/null)
	run ! grep -q $'\e' <(TERM=dumb script -qec "daxfsctl inspect '$writable' layout" /dev/null </dev/null)
	NO_COLOR='' TERM=xterm script -qec "daxfsctl inspect '$writable' layout" /dev/null </dev/null | grep -q $'\e\[3[1-6]m'
}

@test "wrong use exits 2" {
	misused 2 daxfsctl inspect "$writable" log main main
	misused 2 daxfsctl inspect "$writable" log --recursive
	says 'log takes no --recursive'
	misused 2 daxfsctl inspect "$writable" layout main
	says '"main"'
	misused 2 daxfsctl inspect "$writable" layout -C dir
	misused 2 daxfsctl inspect "$writable" log --branch x
}
