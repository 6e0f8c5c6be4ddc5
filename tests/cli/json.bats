# JSON: what each verb prints is a document of its schema in tests/cli/schema, which says all of what is in it and nothing more.
# tests/cli/grow.c makes branches, tests/cli/fake.c stands in for mounts.
# shellcheck disable=SC2154 # setup.bash sets project and build
load setup.bash

setup_file() {
	load setup.bash
	command -v cc >/dev/null || skip "no C compiler"
	cd "$BATS_FILE_TMPDIR" || return
	local compile=(cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include")
	"${compile[@]}" -o grow "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	"${compile[@]}" -shared -fPIC -o fake.so "$project/tests/cli/fake.c"
	make_odd_tar
	mkdaxfs -q -L $'l\\b"l' --tar odd.tar -o image
	mkdaxfs -q -w -D 8M -L writable --tar odd.tar -o writable
	cp --sparse=always writable grown
	grow_branches
	cat >branches <<-END
		main 0 1 0 1 2 1 4096 -
		x 1 2 0 1 1 0 65536 -
		z 2 3 0 1 6 2 131072 elsewhere
		zz 3 4 2 3 0 1 0 -
	END
}

# One of every type of file, devices too: an archive makes them without root.
make_odd_tar() {
	python3 - <<-'END'
		import io, tarfile
		t = tarfile.open('odd.tar', 'w', format=tarfile.PAX_FORMAT)
		def add(name, type, data=b'', **more):
		    member = tarfile.TarInfo(name)
		    member.type, member.size, member.mtime = type, len(data), 1700000000.25
		    for key, value in more.items():
		        setattr(member, key, value)
		    t.addfile(member, io.BytesIO(data))
		add('hello', tarfile.REGTYPE, b'hello, world\n')
		add('empty', tarfile.REGTYPE)
		add('old', tarfile.REGTYPE, b'1', mtime=-1)
		add('evil\n\x1b[2J"\\', tarfile.REGTYPE, b'x', pax_headers={'SCHILY.xattr.user.test': 'a"b\\c'})
		add('dir', tarfile.DIRTYPE, mode=0o3777)
		add('dir/below', tarfile.REGTYPE, b'y' * 5000)
		add('symlink', tarfile.SYMTYPE, linkname='hello')
		add('fifo', tarfile.FIFOTYPE)
		add('char', tarfile.CHRTYPE, devmajor=1, devminor=3)
		add('block', tarfile.BLKTYPE, devmajor=259, devminor=65536)
		t.close()
	END
}

# Of every kind of record and of change one, as far as grow.c can make it.
grow_branches() {
	while read -ra words; do
		./grow grown "${words[@]}"
	done <<-END
		x branch main
		x create /new text
		x symlink /to /hello
		x mkdir /made
		x xattr /made value
		x chmod /char 600
		x unlink /fifo
		x rename /hello /renamed
		x write /dir/below changed
		y branch x
		y create /below
	END
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	out=$BATS_TEST_TMPDIR
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# valid SCHEMA FILE...: the files are documents of the schema, which says nothing that none of them shows.
valid() {
	local schema=$1 python
	shift
	for python in python3 /usr/bin/python3; do
		"$python" -c 'from jsonschema import Draft202012Validator' 2>/dev/null || continue
		"$python" "$project/tests/cli/schema/validate" "$project/tests/cli/schema/$schema.json" "$@"
		return
	done
	skip "python3 has no jsonschema"
}

# faked COMMAND...: with $dir as a mount of grown.
faked() {
	FAKE_MOUNT=$dir FAKE_BRANCHES=$BATS_FILE_TMPDIR/branches FAKE_LABEL=fake FAKE_IMAGE=$BATS_FILE_TMPDIR/grown \
		FAKE_MOUNTINFO=$BATS_TEST_TMPDIR/mountinfo LD_PRELOAD=$BATS_FILE_TMPDIR/fake.so \
		ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$@"
}

# mounted TARGET [DEVICE]: a line of the mount table; DEVICE: that of $dir.
mounted() {
	local dev=${2:-}
	[[ $dev ]] || dev=$((0x$(stat -c %D "$dir") >> 8 & 0xfff)):$((0x$(stat -c %D "$dir") & 0xff))
	echo "100 1 $dev / $1 ro,relatime - daxfs daxfs:fake ro,phys=0x100000000,size=0x8000000,branch=x" >>"$BATS_TEST_TMPDIR/mountinfo"
}

# offset_in IMAGE AREA
offset_in() {
	daxfsctl inspect --json "$1" | jq -e --arg name "$2" '.images[0].areas[] | select(.name == $name).offset'
}

@test "there is a schema for each document that the program writes, and for no other" {
	grep -ho 'json_begin([^"]*"[a-z]*"' "$project"/daxfsctl/*.c | grep -o '"[a-z]*"' | tr -d '"' | sort -u >"$out/written"
	jq -r '.required[] | select(. != "schema")' "$project"/tests/cli/schema/*.json | sort -u | diff "$out/written" -
	# Each is the subject of a test.
	for schema in "$project"/tests/cli/schema/*.json; do
		grep -q "^	valid $(basename "$schema" .json) " "$project"/tests/cli/json.bats
	done
}

@test "inspect: of an image, a writable one and a mount" {
	daxfsctl inspect --json image >"$out/image"
	daxfsctl inspect -J writable >"$out/writable"
	faked daxfsctl inspect -J "$dir" >"$out/mount"
	# A dma-buf has no address.
	sed '/"physical_address"/d; s/"phys"/"dmabuf"/' "$out/mount" >"$out/dmabuf"
	valid inspect "$out"/{image,writable,mount,dmabuf}
	jq -e '.images[0].label == "l\\x5cb\"l"' "$out/image"
}

@test "inspect ls: every type of file, and an inode that cannot be read" {
	daxfsctl inspect --json -R image ls >"$out/all"
	daxfsctl inspect -J image ls /hello >"$out/one"
	cp image "$out/damaged"
	inode=$(jq '.entries[] | select(.path == "/hello").inode' "$out/all")
	poke "$out/damaged" "$(offset_in image inodes) + ($inode - 1) * 64" 00 00
	daxfsctl inspect -J "$out/damaged" ls >"$out/unread" 2>/dev/null || [[ $? == 1 ]]
	mkdaxfs -q -d "$dir" -o "$out/nothing"
	daxfsctl inspect -J "$out/nothing" ls >"$out/none"
	valid inspect-ls "$out"/{all,one,unread,none}
	jq -e '[.entries[].type] | unique | length == 6' "$out/all"
	jq -e '.entries[] | select(.path == "/old").modified == -1' "$out/all"
	jq -e 'any(.entries[]; .name == "evil\\x0a\\x1b[2J\"\\x5c")' "$out/all"
}

@test "inspect stat: every type of file, what a branch made and changed, and extents that cannot be read" {
	for file in / /hello /empty /old $'/evil\n\e[2J"\\' /dir /symlink /fifo /char /block; do
		daxfsctl inspect --json image stat "$file" >"$out/stat.$(basename "$file" | tr -cd "[:lower:]")"
	done
	for file in /dir /dir/below /new /made /to /char /renamed; do
		daxfsctl inspect --json --branch x grown stat "$file" >"$out/stat.x.${file//\//}"
	done
	truncate -s 1M "$dir/sparse"
	printf middle | dd of="$dir/sparse" bs=1 seek=500000 conv=notrunc status=none
	mkdaxfs -q -d "$dir" -o "$out/damaged"
	poke "$out/damaged" "$(offset_in "$out/damaged" extents)" ff
	daxfsctl inspect -J "$out/damaged" stat /sparse >"$out/stat.damaged" 2>"$out/err" || [[ $? == 1 ]]
	grep -q '/sparse: inode ' "$out/err"
	valid inspect-stat "$out"/stat.*
	jq -e '.inodes[0] | .size == 1048576 and (has("blocks") | not)' "$out/stat.damaged"
	daxfsctl inspect -J image stat /block | jq -e '.inodes[0] | .major == 259 and .minor == 65536'
}

@test "inspect extents: holes, contents and nothing, of the base and of a branch" {
	truncate -s 1M "$dir/sparse"
	printf middle | dd of="$dir/sparse" bs=1 seek=500000 conv=notrunc status=none
	mkdaxfs -q -d "$dir" -o "$out/sparse"
	daxfsctl inspect --json "$out/sparse" extents /sparse >"$out/holes"
	daxfsctl inspect -J image extents /hello >"$out/hello"
	daxfsctl inspect -J image extents /empty >"$out/empty"
	daxfsctl inspect -J --branch y grown extents /dir/below >"$out/below"
	valid inspect-extents "$out"/{holes,hello,empty,below}
	jq -e '.extents[0].branch == "x"' "$out/below"
}

@test "inspect log: every kind of record" {
	daxfsctl inspect --json grown log x >"$out/x"
	daxfsctl inspect -J grown log y >"$out/y"
	daxfsctl inspect -J grown log >"$out/main"
	valid inspect-log "$out"/{x,y,main}
}

@test "inspect layout: read-only, writable, and chunks that nobody owns, that are given up, that cannot be" {
	daxfsctl inspect --json image layout >"$out/image"
	cp --sparse=always grown "$out/odd"
	truncate -s +1M "$out/odd"
	table=$(offset_in grown chunks)
	poke "$out/odd" "$table + 80" "$(word freed 1)"
	poke "$out/odd" "$table + 88" "$(word data 1 99)"
	poke "$out/odd" "$table + 96" 77 77
	daxfsctl inspect -J "$out/odd" layout >"$out/layout"
	valid inspect-layout "$out"/{image,layout}
	jq -e '[.layouts[0].chunks[].kind] | unique == ["data", "free", "freed", "impossible", "log"]' "$out/layout"
}

@test "list: images, a mount, and a mount that does not answer" {
	daxfsctl list --json image writable >"$out/images"
	mounted "$dir"
	mounted "/odd\\040pl\\134ace\\012" 0:4095
	faked daxfsctl list -J >"$out/mounts"
	valid list "$out"/{images,mounts}
	jq -e 'any(.volumes[]; .backing == "phys" and .branches == 4) and any(.volumes[]; .targets == ["/odd pl\\x5cace\\x0a"])' "$out/mounts"
}

@test "list of nothing has no volumes" {
	daxfsctl list -J missing >"$out/none" 2>/dev/null || [[ $? == 3 ]]
	jq -e '. == {schema: 1, volumes: []}' "$out/none"
}

@test "branch list and show" {
	mounted "$dir"
	faked daxfsctl branch list --json -m "$dir" >"$out/list"
	faked daxfsctl branch show -J -m "$dir" >"$out/show"
	faked daxfsctl branch show main -J -m "$dir" >"$out/main"
	daxfsctl branch list -J -s grown >"$out/image"
	valid branch-list "$out"/{list,show,main,image}
	jq -e '.branches[1].targets == [$dir]' --arg dir "$dir" "$out/list"
	jq -e '.branches | length == 1 and .[0].name == "x" and .[0].state == "shown"' "$out/show"
}

@test "branch diff: all that a branch can change, and nothing" {
	daxfsctl branch diff x -s grown --json >"$out/x"
	daxfsctl branch diff -s grown -J >"$out/main"
	valid branch-diff "$out"/{x,main}
	jq -e '[.changes[].change] | unique == ["added", "deleted", "modified", "renamed"]' "$out/x"
}

@test "branch commit --dry-run: the changes, and who has what would go" {
	mounted "$dir"
	faked daxfsctl branch commit --dry-run -J -m "$dir" >"$out/x"
	valid branch-commit "$out/x"
	jq -e --slurpfile diff <(daxfsctl branch diff x -s grown -J) '.commits[0] | .branch == "x" and .into == "main" and .changes == $diff[0].changes and
		.discarded == [{name: "z", mounts: 2, host: "elsewhere", targets: []}, {name: "zz", mounts: 1, host: "", targets: []}]' "$out/x"
}

@test "fsck: a clean image, damage with and without an inode, leftovers, and what was repaired" {
	fsck.daxfs --json image >"$out/clean"
	cp image "$out/damaged"
	inode=$(daxfsctl inspect -J image stat /hello | jq '.inodes[0].inode')
	poke "$out/damaged" "$(offset_in image inodes) + ($inode - 1) * 64" 00 00
	poke "$out/damaged" "$(stat -c %s image) - 4096" 00
	daxfsctl fsck -J "$out/damaged" >"$out/damage" || [[ $? == 4 ]]
	cp --sparse=always writable "$out/left"
	poke "$out/left" "$(offset_in writable chunks) + 16" "$(word log 1 5)"
	daxfsctl fsck -J "$out/left" >"$out/leftover"
	daxfsctl fsck -J -p "$out/left" >"$out/repaired" || [[ $? == 1 ]]
	valid fsck "$out"/{clean,damage,leftover,repaired}
	jq -e 'any(.findings[]; .leftover) and all(.findings[]; .repaired == false)' "$out/leftover"
	jq -e 'any(.findings[]; .leftover and .repaired)' "$out/repaired"
}

@test "names and columns that are chosen leave a document that can be read" {
	daxfsctl list -J -o uuid,LABEL image | jq -e '.schema == 1 and (.volumes[0] | keys == ["label", "uuid"])'
	faked daxfsctl branch list -J -o NAME,used -m "$dir" | jq -e '.schema == 1 and all(.branches[]; keys == ["name", "used"])'
}
